# SPDX-License-Identifier: Apache-2.0
"""Prices of energy: a step function of time.

Owns the format of the price file and the arithmetic; reads no file.  A value is
money or grams of carbon for each unit of energy: only their ratio matters.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np

from climate import lease as leases
from energybase import exception

#: Beyond it sums over hosts and years would lose what they are compared by.
MAX_VALUE = 1e12


class Prices:
    """A value from each time on until the next; the first also before, the last ever after.

    ``times``: whole epoch seconds, strictly increasing; ``values``: finite, not
    negative; as many, at least one.  Immutable.
    """

    def __init__(self, times: Any, values: Any) -> None:
        self.times = np.array(times, dtype=np.int64)
        self.values = np.array(values, dtype=np.float64)
        steps = self.values[:-1] * np.diff(self.times)
        #: From the first time to each.
        self._sums = np.concatenate(([0.0], np.cumsum(steps)))
        for column in (self.times, self.values, self._sums):
            column.setflags(write=False)

    @classmethod
    def flat(cls) -> Prices:
        """Return the same value for all times, for whoever knows no better."""
        return cls([0], [1.0])

    @classmethod
    def parse(cls, text: str, name: str) -> Prices:
        """Return the prices in lines of ``time,value``; see :func:`_parse_time`.

        One line of headings may come first.  Empty lines, and those that begin
        with ``#``, are passed over.

        :param name: what the text is called in error messages.
        :raises ConfigurationInvalid: the first mistake, with its line.
        """
        times: list[int] = []
        values: list[float] = []
        for number, (line, fields) in enumerate(_read(text, name)):
            if number == 0 and _is_heading(fields):
                continue
            try:
                time, value = _parse_row(fields)
                _check_later(time, times)
            except ValueError as error:
                raise _mistake(name, line, error) from error
            times.append(time)
            values.append(value)
        if not times:
            raise exception.ConfigurationInvalid(where=name, reason="has no line of time,value")
        return cls(times, values)

    def integral(self, starts: Any, ends: Any) -> Any:
        """Return value x seconds over each period [start, end).

        :param starts: whole epoch seconds, one or an array.
        :param ends: the same, none before its start.
        """
        first, last = self._step_at(starts), self._step_at(ends)
        following = np.minimum(first + 1, len(self.times) - 1)
        # Within one step nothing is subtracted: equal prices stay equal to the last bit.
        return np.where(
            first == last,
            self.values[first] * np.subtract(ends, starts),
            self.values[first] * (self.times[following] - starts)
            + (self._sums[last] - self._sums[following])
            + self.values[last] * (ends - self.times[last]),
        )

    def _step_at(self, times: Any) -> Any:
        return np.maximum(np.searchsorted(self.times, times, side="right") - 1, 0)


def _read(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line that has any."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        for fields in reader:
            fields = [field.strip() for field in fields]
            if any(fields) and not fields[0].startswith("#"):
                yield reader.line_num, fields
    except csv.Error as error:
        raise _mistake(name, reader.line_num, error) from error


def _parse_row(fields: list[str]) -> tuple[int, float]:
    if len(fields) != 2:
        raise ValueError(f"is not time,value: {len(fields)} fields")
    return _parse_time(fields[0]), _parse_value(fields[1])


def _parse_time(text: str) -> int:
    """Return epoch seconds of themselves, or of ISO 8601; without a zone it is UTC."""
    try:
        time = int(text) if text.isdecimal() else _parse_iso(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time: whole epoch seconds, or ISO 8601") from error
    if not 0 <= time < leases.FOREVER:
        raise ValueError(f"{text!r} is not between the years 1970 and 9999")
    return time


def _parse_iso(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    time = moment.timestamp()
    if not time.is_integer():
        raise ValueError("not a whole second")
    return int(time)


def _parse_value(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a number") from error
    if not 0 <= value <= MAX_VALUE:  # nan is not either
        raise ValueError(f"{text!r} is not between 0 and {MAX_VALUE:g}")
    return value


def _check_later(time: int, times: list[int]) -> None:
    if times and time <= times[-1]:
        raise ValueError("its time is not after the one before")


def _is_heading(fields: list[str]) -> bool:
    """Return whether no field is a time or a number: beside one that is, it is a mistake."""
    parsers = (_parse_time, float)
    return len(fields) > 1 and not any(_is_good(p, field) for p in parsers for field in fields)


def _is_good(parse: Callable[[str], object], field: str) -> bool:
    try:
        parse(field)
    except ValueError:
        return False
    return True


def _mistake(name: str, line: int, error: Exception) -> exception.ConfigurationInvalid:
    return exception.ConfigurationInvalid(where=f"{name}, line {line}", reason=str(error))
