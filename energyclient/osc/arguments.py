# SPDX-License-Identifier: Apache-2.0
"""Types of the commands' arguments, for argparse; an error is one sentence.

Owns the present and the time zone of times on a command line.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any
from typing import TypeVar

from energyclient import properties
from energyclient import times

_T = TypeVar("_T")

#: What help texts say of a time.
TIMES = "such as +2h, 18:00, 'tomorrow 08:00' or 2026-12-24T18:00"
#: What help texts say of a duration.
DURATIONS = "such as 90m, 2h30m or 1d"


def point_in_time(text: str) -> int:
    """Return epoch seconds."""
    return _convert(lambda told: times.parse_time(told, time.time(), times.LocalZone()), text)


def duration(text: str) -> int:
    """Return seconds."""
    return _convert(times.parse_duration, text)


def comparison(text: str) -> list[Any]:
    """Return the expression of a comparison."""
    return _convert(properties.parse_property, text)


def expression(text: str) -> list[Any]:
    """Return an expression."""
    return _convert(properties.parse_expression, text)


def count(text: str) -> int:
    """Return a whole number, one at least."""
    return _convert(_parse_count, text)


def interval(text: str) -> float:
    """Return seconds, half a second at least; a plain number is seconds."""
    return _convert(_parse_interval, text)


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:20]) > 0):
        raise ValueError(f"{text[:40]!a} is no whole number from 1 on")
    return int(text)


def _parse_interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = times.parse_duration(text)
    if not 0.5 <= seconds <= 3600:
        raise ValueError(f"{text[:40]!a} must be from 0.5 seconds to an hour")
    return seconds


def _convert(convert: Callable[[str], _T], text: str) -> _T:
    try:
        return convert(text)
    except ValueError as exc:
        reason = str(exc)
    raise argparse.ArgumentTypeError(reason)
