# SPDX-License-Identifier: Apache-2.0
"""Hosts, and which of them a server may be placed on."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from oslo_config import cfg

from climate import exception
from climate import lease as leases
from climate import states
from tests.unit.climate.api import conftest
from tests.unit.climate.api import standins

NOW = standins.NOW
ALLOWED = "/v1/allowed-hosts/"


def test_all_hosts(api: conftest.Api) -> None:
    assert api.ask("GET", "/v1/hosts/").json == {"hosts": api.inventory.hosts}


@pytest.mark.parametrize("path", ["/v1/hosts/2", "/v1/hosts/node-2/"])
def test_one_host(api: conftest.Api, path: str) -> None:
    told = api.ask("GET", path).json
    assert (told["id"], told["name"], told["properties"]) == (2, "node-2", {"vcpus": 8})


@pytest.mark.parametrize("host", ["9", "node-9", "9" * 100, "n" * 300, "a%0Ab", "%D9%A3"])
def test_a_host_that_is_none(api: conftest.Api, host: str) -> None:
    error = api.refused("GET", f"/v1/hosts/{host}/")
    assert (error["status"], error["code"]) == (404, "climate.host_not_found")


def test_hosts_are_not_known_while_the_inventory_is_away(api: conftest.Api) -> None:
    api.inventory.away = True
    for path in ("/v1/hosts/", "/v1/hosts/1", ALLOWED):
        assert api.refused("GET", path)["status"] == 503


def ask_inside(api: conftest.Api, lease_id: Any, project_id: str = "p") -> Any:
    return api.ask("GET", f"{ALLOWED}?lease_id={lease_id}&project_id={project_id}")


def test_inside_an_active_lease(api: conftest.Api) -> None:
    lease = api.planning.put(status=states.ACTIVE, start_time=NOW - 60)
    answer = ask_inside(api, lease.id)
    assert answer.json == {
        "hosts": ["node-1", "node-2"],
        "leases": [
            {
                "id": lease.id,
                "status": "active",
                "project_id": "p",
                "start_time": NOW - 60,
                "end_time": NOW + 3700,
            }
        ],
    }
    # The scheduler does not wait for hosts' status, which is Nova's to know.
    assert api.inventory.calls == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (states.PROPOSED, "not confirmed"),
        (states.CONFIRMED, "starts at 2023-11-14T22:15:00Z"),
        (states.ENDED, "has ended"),
        (states.CANCELLED, "cancelled"),
        (states.EXPIRED, "not confirmed in time"),
    ],
)
def test_inside_a_lease_that_is_not_active(api: conftest.Api, status: str, reason: str) -> None:
    told = ask_inside(api, api.planning.put(status=status).id).json
    assert told["hosts"] == []
    assert reason in told["reason"]
    assert told["leases"][0]["status"] == status


def test_a_lease_ends_by_the_clock(api: conftest.Api) -> None:
    """Also while the worker that marks it is busy."""
    lease = api.planning.put(status=states.ACTIVE, end_time=NOW + 1)
    assert ask_inside(api, lease.id).json["hosts"] == ["node-1", "node-2"]
    api.clock.advance(0.25)
    told = ask_inside(api, lease.id).json
    assert (told["hosts"], told["reason"]) == ([], "The lease has ended.")


def test_another_projects_lease_is_unknown(api: conftest.Api) -> None:
    lease = api.planning.put(status=states.ACTIVE)
    others = ask_inside(api, lease.id, "q").json
    assert others == {"hosts": [], "leases": [], "reason": f"Lease {lease.id} is not known."}
    nobodys = ask_inside(api, uuid.UUID(int=7)).json
    assert nobodys["reason"] == others["reason"].replace(lease.id, str(uuid.UUID(int=7)))


def test_no_lease_has_such_an_id(api: conftest.Api) -> None:
    told = ask_inside(api, "../hosts").json
    assert told == {"hosts": [], "leases": [], "reason": "Lease ../hosts is not known."}
    assert api.planning.calls == []


def test_outside_of_all_leases(api: conftest.Api) -> None:
    api.planning.reserved = leases.Reserved([leases.LeasedHost(2, "node-2")], None)
    answer = api.ask("GET", ALLOWED)
    assert answer.json == {"hosts": ["node-1", "node-3"], "reserved": ["node-2"]}
    # The lead time is planning's to know.
    assert api.planning.calls == [("list_reserved_hosts", {"lead_seconds": None})]


def test_the_answer_can_be_kept_and_compared(api: conftest.Api) -> None:
    answer = api.ask("GET", ALLOWED)
    assert answer.headers["Cache-Control"] == "private, max-age=1"
    assert "X-Auth-Token" in answer.headers["Vary"]
    again = api.ask("GET", ALLOWED, HTTP_IF_NONE_MATCH=answer.headers["ETag"])
    assert (again.status_int, again.body) == (304, b"")
    assert again.headers["Cache-Control"] == "private, max-age=1"
    api.planning.reserved = leases.Reserved([leases.LeasedHost(2, "node-2")], None)
    changed = api.ask("GET", ALLOWED, HTTP_IF_NONE_MATCH=answer.headers["ETag"])
    assert changed.status_int == 200


@pytest.mark.parametrize(
    ("valid_until", "max_age"),
    [(None, 60), (NOW + 1000, 60), (NOW + 31, 30), (NOW + 1, 0), (NOW - 5, 0)],
)
def test_it_is_kept_no_longer_than_it_is_true(
    lease_conf: cfg.ConfigOpts, valid_until: int | None, max_age: int
) -> None:
    lease_conf.set_override("allowed_hosts_max_age_seconds", 60.9, "lease_api")
    api = conftest.Api(lease_conf)
    api.planning.reserved = leases.Reserved([], valid_until)
    assert api.ask("GET", ALLOWED).headers["Cache-Control"] == f"private, max-age={max_age}"


@pytest.mark.parametrize(
    ("status", "start_time", "end_time", "max_age"),
    [
        (states.ACTIVE, NOW - 60, NOW + 10, 9),
        (states.CONFIRMED, NOW + 10, NOW + 60, 9),
        (states.ENDED, NOW - 60, NOW - 10, 60),
    ],
)
def test_nor_is_that_of_a_lease(
    lease_conf: cfg.ConfigOpts, status: str, start_time: int, end_time: int, max_age: int
) -> None:
    lease_conf.set_override("allowed_hosts_max_age_seconds", 60, "lease_api")
    api = conftest.Api(lease_conf)
    lease = api.planning.put(status=status, start_time=start_time, end_time=end_time)
    assert ask_inside(api, lease.id).headers["Cache-Control"] == f"private, max-age={max_age}"


def test_planning_is_away(api: conftest.Api) -> None:
    away = exception.ServiceUnavailable(service="climate-planning", reason="x")
    api.planning.failing = {"list_reserved_hosts": away, "get_proposal_details": away}
    assert api.refused("GET", ALLOWED)["status"] == 503
    assert ask_inside(api, uuid.UUID(int=7)).status_int == 503
