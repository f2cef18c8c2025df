# SPDX-License-Identifier: Apache-2.0
"""The table of meters holds together, and takes a meter that not every probe has."""

from __future__ import annotations

import dataclasses
import json

from kwapi import meters
from kwapi.api import metrics
from kwapi.store import record
from kwapi.store import snapshot

#: A meter that some probes have; a record has it, the API does not show it.
COUNTER = meters.Meter(
    "meter_kwh",
    "meter_kwh",
    "kWh",
    meters.Family("counter_joules_total", "counter", "What the meter counted.", 3_600_000),
    is_optional=True,
)
TABLE = (*meters.METERS, COUNTER)


def test_no_name_stands_twice() -> None:
    for names in (
        [meter.key for meter in meters.METERS],
        [meter.field for meter in meters.METERS],
        [meter.family.name for meter in meters.METERS],
        [meter.sample.name for meter in meters.METERS if meter.sample],
    ):
        assert len(set(names)) == len(names)


def test_the_first_keys_are_the_first_kwapis() -> None:
    assert [meter.key for meter in meters.METERS][:3] == ["timestamp", "kwh", "w"]


def test_records_and_probes_have_every_meter() -> None:
    fields = {meter.field for meter in meters.METERS}
    assert fields <= {field.name for field in dataclasses.fields(record.Record)}
    assert fields <= set(meters.Probe._fields)


def test_an_optional_meter_has_all_its_digits_and_a_default() -> None:
    for meter in meters.METERS:
        if meter.is_optional:
            assert meter.places is None
            assert meter.field in meters.Probe._field_defaults


def test_a_family_is_named_as_prometheus_asks() -> None:
    for meter in meters.METERS:
        assert meter.family.name.startswith("kwapi_probe_")
        assert meter.family.name.endswith("_total") == (meter.family.kind == "counter")


def test_a_probe_knows_what_its_record_knows() -> None:
    known = record.Record("p", 1.5, 100.0, 2.0, "pdu 100%", period_seconds=1.0)
    assert meters.Probe.of(known) == meters.Probe("p", 1.5, 100.0, 2.0, "pdu 100%", 1.0, None)


def test_a_probe_without_an_optional_meter_is_listed_without_a_metric_of_it() -> None:
    shown = snapshot.Snapshot(TABLE)
    shown.update([record.Record("a", 1.0, 2.0, meter_kwh=0.5), record.Record("b", 1.0, 2.0)])
    body = shown.probes_body()
    probes = json.loads(body)["probes"]
    assert {name: probe["meter_kwh"] for name, probe in probes.items()} == {"a": 0.5, "b": None}
    assert _lines(body) == ['counter_joules_total{probe="a",wattmeter=""} 1800000.0']


def test_a_body_of_the_release_before_has_no_optional_meter() -> None:
    shown = snapshot.Snapshot()
    shown.update([record.Record("a", 1.0, 2.0, meter_kwh=0.5)])
    assert _lines(shown.probes_body()) == []


def test_a_percent_sign_in_a_wattmeters_name_is_no_placeholder() -> None:
    shown = snapshot.Snapshot()
    shown.update([record.Record("a", 1.0, 2.0, wattmeter="pdu 100% %s")])
    assert json.loads(shown.probes_body())["probes"]["a"]["wattmeter"] == "pdu 100% %s"


def _lines(body: bytes) -> list[str]:
    text = metrics.format_probes(body, TABLE).decode()
    return [line for line in text.splitlines() if line.startswith(COUNTER.family.name)]
