# SPDX-License-Identifier: Apache-2.0
"""What a kWh costs, also on the days on which clocks are set."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi import exception
from kwapi.graphs import tariff

PARIS = ZoneInfo("Europe/Paris")
NIGHT = {"22-6": "0.12", "6-22": "0.24"}
_HOUR = 3600


def _moment(text: str, zone: datetime.tzinfo = PARIS) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def test_a_band_may_pass_midnight() -> None:
    """From 22 to 6 is the night."""
    prices = tariff.Tariff.parse(NIGHT, 0.3, PARIS)
    assert prices.price(_moment("2026-01-10T21:59:59")) == 0.24
    assert prices.price(_moment("2026-01-10T22:00:00")) == 0.12
    assert prices.price(_moment("2026-01-10T05:59:59")) == 0.12
    assert prices.price(_moment("2026-01-10T06:00:00")) == 0.24


def test_hours_without_a_band_have_the_usual_price() -> None:
    """What no band names costs kwh_price."""
    prices = tariff.Tariff.parse({"22-6": "0.12"}, 0.3, PARIS)
    assert prices.price(_moment("2026-01-10T12:00:00")) == 0.3


@pytest.mark.parametrize(
    ("day", "next_day", "hours", "cheap_hours"),
    [
        ("2026-03-28T00:00:00", "2026-03-29T00:00:00", 24, 8),
        ("2026-03-29T00:00:00", "2026-03-30T00:00:00", 23, 7),
        ("2026-10-25T00:00:00", "2026-10-26T00:00:00", 25, 9),
    ],
)
def test_a_day_is_as_long_as_clocks_make_it(
    day: str, next_day: str, hours: int, cheap_hours: int
) -> None:
    """In spring a cheap hour is missing, in autumn there is one more."""
    prices = tariff.Tariff.parse(NIGHT, 0.3, PARIS)
    start, end = _moment(day), _moment(next_day)
    assert end - start == hours * _HOUR
    cost = 0.12 * cheap_hours + 0.24 * (hours - cheap_hours)
    assert prices.average(start, end) * hours == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize("now", ["2026-03-29T00:00:00", "2026-03-29T01:59:00", "2026-03-29T23:59"])
def test_midnight_on_a_short_day(now: str) -> None:
    """The day began at midnight, however long ago that is."""
    prices = tariff.Tariff.parse({}, 0.3, PARIS)
    assert prices.find_midnight(_moment(now)) == _moment("2026-03-29T00:00:00")


def test_midnight_on_a_long_day() -> None:
    """At 23:30 of the long day midnight is 24 hours and a half ago."""
    prices = tariff.Tariff.parse({}, 0.3, PARIS)
    now = _moment("2026-10-25T23:30:00")
    assert now - prices.find_midnight(now) == 24.5 * _HOUR


@hypothesis.given(
    start=st.integers(1_700_000_000, 1_800_000_000),
    seconds=st.integers(1, 400_000),
    zone=st.sampled_from(["Europe/Paris", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
)
def test_the_average_is_that_of_all_moments(start: int, seconds: int, zone: str) -> None:
    """The mean price is the price of each minute, summed up."""
    prices = tariff.Tariff.parse(NIGHT, 0.3, ZoneInfo(zone))
    cuts = [start, *range((start // 60 + 1) * 60, start + seconds, 60), start + seconds]
    cost = sum((end - begin) * prices.price(begin) for begin, end in zip(cuts, cuts[1:]))
    assert prices.average(start, start + seconds) == pytest.approx(cost / seconds, rel=1e-9)


@pytest.mark.parametrize(
    ("bands", "fault"),
    [
        ({"22": "0.1"}, "'22' is not two different hours"),
        ({"6-6": "0.1"}, "'6-6' is not two different hours"),
        ({"24-6": "0.1"}, "'24-6' is not two different hours"),
        ({"6-25": "0.1"}, "'6-25' is not two different hours"),
        ({"0-12": "0.1", "11-14": "0.2"}, "11:00 has a price already"),
        ({"0-12": "cheap"}, "'cheap' for 0-12 is not a price"),
        ({"0-12": "-1"}, "'-1' for 0-12 is not a price"),
        ({"0-12": "nan"}, "'nan' for 0-12 is not a price"),
    ],
)
def test_a_wrong_band_is_told(bands: dict[str, str], fault: str) -> None:
    """The message says which band is wrong, and why."""
    with pytest.raises(exception.ConfigurationInvalid, match=r"\[rrd\] tariff") as caught:
        tariff.Tariff.parse(bands, 0.3, PARIS)
    assert fault in str(caught.value)


def test_a_whole_day_may_have_one_price() -> None:
    """0-24 is every hour."""
    prices = tariff.Tariff.parse({"0-24": "0.1"}, 0.3, PARIS)
    assert prices.average(0, 1_000_000) == 0.1
