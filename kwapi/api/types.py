# SPDX-License-Identifier: Apache-2.0
"""The small documents of the API, as WSME types.

Owns their keys and types, and where each value comes from; the keys of a probe's meters
are in :mod:`kwapi.meters`.  The list of all probes is not among them: the store holds it
ready-made, because WSME takes a third of a second for ten thousand records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import wsme.types
from wsme.rest import json as wsme_json

from energybase.web import schema
from kwapi import measurement
from kwapi import meters
from kwapi.store import record

#: Keys of a probe's document that have a URL of their own.
METERS = tuple(meter.key for meter in meters.METERS)


_KEYS: dict[str, Any] = dict.fromkeys(METERS, float) | {
    "wattmeter": wsme.types.text,
    "period_seconds": float,
    "resolution_watts": float,
}
#: A probe's meters, the first Kwapi's first, then how it is measured.
ProbeDocument = type("ProbeDocument", (schema.Object,), {**_KEYS, "_wsme_attr_order": (*_KEYS,)})


class Driver(schema.Object):
    """The state of one wattmeter's driver; see :class:`kwapi.measurement.DriverStatus`."""

    driver: Any = wsme.types.text
    state: Any = wsme.types.text
    since: Any = float
    last_reading: Any = float
    last_error: Any = wsme.types.text
    probes: Any = int
    missing: Any = [wsme.types.text]
    restarts: Any = int
    sender: Any = wsme.types.text
    reported_at: Any = float

    @classmethod
    def of(
        cls, status: measurement.DriverStatus, state: str, sender: str, reported_at: float
    ) -> Driver:
        """Return the document of a driver.

        :param state: as it is shown, which is not what it said last if that is long ago.
        """
        return cls(
            driver=status.driver,
            state=state,
            since=status.since,
            last_reading=status.last_reading,
            last_error=status.last_error,
            probes=status.probes,
            missing=list(status.missing),
            restarts=status.restarts,
            sender=sender,
            reported_at=reported_at,
        )


def describe_probe(known: record.Record) -> Any:
    """Return the document of a record, to as many places as the list of all shows."""
    return ProbeDocument(
        **{meter.key: _value_of(meter, known) for meter in meters.METERS},
        wattmeter=known.wattmeter,
        period_seconds=known.period_seconds,
        resolution_watts=known.resolution_watts,
    )


def _value_of(meter: meters.Meter, known: record.Record) -> float | None:
    value: float | None = getattr(known, meter.field)
    return value if value is None or meter.places is None else round(value, meter.places)


_TEXT = wsme.types.text
_PROBES = wsme.types.DictType(_TEXT, ProbeDocument)
_METERS = wsme.types.DictType(_TEXT, wsme.types.DictType(_TEXT, float))
_DRIVERS = wsme.types.DictType(_TEXT, wsme.types.DictType(_TEXT, Driver))


def encode_probe(probe_id: str, probe: Any) -> bytes:
    """Return ``{id: {..}}``."""
    return _encode(_PROBES, {probe_id: probe})


def encode_meter(probe_id: str, probe: Any, meter: str) -> bytes:
    """Return ``{id: {meter: value}}``."""
    return _encode(_METERS, {probe_id: {meter: getattr(probe, meter)}})


def encode_drivers(drivers: Mapping[str, Driver]) -> bytes:
    """Return ``{"drivers": {wattmeter: {..}}}``."""
    return _encode(_DRIVERS, {"drivers": drivers})


def _encode(datatype: Any, value: Any) -> bytes:
    document = wsme_json.tojson(datatype, value)
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
