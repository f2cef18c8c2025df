# SPDX-License-Identifier: Apache-2.0
"""The price of a kWh by hour of the day.

Pure: owns the form of the option and its arithmetic.  Hours are those of a
clock on the wall of a time zone: on the two days of the year when it is set,
one hour does not exist, and another one is paid for twice.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping

from energybase import exception

_HOURS = 24
_DAY_SECONDS = 86_400
#: Zones differ from UTC by multiples of this, hence no price changes in between.
_QUARTER_SECONDS = 900
_QUARTERS = _DAY_SECONDS // _QUARTER_SECONDS
_BAND = re.compile(r"\s*(\d{1,2})\s*-\s*(\d{1,2})\s*")


class Tariff:
    """A price for each hour of the local day; immutable.

    :ivar currency: as shown after a cost.
    """

    def __init__(
        self, hours: Iterable[float], zone: datetime.tzinfo, currency: str = "EUR"
    ) -> None:
        """Set the price of a kWh in each of the day's 24 hours."""
        self._hours = tuple(hours)
        self._zone = zone
        self.currency = currency
        self._is_flat = len(set(self._hours)) == 1
        # A day's sums are 97 numbers; two years and a half of them.
        self._sums_of = functools.lru_cache(maxsize=900)(self._sum_day)

    @classmethod
    def parse(
        cls,
        bands: Mapping[str, str],
        kwh_price: float,
        zone: datetime.tzinfo,
        currency: str = "EUR",
    ) -> Tariff:
        """Return the tariff that the options tell.

        :param bands: price by hours, as ``{"22-6": "0.12"}``: from 22:00 to 6:00.
        :param kwh_price: price of the hours that no band names.
        :raises ConfigurationInvalid: a band or price is none, or an hour has two prices.
        """
        hours: dict[int, float] = {}
        for band, price in bands.items():
            for hour in _read_band(band):
                if hour in hours:
                    raise _mistake(f"{band!r}: the hour from {hour}:00 has a price already")
                hours[hour] = _read_price(band, price)
        return cls((hours.get(hour, kwh_price) for hour in range(_HOURS)), zone, currency)

    def price(self, moment: float) -> float:
        """Return what a kWh costs at a moment, epoch seconds."""
        return self._hours[datetime.datetime.fromtimestamp(moment, self._zone).hour]

    def average(self, start: float, end: float) -> float:
        """Return the mean price from one moment to a later one, epoch seconds."""
        if self._is_flat or end <= start:
            return self.price(start)
        first, last = int(start // _DAY_SECONDS), int(end // _DAY_SECONDS)
        whole = math.fsum(self._sums_of(day)[-1] for day in range(first, last))
        return (whole + self._since_day(end) - self._since_day(start)) / (end - start)

    def find_midnight(self, now: float) -> int:
        """Return when the local day of a moment began, epoch seconds."""
        local = datetime.datetime.fromtimestamp(now, self._zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return int(midnight.timestamp())

    def _since_day(self, moment: float) -> float:
        """Return price x seconds from the beginning of the moment's day in UTC."""
        day, seconds = divmod(moment, _DAY_SECONDS)
        quarter, rest = divmod(seconds, _QUARTER_SECONDS)
        price = self.price(moment - rest) if rest else 0.0
        return self._sums_of(int(day))[int(quarter)] + rest * price

    def _sum_day(self, day: int) -> tuple[float, ...]:
        """Return price x seconds from the beginning of a day in UTC to each of its quarters."""
        sums = [0.0]
        for quarter in range(_QUARTERS):
            price = self.price(day * _DAY_SECONDS + quarter * _QUARTER_SECONDS)
            sums.append(sums[-1] + price * _QUARTER_SECONDS)
        return tuple(sums)


def _read_band(band: str) -> Iterator[int]:
    """Yield the hours of ``22-6``."""
    match = _BAND.fullmatch(band)
    first, end = (int(match[1]), int(match[2])) if match else (_HOURS, 0)
    if first >= _HOURS or end > _HOURS or first == end:
        raise _mistake(f"{band!r} is not two different hours of a day, as 22-6")
    count = (end - first) % _HOURS or _HOURS
    return ((first + number) % _HOURS for number in range(count))


def _read_price(band: str, text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not (math.isfinite(price) and price >= 0):
        raise _mistake(f"{text!r} for {band} is not a price: a number, 0 or more")
    return price


def _mistake(reason: str) -> exception.ConfigurationInvalid:
    return exception.ConfigurationInvalid(where="[rrd] tariff", reason=reason)
