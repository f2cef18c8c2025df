# SPDX-License-Identifier: Apache-2.0
"""The meters of a probe, in one table: keys, units, Prometheus families, Ceilometer samples.

Owns :data:`METERS`, and :class:`Probe`, the value that has them.  Pure, and
imports nothing but Python, since it is loaded beside a plain Ceilometer.  The API, the
metrics, the samples and the client read the table; none of them names a meter.
"""

from __future__ import annotations

import operator
from typing import NamedTuple


class Family(NamedTuple):
    """A family of Prometheus's metrics.

    :ivar kind: ``gauge`` or ``counter``.
    :ivar factor: of the meter's unit, to get Prometheus's base unit.
    """

    name: str
    kind: str
    help: str
    factor: int = 1


class Sample(NamedTuple):
    """A meter of Ceilometer; ``kind`` is its type, ``cumulative`` or ``gauge``."""

    name: str
    kind: str


class Meter(NamedTuple):
    """One value of a probe.

    :ivar key: in documents and URLs of the API.
    :ivar field: the attribute of :class:`Probe` and of a record.
    :ivar sample: None if Ceilometer gets none.
    :ivar places: decimal places in documents; None writes all digits.
    :ivar is_optional: some probes have none: null in documents, no metric, no sample.
    """

    key: str
    field: str
    unit: str
    family: Family
    sample: Sample | None = None
    places: int | None = None
    is_optional: bool = False


#: In the order of the keys in documents.
METERS = (
    Meter(
        "timestamp",
        "timestamp",
        "s",
        Family("kwapi_probe_timestamp_seconds", "gauge", "When it was last measured."),
        places=3,
    ),
    Meter(
        "kwh",
        "kwh",
        "kWh",
        Family(
            "kwapi_probe_energy_joules_total",
            "counter",
            "Energy since the probe was first seen.",
            factor=3_600_000,
        ),
        Sample("energy", "cumulative"),
        places=9,
    ),
    Meter(
        "w",
        "watts",
        "W",
        Family("kwapi_probe_power_watts", "gauge", "Power last measured."),
        Sample("power", "gauge"),
    ),
)


class Probe(NamedTuple):
    """What is known of a probe: its meters, and how it is measured; None is not known.

    :ivar timestamp: of its last measurement, epoch seconds.
    :ivar watts: last measured power.
    :ivar kwh: energy since it was first seen.
    :ivar period_seconds: how often it is measured.
    :ivar resolution_watts: the smallest step that its device can tell.
    """

    probe_id: str
    timestamp: float
    watts: float
    kwh: float | None = None
    wattmeter: str | None = None
    period_seconds: float | None = None
    resolution_watts: float | None = None

    @classmethod
    def of(cls, known: object) -> Probe:
        """Return what anything with the same attributes knows, such as a record."""
        return cls(*_values_of(known))


_values_of = operator.attrgetter(*Probe._fields)
