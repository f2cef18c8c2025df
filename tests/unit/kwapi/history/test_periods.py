# SPDX-License-Identifier: Apache-2.0
"""The spans of time that are kept."""

from __future__ import annotations

import pytest

from kwapi import exception
from kwapi.history import periods


def test_the_six_periods_of_the_first_kwapi_in_order() -> None:
    assert [period.name for period in periods.PERIODS] == [
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "year",
    ]
    spans = [period.span_seconds for period in periods.PERIODS]
    assert spans == sorted(spans)


@pytest.mark.parametrize("period", periods.PERIODS)
def test_a_file_has_a_whole_period_even_in_the_midst_of_a_row(period: periods.Period) -> None:
    """The span may begin within a row, and the last row may not be over."""
    assert (period.rows - 1) * period.step_seconds >= period.span_seconds


@pytest.mark.parametrize("period", periods.PERIODS)
def test_a_period_is_found_by_its_name(period: periods.Period) -> None:
    assert periods.find(period.name) is period


def test_an_unknown_period_is_not_found_and_the_known_are_told() -> None:
    with pytest.raises(exception.PeriodNotFound, match="fortnight.*minute, hour, day") as caught:
        periods.find("fortnight")
    assert caught.value.code == 404
