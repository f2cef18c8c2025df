# SPDX-License-Identifier: Apache-2.0
"""Writes measurements into one RRD file per probe, by the measurement's own time.

Owns what is written and what is not: a value is written once, however often it
is told, and never before one that the file has.  When nothing can be written
the caller is told, and may try again with the same.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from energybase import clock as clocks
from energybase import exception
from kwapi import measurement
from kwapi.history import files as folders
from kwapi.history import layout as layouts
from kwapi.history import rrdcached as daemons
from kwapi.history import rrdtool
from kwapi.history import updates

LOG = logging.getLogger(__name__)

_MICROSECONDS = layouts.MICROSECONDS
_ATTEMPTS = 3
#: rrdcached buffers its journal, and when it is killed loses what is not in it
#: yet: up to a block, which is a megabyte on some file systems.  So many of the
#: last measurements are written again then.
_JOURNALED = 40_000
_ROUNDING_SECONDS = 5e-7


def path_of(directory: Path, probe_id: str) -> Path:
    """Return the path of a probe's file, whether there is one or not.

    :raises ProbeNotFound: no probe can be called that.
    """
    return directory / layouts.name_of(probe_id)


class _End(NamedTuple):
    """Where a file ends: the time of its last value, epoch microseconds, and that value."""

    at_us: int
    watts: float | None


@dataclasses.dataclass(slots=True)
class _File:
    """A probe's file.

    :ivar written: where it ends; ``end`` is where it will with what waits.
    :ivar values: what waits, ``time:watts``; ``fresh`` of them were measured.
    """

    name: str
    heartbeat_seconds: int
    written: _End
    end: _End
    values: list[str] = dataclasses.field(default_factory=list)
    fresh: int = 0

    def add(self, at_us: int, stamp: str, watts: float) -> None:
        """Have a value wait that is newer than all before.

        :param stamp: its time as rrdtool wants it.
        """
        # Most are measured each second, and nothing else is to do.
        if at_us - self.end.at_us > _MICROSECONDS:
            self.values += self._bridge(at_us, watts)
        self.values.append(f"{stamp}:{watts!r}")
        self.end = _End(at_us, watts)
        self.fresh += 1

    def wanted(self) -> folders.Wanted:
        """Return from when on the file must be, for all that waits to have room in it."""
        moment = float(self.values[0].partition(":")[0])
        # Not the half microsecond that is there for rrdtool.
        return folders.Wanted(round(moment - _ROUNDING_SECONDS, 6), self.heartbeat_seconds)

    def confirm(self) -> None:
        """Take note that what waited is written."""
        self.written, self.values, self.fresh = self.end, [], 0

    def give_up(self) -> None:
        """Forget what waited."""
        self.end, self.values, self.fresh = self.written, [], 0

    def _bridge(self, at_us: int, watts: float) -> list[str]:
        """Return what must be written before a value, since rrdtool has but whole seconds.

        It would average the second in which the last value came with all that
        follow, so that no second would show the new one.  Of a second that is
        known in part, as one is at both ends of a gap, it would take the other
        part for 0 W; there the value that is known holds for all of it.
        """
        edge = -(-self.end.at_us // _MICROSECONDS)
        is_begun = edge * _MICROSECONDS > self.end.at_us
        if at_us - self.end.at_us <= self.heartbeat_seconds * _MICROSECONDS:
            return [f"{edge}:{watts!r}"] if is_begun and at_us // _MICROSECONDS > edge else []
        begin = -(-at_us // _MICROSECONDS) - 1
        whole = [f"{edge}:{self.end.watts!r}"] if is_begun and self.end.watts is not None else []
        return [*whole, f"{begin}:U"] if begin > edge else whole


class Store:
    """The files of one directory; of one thread, but for ``flush``.

    :ivar counts: measurements ``written``, ``late`` (repeated ones too) and
        ``refused`` since the start; files ``made``, ``broken`` and ``removed``.
    """

    def __init__(
        self,
        directory: Path,
        layout: layouts.Layout = layouts.DEFAULT,
        *,
        max_watts: float = measurement.MAX_WATTS,
        program: str = "rrdtool",
        rrdcached: str | None = None,
        clock: clocks.Clock | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        :param rrdcached: socket of the one that writes; None to write directly.
        """
        self._layout, self._max_watts = layout, max_watts
        self._tool = rrdtool.Pipe(program, directory)
        self._way: updates.Way = updates.Direct(self._tool)
        if rrdcached:
            self._way = updates.Cached(daemons.Client(rrdcached), directory)
        self._flusher = updates.Flusher(directory, rrdcached)
        clock = clock or clocks.Clock()
        self._folder = folders.Files(directory, layout, self._tool, self._way, clock)
        self._files: dict[str, _File] = {}
        self._keep = _JOURNALED if rrdcached else 0
        self._recent: collections.deque[measurement.Reading] = collections.deque()
        self._kept, self._is_doubtful = 0, False
        self.counts = self._folder.counts

    def update(self, readings: Iterable[measurement.Reading]) -> None:
        """Write what is new in these readings; return when it is written.

        What no file can hold is counted and left out: a name that is no
        probe's, a power that is no number, a time that is not newer.

        :raises StoreUnavailable: not all could be written; what could be is
            skipped when it comes again.
        """
        readings = list(readings)
        waiting: dict[str, _File] = {}
        try:
            self._hold()
            doubtful = list(self._recent) if self._is_doubtful else []
            self._open_new([*doubtful, *readings])
            self._sort(doubtful, waiting)
            self.counts.update(self._sort(readings, waiting))
            self._write(waiting)
        except exception.StoreUnavailable:
            # The next try has a new rrdtool: this one may be what is wrong.  And it
            # looks what the files have: rrdcached may have taken a part.
            self._tool.close()
            self._files, self._is_doubtful = {}, True
            raise
        finally:
            for file in waiting.values():
                file.give_up()
        self._is_doubtful = False
        self._remember(readings)

    def has(self, probe_id: str) -> bool:
        """Return whether this probe has been written to since the start."""
        return probe_id in self._files

    def flush(self, probe_ids: Sequence[str]) -> None:
        """Make the files of these probes current, for somebody who reads them.

        :raises ProbeNotFound: one of them is no probe's id.
        """
        self._flusher(probe_ids)

    def remove(self, before: float) -> None:
        """Remove every file that was last written before then, epoch seconds.

        :raises StoreUnavailable: the directory cannot be changed.
        """
        self._hold()
        old = self._folder.remove(before)
        self._files = {p: file for p, file in self._files.items() if file.name not in old}
        if old:
            LOG.info("Removed %d files that were not written to any more", len(old))

    def close(self) -> None:
        """Let others write to the directory."""
        self._tool.close()
        self._folder.close()
        self._files = {}

    def _hold(self) -> None:
        if not self._folder.hold():
            self._tool.close()
            self._files = {}

    def _open_new(self, readings: Sequence[measurement.Reading]) -> None:
        """Open the files of probes not met before, or that are measured at another pace."""
        wanted: dict[str, folders.Wanted] = {}
        for reading in readings:
            heartbeat_seconds = self._layout.heartbeat_seconds(reading.period_seconds)
            for probe_id in reading.probes:
                known = self._files.get(probe_id)
                if known is None or known.heartbeat_seconds != heartbeat_seconds:
                    first = folders.Wanted(reading.timestamp, heartbeat_seconds)
                    wanted.setdefault(probe_id, first)
        ours = {p: first for p, first in wanted.items() if measurement.PROBE_ID.fullmatch(p)}
        opened = self._folder.open({layouts.name_of(p): first for p, first in ours.items()})
        for probe_id, first in ours.items():
            name = layouts.name_of(probe_id)
            known = self._files.get(probe_id)
            end = known.written if known else _End(opened[name].last_us, opened[name].watts)
            self._files[probe_id] = _File(name, first.heartbeat_seconds, end, end)

    def _remember(self, readings: Sequence[measurement.Reading]) -> None:
        """Keep what may have to be written again."""
        self._recent.extend(readings)
        self._kept += sum(len(reading.probes) for reading in readings)
        while self._kept > self._keep:
            self._kept -= len(self._recent.popleft().probes)

    def _sort(
        self, readings: Sequence[measurement.Reading], waiting: dict[str, _File]
    ) -> dict[str, int]:
        """Have each file's new values wait in it, and such files in ``waiting``, by name.

        :return: how many were late, and how many refused.
        """
        files, max_watts = self._files, self._max_watts
        late = refused = 0
        for reading in readings:
            at_us = round(reading.timestamp * _MICROSECONDS)
            # rrdtool cuts off what is below a microsecond, of a number that is not exact.
            stamp = f"{at_us // _MICROSECONDS}.{at_us % _MICROSECONDS:06}5"
            for probe_id, watts in zip(reading.probes, reading.watts):
                file = files.get(probe_id)
                if file is None or not 0.0 <= watts <= max_watts:  # NaN too
                    refused += 1
                elif at_us <= file.end.at_us:
                    late += 1
                else:
                    file.add(at_us, stamp, watts)
                    waiting[file.name] = file
        return {"late": late, "refused": refused}

    def _write(self, waiting: Mapping[str, _File]) -> None:
        """Write what waits; where a file is at fault, mend it and try again."""
        left, failures = dict(waiting), {}
        for attempt in range(_ATTEMPTS):
            failures = self._way.update({name: file.values for name, file in left.items()})
            for name in left.keys() - failures.keys():
                self.counts["written"] += left[name].fresh
                left[name].confirm()
            if not failures:
                return
            left = {name: left[name] for name in failures}
            self._mend(left, failures, is_sound=attempt > 0)
        raise exception.StoreUnavailable(reason="; ".join(sorted(set(failures.values()))[:3]))

    def _mend(
        self, files: Mapping[str, _File], failures: Mapping[str, str], *, is_sound: bool
    ) -> None:
        """Have these files be such that they can be written to.

        :param is_sound: nothing was found to be wrong with them before.
        :raises StoreUnavailable: it is not the files' fault.
        """
        for name, fault in failures.items():
            folders.require_machine(fault)
            if is_sound:
                self._folder.set_aside(name, fault)
        self._folder.open({name: file.wanted() for name, file in files.items()})
