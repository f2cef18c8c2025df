# SPDX-License-Identifier: Apache-2.0
"""Typed records of the services' answers, and their parsers.

Owns the required keys and their types.  Keys of later releases are passed over.
Times are epoch seconds, power is in watts, energy in kWh.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple
from typing import TypeVar

from energyclient import errors

#: Of a lease, in the order of its life.
STATUSES = ("proposed", "confirmed", "active", "ended", "cancelled", "expired")
#: Which lease is preferred where several would do; the first by default.
OBJECTIVES = ("earliest", "greenest")
#: By what hosts are ranked.
KINDS = ("marginal", "load", "peak")

_T = TypeVar("_T")


class Meter(NamedTuple):
    """One value that a probe measures.

    :ivar key: in the API's documents, and in commands for programs.
    :ivar field: the attribute of :class:`Probe`; one with a default may be missing.
    :ivar title: the head of its column.
    :ivar places: as people see it.
    """

    key: str
    field: str
    title: str
    places: int


METERS = (Meter("w", "watts", "W", 1), Meter("kwh", "kwh", "kWh", 3))


class Probe(NamedTuple):
    """What one probe measured last; None is not known.

    :ivar kwh: energy since the probe was first seen; it never falls.
    :ivar period_seconds: how often its device has a new value.
    :ivar resolution_watts: the smallest step that the device can tell.
    """

    id: str
    timestamp: float
    watts: float
    kwh: float
    wattmeter: str | None = None
    period_seconds: float | None = None
    resolution_watts: float | None = None


class Driver(NamedTuple):
    """How the measuring by one wattmeter fares; None is not yet, or never.

    :ivar state: ``running``, ``failing``, ``starting``.., or ``unknown``: it reports no more.
    :ivar since: when it came into that state.
    :ivar missing: probes that are configured and not heard of.
    """

    wattmeter: str
    driver: str
    state: str
    since: float | None
    last_reading: float | None
    last_error: str | None
    probes: int
    missing: tuple[str, ...]
    restarts: int


class Host(NamedTuple):
    """A host; ``status``: ``up``, ``down``, ``missing``, or None: nobody knows just now."""

    id: int
    name: str
    status: str | None = None


class Lease(NamedTuple):
    """A lease, or the proposal of one.

    :ivar status: one of :data:`STATUSES`.
    :ivar degraded: whether a host of it is missing; None: nobody knows just now.
    :ivar window_start: the lease was to be between this and ``window_end``.
    :ivar duration: in seconds.
    :ivar quantity: hosts wanted at least, ``hosts_max`` at most.
    :ivar host_properties: the expression, as JSON knows it.
    :ivar objective: one of :data:`OBJECTIVES`.
    :ivar expires_at: a proposal must be confirmed by then; else None.
    """

    id: str
    name: str | None
    status: str
    project_id: str
    user_id: str
    start_time: int
    end_time: int
    duration: int
    hosts: tuple[Host, ...]
    degraded: bool | None
    quantity: int
    hosts_max: int
    host_properties: Any
    objective: str
    window_start: int
    window_end: int
    created_at: int
    updated_at: int
    expires_at: int | None


class Ranked(NamedTuple):
    """A host by what it computes for a watt; None is not known.

    :ivar score: flop/W, by what the ranking is by.
    :ivar flops: flop/s of the whole host.
    :ivar load: the share of its vCPUs that servers have, 0 to 1.
    :ivar confidence: ``measured``, ``estimated`` or ``unknown``.
    """

    host: str
    score: float | None
    flops: float | None
    flops_source: str | None
    watts_now: float | None
    watts_idle: float | None
    watts_max: float | None
    load: float | None
    on: bool
    confidence: str | None


class Ranking(NamedTuple):
    """Hosts, those that compute most for a watt first, those without a score last.

    :ivar by: one of :data:`KINDS`.
    :ivar as_of: when they were last looked at.
    """

    by: str
    as_of: float
    hosts: tuple[Ranked, ...]


def parse_probe(probe_id: str, told: Any) -> Probe:
    """Return a probe.

    :raises Odd: that is none.
    """
    read = _Reader(told, f"probe {probe_id}")
    values: dict[str, Any] = {"timestamp": read.need("timestamp", _number)}
    for meter in METERS:
        look = read.may if meter.field in Probe._field_defaults else read.need
        values[meter.field] = look(meter.key, _number)
    return Probe(
        probe_id,
        wattmeter=read.may("wattmeter", _text),
        period_seconds=read.may("period_seconds", _number),
        resolution_watts=read.may("resolution_watts", _number),
        **values,
    )


def parse_driver(wattmeter: str, told: Any) -> Driver:
    """Return the state of a driver.

    :raises Odd: that is none.
    """
    read = _Reader(told, f"driver of {wattmeter}")
    return Driver(
        wattmeter,
        read.need("driver", _text),
        read.need("state", _text),
        read.may("since", _number),
        read.may("last_reading", _number),
        read.may("last_error", _text),
        read.may("probes", _count) or 0,
        tuple(_text(each) for each in read.may("missing", _list) or ()),
        read.may("restarts", _count) or 0,
    )


def parse_host(told: Any) -> Host:
    """Return a host.

    :raises Odd: that is none.
    """
    read = _Reader(told, "host")
    return Host(read.need("id", _count), read.need("name", _text), read.may("status", _text))


def parse_lease(told: Any) -> Lease:
    """Return a lease.

    :raises Odd: that is none.
    """
    read = _Reader(told, "lease")
    duration = read.need("duration", _count)
    quantity = read.need("quantity", _count)
    return Lease(
        id=read.need("id", _text),
        name=read.may("name", _text),
        status=read.need("status", _text),
        project_id=read.need("project_id", _text),
        user_id=read.need("user_id", _text),
        start_time=read.need("start_time", _count),
        end_time=read.need("end_time", _count),
        duration=duration,
        hosts=tuple(map(parse_host, read.need("hosts", _list))),
        degraded=read.may("degraded", _flag),
        quantity=quantity,
        hosts_max=read.may("hosts_max", _count) or quantity,
        host_properties=told.get("host_properties"),
        objective=read.need("objective", _text),
        window_start=read.need("window_start", _count),
        window_end=read.need("window_end", _count),
        created_at=read.need("created_at", _count),
        updated_at=read.need("updated_at", _count),
        expires_at=read.may("expires_at", _count),
    )


def parse_ranking(told: Any) -> Ranking:
    """Return a ranking.

    :raises Odd: that is none.
    """
    read = _Reader(told, "ranking")
    hosts = tuple(map(_parse_ranked, read.need("hosts", _list)))
    return Ranking(read.need("by", _text), read.need("as_of", _number), hosts)


def need_map(told: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the object of a key.

    :raises Odd: there is none.
    """
    return _Reader(told, "answer").need(key, _map)


def need_list(told: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list of a key.

    :raises Odd: there is none.
    """
    return _Reader(told, "answer").need(key, _list)


def _parse_ranked(told: Any) -> Ranked:
    read = _Reader(told, "ranked host")
    return Ranked(
        host=read.need("host", _text),
        score=read.may("score", _number),
        flops=read.may("flops", _number),
        flops_source=read.may("flops_source", _text),
        watts_now=read.may("watts_now", _number),
        watts_idle=read.may("watts_idle", _number),
        watts_max=read.may("watts_max", _number),
        load=read.may("load", _number),
        on=read.need("on", _flag),
        confidence=read.may("confidence", _text),
    )


class _Reader:
    """Reads one object; what is wrong is said with its key."""

    def __init__(self, told: Any, what: str) -> None:
        if not isinstance(told, dict):
            raise errors.Odd(f"The answer's {what} is not a JSON object.")
        self._told, self._what = told, what

    def need(self, key: str, convert: Callable[[Any], _T]) -> _T:
        try:
            return convert(self._told.get(key))
        except ValueError as exc:
            reason = str(exc)
        raise errors.Odd(f"The answer's {self._what} has a {key} that is {reason}.")

    def may(self, key: str, convert: Callable[[Any], _T]) -> _T | None:
        return None if self._told.get(key) is None else self.need(key, convert)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("not a whole number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value
