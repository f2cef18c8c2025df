# SPDX-License-Identifier: Apache-2.0
"""What clients, Prometheus and Ceilometer are sent of a probe, byte by byte.

Clients of every release before this one read these; a key may be added at its
place, nothing else may change.
"""

from __future__ import annotations

import json

from kwapi import measurement
from kwapi.api import metrics
from kwapi.api import types
from kwapi.ceilometer import publisher as publishers
from kwapi.ceilometer import samples
from kwapi.store import record
from kwapi.store import snapshot

RECORDS = [
    record.Record(
        "pdu-1.3",
        1_357_730_232.6884,
        107.3,
        0.1 + 0.2,
        wattmeter='a "pdu"\\é',
        period_seconds=1.0,
        resolution_watts=0.5,
    ),
    record.Record("bmc:node-7", 1_357_730_233.0, 0.0, 1e-10),
]
LIST = (
    b'{"probes":{"bmc:node-7":{"timestamp":1357730233.000,"kwh":0.000000000,"w":0.0,'
    b'"wattmeter":"","period_seconds":null,"resolution_watts":null},'
    b'"pdu-1.3":{"timestamp":1357730232.688,"kwh":0.300000000,"w":107.3,'
    b'"wattmeter":"a \\"pdu\\"\\\\\\u00e9","period_seconds":1.0,"resolution_watts":0.5}}}'
)
ONE = (
    b'{"pdu-1.3":{"timestamp":1357730232.688,"kwh":0.3,"w":107.3,'
    b'"wattmeter":"a \\"pdu\\"\\\\\\u00e9","period_seconds":1.0,"resolution_watts":0.5}}'
)
METERS = {
    "timestamp": b'{"pdu-1.3":{"timestamp":1357730232.688}}',
    "kwh": b'{"pdu-1.3":{"kwh":0.3}}',
    "w": b'{"pdu-1.3":{"w":107.3}}',
}
PROMETHEUS = """\
# HELP kwapi_probe_power_watts Power last measured.
# TYPE kwapi_probe_power_watts gauge
kwapi_probe_power_watts{probe="bmc:node-7",wattmeter=""} 0.0
kwapi_probe_power_watts{probe="pdu-1.3",wattmeter="a \\"pdu\\"\\\\é"} 107.3
# HELP kwapi_probe_energy_joules_total Energy since the probe was first seen.
# TYPE kwapi_probe_energy_joules_total counter
kwapi_probe_energy_joules_total{probe="bmc:node-7",wattmeter=""} 0.0
kwapi_probe_energy_joules_total{probe="pdu-1.3",wattmeter="a \\"pdu\\"\\\\é"} 1080000.0
# HELP kwapi_probe_timestamp_seconds When it was last measured.
# TYPE kwapi_probe_timestamp_seconds gauge
kwapi_probe_timestamp_seconds{probe="bmc:node-7",wattmeter=""} 1357730233.0
kwapi_probe_timestamp_seconds{probe="pdu-1.3",wattmeter="a \\"pdu\\"\\\\é"} 1357730232.688
"""
METADATA = (
    '{"probe":"pdu-1.3","measured_at":"2013-01-09T11:17:12.688400+00:00","host":"pdu-1.3",'
    '"wattmeter":"a \\"pdu\\"\\\\\\u00e9","period_seconds":1.0,"resolution_watts":0.5}'
)


def sample(name: str, kind: str, unit: str, volume: str, resource: str, message_id: str) -> str:
    """Return the document of a sample of the probe."""
    return (
        f'{{"source":"openstack","counter_name":"{name}","counter_type":"{kind}",'
        f'"counter_unit":"{unit}","counter_volume":{volume},"user_id":null,"user_name":null,'
        f'"project_id":null,"project_name":null,"resource_id":"{resource}",'
        f'"timestamp":"2013-01-09T11:17:12.688400+00:00","resource_metadata":{METADATA},'
        f'"message_id":"{message_id}","monotonic_time":null}}'
    )


_POWER = "hardware.ipmi.node.power"
SAMPLES = [
    sample(
        "energy",
        "cumulative",
        "kWh",
        "0.30000000000000004",
        "pdu-1.3",
        "f786d60d-ec0f-541a-b2a7-341310dc5d63",
    ),
    sample("power", "gauge", "W", "107.3", "pdu-1.3", "18187e3a-dd35-5eeb-91e1-e2c2fae09205"),
    sample(
        _POWER, "gauge", "W", "107.3", "pdu-1.3_pdu-1.3", "3daee98f-6c18-5c62-bc31-735f13610234"
    ),
]


def take_snapshot() -> snapshot.Snapshot:
    """Return the documents of the records."""
    shown = snapshot.Snapshot()
    shown.update(RECORDS)
    return shown


def test_the_list_of_probes() -> None:
    assert take_snapshot().probes_body() == LIST
    assert take_snapshot().probe_ids_body() == b'{"probe_ids":["bmc:node-7","pdu-1.3"]}'


def test_one_probe_and_each_of_its_meters() -> None:
    probe = types.describe_probe(RECORDS[0])
    assert types.encode_probe("pdu-1.3", probe) == ONE
    assert {m: types.encode_meter("pdu-1.3", probe, m) for m in types.METERS} == METERS


def test_prometheus_families() -> None:
    assert metrics.format_probes(take_snapshot().probes_body()).decode() == PROMETHEUS


def test_ceilometers_samples() -> None:
    sent: list[samples.Sample] = []
    rules = publishers.Rules(meters=("energy", "power", "hardware.ipmi.node.power"))
    publisher = publishers.Publisher(sent.extend, rules)
    known, records = RECORDS[0], dict[str, record.Record]()
    publisher.begin(records)
    records[known.probe_id] = known
    publisher.counted(
        measurement.Reading(known.wattmeter, known.timestamp, (known.probe_id,), (known.watts,))
    )
    publisher.hand_over()
    documents = [json.dumps(samples.document(one), separators=(",", ":")) for one in sent]
    assert documents == SAMPLES
