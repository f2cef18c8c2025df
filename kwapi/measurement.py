# SPDX-License-Identifier: Apache-2.0
"""Measurements and drivers' states: the values that travel from drivers to consumers.

Owns their shape and units, and the JSON text they travel as.
:mod:`kwapi.signing` signs that text, :mod:`kwapi.bus` carries it.

Sender and receiver may be of different releases.  A receiver passes over
members that it does not know, at every level, and gives optional members that
are missing their defaults; a missing required member makes a message malformed.
So a new release adds optional members, and takes none away.

A *measurement* is what one probe said at an instant.  A *reading* is what one
wattmeter said at an instant: the measurements of its probes, in columns, since
the outlets of one device share their time, period and resolution.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from kwapi import exception

#: Letters, digits and punctuation that need no escape in a URL path, a JSON
#: string or a Prometheus label.  "/" would make a probe impossible to address.
PROBE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+~,=-]{0,254}")


#: A probe that says more is not believed, unless the operator says otherwise.
MAX_WATTS = 100_000.0


def is_name(text: str) -> bool:
    """Tell whether a wattmeter can be called that: printable, and not too long to store."""
    return 0 < len(text) <= 255 and text.isprintable()


class Measurement(NamedTuple):
    """What one probe said at an instant, as a driver's ``read`` returns it.

    :ivar watts: active power, W.
    :ivar kwh: the meter's own energy counter, kWh, where it offers one.
    :ivar timestamp: when it was measured, epoch seconds, where the device
        says so; None means when it was read.
    """

    watts: float
    kwh: float | None = None
    timestamp: float | None = None

    def drop_nonsense(self) -> Measurement | None:
        """Return what of it are numbers; None if the watts are none."""
        if not math.isfinite(self.watts):
            return None
        if self.kwh is None or math.isfinite(self.kwh):
            return self
        return self._replace(kwh=None)


class Reading(NamedTuple):
    """What one wattmeter said at an instant.

    :ivar wattmeter: the wattmeter's name, its section in drivers.conf.
    :ivar timestamp: epoch seconds.
    :ivar probes: ids of the probes that answered; one that did not is absent.
    :ivar watts: active power of each probe, W, in the order of ``probes``.
    :ivar kwh: each meter's own energy counter, kWh, None where there is none.
    :ivar period_seconds: how often the device has a new value.
    :ivar resolution_watts: the smallest step the device can tell.
    """

    wattmeter: str
    timestamp: float
    probes: tuple[str, ...]
    watts: tuple[float, ...]
    kwh: tuple[float | None, ...] = ()
    period_seconds: float | None = None
    resolution_watts: float | None = None

    @classmethod
    def of(
        cls,
        wattmeter: str,
        timestamp: float,
        measured: Mapping[str, Measurement],
        period_seconds: float | None = None,
        resolution_watts: float | None = None,
    ) -> Reading:
        """Return measurements, by probe id, as the columns of a reading."""
        counters = tuple(m.kwh for m in measured.values())
        return cls(
            wattmeter,
            timestamp,
            tuple(measured),
            tuple(m.watts for m in measured.values()),
            counters if any(kwh is not None for kwh in counters) else (),
            period_seconds,
            resolution_watts,
        )

    def each(self) -> Iterator[tuple[str, Measurement]]:
        """Yield the id and the measurement of each probe."""
        counters = self.kwh or itertools.repeat(None)
        for probe_id, watts, kwh in zip(self.probes, self.watts, counters):
            yield probe_id, Measurement(watts, kwh, self.timestamp)


class DriverStatus(NamedTuple):
    """How one driver fares, as an operator sees it.

    :ivar wattmeter: the wattmeter's name.
    :ivar driver: the driver's name, for example ``snmp``.
    :ivar state: ``starting``, ``running``, ``failing`` or ``stopped``.
    :ivar since: when that state began, epoch seconds.
    :ivar probes: how many probes it should measure.
    :ivar missing: ids of those it could not measure in its last reading.
    :ivar last_reading: when it last read something, epoch seconds.
    :ivar last_error: why it last failed, without secrets.
    :ivar restarts: how often it was started anew.
    """

    wattmeter: str
    driver: str
    state: str
    since: float
    probes: int
    missing: tuple[str, ...] = ()
    last_reading: float | None = None
    last_error: str | None = None
    restarts: int = 0


class Body(NamedTuple):
    """All that one message carries.

    :ivar dropped: measurements its sender had to drop since it started.
    """

    readings: tuple[Reading, ...] = ()
    drivers: tuple[DriverStatus, ...] = ()
    dropped: int = 0


def encode(body: Body) -> str:
    """Return the body as JSON text."""
    document = {
        "readings": [_document(reading) for reading in body.readings],
        "drivers": [status._asdict() for status in body.drivers],
        "dropped": body.dropped,
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def decode(text: str) -> Body:
    """Return the body that JSON text holds.

    :raises MalformedMessage: it says which member is wrong.
    """
    try:
        document = json.loads(text)
        return Body(
            tuple(_reading(member) for member in document["readings"]),
            tuple(_status(member) for member in document.get("drivers", ())),
            _dropped(document),
        )
    except (
        ArithmeticError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
    ) as exc:
        raise exception.MalformedMessage(reason=_say(exc)) from exc


def _reading(member: dict[str, Any]) -> Reading:
    probes, watts = tuple(member["probes"]), tuple(member["watts"])
    kwh = tuple(member.get("kwh", ()))
    wattmeter, timestamp = member["wattmeter"], member["timestamp"]
    period, resolution = member.get("period_seconds"), member.get("resolution_watts")
    if len(probes) != len(watts) or len(kwh) not in (0, len(probes)):
        raise ValueError(f"columns of {wattmeter!r} differ in length")
    wattmeter, probes = _names(wattmeter, probes)
    watts, kwh = _floats(_NUMBER, watts), _floats(_NUMBER_OR_NONE, kwh)
    timestamp, period, resolution = _floats(_NUMBER_OR_NONE, (timestamp, period, resolution))
    # isfinite refuses None, hence a reading without a time, with a TypeError.
    if not all(map(math.isfinite, (timestamp, period or 0.0, resolution or 0.0))):
        raise ValueError(f"time, period or resolution of {wattmeter!r} is not finite")
    return Reading(wattmeter, timestamp, probes, watts, kwh, period, resolution)


# A wattmeter names the same probes again and again: checked once, and kept once
# for all readings of a batch.  A refusal is not remembered.
@functools.lru_cache(maxsize=4096)
def _names(wattmeter: Any, probes: tuple[Any, ...]) -> tuple[str, tuple[str, ...]]:
    """Return a wattmeter's name and its probes' ids, if they are such."""
    _require(_TEXT, wattmeter, *probes)
    _require_name(wattmeter)
    return wattmeter, probes


def _floats(kinds: frozenset[type], numbers: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return numbers as floats: JSON knows whole ones of any size, databases do not."""
    # Nearly always all are floats, and there is nothing to do but to see it.
    if _FLOAT.issuperset(map(type, numbers)):
        return numbers
    _require(kinds, *numbers)
    return tuple(None if number is None else float(number) for number in numbers)


def to_status(document: Mapping[str, Any]) -> DriverStatus:
    """Return the status that a JSON object holds, its values not checked.

    :raises KeyError: a required member is missing.
    """
    # Whoever wrote it may be of another release, with members of its own.
    values = {name: document[name] for name in _STATUS_REQUIRED}
    values |= {name: document.get(name, default) for name, default in _STATUS_OPTIONAL.items()}
    return DriverStatus(**values | {"missing": tuple(values["missing"])})


def _status(member: dict[str, Any]) -> DriverStatus:
    status = to_status(member)
    _require(_TEXT, status.wattmeter, status.driver, status.state, *status.missing)
    _require_name(status.wattmeter)
    _require(_NUMBER, status.since, status.probes, status.restarts)
    _require(_NUMBER_OR_NONE, status.last_reading)
    return status


def _require_name(wattmeter: str) -> None:
    if not is_name(wattmeter):
        raise ValueError("a wattmeter's name is not printable or too long")


def _dropped(document: dict[str, Any]) -> int:
    dropped = document.get("dropped", 0)
    _require(_WHOLE, dropped)
    if not 0 <= dropped < _MOST_DROPPED:
        raise ValueError("dropped is out of range")
    return int(dropped)


def _require(kinds: frozenset[type], *values: object) -> None:
    """Refuse values of another type; a bool is no number here."""
    if wrong := set(map(type, values)) - kinds:
        raise ValueError(f"{wrong.pop().__name__} is of the wrong type")


_STATUS_OPTIONAL: Mapping[str, Any] = DriverStatus._field_defaults
_STATUS_REQUIRED = [name for name in DriverStatus._fields if name not in _STATUS_OPTIONAL]
#: Three thousand years of ten thousand a second; a sum of many such fits 64 bits.
_MOST_DROPPED = 10**15
_TEXT: frozenset[type] = frozenset({str})
_WHOLE: frozenset[type] = frozenset({int})
_FLOAT: frozenset[type] = frozenset({float})
_NUMBER: frozenset[type] = frozenset({int, float})
_NUMBER_OR_NONE: frozenset[type] = frozenset({int, float, type(None)})


def _document(reading: Reading) -> dict[str, Any]:
    document = {name: value for name, value in reading._asdict().items() if value is not None}
    if not reading.kwh:
        del document["kwh"]
    return document


def _say(exc: Exception) -> str:
    return f"no member {exc}" if isinstance(exc, KeyError) else str(exc)
