# SPDX-License-Identifier: Apache-2.0
"""The small documents of the API, as WSME types.

Owns their keys and types, and where each value comes from.  The list of all
probes is not among them: it comes ready-made from the store, since ten
thousand records through WSME take a third of a second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import wsme.types
from wsme.rest import json as wsme_json

from kwapi import measurement
from kwapi.store import record

#: Keys of a probe's record that can be asked for one by one.
METERS = ("timestamp", "kwh", "w")


class Probe(wsme.types.Base):  # type: ignore[misc]  # WSME comes without types
    """What is known of one probe; the first Kwapi's keys, then ours."""

    timestamp: Any = float
    kwh: Any = float
    w: Any = float
    wattmeter: Any = wsme.types.text
    period_seconds: Any = float
    resolution_watts: Any = float

    @classmethod
    def of(cls, known: record.Record) -> Probe:
        """Return the document of a record, to as many places as the list of all shows."""
        return cls(
            timestamp=round(known.timestamp, 3),
            kwh=round(known.kwh, 9),
            w=known.watts,
            wattmeter=known.wattmeter,
            period_seconds=known.period_seconds,
            resolution_watts=known.resolution_watts,
        )


class Driver(wsme.types.Base):  # type: ignore[misc]  # WSME comes without types
    """How one wattmeter's driver fares; see :class:`kwapi.measurement.DriverStatus`."""

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


_TEXT = wsme.types.text
_PROBES = wsme.types.DictType(_TEXT, Probe)
_METERS = wsme.types.DictType(_TEXT, wsme.types.DictType(_TEXT, float))
_DRIVERS = wsme.types.DictType(_TEXT, wsme.types.DictType(_TEXT, Driver))


def encode_probe(probe_id: str, probe: Probe) -> bytes:
    """Return ``{id: {..}}``."""
    return _encode(_PROBES, {probe_id: probe})


def encode_meter(probe_id: str, probe: Probe, meter: str) -> bytes:
    """Return ``{id: {meter: value}}``."""
    return _encode(_METERS, {probe_id: {meter: getattr(probe, meter)}})


def encode_drivers(drivers: Mapping[str, Driver]) -> bytes:
    """Return ``{"drivers": {wattmeter: {..}}}``."""
    return _encode(_DRIVERS, {"drivers": drivers})


def _encode(datatype: Any, value: Any) -> bytes:
    document = wsme_json.tojson(datatype, value)
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
