# SPDX-License-Identifier: Apache-2.0
"""Parses times and durations that clients write, to whole seconds.

Owns the grammar.  Pure: the present is an argument.

A time is ``"now"``, ISO 8601 such as ``"2026-03-01T08:00:00+01:00"`` (without a
zone it is UTC), or a number: epoch seconds, but below a hundred million, which
was 1973, seconds from now.  The first Climate's examples count like that.

A duration is a number of seconds, or ISO 8601 such as ``"PT2H30M"`` or
``"P7D"``; years and months are refused, since they have no fixed length.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from climate import lease as leases
from energybase import numbers

#: Smaller numbers count from now.
RELATIVE_BELOW_SECONDS = 100_000_000

_TIME = "must be epoch seconds, seconds from now, or ISO 8601 such as 2026-03-01T08:00:00Z"
_DURATION = "must be seconds, or ISO 8601 such as PT2H or P7D"
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)
# What fromisoformat takes beyond that, such as week numbers, would surprise.
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?", re.ASCII)
_AMOUNT = r"(?:(?P<{}>\d{{1,12}}(?:[.,]\d{{1,12}})?){})?"
_PERIOD = re.compile(
    "P"
    + _AMOUNT.format("weeks", "W")
    + _AMOUNT.format("days", "D")
    + "(?:T(?=\\d)"
    + _AMOUNT.format("hours", "H")
    + _AMOUNT.format("minutes", "M")
    + _AMOUNT.format("seconds", "S")
    + ")?",
    re.ASCII,
)


def parse_time(value: Any, now: int) -> int:
    """Return a time as epoch seconds.

    :param now: epoch seconds.
    :raises ValueError: it is none; why.
    """
    if isinstance(value, str):
        seconds = _parse_iso(value, now)
    else:
        number = _round(value, _TIME)
        seconds = now + number if number < RELATIVE_BELOW_SECONDS else number
    if not 0 <= seconds < leases.FOREVER:
        raise ValueError("must be between the years 1970 and 9999")
    return seconds


def parse_time_text(text: str, now: int) -> int:
    """Return the time that a part of a URL tells, where numbers are text, too."""
    return parse_time(float(text) if _NUMBER.fullmatch(text) else text, now)


def parse_duration(value: Any) -> int:
    """Return a duration as seconds, at least one.

    :raises ValueError: it is none; why.
    """
    seconds = _round(_parse_period(value) if isinstance(value, str) else value, _DURATION)
    if seconds < 1:
        raise ValueError("must be one second at least")
    return seconds


def format_time(seconds: int) -> str:
    """Return epoch seconds as ISO 8601 in UTC.

    The year 10000, which ISO 8601 has no room for, is its last second before.
    """
    told = min(seconds, leases.FOREVER - 1)
    moment = datetime.datetime.fromtimestamp(told, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _round(value: Any, expected: str) -> int:
    # A bool is an int to Python, and to nobody else.
    if not numbers.is_number(value):
        raise ValueError(expected)
    # Neither is true of NaN.
    if not 0 <= value < leases.FOREVER:
        raise ValueError("must be a number from 0 up to the year 9999")
    return round(value)


def _parse_iso(text: str, now: int) -> int:
    if text == "now":
        return now
    if not _DATE.fullmatch(text):
        raise ValueError(_TIME)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_TIME) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return round(moment.timestamp())


def _parse_period(text: str) -> float:
    found = _PERIOD.fullmatch(text)
    amounts = {unit: told for unit, told in found.groupdict().items() if told} if found else {}
    if not amounts:
        raise ValueError(_DURATION)
    units = {unit: float(told.replace(",", ".")) for unit, told in amounts.items()}
    try:
        return datetime.timedelta(**units).total_seconds()
    except OverflowError:
        raise ValueError("must be a number from 0 up to the year 9999") from None
