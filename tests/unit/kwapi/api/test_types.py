# SPDX-License-Identifier: Apache-2.0
"""The small documents say the same as the ready-made list of all probes."""

from __future__ import annotations

import json

import hypothesis
from hypothesis import strategies

from kwapi import measurement
from kwapi.api import types
from kwapi.store import record
from kwapi.store import snapshot

_FINITE = strategies.floats(0, 1e12, allow_nan=False)
_RECORDS = strategies.builds(
    record.Record,
    probe_id=strategies.from_regex(measurement.PROBE_ID, fullmatch=True),
    timestamp=_FINITE,
    watts=_FINITE,
    kwh=_FINITE,
    wattmeter=strategies.text(),
    period_seconds=strategies.none() | _FINITE,
    resolution_watts=strategies.none() | _FINITE,
)


@hypothesis.given(_RECORDS)
def test_one_probe_is_shown_as_it_is_in_the_list(known: record.Record) -> None:
    listed = snapshot.Snapshot()
    listed.update([known])
    one = types.encode_probe(known.probe_id, types.describe_probe(known))
    assert json.loads(one) == json.loads(listed.probes_body())["probes"]


@hypothesis.given(_RECORDS)
def test_a_meter_is_shown_as_it_is_in_the_record(known: record.Record) -> None:
    probe = types.describe_probe(known)
    whole = json.loads(types.encode_probe(known.probe_id, probe))[known.probe_id]
    for meter in types.METERS:
        one = json.loads(types.encode_meter(known.probe_id, probe, meter))
        assert one == {known.probe_id: {meter: whole[meter]}}


def test_a_driver_has_all_keys_even_those_without_a_value() -> None:
    status = measurement.DriverStatus("rack", "snmp", "starting", 1.0, 3)
    body = types.encode_drivers({"rack": types.Driver.of(status, "unknown", "host", 2.0)})
    assert json.loads(body) == {
        "drivers": {
            "rack": {
                "driver": "snmp",
                "state": "unknown",
                "since": 1.0,
                "last_reading": None,
                "last_error": None,
                "probes": 3,
                "missing": [],
                "restarts": 0,
                "sender": "host",
                "reported_at": 2.0,
            }
        }
    }
