# SPDX-License-Identifier: Apache-2.0
"""Reading price files, each mistake with its line, and integrals against sums by the second."""

from __future__ import annotations

import math
import time
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from climate.planning import prices
from energybase import exception
from tests import depth

#: 2026-01-01T00:00:00Z
NEW_YEAR = 1_767_225_600


def parse(text: str) -> prices.Prices:
    return prices.Prices.parse(text, "prices.csv")


def steps(text: str) -> list[tuple[int, float]]:
    parsed = parse(text)
    return list(zip(parsed.times.tolist(), parsed.values.tolist()))


def price_at(tariff: prices.Prices, second: int) -> float:
    value = tariff.values[0]
    for begin, following in zip(tariff.times, tariff.values):
        if begin <= second:
            value = following
    return float(value)


@st.composite
def tariffs(draw: Any) -> prices.Prices:
    times = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=8)))
    values = draw(st.lists(st.integers(0, 9), min_size=len(times), max_size=len(times)))
    return prices.Prices(times, values)


@hypothesis.settings(max_examples=depth.examples(3))
@hypothesis.given(tariffs(), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30))))
def test_an_integral_is_the_sum_of_its_seconds(
    tariff: prices.Prices, periods: list[tuple[int, int]]
) -> None:
    starts = np.array([start for start, _length in periods], dtype=np.int64)
    ends = starts + np.array([length for _start, length in periods], dtype=np.int64)
    expected = [
        sum(price_at(tariff, second) for second in range(start, end))
        for start, end in zip(starts, ends)
    ]
    assert tariff.integral(starts, ends).tolist() == expected


def test_an_integral_of_single_numbers_is_a_number() -> None:
    assert float(prices.Prices([10, 20], [1, 3]).integral(5, 25)) == 30.0


def test_flat_prices_cost_the_same_at_any_time() -> None:
    assert prices.Prices.flat().integral(NEW_YEAR, NEW_YEAR + 7) == 7.0
    assert prices.Prices.flat().integral(0, 7) == 7.0


def test_one_price_costs_the_same_to_the_last_bit() -> None:
    starts = np.arange(NEW_YEAR, NEW_YEAR + 10_000, 7)
    costs = prices.Prices([0], [0.1]).integral(starts, starts + 61)
    assert len(set(costs.tolist())) == 1


def test_an_hour_within_ten_years_of_hours_is_precise() -> None:
    hours = range(NEW_YEAR, NEW_YEAR + 3650 * 86_400, 3600)
    hourly = prices.Prices(hours, np.random.default_rng(0).uniform(0.1, 0.5, len(hours)))
    start = hours[-10] - 1800
    exact = math.fsum(price_at(hourly, second) for second in (start, start + 3600))
    assert hourly.integral(start, start + 3600) == pytest.approx(exact * 1800, rel=1e-12)
    several = math.fsum(hourly.values[-10:-6]) * 3600
    assert hourly.integral(hours[-10], hours[-6]) == pytest.approx(several, rel=1e-10)


def test_prices_cannot_be_changed() -> None:
    tariff = prices.Prices([0], [1.0])
    for column in (tariff.times, tariff.values):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 5


def test_what_prices_were_made_of_can_change() -> None:
    values = np.array([1.0])
    tariff = prices.Prices([0], values)
    values[0] = 2.0
    assert tariff.values[0] == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "1767225600,0.25\n1767229200,0.5\n",
        "\ufeff1767225600,0.25\r\n1767229200,0.5",
        "time,value\n1767225600,0.25\n1767229200,0.5\n",
        "\ufefftime,EUR/MWh\n1767225600,0.25\n1767229200,0.5\n",
        "# of the exchange\n\n time , value \n\n1767225600, 0.25\n , \n1767229200,5e-1\n",
        "2026-01-01T00:00:00Z,0.25\n2026-01-01T01:00:00Z,0.5\n",
        "2026-01-01T01:00:00+01:00,0.25\n2026-01-01 02:00+01:00,0.5\n",
        "2026-01-01,0.25\n2026-01-01T01:00,0.5\n",
        '"2026-01-01T00:00:00.000Z","0.25"\n1767229200,"0.5"\n',
    ],
)
def test_files_are_read(text: str) -> None:
    assert steps(text) == [(NEW_YEAR, 0.25), (NEW_YEAR + 3600, 0.5)]


def test_a_time_without_a_zone_is_utc_wherever_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert steps("2026-01-01,0.25") == [(NEW_YEAR, 0.25)]
    finally:
        monkeypatch.undo()
        time.tzset()


@hypothesis.given(
    st.dictionaries(
        st.integers(0, 253_402_300_799),
        st.floats(0, prices.MAX_VALUE, allow_nan=False),
        min_size=1,
    )
)
def test_whatever_is_written_is_read(wanted: dict[int, float]) -> None:
    rows = sorted(wanted.items())
    assert steps("\n".join(f"{begin},{value!r}" for begin, value in rows)) == rows


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("1,2\n2", 2, "is not time,value: 1 fields"),
        ("1,2\n2,3,4", 2, "is not time,value: 3 fields"),
        ("1;2", 1, "is not time,value: 1 fields"),
        ("time,value\n\n1,2\nsoon,3", 4, "'soon' is not a time: whole epoch seconds, or ISO 8601"),
        ("time,value\nday,much", 2, "'day' is not a time: whole epoch seconds, or ISO 8601"),
        ("soon,1", 1, "'soon' is not a time: whole epoch seconds, or ISO 8601"),
        ("-1,1", 1, "'-1' is not a time: whole epoch seconds, or ISO 8601"),
        ("1.5,1", 1, "'1.5' is not a time: whole epoch seconds, or ISO 8601"),
        ("2026-01-01T00:00:00.5Z,1", 1, "'2026-01-01T00:00:00.5Z' is not a time: whole epoch "),
        ("2026-02-30,1", 1, "'2026-02-30' is not a time: whole epoch seconds, or ISO 8601"),
        ("1969-12-31,1", 1, "'1969-12-31' is not between the years 1970 and 9999"),
        ("253402300800,1", 1, "'253402300800' is not between the years 1970 and 9999"),
        ("1,free", 1, "'free' is not a number"),
        ("1,", 1, "'' is not a number"),
        ("1,-0.1", 1, "'-0.1' is not between 0 and 1e+12"),
        ("1,nan", 1, "'nan' is not between 0 and 1e+12"),
        ("1,inf", 1, "'inf' is not between 0 and 1e+12"),
        ("1,1e13", 1, "'1e13' is not between 0 and 1e+12"),
        ("1,1\n3,1\n2,1", 3, "its time is not after the one before"),
        ("1,1\n1,1", 2, "its time is not after the one before"),
        ('1,1\n"2"2,1', 2, "',' expected after '\"'"),
        ('1,1\n"2,1', 2, "unexpected end of data"),
    ],
)
def test_each_mistake_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        parse(text)
    assert str(caught.value).startswith(f"prices.csv, line {line}: {reason}")


@pytest.mark.parametrize("text", ["", "\n\n", "time,value\n", "# nothing"])
def test_a_file_without_prices_is_refused(text: str) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="prices.csv: has no line of time,"):
        parse(text)


@hypothesis.given(st.text(st.sampled_from('0123456789,.-:TZe "\n#\ufeff\x00tx')))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parsed = parse(text)
    except exception.ConfigurationInvalid as error:
        assert str(error).startswith("prices.csv")
    else:
        assert len(parsed.times) == len(parsed.values) >= 1
