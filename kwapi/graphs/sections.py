# SPDX-License-Identifier: Apache-2.0
"""Selects the rows of a file that show a span of time, and those that are summed up.

Pure.  A row is there once its time is over: of the current week a year's
archive knows nothing until Monday.  So what follows its last row is taken from
a finer archive, and what follows that one's from a finer one still, until less
than a few seconds are missing.  These are the *sections* that are shown.

What is summed up is taken from the finest archive that still has it: RRDtool
takes a row for known or unknown as a whole, and the shorter it is, the less
that matters where measurements begin, end or pause.

Rows lie on whole multiples of their length, spans do not: the row in which a
span begins counts for the part of it that is in the span.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

from kwapi.history import periods

#: What is missing at the end, where it is less than this, is not worth another archive.
_LEFT_OUT_SECONDS = 10
_FEWEST_PIXELS = 2


class Section(NamedTuple):
    """Successive rows of one archive; epoch seconds, on multiples of its step."""

    step_seconds: int
    start: int
    end: int

    def widen(self, least_seconds: int) -> Section:
        """Return the section from where an average over so long begins, if its rows are shorter."""
        whole_seconds = -(-least_seconds // self.step_seconds) * self.step_seconds
        return self._replace(start=_floor(self.start, max(whole_seconds, self.step_seconds)))

    def ends(self) -> range:
        """Return when each row ends, which is how RRDtool names it."""
        return range(self.start + self.step_seconds, self.end + 1, self.step_seconds)


class Span(NamedTuple):
    """What is asked about, and the rows that tell of it.

    :ivar start: epoch seconds; rows before it are not in it.
    :ivar shown: sections to be drawn.
    :ivar counted: sections to be summed up.
    """

    start: int
    end: int
    shown: tuple[Section, ...]
    counted: tuple[Section, ...]

    def visible(self, width: int) -> Span:
        """Return the span as it is drawn.

        rrdtool averages what is finer than a pixel, drops what does not begin
        with such an average, and fails where that leaves nothing.

        :param width: of the whole span, pixels.
        """
        pixel_seconds = (self.end - self.start) // width
        whole = (one.widen(pixel_seconds) for one in self.shown)
        wide = (one for one in whole if one.end - one.start >= _FEWEST_PIXELS * pixel_seconds)
        return self._replace(shown=tuple(wide))

    def rows(self, section: Section) -> Iterator[tuple[int, int]]:
        """Yield start and end of each row of a section, as far as they are in the span."""
        for end in section.ends():
            yield max(self.start, end - section.step_seconds), end


def last(period: periods.Period, now: float) -> Span:
    """Return the period that ends now, epoch seconds."""
    end = int(now)
    start = end - period.span_seconds
    finest = period.step_seconds if period.step_seconds < _LEFT_OUT_SECONDS else _LEFT_OUT_SECONDS
    return Span(start, end, tuple(_show(start, end, period)), tuple(_count(start, end, finest)))


def since(start: int, now: float) -> Span:
    """Return the time since a moment, of which nothing is to be shown."""
    end = int(now)
    return Span(start, end, (), tuple(_count(start, end, _LEFT_OUT_SECONDS)))


def _show(start: int, end: int, main: periods.Period) -> Iterator[Section]:
    reached = _floor(start, main.step_seconds)
    period: periods.Period | None = main
    while period is not None:
        until = _floor(end, period.step_seconds)
        yield Section(period.step_seconds, reached, until)
        reached = until
        period = _find_finer(period, end - reached)


def _count(start: int, end: int, finest_seconds: int) -> Sequence[Section]:
    """Return the sections of the finest archives, the coarsest first.

    :param finest_seconds: finer ones are not worth it.
    """
    archives = [one for one in periods.PERIODS if one.step_seconds >= finest_seconds]
    reached = _floor(end, archives[0].step_seconds)
    sections: list[Section] = []
    for period, coarser in itertools.pairwise([*archives, archives[-1]]):
        step = period.step_seconds
        oldest = max(_find_oldest(period, end), _floor(start, step))
        if oldest > start:
            # Where a row of the coarser archive ends.
            oldest = -_floor(-oldest, coarser.step_seconds)
        if oldest < reached:
            sections.insert(0, Section(step, oldest, reached))
            reached = oldest
        if reached <= start:
            break
    return sections


def _find_finer(
    period: periods.Period,
    rest_seconds: int,
    known: Sequence[periods.Period] = periods.PERIODS,
) -> periods.Period | None:
    """Return the finest archive that reaches back so far; None if nothing is worth it."""
    if rest_seconds < _LEFT_OUT_SECONDS:
        return None
    finer = (one for one in known if one.step_seconds < period.step_seconds)
    return next((one for one in finer if one.span_seconds >= rest_seconds), None)


def _find_oldest(period: periods.Period, end: int) -> int:
    """Return the start of the oldest row that an archive has for sure.

    One row less than it keeps, for the file may be ahead of the clock by one.
    """
    return _floor(end, period.step_seconds) - (period.rows - 1) * period.step_seconds


def _floor(moment: int, step_seconds: int) -> int:
    return moment - moment % step_seconds
