# SPDX-License-Identifier: Apache-2.0
"""The rows that show a span: all of it, each second once."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi.graphs import sections
from kwapi.history import periods

NOWS = st.floats(1_600_000_000, 1_900_000_000)
PERIODS = st.sampled_from(periods.PERIODS)


@pytest.mark.parametrize("which", ["shown", "counted"])
@hypothesis.given(period=PERIODS, now=NOWS)
def test_rows_cover_a_period_once(which: str, period: periods.Period, now: float) -> None:
    """No second is in two rows, and a few of the last at most in none."""
    span = sections.last(period, now)
    rows = [row for section in getattr(span, which) for row in span.rows(section)]
    assert rows[0][0] == span.start
    assert all(before[1] == after[0] for before, after in zip(rows, rows[1:]))
    assert 0 <= span.end - rows[-1][1] < 10
    assert span.end - span.start == period.span_seconds


@hypothesis.given(period=PERIODS, now=NOWS)
def test_archives_reach_back_so_far(period: periods.Period, now: float) -> None:
    """A section wants no more rows than its archive keeps, even if that is a row ahead."""
    kept = {one.step_seconds: one.rows for one in periods.PERIODS}
    span = sections.last(period, now)
    for section in (*span.shown, *span.counted):
        step, rows = section.step_seconds, kept[section.step_seconds]
        assert section.start % step == section.end % step == 0
        ahead = int(now) // step * step + step
        assert ahead - rows * step <= section.start < section.end <= now


@hypothesis.given(now=NOWS)
def test_the_finest_rows_are_counted(now: float) -> None:
    """Of a year the last hour in 10 s, the last day in 15 minutes, and so on."""
    span = sections.last(periods.find("year"), now)
    steps = [section.step_seconds for section in span.counted]
    assert steps == [604_800, 21_600, 7200, 900, 10]
    assert all(section.start <= now - 2_650_000 for section in span.counted[:1])
    assert now - span.counted[-1].start >= 2700


@pytest.mark.parametrize("hours", [0, 0.01, 1, 23, 24, 25])
def test_today_is_covered_on_the_longest_day(hours: float) -> None:
    """Also on the day of 25 hours, of which a day's rows show less."""
    midnight = 1_792_879_200
    now = midnight + hours * 3600
    span = sections.since(midnight, now)
    rows = [row for section in span.counted for row in span.rows(section)]
    assert sum(end - start for start, end in rows) == pytest.approx(now - midnight, abs=10)


def test_what_is_narrower_than_a_pixel_is_not_drawn() -> None:
    """Of a year's graph rrdtool would fail to draw the last hours."""
    span = sections.last(periods.find("year"), 1_700_000_123)
    steps = [section.step_seconds for section in span.visible(400).shown]
    assert steps[0] == 604_800
    assert 10 not in steps
