# SPDX-License-Identifier: Apache-2.0
"""Reads RRD files with rrdtool, and computes the values they should have.

Owns no file: tests write them through Kwapi.
"""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

#: A measurement: when, in microseconds since the epoch, and how many watts.
Sent = tuple[int, float]
_MICRO = 1_000_000


def fetch(path: Path, consolidation: str, step: int, start: int, end: int) -> dict[int, float]:
    """Return the known rows that ``rrdtool fetch`` shows, by their end, up to ``end``."""
    return fetch_each(path, [(consolidation, step)], start, end)[0]


def fetch_each(
    path: Path, archives: Sequence[tuple[str, int]], start: int, end: int
) -> list[dict[int, float]]:
    """Return the known rows of several archives, as :func:`fetch` does, by one rrdtool."""
    # It shows one row more than asked for, and one at least.
    commands = [
        f"fetch {path.name} {consolidation} -r {step} -s {start // step * step} "
        f"-e {max(start // step * step + step, end)}"
        for consolidation, step in archives
    ]
    answers = _run(path.parent, ["rrdtool", "-"], "\n".join(commands)).split("OK u:")
    return [
        {at: value for at, value in _rows(answer) if at <= end and not math.isnan(value)}
        for answer in answers[:-1]
    ]


def rrdtool(path: Path, command: str, *arguments: str) -> str:
    """Return what rrdtool prints about a file."""
    return _run(path.parent, ["rrdtool", command, f"./{path.name}", *arguments])


def _run(folder: Path, command: Sequence[str], given: str | None = None) -> str:
    done = subprocess.run(
        command,
        input=given,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ERROR: " not in done.stdout, done.stdout
    return done.stdout


def _rows(answer: str) -> list[tuple[int, float]]:
    # The end of the answer before this one has colons too.
    found = re.findall(r"^(\d+): (\S+)$", answer, re.MULTILINE)
    return [(int(at), float(value)) for at, value in found]


def consolidate(
    sent: Sequence[Sent], consolidation: str, step: int, heartbeat: int = 60
) -> dict[int, float]:
    """Return the known rows that were whole at the last measurement, by their end.

    A measurement holds from the one before; after a gap, from where its second
    begins.  What was measured before a gap holds to the end of its second.  A
    row is known if no more than half of its seconds are unknown.
    """
    seconds = _seconds(sent, heartbeat)
    last = sent[-1][0] // _MICRO
    first = -(-min(seconds) // step) * step
    rows: dict[int, float] = {}
    for end in range(first, last + 1, step):
        known = [seconds[at] for at in range(end - step + 1, end + 1) if at in seconds]
        if 2 * len(known) >= step:
            rows[end] = float(_CONSOLIDATIONS[consolidation](known))
    return rows


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


_CONSOLIDATIONS = {"AVERAGE": _mean, "MIN": min, "MAX": max}


def _seconds(sent: Sequence[Sent], heartbeat: int) -> dict[int, Fraction]:
    """Return the mean of each second that is known and over, by its end."""
    joules: dict[int, Fraction] = {}
    until_us = _floor(sent[0][0])
    before_watts = 0.0
    for at_us, watts in sent:
        if at_us - until_us > heartbeat * _MICRO:
            _hold(joules, until_us, -(-until_us // _MICRO) * _MICRO, before_watts)
            until_us = max(-(-until_us // _MICRO) * _MICRO, _floor(at_us))
        _hold(joules, until_us, at_us, watts)
        until_us, before_watts = at_us, watts
    return joules


def _floor(at_us: int) -> int:
    return (-(-at_us // _MICRO) - 1) * _MICRO


def _hold(joules: dict[int, Fraction], from_us: int, until_us: int, watts: float) -> None:
    """Add what a power uses to the seconds that it lasts."""
    while from_us < until_us:
        end = from_us // _MICRO + 1
        part_us = min(until_us, end * _MICRO) - from_us
        joules[end] = joules.get(end, Fraction(0)) + Fraction(watts) * part_us / _MICRO
        from_us += part_us
