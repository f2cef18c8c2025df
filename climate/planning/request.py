# SPDX-License-Identifier: Apache-2.0
"""Validates the arguments of RPC calls; RequestInvalid names the argument.

Owns which values make sense; knows neither calendars nor leases.  The API has
validated what people type; this makes sure that no caller, of whatever release,
can have nonsense stored.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from climate import exception
from climate import lease as leases
from climate import states
from climate.planning import availability
from climate.rpc import arguments

#: A request made for a window that starts now is this old at most when it is planned.
TRANSIT_SECONDS = 60
_PROPERTIES_LENGTH = 1_000_000
_COLUMNS = ("ids", "names", "tiers", "watts")


class Candidates(NamedTuple):
    """Hosts to choose from.

    :ivar names: by id; None if the caller knows ids alone.
    """

    hosts: availability.Hosts
    names: dict[int, str] | None


def candidates(value: Any, default_watts: float) -> Candidates:
    """Return the hosts of a list of ids, or of columns as the inventory answers.

    :param default_watts: what a host of unknown consumption is taken to use.
    :raises RequestInvalid: they are neither, or none.
    """
    if isinstance(value, list):
        ids = _ids(value)
        same = np.zeros(len(ids), dtype=np.int64)
        return Candidates(availability.Hosts(ids, same, np.full(len(ids), default_watts)), None)
    if not isinstance(value, dict):
        raise arguments.invalid("hosts", "must be a list of ids, or columns")
    ids = _ids(value.get("ids"))
    names = _column(value, "names", len(ids), (str,))
    tiers = _column(value, "tiers", len(ids), (int,))
    watts = _column(value, "watts", len(ids), (int, float, type(None)))
    hosts = availability.Hosts(ids, _whole_column("tiers", tiers), _watts(watts, default_watts))
    return Candidates(hosts, dict(zip(ids.tolist(), _names(names))))


class CandidatesReader:
    """Reads columns of hosts, and those of the last request once; for any number of threads.

    Most requests are for any host of a site: to look through ten thousand once
    more takes a third of the time that a lease takes, to see that they are the
    same a tenth of that.
    """

    def __init__(self) -> None:
        self._last: tuple[Any, Candidates] | None = None

    def read(self, value: Any, default_watts: float) -> Candidates:
        """Return what :func:`candidates` would, to be shared: nobody may write to it.

        Columns that only equal those checked, with True for 1, are taken for them.
        """
        if not isinstance(value, dict):
            return candidates(value, default_watts)
        columns: list[Any] = [value.get(name) for name in _COLUMNS]
        last = self._last
        if last is not None and last[0] == (default_watts, columns):
            return last[1]
        made = candidates(value, default_watts)
        for array in made.hosts:
            array.setflags(write=False)
        # Copied: the lists, as which they were checked, are the caller's.
        self._last = (default_watts, [list(column) for column in columns]), made
        return made


def window(
    start_time: Any, end_time: Any, duration: Any, now: int, max_ahead_seconds: int
) -> tuple[int, int]:
    """Return the window's start, now if that is past, and its end.

    A window just as long as the lease would be too short, by the second that
    the request took: it may start that much in the past.

    :raises RequestInvalid: the lease does not fit in it, or it is not a window.
    """
    start, end = time("start_time", start_time), time("end_time", end_time)
    seconds = arguments.whole("duration", duration, 1)
    if end <= start:
        raise arguments.invalid("end_time", "must be after start_time")
    if end <= now:
        raise arguments.invalid("end_time", f"{iso(end)} is past")
    require_ahead(end, now, max_ahead_seconds)
    last = end - seconds
    if last < start:
        raise arguments.invalid("duration", f"must not be longer than the window, {end - start} s")
    if last < now and start < now - TRANSIT_SECONDS:
        raise arguments.invalid(
            "duration", f"must not be longer than what is left of it, {end - now} s"
        )
    return max(start, min(now, last)), end


def require_ahead(end_time: int, now: int, max_ahead_seconds: int) -> None:
    """Pass if an end is not too far in the future.

    :raises RequestInvalid: it is.
    """
    if end_time > now + max_ahead_seconds:
        raise arguments.invalid("end_time", f"must not be after {iso(now + max_ahead_seconds)}")


def time(where: str, value: Any) -> int:
    """Return epoch seconds.

    :raises RequestInvalid: they are none.
    """
    if type(value) is not int or not 0 <= value < leases.FOREVER:
        raise arguments.invalid(where, "must be whole epoch seconds of the years 1970 to 9999")
    return value


def lease_id(value: Any) -> str:
    """Return what may be the id of a lease.

    :raises RequestInvalid: it is no text.
    :raises LeaseNotFound: no lease has such an id.
    """
    if not isinstance(value, str):
        raise arguments.invalid("lease_id", "must be a text")
    if not leases.is_id(value):
        raise exception.LeaseNotFound(lease_id=value)
    return value


def wish(given: leases.Wish, now: int, max_ahead_seconds: int) -> leases.Wish:
    """Return a wish whose values make sense; see :func:`window` for its times.

    :raises RequestInvalid: a value makes no sense.
    """
    start, end = window(given.start_time, given.end_time, given.duration, now, max_ahead_seconds)
    quantity = arguments.whole("quantity", given.quantity, 1)
    return leases.Wish(
        start,
        end,
        given.duration,
        quantity,
        arguments.optional(arguments.whole, "hosts_max", given.hosts_max, quantity),
        arguments.one_of("objective", given.objective, leases.OBJECTIVES),
        arguments.optional(arguments.text, "name", given.name),
        arguments.text("host_properties", given.host_properties, _PROPERTIES_LENGTH),
    )


def filters(given: leases.Filters) -> leases.Filters:
    """Return filters whose values make sense.

    :raises RequestInvalid: a value makes no sense.
    """
    checks: dict[str, Callable[[str, Any], Any]] = dict.fromkeys(given._fields, arguments.text)
    checks |= {"starts_before": time, "ends_after": time, "status": _status}
    values = given._asdict().items()
    return leases.Filters(
        **{where: arguments.optional(checks[where], where, value) for where, value in values}
    )


def iso(seconds: int) -> str:
    """Return epoch seconds for people to read, in UTC."""
    if seconds >= leases.FOREVER:
        return "ever"
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(where: str, value: Any) -> str:
    return arguments.one_of(where, value, states.ALL)


def _ids(value: Any) -> availability.Integers:
    if not isinstance(value, list) or not value:
        raise arguments.invalid("hosts", "must name at least one host")
    ids = _whole_column("ids", _column({"ids": value}, "ids", len(value), (int,)))
    if ids.min() < 0 or len(set(value)) < len(value):
        raise arguments.invalid("hosts", "ids must be whole numbers from 0, each once")
    return ids


def _column(value: dict[str, Any], name: str, length: int, kinds: Collection[type]) -> list[Any]:
    column = value.get(name)
    if not isinstance(column, list) or len(column) != length:
        raise arguments.invalid("hosts", f"{name} must be a list, as long as ids")
    # Of ten thousand values; bool is not int here.
    if not set(map(type, column)) <= set(kinds):
        raise arguments.invalid("hosts", f"{name} has values of a wrong type")
    return column


def _whole_column(name: str, column: list[int]) -> availability.Integers:
    array: availability.Integers = _array(name, column, np.int64)
    return array


def _watts(column: list[float | None], default_watts: float) -> availability.Floats:
    known = [default_watts if watts is None else watts for watts in column]
    array: availability.Floats = _array("watts", known, np.float64)
    if not ((array >= 0) & (array <= availability.MAX_WATTS)).all():  # not a number is not either
        raise arguments.invalid("hosts", f"watts must be from 0 to {availability.MAX_WATTS:.0f}")
    return array


def _array(name: str, column: Sequence[float], kind: Any) -> Any:
    try:
        return np.array(column, dtype=kind)
    except OverflowError:
        too_large = arguments.invalid("hosts", f"{name} has numbers that are too large")
    raise too_large


def _names(names: Sequence[str]) -> Sequence[str]:
    if max(map(len, names)) > leases.MAX_NAME_LENGTH or not arguments.is_storable("".join(names)):
        raise arguments.invalid("hosts", "names has one that is too long, or no text")
    return names
