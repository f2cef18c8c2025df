# SPDX-License-Identifier: Apache-2.0
"""What the API asks the services about leases, and what it makes of their answers.

What its clients see with tokens is told by the gabbits.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest

from climate import exception
from climate import lease as leases
from climate import states
from tests.unit.climate.api import conftest
from tests.unit.climate.api import standins

NOW = standins.NOW
LEASES = "/v1/leases/"
UNKNOWN = f"{LEASES}{uuid.UUID(int=7)}/"


def url_of(lease: Any) -> str:
    return f"{LEASES}{lease.id}/"


def test_a_wish_is_matched_proposed_and_confirmed(api: conftest.Api) -> None:
    answer = api.ask("POST", LEASES, {"duration": 60, "host_properties": '["=",  "$id", 1]'})
    assert answer.status_int == 201
    # As it was sent, so that the position of a mistake is the client's.
    assert api.inventory.expressions == ['["=",  "$id", 1]']
    (proposed, arguments), (confirmed, _) = api.planning.calls
    assert (proposed, confirmed) == ("make_proposal", "confirm_proposal")
    assert arguments == {
        "hosts": {
            "ids": [1, 2],
            "names": ["node-1", "node-2"],
            "tiers": [0, 1],
            "watts": [None, 200.0],
        },
        "wish": leases.Wish(
            start_time=NOW,
            end_time=NOW + 60,
            duration=60,
            quantity=1,
            hosts_max=None,
            objective="earliest",
            name=None,
            host_properties='["=", "$id", 1]',
        ),
    }
    (lease_id,) = api.planning.leases
    assert answer.location == f"http://localhost/v1/leases/{lease_id}/"
    assert answer.json["id"] == lease_id
    assert answer.json["status"] == states.CONFIRMED
    assert answer.json["project_id"] == "noauth"
    assert answer.json["hosts"][1] == {"id": 2, "name": "node-2", "status": "down"}


def test_a_proposal_is_not_confirmed(api: conftest.Api) -> None:
    answer = api.ask("POST", LEASES, {"duration": 60, "confirm": False})
    assert (answer.status_int, answer.json["status"]) == (201, states.PROPOSED)
    assert answer.json["expires_at"] == NOW + 300
    assert api.planning.names() == ["make_proposal"]


def test_no_host_matches(api: conftest.Api) -> None:
    clause: Any = {"clause": '[">", "$vcpus", 99]', "hosts": 3}
    api.inventory.matching |= {"ids": [], "names": [], "tiers": [], "watts": []}
    api.inventory.matching["excluded"] = [clause]
    error = api.refused("POST", LEASES, {"duration": 60})
    assert (error["status"], error["code"]) == (409, "climate.no_host_matches")
    assert error["meta"] == {"hosts_known": 3, "excluded": [clause]}
    assert '[">", "$vcpus", 99] excludes 3.' in error["detail"]
    assert api.planning.calls == []


def test_the_inventory_is_empty(api: conftest.Api) -> None:
    api.inventory.matching |= {"ids": [], "known": 0}
    assert "the inventory is empty" in api.refused("POST", LEASES, {"duration": 60})["detail"]


@pytest.mark.parametrize(
    ("failure", "status", "meta"),
    [
        (exception.RequestInvalid(where="end_time", reason="too far"), 400, {"member": "end_time"}),
        (
            exception.QuotaExceeded(resource="hosts", limit=1, wanted=2),
            403,
            {"resource": "hosts", "limit": 1, "wanted": 2},
        ),
        (
            exception.NotEnoughHosts(
                reason="Too few.",
                hosts_matching=2,
                largest_quantity=1,
                earliest_start_time=NOW,
                earliest_end_time=NOW + 60,
            ),
            409,
            {
                "hosts_matching": 2,
                "largest_quantity": 1,
                "earliest_start_time": NOW,
                "earliest_end_time": NOW + 60,
            },
        ),
        (exception.Conflict(), 409, None),
        (exception.ServiceUnavailable(service="climate-planning", reason="x"), 503, None),
    ],
)
def test_why_there_is_no_lease_is_told(
    api: conftest.Api, failure: Exception, status: int, meta: Any
) -> None:
    api.planning.failing["make_proposal"] = failure
    error = api.refused("POST", LEASES, {"duration": 60})
    assert (error["status"], error.get("meta")) == (status, meta)
    assert api.planning.names() == ["make_proposal"]


def test_a_confirmation_that_is_lost_is_no_lease(api: conftest.Api) -> None:
    lost = exception.ServiceUnavailable(service="climate-planning", reason="no answer in time")
    api.planning.failing["confirm_proposal"] = lost
    assert api.refused("POST", LEASES, {"duration": 60})["status"] == 503


def test_a_mistake_costs_the_services_nothing(api: conftest.Api) -> None:
    bodies: list[Any] = [{"duration": 0}, {"quality": 1}, [], b"{", b""]
    for body in bodies:
        assert api.refused("POST", LEASES, body)["status"] == 400
    assert api.refused("POST", f"{LEASES}?limit=1", {"duration": 60})["status"] == 400
    assert api.refused("POST", LEASES, b"x" * 114_689)["status"] == 413
    assert api.refused("GET", f"{LEASES}?sort=name")["status"] == 400
    assert api.refused("GET", f"{LEASES}not-an-id/")["status"] == 404
    assert (api.planning.calls, api.inventory.calls) == ([], [])


def test_form_data_is_not_taken_for_parameters(api: conftest.Api) -> None:
    error = api.refused("POST", LEASES, b"a=1", CONTENT_TYPE="application/x-www-form-urlencoded")
    assert error["status"] == 415


def test_nested_without_end_is_refused(api: conftest.Api) -> None:
    assert api.refused("POST", LEASES, b"[" * 100_000)["status"] == 400
    depth = b'{"duration": 1, "host_properties": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert api.refused("POST", LEASES, depth)["status"] == 400


def test_a_lease_with_the_status_of_its_hosts(api: conftest.Api) -> None:
    hosts = (leases.LeasedHost(2, "node-2"), leases.LeasedHost(3, "node-3"))
    lease = api.planning.put(hosts=hosts)
    answer = api.ask("GET", url_of(lease))
    assert [host["status"] for host in answer.json["hosts"]] == ["down", "missing"]
    assert answer.json["degraded"] is True
    assert answer.json["links"] == [{"rel": "self", "href": f"http://localhost{url_of(lease)}"}]


def test_a_lease_is_shown_while_the_inventory_is_away(
    api: conftest.Api, caplog: pytest.LogCaptureFixture
) -> None:
    lease = api.planning.put()
    caplog.set_level(logging.INFO)
    api.inventory.away = True
    for _ in range(3):
        answer = api.ask("GET", url_of(lease))
    assert answer.json["degraded"] is None
    assert answer.json["hosts"][0] == {"id": 1, "name": "node-1", "status": None}
    api.inventory.away = False
    for _ in range(2):
        assert api.ask("GET", url_of(lease)).json["degraded"] is False
    told = [record.message for record in caplog.records if "status of" in record.message]
    assert len(told) == 2, told


def test_a_lease_without_hosts_asks_nobody_for_them(api: conftest.Api) -> None:
    lease = api.planning.put(hosts=[])
    assert api.ask("GET", url_of(lease)).json["hosts"] == []
    assert api.inventory.calls == []


@pytest.mark.parametrize("status", states.HIDDEN)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_never_held_a_host_is_unknown(api: conftest.Api, status: str, method: str) -> None:
    lease = api.planning.put(status=status)
    error = api.refused(method, url_of(lease))
    assert error["code"] == "climate.lease_not_found"
    assert error["detail"] == api.refused(method, UNKNOWN)["detail"].replace(
        str(uuid.UUID(int=7)), lease.id
    )
    assert "cancel_proposal" not in api.planning.names()


def test_who_confirms_too_late_is_told_so(api: conftest.Api) -> None:
    lease = api.planning.put(status=states.EXPIRED)
    late = exception.LeaseNotChangeable(lease_id=lease.id, reason="it expired")
    api.planning.failing["confirm_proposal"] = late
    error = api.refused("PUT", url_of(lease), {"status": "confirmed"})
    assert (error["status"], error["code"]) == (409, "climate.lease_not_changeable")


def test_changes_reach_planning(api: conftest.Api) -> None:
    lease = api.planning.put(status=states.PROPOSED)
    path, lease_id = url_of(lease), lease.id
    assert api.ask("PUT", path, {"status": "confirmed"}).json["status"] == "confirmed"
    assert api.ask("PUT", path, {"end_time": 60, "name": "x"}).status_int == 200
    assert api.planning.calls[1::2] == [
        ("confirm_proposal", {"lease_id": lease_id}),
        ("change_lease", {"lease_id": lease_id, "end_time": NOW + 60, "name": "x"}),
    ]


def test_delete_has_nothing_to_say(api: conftest.Api) -> None:
    lease = api.planning.put()
    answer = api.ask("DELETE", url_of(lease))
    assert (answer.status_int, answer.body) == (204, b"")
    assert api.planning.calls[-1] == ("cancel_proposal", {"lease_id": lease.id})


def test_what_is_over_cannot_be_deleted(api: conftest.Api) -> None:
    lease = api.planning.put(status=states.ENDED)
    over = exception.LeaseNotChangeable(lease_id=lease.id, reason="it has ended")
    api.planning.failing["cancel_proposal"] = over
    assert api.refused("DELETE", url_of(lease))["status"] == 409


def test_a_list_asks_each_service_once(api: conftest.Api) -> None:
    for number in range(5):
        api.planning.put(hosts=(leases.LeasedHost(number, f"node-{number}"),))
    answer = api.ask("GET", f"{LEASES}?limit=3&status=active&starts_before=60")
    assert len(answer.json["leases"]) == 3
    assert api.inventory.calls == ["list_names"]
    assert api.planning.calls == [
        (
            "list_leases",
            {
                "filters": leases.Filters("noauth", "active", starts_before=NOW + 60),
                "limit": 3,
                "marker": None,
            },
        )
    ]
    (link,) = answer.json["leases_links"]
    assert link["rel"] == "next"
    marker = list(api.planning.leases)[-1]
    query = f"limit=3&status=active&starts_before=60&marker={marker}"
    assert link["href"] == f"http://localhost{LEASES}?{query}"


@pytest.mark.parametrize(
    ("query", "project_id"),
    [
        ("", "noauth"),
        ("?project_id=noauth", "noauth"),
        ("?project_id=q", "q"),
        ("?all_projects=true", None),
        ("?all_projects=true&project_id=q", "q"),
        ("?all_projects=false", "noauth"),
    ],
)
def test_whose_leases_are_listed(api: conftest.Api, query: str, project_id: str | None) -> None:
    assert api.ask("GET", LEASES + query).json == {"leases": [], "leases_links": []}
    assert api.planning.calls[0][1]["filters"].project_id == project_id


def test_a_marker_tells_nothing_of_other_projects(api: conftest.Api) -> None:
    others, own = api.planning.put(project_id="q"), api.planning.put(project_id="noauth")
    told = [
        api.refused("GET", f"{LEASES}?marker={lease_id}")
        for lease_id in (others.id, str(uuid.UUID(int=7)))
    ]
    assert [error["detail"] for error in told] == ["marker: no lease has this id"] * 2
    assert "list_leases" not in api.planning.names()
    assert api.ask("GET", f"{LEASES}?marker={own.id}").status_int == 200
    assert api.ask("GET", f"{LEASES}?marker={others.id}&all_projects=1").status_int == 200


def test_the_last_page_has_no_link(api: conftest.Api) -> None:
    api.planning.put()
    assert api.ask("GET", LEASES).json["leases_links"] == []


def test_a_lease_that_somebody_has_is_not_sent_again(api: conftest.Api) -> None:
    lease = api.planning.put()
    tag = api.ask("GET", url_of(lease)).headers["ETag"]
    assert api.ask("GET", url_of(lease), HTTP_IF_NONE_MATCH=tag).status_int == 304
    api.planning.put(**lease._replace(end_time=lease.end_time + 1)._asdict())
    assert api.ask("GET", url_of(lease), HTTP_IF_NONE_MATCH=tag).status_int == 200


@pytest.mark.parametrize("query", ["?req=1", "?resp=1", "?self=1", "?_method=PUT"])
def test_parameters_are_never_arguments(api: conftest.Api, query: str) -> None:
    lease = api.planning.put()
    assert api.refused("GET", url_of(lease) + query)["status"] == 400
