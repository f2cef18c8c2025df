# SPDX-License-Identifier: Apache-2.0
"""Draws ``openstack energy top``: one frame of text, in a terminal.

Owns the layout, and restores the terminal at the end.  The values come as arguments.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import TextIO

from energyclient import records
from energyclient import rest
from energyclient import times

_BAR_WIDTH = 20
#: Narrower terminals get lines that wrap.
_NARROWEST = 40
#: A probe is late when it missed so many of its periods; of this length, if that is not known.
_LATE_PERIODS, _PERIOD_SECONDS = 3, 10.0

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_REVERSE, _DIM, _PLAIN = "\x1b[7m", "\x1b[2m", "\x1b[0m"


class Size(NamedTuple):
    """How much room there is; None is any."""

    width: int | None = None
    height: int | None = None


def draw(
    probes: Sequence[records.Probe], now: float, size: Size, note: str = "", *, style: bool = False
) -> list[str]:
    """Return the lines of a frame: totals, and probes, those that use most first.

    :param now: epoch seconds.
    :param note: what is wrong just now, in place of the time.
    :param style: with codes that a terminal obeys.
    """
    ordered = sorted(probes, key=lambda probe: (-probe.watts, probe.id))
    watts, kwh = (sum(values) for values in (_column(probes, "watts"), _column(probes, "kwh")))
    told = note or times.format_time(now, times.LocalZone())
    wide = max([len(_show(probe.id)) for probe in probes] + [5])
    head = f"{'PROBE':<{wide}}  {'W':>9}  {'':<{_BAR_WIDTH}}  {'KWH':>12}  {'AGE':>7}  WATTMETER"
    lines = [f"{len(probes)} probes   {watts:,.1f} W   {kwh:,.3f} kWh   {told}", "", head]
    most = max(_column(probes, "watts"), default=0.0)
    shown = ordered[: max(1, size.height - len(lines))] if size.height else ordered
    lines += [_draw_probe(probe, now, wide, most) for probe in shown]
    lines = [line[: size.width].rstrip() for line in lines]
    if not style:
        return lines
    late = [_is_late(probe, now) for probe in shown]
    rows = [f"{_DIM}{row}{_PLAIN}" if old else row for row, old in zip(lines[3:], late)]
    return [lines[0], "", f"{_REVERSE}{lines[2]:<{size.width or 0}}{_PLAIN}", *rows]


class Screen:
    """Shows frames: one over the other on a terminal, else one after the other."""

    def __init__(self, output: TextIO, environ: dict[str, str]) -> None:
        self._output = output
        is_dumb = environ.get("TERM", "") in ("", "dumb")
        self._is_live = output.isatty() and not is_dumb
        self._style = self._is_live and not environ.get("NO_COLOR")
        self._is_first = True

    @contextlib.contextmanager
    def open(self) -> Iterator[Screen]:
        """Take the terminal, and give it back however it ends."""
        if not self._is_live:
            yield self
            return
        self._write(_ENTER)
        try:
            yield self
        finally:
            self._write(_LEAVE)

    def show(self, probes: Sequence[records.Probe], now: float, note: str = "") -> None:
        """Show a frame."""
        if not self._is_live:
            lines = draw(probes, now, Size(), note)
            self._write("" if self._is_first else "\n", *(f"{line}\n" for line in lines))
            self._is_first = False
            return
        columns, rows = shutil.get_terminal_size()
        size = Size(max(columns, _NARROWEST), max(rows - 1, 4))
        lines = draw(probes, now, size, note, style=self._style)
        self._write(_HOME, *(f"{line}{_CLEAR_LINE}\n" for line in lines), _CLEAR_BELOW)

    def _write(self, *texts: str) -> None:
        self._output.write("".join(texts))
        self._output.flush()


def _draw_probe(probe: records.Probe, now: float, wide: int, most: float) -> str:
    share = max(0.0, probe.watts) / most if most > 0 else 0.0
    bar = "#" * round(share * _BAR_WIDTH)
    age = times.format_duration(max(0.0, now - probe.timestamp)).partition(" ")[0]
    return (
        f"{_show(probe.id):<{wide}}  {probe.watts:>9,.1f}  {bar:<{_BAR_WIDTH}}  "
        f"{probe.kwh:>12,.3f}  {age:>7}  {_show(probe.wattmeter or '')}"
    )


def _is_late(probe: records.Probe, now: float) -> bool:
    period_seconds = probe.period_seconds or _PERIOD_SECONDS
    return now - probe.timestamp > _LATE_PERIODS * period_seconds + 5


def _column(probes: Sequence[records.Probe], name: str) -> list[Any]:
    return [getattr(probe, name) for probe in probes]


def _show(text: str) -> str:
    return rest.one_line(text)
