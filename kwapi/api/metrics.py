# SPDX-License-Identifier: Apache-2.0
"""Metrics for Prometheus, in its text exposition format, version 0.0.4.

Owns labels, and the names of drivers' and messages' metrics; those of probes are
in :mod:`kwapi.meters`.  The lines of probes are formatted here, because
prometheus_client takes twenty times as long for them; it formats the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from prometheus_client import core
from prometheus_client import exposition
from prometheus_client import registry

from kwapi import meters
from kwapi.api import types

CONTENT_TYPE = exposition.CONTENT_TYPE_PLAIN_0_0_4
#: Tallies of messages; the others are of measurements.
_MESSAGE_OUTCOMES = frozenset(("received", "forged", "malformed", "stale", "repeated", "lost"))
#: The tally of all measurements; here the family says that already.
_RENAMED = {"measurements": "received"}


def format_probes(body: bytes, table: Sequence[meters.Meter] = meters.METERS) -> bytes:
    """Return the metrics of all probes, from the body of ``GET /v1/probes/``."""
    probes = json.loads(body)["probes"]
    labels = {
        probe_id: f'{{probe="{_escape(probe_id)}",wattmeter="{_escape(known["wattmeter"])}"}}'
        for probe_id, known in probes.items()
    }
    # Power first, and when it was measured last, as they have always come.
    families = (_format_family(probes, labels, meter) for meter in reversed(table))
    return "".join(families).encode()


def format_service(drivers: Mapping[str, types.Driver], tallies: Mapping[str, int]) -> bytes:
    """Return the metrics of the drivers and of what was received."""
    metrics = registry.CollectorRegistry(auto_describe=False)
    metrics.register(_Families(drivers, tallies))
    return exposition.generate_latest(metrics)


class _Families(registry.Collector):
    def __init__(self, drivers: Mapping[str, types.Driver], tallies: Mapping[str, int]) -> None:
        self._drivers = drivers
        self._tallies = tallies

    def collect(self) -> Iterator[core.Metric]:
        labels = ("wattmeter", "driver")
        up = core.GaugeMetricFamily(
            "kwapi_driver_up", "Whether the driver reads its wattmeter.", labels=labels
        )
        restarts = core.CounterMetricFamily(
            "kwapi_driver_restarts", "How often the driver was started anew.", labels=labels
        )
        for wattmeter, driver in self._drivers.items():
            up.add_metric([wattmeter, driver.driver], driver.state == "running")
            restarts.add_metric([wattmeter, driver.driver], float(driver.restarts))
        messages = core.CounterMetricFamily(
            "kwapi_messages",
            "Messages, by what became of them.",
            labels=["outcome"],
        )
        measurements = core.CounterMetricFamily(
            "kwapi_measurements", "Measurements, by what became of them.", labels=["outcome"]
        )
        for outcome, count in sorted(self._tallies.items()):
            family = messages if outcome in _MESSAGE_OUTCOMES else measurements
            family.add_metric([_RENAMED.get(outcome, outcome)], count)
        yield from (up, restarts, messages, measurements)


def _format_family(
    probes: Mapping[str, Any], labels: Mapping[str, str], meter: meters.Meter
) -> str:
    (name, kind, help_text, factor), key = meter.family, meter.key
    if meter.is_optional:
        # The release before wrote bodies without its key.
        probes = {one: known for one, known in probes.items() if known.get(key) is not None}
    lines = "".join(
        f"{name}{labels[probe_id]} {known[key] * factor!r}\n" for probe_id, known in probes.items()
    )
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n{lines}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
