# SPDX-License-Identifier: Apache-2.0
"""The index of probes: which there are, and what each measured last, in one file.

Owns ``index.json``: the writer replaces it every few seconds, and any number of
processes that show pages read it.  Earlier measurements are in each probe's own file.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kwapi import measurement
from kwapi import meters

NAME = "index.json"


#: Of an index's probes the wattmeter is known; the energy is not, nor the resolution.
ProbeState = meters.Probe
_Probes = Mapping[str, ProbeState]
_NONE: _Probes = MappingProxyType({})


class Index:
    """The probes of one directory; any thread may use it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._known: tuple[str, _Probes] = ("", _NONE)

    def read(self) -> _Probes:
        """Return what is known of each probe, by its id; nothing if there is no such file yet.

        Free while the file stays the same.  What in it is no probe is left out.
        """
        version = self.version()
        if version != self._known[0]:
            self._known = version, self._load()
        return self._known[1]

    def version(self) -> str:
        """Return what changes whenever the probes do; empty while there is no file."""
        try:
            status = os.stat(self._path)
        except OSError:
            return ""
        return f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"

    def write(self, states: Iterable[ProbeState], now: float) -> None:
        """Replace the file: a reader sees the old one or the new one.

        :param now: epoch seconds.
        :raises OSError: it cannot be written; the old one stays.
        """
        probes = {state.probe_id: _document(state) for state in states}
        text = json.dumps({"probes": probes, "written_at": now}, separators=(",", ":"))
        # Not synced to disk: it is made again from what the probes say next.
        made = self._path.with_name(f".{NAME}.new")
        made.write_text(text, encoding="utf-8")
        os.replace(made, self._path)

    def _load(self) -> _Probes:
        try:
            probes = json.loads(self._path.read_bytes())["probes"].items()
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return _NONE
        states = (_state(probe_id, document) for probe_id, document in probes)
        return MappingProxyType({state.probe_id: state for state in states if state is not None})


def _document(state: ProbeState) -> dict[str, Any]:
    return {
        "wattmeter": state.wattmeter,
        "timestamp": state.timestamp,
        "w": state.watts,
        "period_seconds": state.period_seconds,
    }


def _state(probe_id: str, document: Any) -> ProbeState | None:
    """Return what a member of the file says; None if it says nothing that can be shown."""
    try:
        period = document["period_seconds"]
        state = ProbeState(
            probe_id,
            float(document["timestamp"]),
            float(document["w"]),
            wattmeter=document["wattmeter"],
            period_seconds=None if period is None else float(period),
        )
    except (LookupError, TypeError, ValueError, OverflowError):
        return None
    is_finite = all(map(math.isfinite, (state.timestamp, state.watts, state.period_seconds or 0.0)))
    is_named = isinstance(state.wattmeter, str) and measurement.PROBE_ID.fullmatch(probe_id)
    return state if is_finite and is_named else None
