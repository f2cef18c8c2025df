# SPDX-License-Identifier: Apache-2.0
"""Files of probes as ``kwapi-rrd`` makes them, and who reads them, for tests."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from energybase import clock as clocks
from kwapi.graphs import archive
from kwapi.graphs import syntax
from kwapi.graphs import tariff
from kwapi.history import index
from kwapi.history import layout
from kwapi.history import rrdtool as reader
from tests import patience

PARIS = ZoneInfo("Europe/Paris")
Samples = Sequence[tuple[float, float]]


class StoppedClock(clocks.Clock):
    """A wall clock that stands still; what is timed is timed by the machine's."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


def write(
    directory: Path,
    samples: Mapping[str, Samples],
    *,
    heartbeat_seconds: int = 60,
    consolidations: tuple[str, ...] = layout.CONSOLIDATIONS,
) -> None:
    """Make the files of some probes: each with its measurements, time and watts."""
    plan = layout.Layout(heartbeat_seconds, consolidations)
    commands = []
    for probe_id, values in samples.items():
        name = layout.name_of(probe_id)
        commands.append(plan.create(name, values[0][0], heartbeat_seconds))
        for start in range(0, len(values), 200):
            updates = [f"{when:.3f}:{watts:.6f}" for when, watts in values[start : start + 200]]
            commands.append(syntax.line(["update", name, *updates]))
    said = rrdtool(directory, *commands)
    assert "ERROR" not in said, said


def rrdtool(directory: Path, *commands: str) -> str:
    """Return what rrdtool says to commands."""
    done = subprocess.run(
        ["rrdtool", "-"],
        cwd=directory,
        input="".join(f"{command}\n" for command in commands),
        capture_output=True,
        text=True,
        check=True,
        timeout=patience.SECONDS,
    )
    return done.stdout


def steady(start: float, end: float, watts: float, every_seconds: float = 5.0) -> Samples:
    """Return measurements of the same power over some time."""
    count = int((end - start) / every_seconds)
    return [(start + number * every_seconds, watts) for number in range(count + 1)]


def open_archive(
    directory: Path,
    now: float,
    *,
    hours: Mapping[str, str] | None = None,
    zone: datetime.tzinfo = PARIS,
    max_stacked: int = 20,
    on_flush: Callable[[Sequence[str]], None] = lambda _probe_ids: None,
) -> archive.Archive:
    """Return who reads the files, at a moment that does not pass."""
    return archive.Archive(
        directory,
        reader.Reader(directory, zone="Europe/Paris"),
        on_flush,
        tariff.Tariff.parse(hours or {}, 0.25, zone),
        StoppedClock(now),
        archive.Options(max_stacked, 60.0),
    )


def states(
    probe_ids: Iterable[str], now: float, wattmeter: str = "pdu", watts: float = 100.0
) -> list[index.ProbeState]:
    """Return what an index says of probes that spoke just now."""
    return [index.ProbeState(one, now, watts, None, wattmeter, 1.0) for one in probe_ids]
