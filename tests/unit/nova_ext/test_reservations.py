# SPDX-License-Identifier: Apache-2.0
"""Which hosts are allowed, and why none is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import adapter
from keystoneauth1 import session
from keystoneauth1 import token_endpoint

from climate import client
from nova_ext import answers
from nova_ext import reservations
from tests.fakes import climate as fake_climate

MINE = "11111111-1111-4111-8111-111111111111"
MORE = "22222222-2222-4222-8222-222222222222"
OTHERS = "33333333-3333-4333-8333-333333333333"
LATER = "44444444-4444-4444-8444-444444444444"


@pytest.fixture(autouse=True)
def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_RETRY_SECONDS", 0.0)


@pytest.fixture
def climate() -> Iterator[fake_climate.FakeClimate]:
    server = fake_climate.FakeClimate()
    server.leases = {
        MINE: ("alice", ["node-1", "node-2"], None),
        MORE: ("alice", ["node-3"], None),
        OTHERS: ("bob", ["node-4"], None),
        LATER: ("alice", [], "The lease starts at 2030-01-01T00:00:00Z."),
    }
    server.reserved = ["node-1", "node-2", "node-3", "node-4"]
    server.start()
    yield server
    server.stop()


def make(
    climate: fake_climate.FakeClimate, on_error: str = "last_known", most_seconds: float = 300.0
) -> reservations.Reservations:
    auth = token_endpoint.Token(climate.url, "a-token")
    opened = client.Client(adapter.Adapter(session.Session(auth=auth), service_type="lease"), 10.0)
    return reservations.Reservations(opened, reservations.Options(10.0, on_error, most_seconds))


@pytest.mark.parametrize("hint", [MINE, [MINE], MINE.upper(), f" {MINE} ", [MINE, MINE]])
def test_inside(climate: fake_climate.FakeClimate, hint: Any) -> None:
    allowed = make(climate).find_inside(hint, "alice")
    assert allowed.only == {"node-1", "node-2"}
    assert len(climate.requests) == 1


def test_inside_of_several(climate: fake_climate.FakeClimate) -> None:
    allowed = make(climate).find_inside([MINE, MORE, OTHERS, LATER], "alice")
    assert allowed.only == {"node-1", "node-2", "node-3"}
    assert len(climate.requests) == 1


@pytest.mark.parametrize(
    ("lease_id", "reason"),
    [
        (OTHERS, f"Lease '{OTHERS}' is not known."),
        (MINE.replace("1", "5"), "is not known."),
        (LATER, "The lease starts at 2030-01-01T00:00:00Z."),
    ],
)
def test_inside_of_none(climate: fake_climate.FakeClimate, lease_id: str, reason: str) -> None:
    allowed = make(climate).find_inside(lease_id, "alice")
    assert allowed.only == frozenset()
    assert reason in allowed.reason


@pytest.mark.parametrize(
    "hint",
    [
        "",
        [],
        "a lease",
        "node-1\nINFO all is well",
        f"{MINE}&project_id=bob",
        "1" * 36,
        [MINE, "x"],
        [[MINE]],
        {"id": MINE},
        5,
        True,
        [None],
        [MINE] * 9,
    ],
)
def test_garbage_is_not_asked_for(climate: fake_climate.FakeClimate, hint: Any) -> None:
    allowed = make(climate).find_inside(hint, "alice")
    assert allowed.only == frozenset()
    assert allowed.reason.startswith("The hint lease_id ")
    assert "\n" not in allowed.reason
    assert len(allowed.reason) < 200
    assert not climate.requests


def test_outside(climate: fake_climate.FakeClimate) -> None:
    allowed = make(climate).find_outside()
    assert allowed.only is None
    assert allowed.never == {"node-1", "node-2", "node-3", "node-4"}


@pytest.mark.parametrize("on_error", ["deny", "allow", "last_known"])
def test_inside_with_climate_away(climate: fake_climate.FakeClimate, on_error: str) -> None:
    """What was known of a lease is of no use."""
    asked = make(climate, on_error)
    assert asked.find_inside(MINE, "alice").only
    climate.stop()
    allowed = asked.find_inside(MINE, "alice")
    assert allowed.only == frozenset()
    assert "Climate cannot be asked" in allowed.reason


@pytest.mark.parametrize("status", [200, 503])
def test_outside_with_climate_away(climate: fake_climate.FakeClimate, status: int) -> None:
    asked = {on_error: make(climate, on_error) for on_error in ("deny", "allow", "last_known")}
    for one in asked.values():
        one.find_outside()
    climate.status = status
    if status == 200:
        climate.stop()
    denied = asked["deny"].find_outside()
    assert denied.only == frozenset()
    assert "on_error = deny" in denied.reason
    assert asked["allow"].find_outside() == reservations.Allowed(None, frozenset(), "")
    assert asked["last_known"].find_outside().never == set(climate.reserved)


def test_last_known_is_never_known(climate: fake_climate.FakeClimate) -> None:
    climate.stop()
    allowed = make(climate).find_outside()
    assert allowed.only == frozenset()
    assert "no answer of the last 300 s is known" in allowed.reason


def test_last_known_is_too_old(climate: fake_climate.FakeClimate) -> None:
    asked = make(climate, most_seconds=0.0)
    asked.find_outside()
    climate.stop()
    assert asked.find_outside().only == frozenset()


def test_climate_is_back(climate: fake_climate.FakeClimate) -> None:
    asked = make(climate, "deny")
    climate.stop()
    assert asked.find_outside().only == frozenset()
    climate.start()
    assert asked.find_outside().only is None
