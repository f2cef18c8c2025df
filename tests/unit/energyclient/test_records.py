# SPDX-License-Identifier: Apache-2.0
"""Documents become records, or are told to be odd; nothing else happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from energyclient import errors
from energyclient import records
from kwapi import meters
from kwapi.api import types
from kwapi.store import record

LEASE = {
    "id": "0b9f4a1e-6f0e-4a36-9a0f-0f5d5a1f3a52",
    "name": None,
    "status": "confirmed",
    "project_id": "p",
    "user_id": "u",
    "start_time": 1_790_000_000,
    "end_time": 1_790_003_600,
    "duration": 3600,
    "hosts": [{"id": 3, "name": "server-3", "status": "up"}],
    "degraded": False,
    "quantity": 1,
    "hosts_max": 1,
    "host_properties": [">=", "$vcpus", 16],
    "objective": "earliest",
    "window_start": 1_790_000_000,
    "window_end": 1_790_003_600,
    "created_at": 1_789_999_999,
    "updated_at": 1_789_999_999,
    "expires_at": None,
}
PROBE = {"timestamp": 1.5, "w": 100, "kwh": 2.0}
RANKED = {"host": "a", "score": None, "on": True}

jsons = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(max_size=5),
    lambda some: (
        strategies.lists(some, max_size=3)
        | strategies.dictionaries(strategies.text(max_size=5), some, max_size=3)
    ),
    max_leaves=6,
)
PARSERS: list[Callable[[Any], Any]] = [
    lambda told: records.parse_probe("a", told),
    lambda told: records.parse_driver("a", told),
    records.parse_host,
    records.parse_lease,
    records.parse_ranking,
]


def test_what_the_first_kwapi_told_is_a_probe() -> None:
    """It knew no wattmeter's name; keys that are new are passed over."""
    told = {**PROBE, "colour": "red"}
    assert records.parse_probe("A", told) == records.Probe("A", 1.5, 100.0, 2.0)


def test_a_probe_has_what_the_api_shows() -> None:
    """This client imports no product: only a test can hold the two together."""
    ours = {meter.key: meter.field for meter in records.METERS}
    assert {"timestamp": "timestamp", **ours} == {m.key: m.field for m in meters.METERS}
    assert set(records.Probe._fields) == {"id", *meters.Probe._fields} - {"probe_id"}
    optional = {meter.field for meter in meters.METERS if meter.is_optional}
    assert optional == set(ours.values()) & set(records.Probe._field_defaults)


def test_what_the_api_shows_is_read() -> None:
    fields = {name: 1.0 + number for number, name in enumerate(meters.Probe._fields)}
    known = record.Record(**fields | {"probe_id": "A", "wattmeter": "pdu"})  # type: ignore[arg-type]
    document = json.loads(types.encode_probe("A", types.describe_probe(known)))["A"]
    read = records.parse_probe("A", document)._asdict()
    assert read.pop("id") == "A"
    assert meters.Probe("A", **read) == meters.Probe.of(known)


def test_a_lease() -> None:
    lease = records.parse_lease({**LEASE, "links": []})
    assert lease.hosts == (records.Host(3, "server-3", "up"),)
    assert lease._replace(hosts=LEASE["hosts"])._asdict() == LEASE  # type: ignore[arg-type]


def test_what_nobody_knows_is_none() -> None:
    lease = {**LEASE, "degraded": None, "hosts": [{"id": 1, "name": "a", "status": None}]}
    assert records.parse_lease(lease).degraded is None
    ranking = records.parse_ranking({"by": "peak", "as_of": 0, "hosts": [RANKED]})
    assert ranking.hosts[0].score is None


@pytest.mark.parametrize("key", [key for key, value in LEASE.items() if value is not None])
@pytest.mark.parametrize("value", [{}, float("nan"), b"x"])
def test_a_lease_that_is_odd(key: str, value: Any) -> None:
    """It is said by which key, but of the properties, which may be anything."""
    if key == "host_properties":
        return
    with pytest.raises(errors.Odd, match=f"The answer's lease has a {key} that is "):
        records.parse_lease({**LEASE, key: value})


@hypothesis.given(jsons, strategies.sampled_from(PARSERS))
def test_any_json_is_a_record_or_odd(told: Any, parse: Callable[[Any], Any]) -> None:
    try:
        parse(told)
    except errors.Odd as exc:
        assert str(exc).startswith("The answer's ")


@hypothesis.given(jsons, strategies.data())
def test_any_value_of_any_key(value: Any, data: strategies.DataObject) -> None:
    """One value is exchanged: that is noticed, or does not matter."""
    template, parse = data.draw(
        strategies.sampled_from(
            [
                (LEASE, records.parse_lease),
                (PROBE, lambda told: records.parse_probe("a", told)),
                (
                    RANKED,
                    lambda told: records.parse_ranking({"by": "x", "as_of": 0, "hosts": [told]}),
                ),
            ]
        )
    )
    key = data.draw(strategies.sampled_from(sorted(template)))
    try:
        parse({**template, key: value})
    except errors.Odd as exc:
        assert str(exc).endswith(".")


def test_a_conflict_proposes_what_it_was_told() -> None:
    """And no more than numbers."""
    meta = {"largest_quantity": 2, "earliest_start_time": "soon", "latest_end_time": True}
    assert errors.Conflict("no", 409, meta=meta).proposal == errors.Proposal(largest_quantity=2)
    assert errors.Conflict("no", 409).proposal == errors.Proposal()
