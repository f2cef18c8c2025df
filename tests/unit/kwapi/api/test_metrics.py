# SPDX-License-Identifier: Apache-2.0
"""Prometheus reads back what the store holds."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies
from prometheus_client import parser

from kwapi import measurement
from kwapi.api import metrics
from kwapi.api import types
from kwapi.store import record
from kwapi.store import snapshot

_LABELS = strategies.text(
    strategies.characters(exclude_categories=["Cs"], exclude_characters="\r\x85\u2028\u2029\x1c")
)


def parse(text: bytes) -> dict[tuple[str, frozenset[Any]], float]:
    """Return every sample by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@hypothesis.given(_LABELS, strategies.floats(0, 1e6), strategies.floats(0, 1e9))
def test_a_probe_is_read_back(wattmeter: str, watts: float, kwh: float) -> None:
    shown = snapshot.Snapshot()
    shown.update([record.Record("A", 1357730232.688, watts, kwh, wattmeter=wattmeter)])
    samples = parse(metrics.format_probes(shown.probes_body()))
    labels = frozenset({"probe": "A", "wattmeter": wattmeter}.items())
    assert samples["kwapi_probe_power_watts", labels] == watts
    energy = samples["kwapi_probe_energy_joules_total", labels]
    assert energy == pytest.approx(kwh * 3_600_000, rel=1e-9, abs=0.002)
    assert samples["kwapi_probe_timestamp_seconds", labels] == 1357730232.688
    assert len(samples) == 3


def test_no_probes_are_no_samples() -> None:
    assert parse(metrics.format_probes(b'{"probes":{}}')) == {}


def test_only_a_running_driver_is_up() -> None:
    documents = {
        state: types.Driver.of(
            measurement.DriverStatus(state, "snmp", state, 0.0, 1, restarts=2), state, "host", 0.0
        )
        for state in ("running", "failing", "starting", "stopped", "unknown")
    }
    samples = parse(metrics.format_service(documents, {}))
    for state in documents:
        labels = frozenset({"wattmeter": state, "driver": "snmp"}.items())
        assert samples["kwapi_driver_up", labels] == (state == "running")
        assert samples["kwapi_driver_restarts_total", labels] == 2


def test_tallies_of_messages_and_of_measurements_are_told_apart() -> None:
    tallies = {"received": 5, "forged": 1, "measurements": 70, "gap": 2}
    samples = parse(metrics.format_service({}, tallies))
    assert samples == {
        ("kwapi_messages_total", frozenset({("outcome", "received")})): 5,
        ("kwapi_messages_total", frozenset({("outcome", "forged")})): 1,
        ("kwapi_measurements_total", frozenset({("outcome", "received")})): 70,
        ("kwapi_measurements_total", frozenset({("outcome", "gap")})): 2,
    }
