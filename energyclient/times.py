# SPDX-License-Identifier: Apache-2.0
"""Parses times and durations that people write, to whole seconds; formats them, too.

Owns the grammar.  Pure: the present and the time zone are arguments.

A time is ``now``, ``+2h`` (from now), ``18:00`` (the next), ``today 18:00``,
``tomorrow 08:00``, ``monday 08:00`` (the next), ISO 8601 such as ``2026-12-24``,
``2026-12-24 18:00`` or ``2026-12-24T18:00:00+01:00``, or epoch seconds.  What
names no zone is meant in the zone that is given.

A duration is ``90m``, ``2h30m``, ``1.5 hours``, ``1d`` (24 hours), or ISO 8601
such as ``PT2H``.
"""

from __future__ import annotations

import datetime
import re

#: Year 10000: no time is so late, no duration so long.
FOREVER = 253_402_300_800
#: Smaller numbers would be times before 1973, and are durations that lack a unit.
_FIRST_EPOCH_SECONDS = 100_000_000

_EXAMPLES = "write for example +2h, 18:00, 'tomorrow 08:00' or 2026-12-24T18:00"
_DURATIONS = "write for example 90m, 2h30m or 1d"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}

_EPOCH = re.compile(r"@?(\d{1,12}(\.\d{1,9})?)", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:(?:t| +)(?P<clock>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(?P<zone>z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_AMOUNT = r"(?:(?P<{}>\d{{1,12}}(?:\.\d{{1,9}})?) *(?:{}) *)?"
_DURATION = re.compile(
    _AMOUNT.format("w", "w|weeks?")
    + _AMOUNT.format("d", "d|days?")
    + _AMOUNT.format("h", "h|hours?")
    + _AMOUNT.format("m", "m|min|minutes?")
    + _AMOUNT.format("s", "s|sec|seconds?"),
    re.ASCII,
)


def parse_time(text: str, now: float, zone: datetime.tzinfo) -> int:
    """Return a time as epoch seconds.

    :param now: epoch seconds.
    :param zone: in which a time is meant that names none.
    :raises ValueError: it is none, or none in that zone, or two; why, and what would do.
    """
    told = " ".join(text.split()).lower()
    seconds = _parse_absolute(told, now)
    if seconds is None:
        seconds = _parse_calendar(told, text, now, zone)
    if not 0 <= seconds < FOREVER:
        raise ValueError(f"{_quote(text)} is not between the years 1970 and 9999")
    return seconds


def parse_duration(text: str) -> int:
    """Return a duration in seconds, one at least.

    :raises ValueError: it is none; why, and what would do.
    """
    told = " ".join(text.split()).lower()
    if told.isdecimal():
        raise ValueError(f"{_quote(text)} has no unit: write {told}s, {told}m or {told}h")
    seconds = _sum_units(_without_iso(told))
    if seconds is None:
        raise ValueError(f"{_quote(text)} is no duration: {_DURATIONS}")
    if not 1 <= seconds < FOREVER:
        raise ValueError(f"{_quote(text)} must be one second at least, and end before 9999")
    return seconds


def format_time(seconds: float, zone: datetime.tzinfo) -> str:
    """Return epoch seconds for people: ``2026-12-24 18:00:00 CET``."""
    moment = _localize(min(seconds, FOREVER - 1), zone)
    return f"{moment:%Y-%m-%d %H:%M:%S} {moment.tzname() or ''}".rstrip()


def format_iso(seconds: float) -> str:
    """Return epoch seconds for programs: ISO 8601 in UTC."""
    moment = datetime.datetime.fromtimestamp(min(int(seconds), FOREVER - 1), datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def format_duration(seconds: float) -> str:
    """Return a duration by its two greatest units: ``2h 30m``."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit in ("d", "h", "m", "s"):
        amount, left = divmod(left, _SECONDS[unit])
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount}{unit}")
    return " ".join(parts[:2])


class LocalZone(datetime.tzinfo):
    """This machine's time zone with its changes of the clocks, as ``TZ`` or the system says."""

    def utcoffset(self, dt: datetime.datetime | None) -> datetime.timedelta | None:
        """Return how far the clocks are ahead of UTC then."""
        return self._ask(dt).utcoffset() if dt else None

    def dst(self, dt: datetime.datetime | None) -> datetime.timedelta | None:
        """Return None: nobody asks."""
        return None

    def tzname(self, dt: datetime.datetime | None) -> str | None:
        """Return what the zone is called then."""
        return self._ask(dt).tzname() if dt else None

    def fromutc(self, dt: datetime.datetime) -> datetime.datetime:
        """Return what the clocks show at a time in UTC."""
        seconds = dt.replace(tzinfo=datetime.UTC).timestamp()
        return datetime.datetime.fromtimestamp(seconds).replace(tzinfo=self)

    def _ask(self, dt: datetime.datetime) -> datetime.datetime:
        # The C library knows the zone's rules; Python has them by way of naive times.
        return dt.replace(tzinfo=None).astimezone()


def _parse_absolute(told: str, now: float) -> int | None:
    """Return a time that needs no calendar; None if it needs one."""
    if told == "now":
        return int(now)
    if told.startswith("+"):
        return int(now) + parse_duration(told[1:].strip())
    found = _EPOCH.fullmatch(told)
    if not found:
        return None
    seconds = float(found[1])
    if seconds < _FIRST_EPOCH_SECONDS:
        raise ValueError(f"{told} is no time: from now on it is +{told}s, +{told}m or +{told}h")
    return round(seconds)


def _parse_calendar(told: str, text: str, now: float, zone: datetime.tzinfo) -> int:
    if found := _ISO.fullmatch(told):
        return _parse_iso(found, text, zone)
    today = _localize(now, zone).date()
    day_name, _, clock = told.rpartition(" ")
    hour, day = _parse_clock(clock), _find_day(day_name or "today", today)
    if hour is None or day is None:
        raise ValueError(f"{_quote(text)} {_explain(told, today)}")
    seconds = _resolve(datetime.datetime.combine(day, hour), text, zone)
    # What is called by the day of the week, or by none, is the next of its kind.
    days = {"today": 0, "tomorrow": 0, "": 1}.get(day_name, 7)
    if seconds > now or not days:
        return seconds
    later = day + datetime.timedelta(days=days)
    return _resolve(datetime.datetime.combine(later, hour), text, zone)


def _explain(told: str, today: datetime.date) -> str:
    if _find_day(told, today):
        return f"is a day: say at what time, such as '{told} 08:00'"
    return f"is no time; {_EXAMPLES}"


def _parse_iso(found: re.Match[str], text: str, zone: datetime.tzinfo) -> int:
    offset = (found["zone"] or "").upper()
    try:
        moment = datetime.datetime.fromisoformat(f"{found['day']} {found['clock'] or '00:00'}")
        if offset:
            return round(datetime.datetime.fromisoformat(f"{moment}{offset}").timestamp())
    except (ValueError, OverflowError):
        raise ValueError(f"{_quote(text)} is no time that there is; {_EXAMPLES}") from None
    return _resolve(moment, text, zone)


def _parse_clock(told: str) -> datetime.time | None:
    found = _CLOCK.fullmatch(told)
    if not found:
        return None
    hour, minute, second = map(int, found.groups("0"))
    is_there = hour < 24 and minute < 60 and second < 60
    return datetime.time(hour, minute, second) if is_there else None


def _find_day(name: str, today: datetime.date) -> datetime.date | None:
    """Return the day of a name, from today on."""
    ahead = {"today": 0, "tomorrow": 1}.get(name)
    if ahead is None:
        short = [day[:3] for day in _DAYS]
        if name not in (*_DAYS, *short):
            return None
        ahead = (short.index(name[:3]) - today.weekday()) % 7
    return today + datetime.timedelta(days=ahead)


def _resolve(moment: datetime.datetime, text: str, zone: datetime.tzinfo) -> int:
    """Return when clocks of the zone show a time.

    :raises ValueError: they never do, or twice, as they are put forward or back.
    """
    try:
        first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        seconds = first.timestamp()
        shown = _localize(seconds, zone).replace(tzinfo=None)
        twice = first.utcoffset() != second.utcoffset()
    except (OverflowError, ValueError, OSError):
        raise ValueError(f"{_quote(text)} is not between the years 1970 and 9999") from None
    if shown != moment:
        raise ValueError(
            f"{_quote(text)} is no time here: the clocks are put forward over it; "
            f"write {shown:%Y-%m-%dT%H:%M} for example"
        )
    if twice:
        choices = " or ".join(each.isoformat(timespec="minutes") for each in (first, second))
        raise ValueError(
            f"{_quote(text)} comes twice here, as the clocks are put back; write {choices}"
        )
    return round(seconds)


def _localize(seconds: float, zone: datetime.tzinfo) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).astimezone(zone)


def _without_iso(told: str) -> str:
    """Return a duration in ISO 8601 as people write it; anything else as it is."""
    found = re.fullmatch(
        r"p(?=.)([\d.]+w)?([\d.]+d)?(?:t(?=.)([\d.]+h)?([\d.]+m)?([\d.]+s)?)?", told
    )
    return " ".join(filter(None, found.groups())) if found else told


def _sum_units(told: str) -> int | None:
    found = _DURATION.fullmatch(told)
    amounts = {unit: text for unit, text in found.groupdict().items() if text} if found else {}
    if not amounts:
        return None
    return round(sum(float(text) * _SECONDS[unit] for unit, text in amounts.items()))


def _quote(text: str) -> str:
    """Return the beginning of any text, fit for a line on a terminal."""
    return ascii(text[:40])
