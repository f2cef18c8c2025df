# SPDX-License-Identifier: Apache-2.0
"""The two ways for values to get into files: rrdtool itself, or rrdcached.

Owns how values are put into commands, and which answers are no failures.
Values that a file has already are skipped either way.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from energybase import exception
from energybase import outage
from kwapi.history import layout
from kwapi.history import rrdcached
from kwapi.history import rrdtool

LOG = logging.getLogger(__name__)

#: A value takes 40 characters at most, and rrdcached 4,096 a line.
_MOST_VALUES = 64
_IS_PAST = "illegal attempt to update"


class Way(Protocol):
    """How values get into files."""

    def update(self, values: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Write what is new of each file's values, ``time:watts``; return why some failed.

        :raises StoreUnavailable: nothing can be written now.
        """

    def flush(self, names: Iterable[str]) -> None:
        """Have all that was written to these files in them."""

    def forget(self, names: Iterable[str]) -> None:
        """Take note that these files go away."""


class Direct:
    """rrdtool writes; what is written is in the files."""

    def __init__(self, tool: rrdtool.Pipe) -> None:
        self._tool = tool

    def update(self, values: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Write; see :class:`Way`."""
        lines = list(_lines(values))
        answers = self._tool.run([f"update -s {name} {told}" for name, told in lines])
        return {
            name: answer.error
            for (name, _), answer in zip(lines, answers, strict=True)
            if answer.error is not None
        }

    def flush(self, names: Iterable[str]) -> None:
        """It is there already."""

    def forget(self, names: Iterable[str]) -> None:
        """Nothing is kept of them."""


class Cached:
    """rrdcached writes, later: what it takes now is in its journal."""

    def __init__(self, client: rrdcached.Client, directory: Path) -> None:
        self._client, self._directory = client, directory

    def update(self, values: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Write; see :class:`Way`."""
        failures = self._send(list(_lines(values)))
        # It stops at a line's first value that it has already: each by itself then.
        repeated = [name for name, fault in failures.items() if fault.startswith(_IS_PAST)]
        if repeated:
            singly = [(name, value) for name in repeated for value in values[name]]
            failures = {n: f for n, f in failures.items() if n not in repeated}
            failures |= {
                name: fault
                for name, fault in self._send(singly).items()
                if not fault.startswith(_IS_PAST)
            }
        return failures

    def flush(self, names: Iterable[str]) -> None:
        """Have it write what it keeps of these."""
        self._command("FLUSH", names)

    def forget(self, names: Iterable[str]) -> None:
        """Have it write nothing more of these."""
        self._command("FORGET", names)

    def _command(self, verb: str, names: Iterable[str]) -> None:
        path = rrdcached.path_in(self._directory)
        # Of those that it does not know it says so, which is no failure.
        self._client.batch([f"{verb} {path}{name}" for name in names])

    def _send(self, lines: Sequence[tuple[str, str]]) -> dict[str, str]:
        path = rrdcached.path_in(self._directory)
        faults = self._client.batch([f"UPDATE {path}{name} {told}" for name, told in lines])
        return {lines[place][0]: fault for place, fault in faults.items()}


class Flusher:
    """Has rrdcached make files current before somebody reads them; without one they are."""

    def __init__(self, directory: Path, socket: str | None) -> None:
        self._way = Cached(rrdcached.Client(socket), directory) if socket else None
        self._outage = outage.Outage(
            LOG,
            "Graphs show what is in the files already: %(reason)s",
            "rrdcached makes files current again",
            level=logging.ERROR,
        )

    def __call__(self, probe_ids: Sequence[str]) -> None:
        """Make the files of these probes current, as far as rrdcached is there.

        :raises ProbeNotFound: one of them is no probe's id.
        """
        names = [layout.name_of(probe_id) for probe_id in probe_ids]
        if self._way is None:
            return
        fault: object = None
        try:
            self._way.flush(names)
        except exception.StoreUnavailable as exc:
            fault = exc.details["reason"]
        self._outage.note(fault)


def _lines(values: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Return each file's name with as many of its values as may stand in a line."""
    for name, told in values.items():
        for first in range(0, len(told), _MOST_VALUES):
            yield name, " ".join(told[first : first + _MOST_VALUES])
