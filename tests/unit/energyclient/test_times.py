# SPDX-License-Identifier: Apache-2.0
"""Times as people write them: by table, and for any time in many zones."""

from __future__ import annotations

import datetime
import time
import zoneinfo
from collections.abc import Callable
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import strategies

from energyclient import times

PARIS = zoneinfo.ZoneInfo("Europe/Paris")
#: A Monday: 2026-09-21 16:13:20 in Paris, where summer ends on 25 October.
NOW = 1_790_000_000
ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
)
zones = strategies.sampled_from(ZONES).map(zoneinfo.ZoneInfo)
#: From 2000 to 2099.
seconds_of_the_century = strategies.integers(946_684_800, 4_102_444_799)


def iso(text: str) -> int:
    return round(datetime.datetime.fromisoformat(text).timestamp())


def paris(text: str) -> str:
    """Return a time in UTC that is said in Paris."""
    return times.format_iso(times.parse_time(text, NOW, PARIS))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", NOW),
        ("NOW", NOW),
        ("+2h", NOW + 7200),
        ("+ 2h 30m", NOW + 9000),
        ("+1d", NOW + 86_400),
        ("18:00", iso("2026-09-21T18:00+02:00")),
        ("16:14", iso("2026-09-21T16:14+02:00")),
        ("16:13", iso("2026-09-22T16:13+02:00")),
        ("8:00", iso("2026-09-22T08:00+02:00")),
        ("08:00:30", iso("2026-09-22T08:00:30+02:00")),
        ("today 08:00", iso("2026-09-21T08:00+02:00")),
        ("today 18:00", iso("2026-09-21T18:00+02:00")),
        ("tomorrow 08:00", iso("2026-09-22T08:00+02:00")),
        ("Tomorrow  08:00 ", iso("2026-09-22T08:00+02:00")),
        ("tuesday 08:00", iso("2026-09-22T08:00+02:00")),
        ("sun 08:00", iso("2026-09-27T08:00+02:00")),
        ("monday 08:00", iso("2026-09-28T08:00+02:00")),
        ("Monday 18:00", iso("2026-09-21T18:00+02:00")),
        ("2026-12-24", iso("2026-12-24T00:00+01:00")),
        ("2026-12-24 18:00", iso("2026-12-24T18:00+01:00")),
        ("2026-12-24T18:00", iso("2026-12-24T18:00+01:00")),
        ("2026-12-24T18:00:30.25", iso("2026-12-24T18:00:30+01:00")),
        ("2026-12-24T18:00Z", iso("2026-12-24T18:00+00:00")),
        ("2026-12-24t18:00z", iso("2026-12-24T18:00+00:00")),
        ("2026-12-24T18:00-05:30", iso("2026-12-24T23:30+00:00")),
        ("2026-12-24 18:00 +0100", iso("2026-12-24T17:00+00:00")),
        ("1790003600", 1_790_003_600),
        ("@1790003600", 1_790_003_600),
        ("1790003600.4", 1_790_003_600),
    ],
)
def test_a_time(text: str, seconds: int) -> None:
    assert times.parse_time(text, NOW + 0.7, PARIS) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no time"),
        ("yesterday", "is no time"),
        ("yesterday 08:00", "is no time"),
        ("foo", "+2h, 18:00"),
        ("08", "+08h"),
        ("3600", "from now on it is +3600s"),
        ("+90", "has no unit: write 90s, 90m or 90h"),
        ("+", "is no duration"),
        ("-2h", "is no time"),
        ("tomorrow", "'tomorrow' is a day: say at what time, such as 'tomorrow 08:00'"),
        ("Friday", "such as 'friday 08:00'"),
        ("25:00", "is no time"),
        ("24:00", "is no time"),
        ("tomorrow 08:60", "is no time"),
        ("2026-02-30", "is no time that there is"),
        ("2026-13-01T08:00", "is no time that there is"),
        ("2026-12-24T25:00", "is no time that there is"),
        ("2026-W40-1", "is no time"),
        ("24/12/2026", "is no time"),
        ("0001-01-01", "not between the years 1970 and 9999"),
        ("1969-12-31T23:59:59Z", "not between the years 1970 and 9999"),
        ("9999-12-31T23:59:59-12:00", "not between the years 1970 and 9999"),
        ("999999999999", "not between the years 1970 and 9999"),
        ("١٢:٠٠", "is no time"),
        ("\x1b[31m", r"'\x1b[31m' is no time"),
        ("x" * 5000, "is no time"),
    ],
)
def test_what_is_no_time_is_told_so(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refusal:
        times.parse_time(text, NOW, PARIS)
    told = str(refusal.value)
    assert reason in told
    assert told.isprintable() and len(told) < 250


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        # The day after the clocks were put back has the same hours.
        ("2026-10-24 08:00", "2026-10-24T06:00:00Z"),
        ("2026-10-26 08:00", "2026-10-26T07:00:00Z"),
        ("2026-10-25 01:59", "2026-10-24T23:59:00Z"),
        ("2026-10-25 03:00", "2026-10-25T02:00:00Z"),
        ("2027-03-28 01:59", "2027-03-28T00:59:00Z"),
        ("2027-03-28 03:00", "2027-03-28T01:00:00Z"),
        # An offset says which of two it is.
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30:00Z"),
    ],
)
def test_where_the_clocks_change(text: str, utc: str) -> None:
    assert paris(text) == utc


def test_a_time_that_the_clocks_skip() -> None:
    with pytest.raises(ValueError, match="put forward over it; write 2027-03-28T03:30") as refusal:
        paris("2027-03-28 02:30")
    assert str(refusal.value).startswith("'2027-03-28 02:30' is no time here")


def test_a_time_that_comes_twice() -> None:
    """Both are told, as they may be typed."""
    with pytest.raises(ValueError, match="comes twice here") as refusal:
        paris("2026-10-25 02:30")
    first, second = str(refusal.value).partition("; write ")[2].split(" or ")
    assert paris(second) == "2026-10-25T01:30:00Z"
    assert paris(first) == "2026-10-25T00:30:00Z"


def test_tomorrow_at_the_same_time_over_a_change_of_the_clocks() -> None:
    """A day ahead by the calendar is not 24 hours ahead by the clock."""
    evening = iso("2026-10-24T20:00+02:00")
    assert times.parse_time("tomorrow 20:00", evening, PARIS) - evening == 25 * 3600
    assert times.parse_time("+1d", evening, PARIS) - evening == 24 * 3600


@hypothesis.given(seconds_of_the_century, zones)
def test_iso_8601_with_an_offset_is_that_time(seconds: int, zone: datetime.tzinfo) -> None:
    text = datetime.datetime.fromtimestamp(seconds, zone).isoformat()
    assert times.parse_time(text, NOW, datetime.UTC) == seconds


@hypothesis.given(seconds_of_the_century, zones)
def test_local_time_is_that_time_or_refused(seconds: int, zone: datetime.tzinfo) -> None:
    """What a clock on the wall shows is refused if it shows it twice, never misread."""
    shown = datetime.datetime.fromtimestamp(seconds, zone)
    first, second = (shown.replace(fold=fold).utcoffset() for fold in (0, 1))
    text = f"{shown:%Y-%m-%d %H:%M:%S}"
    if first == second:
        assert times.parse_time(text, NOW, zone) == seconds
    else:
        with pytest.raises(ValueError, match="comes twice"):
            times.parse_time(text, NOW, zone)


@hypothesis.given(
    seconds_of_the_century,
    zones,
    strategies.integers(0, 23),
    strategies.integers(0, 59),
    strategies.sampled_from(["", "today ", "tomorrow ", "monday ", "thu "]),
)
def test_what_is_next_is_next(
    now: int, zone: datetime.tzinfo, hour: int, minute: int, day: str
) -> None:
    """It is ahead, not too far, and a clock on the wall shows it then."""
    try:
        seconds = times.parse_time(f"{day}{hour:02}:{minute:02}", now, zone)
    except ValueError as exc:
        assert "the clocks are put" in str(exc)
        return
    shown = datetime.datetime.fromtimestamp(seconds, zone)
    assert (shown.hour, shown.minute, shown.second) == (hour, minute, 0)
    ahead_days = (shown.date() - datetime.datetime.fromtimestamp(now, zone).date()).days
    if day in ("today ", "tomorrow "):
        assert ahead_days == {"today ": 0, "tomorrow ": 1}[day]
    else:
        assert seconds > now
        assert ahead_days <= (7 if day else 1)
    if day in ("monday ", "thu "):
        assert shown.weekday() == {"monday ": 0, "thu ": 3}[day]


@hypothesis.given(strategies.text(max_size=40) | strategies.from_regex(r"[-+@a-z0-9: t.]{1,20}"))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        assert 0 <= times.parse_time(text, NOW, PARIS) < times.FOREVER
    except ValueError as exc:
        assert str(exc).isprintable()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90m", 5400),
        ("2h30m", 9000),
        ("2h 30m", 9000),
        ("1.5h", 5400),
        ("1 hour 30 minutes", 5400),
        ("45 sec", 45),
        ("10 min", 600),
        ("1d", 86_400),
        ("1w2d", 777_600),
        ("PT2H", 7200),
        ("P1DT30M", 88_200),
        ("pt90m", 5400),
        ("P2W", 1_209_600),
    ],
)
def test_a_duration(text: str, seconds: int) -> None:
    assert times.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("90", "has no unit: write 90s, 90m or 90h"),
        ("", "is no duration"),
        ("h", "is no duration"),
        ("30m2h", "is no duration"),
        ("2h2h", "is no duration"),
        ("-5m", "is no duration"),
        ("P", "is no duration"),
        ("PT", "is no duration"),
        ("P1Y", "is no duration"),
        ("P1M", "is no duration"),
        ("inf", "is no duration"),
        ("nan h", "is no duration"),
        ("0s", "one second at least"),
        ("0.2s", "one second at least"),
        ("99999999w", "before 9999"),
    ],
)
def test_what_is_no_duration_is_told_so(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refusal:
        times.parse_duration(text)
    assert reason in str(refusal.value).lower()


@hypothesis.given(strategies.integers(1, 10**9))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    """To its two greatest units."""
    shown = times.format_duration(seconds)
    assert len(shown.split()) <= 2
    assert times.parse_duration(shown) <= seconds
    # What is left out is less than the last unit shown.
    assert seconds - times.parse_duration(shown) < 86_400
    assert times.parse_duration(f"{seconds}s") == seconds


@hypothesis.given(seconds_of_the_century)
def test_iso_is_read_as_it_is_written(seconds: int) -> None:
    assert times.parse_time(times.format_iso(seconds), NOW, PARIS) == seconds


def test_for_people_a_time_has_its_zone() -> None:
    assert times.format_time(NOW, PARIS) == "2026-09-21 16:13:20 CEST"
    assert times.format_time(10 * times.FOREVER, datetime.UTC) == "9999-12-31 23:59:59 UTC"


# ---- this machine's zone


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the zone of the machine."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", ["Europe/Paris", ":Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/3"])
def test_this_machines_zone(in_zone: Callable[[str], None], name: str) -> None:
    """In every way that TZ may say it, with its changes of the clocks."""
    in_zone(name)
    zone = times.LocalZone()
    assert times.format_time(NOW, zone) == "2026-09-21 16:13:20 CEST"
    for text in ("2026-12-24 18:00", "2026-10-24 08:00", "tomorrow 08:00", "2027-03-28 03:00"):
        assert times.parse_time(text, NOW, zone) == times.parse_time(text, NOW, PARIS)
    with pytest.raises(ValueError, match="comes twice"):
        times.parse_time("2026-10-25 02:30", NOW, zone)
    with pytest.raises(ValueError, match="no time here"):
        times.parse_time("2027-03-28 02:30", NOW, zone)
