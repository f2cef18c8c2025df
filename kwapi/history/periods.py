# SPDX-License-Identifier: Apache-2.0
"""The spans of time that are kept and shown, the shortest first.

Owns how long each is and how finely it is resolved: those of the first Kwapi,
so that its files and its users' habits fit.  Who writes or draws them takes
the numbers from here.
"""

from __future__ import annotations

from typing import NamedTuple

from kwapi import exception


class Period(NamedTuple):
    """A span that ends now.

    :ivar name: as in a URL.
    :ivar span_seconds: its length.
    :ivar step_seconds: its resolution: each value shown is over so long.
    :ivar rows: how many such a file keeps: a few more than the span has, so
        that it is whole while the file is a little behind or ahead.
    :ivar label: as on a page, after "last".
    """

    name: str
    span_seconds: int
    step_seconds: int
    rows: int
    label: str


#: 1,045 rows in all: with averages alone a file is under 10 kB.
PERIODS = (
    Period("minute", 300, 1, 320, "5 minutes"),
    Period("hour", 3600, 10, 364, "hour"),
    Period("day", 86_400, 900, 97, "day"),
    Period("week", 604_800, 7200, 85, "week"),
    Period("month", 2_678_400, 21_600, 125, "month"),
    Period("year", 31_622_400, 604_800, 54, "year"),
)
_BY_NAME = {period.name: period for period in PERIODS}


def find(name: str) -> Period:
    """Return the period of that name.

    :raises PeriodNotFound: there is none.
    """
    period = _BY_NAME.get(name)
    if period is None:
        raise exception.PeriodNotFound(period=name, periods=", ".join(_BY_NAME))
    return period
