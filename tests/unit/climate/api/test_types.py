# SPDX-License-Identifier: Apache-2.0
"""The documents: their keys, in order, and where each value comes from."""

from __future__ import annotations

import json

from climate.api import types
from tests.unit.climate.api import standins

NOW = standins.NOW
URL = "http://lease.example/v1/leases/x/"


def test_a_lease() -> None:
    lease = standins.make_lease(id="x", name="n", status="proposed", expires_at=NOW + 300)
    document = types.describe_lease(lease, {1: "up", 2: "down"}, URL)
    assert document == {
        "id": "x",
        "name": "n",
        "project_id": "p",
        "user_id": "u",
        "status": "proposed",
        "degraded": False,
        "start_time": NOW + 100,
        "end_time": NOW + 3700,
        "starts_at": "2023-11-14T22:15:00Z",
        "ends_at": "2023-11-14T23:15:00Z",
        "duration": 3600,
        "hosts": [
            {"id": 1, "name": "node-1", "status": "up"},
            {"id": 2, "name": "node-2", "status": "down"},
        ],
        "window_start": NOW,
        "window_end": NOW + 7200,
        "quantity": 2,
        "hosts_max": 2,
        "host_properties": ["=", "$id", 1],
        "objective": "earliest",
        "created_at": NOW,
        "updated_at": NOW,
        "expires_at": NOW + 300,
        "links": [{"rel": "self", "href": URL}],
    }


def test_the_type_and_the_document_agree() -> None:
    """Also for lists, which no type looks at."""
    document = types.describe_lease(standins.make_lease(), {1: "up"}, URL)
    one = json.loads(types.encode_lease(document))
    many = json.loads(types.encode_leases([document, document], None))
    assert one == document
    assert list(one) == list(document)
    assert many == {"leases": [document, document], "leases_links": []}


def test_a_host_that_is_missing_degrades_its_lease() -> None:
    lease = standins.make_lease()
    assert types.describe_lease(lease, {1: "up", 2: "missing"}, URL)["degraded"] is True
    never_seen = types.describe_lease(lease, {1: "up"}, URL)
    assert never_seen["degraded"] is True
    assert [host["status"] for host in never_seen["hosts"]] == ["up", "missing"]


def test_nobody_knows_how_the_hosts_fare() -> None:
    document = types.describe_lease(standins.make_lease(), None, URL)
    assert document["degraded"] is None
    assert [host["status"] for host in document["hosts"]] == [None, None]
    assert json.loads(types.encode_lease(document)) == document


def test_an_expression_that_is_no_json_is_shown_as_it_is() -> None:
    lease = standins.make_lease(host_properties="everything")
    document = types.describe_lease(lease, {}, URL)
    assert json.loads(types.encode_lease(document))["host_properties"] == "everything"


def test_the_next_page() -> None:
    told = json.loads(types.encode_leases([], "http://next.example/"))
    assert told == {"leases": [], "leases_links": [{"rel": "next", "href": "http://next.example/"}]}


def test_what_the_scheduler_is_told() -> None:
    lease = types.AllowedLease.of(standins.make_lease(id="x", status="active"))
    inside = types.AllowedHosts(hosts=["node-1"], leases=[lease])
    assert json.loads(types.encode_allowed_hosts(inside)) == {
        "hosts": ["node-1"],
        "leases": [
            {
                "id": "x",
                "status": "active",
                "project_id": "p",
                "start_time": NOW + 100,
                "end_time": NOW + 3700,
            }
        ],
    }
