# SPDX-License-Identifier: Apache-2.0
"""Times and durations as clients write them."""

from __future__ import annotations

import datetime
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from climate import lease as leases
from climate.api import times

NOW = 1_700_000_000


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("now", NOW),
        (0, NOW),
        (10, NOW + 10),
        (10.6, NOW + 11),
        (99_999_999, NOW + 99_999_999),
        (100_000_000, 100_000_000),
        (NOW, NOW),
        (NOW + 0.4, NOW),
        (253_402_300_799, 253_402_300_799),
        ("2026-03-01T08:00:00Z", 1_772_352_000),
        ("2026-03-01T08:00:00+00:00", 1_772_352_000),
        ("2026-03-01T08:00:00", 1_772_352_000),
        ("2026-03-01T09:00:00+01:00", 1_772_352_000),
        ("2026-03-01T03:30:00-04:30", 1_772_352_000),
        ("2026-03-01 08:00Z", 1_772_352_000),
        ("2026-03-01T07:59:59.9Z", 1_772_352_000),
        ("2026-03-01", 1_772_323_200),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_a_time(value: Any, seconds: int) -> None:
    assert times.parse_time(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        [],
        {},
        -1,
        float("nan"),
        float("inf"),
        10**400,
        253_402_300_800,
        "",
        "later",
        "10",
        "NOW",
        "2026-13-01",
        "2026-03-01T24:61Z",
        "2026-03-01T08:00:00+25:00",
        "2026-W10-1",
        "20260301",
        "2026-03-01T08",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00",
        "２026-03-01",
        "2026-03-01\n",
    ],
)
def test_no_time(value: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        times.parse_time(value, NOW)


def test_a_time_in_a_url_may_be_a_number() -> None:
    assert times.parse_time_text("3600", NOW) == NOW + 3600
    assert times.parse_time_text("1700000000.6", NOW) == NOW + 1
    assert times.parse_time_text("now", NOW) == NOW
    for text in ("1e9", "-5", "inf", "nan", "1_0", "٣"):
        with pytest.raises(ValueError, match="must be"):
            times.parse_time_text(text, NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1, 1),
        (0.6, 1),
        (3600, 3600),
        ("PT2H", 7200),
        ("PT0.5H", 1800),
        ("PT0,5H", 1800),
        ("PT90M", 5400),
        ("PT1H30M10S", 5410),
        ("P7D", 604_800),
        ("P2W", 1_209_600),
        ("P1DT12H", 129_600),
    ],
)
def test_a_duration(value: Any, seconds: int) -> None:
    assert times.parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        False,
        0,
        0.4,
        -5,
        float("nan"),
        float("inf"),
        10**400,
        "3600",
        "",
        "P",
        "PT",
        "P1DT",
        "P1Y",
        "P1M",
        "PT1H30",
        "-PT1H",
        "pt1h",
        "PT0S",
        "P999999999999W",
        "PT1H\n",
        [3600],
    ],
)
def test_no_duration(value: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        times.parse_duration(value)


@hypothesis.given(strategies.integers(0, leases.FOREVER - 1))
def test_what_is_formatted_is_parsed_back(seconds: int) -> None:
    assert times.parse_time(times.format_time(seconds), NOW) == seconds


def test_the_end_of_time_can_be_told() -> None:
    assert times.format_time(leases.FOREVER) == "9999-12-31T23:59:59Z"


_ZONES = strategies.integers(-23 * 60, 23 * 60).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)


@hypothesis.given(
    strategies.datetimes(
        datetime.datetime(1970, 1, 2),  # noqa: DTZ001
        datetime.datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=_ZONES,
    )
)
def test_every_zone_is_the_same_instant(moment: datetime.datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert times.parse_time(moment.isoformat(), NOW) == moment.timestamp()


@hypothesis.given(strategies.text() | strategies.from_regex(r"\A[0-9TZ:+ .,-]*\Z"))
def test_any_text_is_a_time_or_a_clear_mistake(text: str) -> None:
    try:
        assert 0 <= times.parse_time(text, NOW) < leases.FOREVER
    except ValueError as exc:
        assert str(exc).startswith("must be")


@hypothesis.given(strategies.text() | strategies.from_regex(r"\AP?[0-9TDWHMS.,-]*\Z"))
def test_so_is_any_text_as_a_duration(text: str) -> None:
    try:
        assert 1 <= times.parse_duration(text) < leases.FOREVER
    except ValueError as exc:
        assert str(exc).startswith("must be")
