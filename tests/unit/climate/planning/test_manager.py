# SPDX-License-Identifier: Apache-2.0
"""The planner: what it proposes, refuses and changes, alone and among others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_context import context

from climate import exception
from climate import lease as leases
from climate import states
from climate.planning import changes
from climate.planning import manager
from climate.planning import options
from climate.planning import prices
from climate.planning import quotas
from climate.planning import store as stores
from climate.rpc import planning as rpc
from climate.rpc import transport as transports
from tests import conftest
from tests.unit.climate.planning import planners

HOUR, DAY = planners.HOUR, planners.DAY


@pytest.fixture
def store(tmp_path: Path) -> stores.Store:
    """A store on an empty SQLite file."""
    return planners.open_store(planners.configure(tmp_path))


@pytest.fixture
def planner(store: stores.Store, fake_clock: conftest.FakeClock) -> manager.Planner:
    """A planner that is alone."""
    return planners.build(store, fake_clock)


# ---- proposals


def test_a_proposal_is_kept_as_it_was_asked(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    now = int(fake_clock.time())
    made = planners.propose(
        planner,
        now,
        start_time=now + 60,
        quantity=2,
        hosts_max=3,
        name="rendering",
        host_properties='["=", "$id", 1]',
    )
    assert planner.get_proposal_details(made.id) == made
    assert (made.start_time, made.end_time) == (now + 60, now + 60 + HOUR)
    assert (made.window_start, made.window_end) == (now + 60, now + DAY)
    assert [host.name for host in made.hosts] == ["host-1", "host-2", "host-3"]
    assert (made.project_id, made.user_id, made.name) == ("project", "user", "rendering")
    assert (made.quantity, made.hosts_max, made.duration) == (2, 3, HOUR)
    assert (made.status, made.objective) == (states.PROPOSED, "earliest")
    assert made.host_properties == '["=", "$id", 1]'
    assert (made.created_at, made.expires_at) == (now, now + 300)


def test_leases_queue_up_on_a_host(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    now = int(fake_clock.time())
    starts = [
        planners.propose(planner, now, hosts=planners.columns(1)).start_time - now for _ in range(3)
    ]
    assert starts == [0, HOUR, 2 * HOUR]


def test_ids_alone_take_the_names_that_are_known(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    planners.propose(planner, fake_clock.time(), hosts=planners.columns(1))
    made = planners.propose(planner, fake_clock.time(), hosts=[1, 77], quantity=2)
    assert [host.name for host in made.hosts] == ["host-1", "77"]


def test_a_new_name_of_a_host_is_learnt(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    planners.propose(planner, fake_clock.time(), hosts=planners.columns(1))
    renamed = planners.columns(1, names=["renamed"])
    made = planners.propose(planner, fake_clock.time(), hosts=renamed)
    assert planner.get_proposal_details(made.id).hosts[0].name == "renamed"


def test_smaller_tiers_first(planner: manager.Planner, fake_clock: conftest.FakeClock) -> None:
    hosts = planners.columns(3, tiers=[1, 2, 0])
    made = [planners.propose(planner, fake_clock.time(), hosts=hosts) for _ in range(3)]
    assert [lease.hosts[0].id for lease in made] == [3, 1, 2]


def test_the_greenest_waits_for_cheap_energy(
    store: stores.Store, fake_clock: conftest.FakeClock
) -> None:
    now = int(fake_clock.time())
    night = prices.Prices([now, now + 5 * HOUR, now + 7 * HOUR], [3.0, 1.0, 3.0])
    planner = planners.build(store, fake_clock, options.Options(energy_prices=night))
    thrifty = planners.columns(3, watts=[None, 90, 500])
    made = planners.propose(planner, now, hosts=thrifty, objective="greenest")
    assert made.start_time == now + 5 * HOUR
    assert made.hosts[0].id == 2
    # A host of unknown consumption uses default_host_watts, 200.
    again = planners.propose(
        planner, now, hosts=thrifty, objective="greenest", quantity=2, duration=2 * HOUR
    )
    assert [host.id for host in again.hosts] == [1, 2]


@pytest.mark.parametrize(
    ("changed", "member"),
    [
        ({"hosts": []}, "hosts"),
        ({"start_time": "now"}, "start_time"),
        ({"end_time": 1}, "end_time"),
        ({"duration": DAY + 1}, "duration"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 2, "hosts_max": 1}, "hosts_max"),
        ({"hosts_max": 0}, "hosts_max"),
        ({"objective": "cheapest"}, "objective"),
        ({"name": "n" * 256}, "name"),
        ({"host_properties": None}, "host_properties"),
        ({"project_id": None}, "project_id"),
    ],
)
def test_nonsense_is_refused_and_nothing_kept(
    planner: manager.Planner,
    fake_clock: conftest.FakeClock,
    changed: dict[str, Any],
    member: str,
) -> None:
    with pytest.raises(exception.RequestInvalid) as caught:
        planners.propose(planner, fake_clock.time(), **changed)
    assert caught.value.meta == {"member": member}
    assert planner.list_leases() == ([], None)


def test_a_refusal_tells_what_would_work(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    now = int(fake_clock.time())
    planners.propose(planner, now, quantity=2, duration=DAY)
    with pytest.raises(exception.NotEnoughHosts, match="1 host is free together") as caught:
        planners.propose(planner, now, quantity=2)
    assert caught.value.meta == {
        "hosts_matching": 3,
        "largest_quantity": 1,
        "earliest_start_time": now + DAY,
        "earliest_end_time": now + DAY + HOUR,
    }
    advised = caught.value.meta["earliest_start_time"]
    made = planners.propose(planner, now, quantity=2, start_time=advised, end_time=advised + HOUR)
    assert made.start_time == advised


def test_more_than_match_can_never_be(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    with pytest.raises(exception.NotEnoughHosts, match="3 hosts match, but 4 are") as caught:
        planners.propose(planner, fake_clock.time(), quantity=4)
    assert caught.value.meta["earliest_start_time"] is None


def test_overdue_proposals_are_in_nobodys_way(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    first = planners.propose(planner, fake_clock.time(), quantity=3, duration=DAY)
    fake_clock.advance(301)
    second = planners.propose(planner, fake_clock.time(), quantity=3, duration=DAY - HOUR)
    assert second.start_time == int(fake_clock.time())
    assert planner.get_proposal_details(first.id).status == states.EXPIRED


def test_quotas_hold_by_project(store: stores.Store, fake_clock: conftest.FakeClock) -> None:
    limits = options.Quotas(quotas.Quota(hosts=1), hosts={"large": 2})
    planner = planners.build(store, fake_clock, options.Options(quotas=limits))
    planners.propose(planner, fake_clock.time())
    with pytest.raises(exception.QuotaExceeded):
        planners.propose(planner, fake_clock.time())
    planners.propose(planner, fake_clock.time(), quantity=2, project_id="large")


# ---- among other planners


class Crowded(stores.Store):
    """A store to which somebody else is always faster, for a number of times."""

    rivals = 0
    rival: manager.Planner

    def change(self, work: Any, *args: Any, **named: Any) -> Any:
        if self.rivals and work is changes.book:
            self.rivals -= 1
            planners.propose(self.rival, args[0].created_at, hosts=planners.columns(1))
        return super().change(work, *args, **named)


@pytest.fixture
def crowded(tmp_path: Path, fake_clock: conftest.FakeClock) -> Crowded:
    """A store with a rival planner."""
    conf = planners.configure(tmp_path)
    rival = planners.build(planners.open_store(conf), fake_clock)
    store = Crowded(planners.open_store(conf)._transactions)
    store.rival = rival
    return store


def test_who_loses_a_race_plans_again(crowded: Crowded, fake_clock: conftest.FakeClock) -> None:
    planner = planners.build(crowded, fake_clock)
    crowded.rivals = 3
    made = planners.propose(planner, fake_clock.time(), hosts=planners.columns(1))
    # Behind the three.
    assert made.start_time == int(fake_clock.time()) + 3 * HOUR
    assert len(planner.list_leases()[0]) == 4


def test_who_loses_again_and_again_is_told(
    crowded: Crowded, fake_clock: conftest.FakeClock
) -> None:
    planner = planners.build(crowded, fake_clock, options.Options(max_attempts=4))
    crowded.rivals = 100
    with pytest.raises(exception.Conflict):
        planners.propose(planner, fake_clock.time(), hosts=planners.columns(1))
    assert crowded.rivals == 96
    assert len(planner.list_leases()[0]) == 4


def test_threads_never_share_a_host(store: stores.Store, fake_clock: conftest.FakeClock) -> None:
    """Two planners, four threads each, five hosts: 40 leases of an hour fill eight hours."""
    outcomes: Counter[str] = Counter()
    hosts = planners.columns(5)
    now = int(fake_clock.time())

    def work(planner: manager.Planner) -> None:
        for _ in range(6):
            try:
                planners.propose(planner, now, hosts=hosts, end_time=now + 8 * HOUR)
                outcomes["made"] += 1
            except exception.NotEnoughHosts:
                outcomes["refused"] += 1

    mine, yours = planners.build(store, fake_clock), planners.build(store, fake_clock)
    threads = [threading.Thread(target=work, args=(one,)) for one in [mine, yours] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"made": 40, "refused": 8}
    held = Counter((lease.hosts[0].id, lease.start_time) for lease in mine.list_leases()[0])
    assert len(held) == 40
    assert set(held.values()) == {1}


# ---- leases


def test_the_life_of_a_proposal(planner: manager.Planner, fake_clock: conftest.FakeClock) -> None:
    made = planners.propose(planner, fake_clock.time())
    assert planner.confirm_proposal(made.id).status == states.CONFIRMED
    assert planner.confirm_proposal(made.id).status == states.CONFIRMED
    assert planner.cancel_proposal(made.id).status == states.CANCELLED
    with pytest.raises(exception.LeaseNotChangeable):
        planner.cancel_proposal(made.id)


@pytest.mark.parametrize(
    "method", ["get_proposal_details", "confirm_proposal", "cancel_proposal", "change_lease"]
)
@pytest.mark.parametrize("lease_id", ["absent", "a\0b", "x" * 200])
def test_a_lease_that_is_not_known(planner: manager.Planner, method: str, lease_id: str) -> None:
    with pytest.raises(exception.LeaseNotFound):
        getattr(planner, method)(lease_id)


def test_a_lease_is_extended_shortened_and_renamed(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    made = planners.propose(planner, fake_clock.time())
    for end_time in (made.end_time + HOUR, made.start_time + 60):
        assert planner.change_lease(made.id, end_time=end_time).end_time == end_time
    assert planner.change_lease(made.id, name="new").name == "new"
    assert planner.get_proposal_details(made.id).end_time == made.start_time + 60


@pytest.mark.parametrize("offset", [-HOUR, 0, 3650 * DAY + 1, leases.FOREVER])
def test_an_end_that_makes_no_sense(
    planner: manager.Planner, fake_clock: conftest.FakeClock, offset: int
) -> None:
    made = planners.propose(planner, fake_clock.time())
    with pytest.raises(exception.RequestInvalid) as caught:
        planner.change_lease(made.id, end_time=made.start_time + offset)
    assert caught.value.meta == {"member": "end_time"}


def test_an_extension_counts_towards_the_quota_of_its_project(
    store: stores.Store, fake_clock: conftest.FakeClock
) -> None:
    quotas = options.Quotas(host_hours={"project": 2})
    planner = planners.build(store, fake_clock, options.Options(quotas=quotas))
    made = planners.propose(planner, fake_clock.time())
    planner.change_lease(made.id, end_time=made.end_time + HOUR)
    with pytest.raises(exception.QuotaExceeded):
        planner.change_lease(made.id, end_time=made.end_time + 2 * HOUR)


def test_pages_and_filters(planner: manager.Planner, fake_clock: conftest.FakeClock) -> None:
    now = fake_clock.time()
    ids = [planners.propose(planner, now, project_id=f"p{n % 2}").id for n in range(5)]
    first, marker = planner.list_leases(limit=3)
    rest, end = planner.list_leases(limit=3, marker=marker)
    assert [lease.id for lease in [*first, *rest]] == ids[::-1]
    assert end is None
    assert [lease.id for lease in planner.list_leases(leases.Filters(project_id="p1")).leases] == [
        ids[3],
        ids[1],
    ]


@pytest.mark.parametrize(
    ("arguments", "member"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10**6}, "limit"),
        ({"limit": "10"}, "limit"),
        ({"status": "sleeping"}, "status"),
        ({"starts_before": "x"}, "starts_before"),
        ({"ends_after": -1}, "ends_after"),
        ({"name": 3}, "name"),
        ({"host": "\ud800"}, "host"),
        ({"marker": "absent"}, "marker"),
    ],
)
def test_a_list_that_cannot_be(
    planner: manager.Planner, arguments: dict[str, Any], member: str
) -> None:
    with pytest.raises(exception.RequestInvalid) as caught:
        page = {name: arguments.pop(name) for name in ("limit", "marker") if name in arguments}
        planner.list_leases(leases.Filters(**arguments), **page)
    assert caught.value.meta == {"member": member}


def test_hosts_are_reserved_before_their_lease(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    now = int(fake_clock.time())
    planners.propose(planner, now, hosts=planners.columns(1), start_time=now + 2 * HOUR)
    assert list(planner.list_reserved_hosts()[0]) == []
    hosts, _until = planner.list_reserved_hosts(2 * HOUR)
    assert list(hosts) == [leases.LeasedHost(1, "host-1")]
    with pytest.raises(exception.RequestInvalid):
        planner.list_reserved_hosts(-1)


def test_a_restored_backup_is_noticed(tmp_path: Path, fake_clock: conftest.FakeClock) -> None:
    """What was in memory is forgotten, and hosts that it lacks are learnt again."""
    conf = planners.configure(tmp_path)
    store = planners.open_store(conf)
    planner = planners.build(store, fake_clock)
    planners.propose(planner, fake_clock.time(), hosts=planners.columns(1), duration=DAY)
    (tmp_path / "other").mkdir()
    backup = planners.open_store(planners.configure(tmp_path / "other"))
    store._transactions = backup._transactions
    with pytest.raises(exception.NotEnoughHosts):
        planners.propose(planner, fake_clock.time(), hosts=planners.columns(1))
    made = planners.propose(planner, fake_clock.time(), hosts=planners.columns(1))
    assert made.start_time == int(fake_clock.time())


# ---- calls


@pytest.fixture
def api(tmp_path: Path, planner: manager.Planner) -> Iterator[rpc.PlanningAPI]:
    """What the API has of the planner, over a transport without a broker."""
    transport = transports.get_transport(planners.configure(tmp_path), "fake://")
    server = transports.Server(transport, rpc.TOPIC, "here", manager.Endpoint(planner))
    server.start()
    yield rpc.PlanningAPI(transport, 30.0)
    server.stop()


def caller(project_id: str | None = "project") -> context.RequestContext:
    return context.RequestContext(project_id=project_id, user_id="user")


def test_every_call(api: rpc.PlanningAPI, fake_clock: conftest.FakeClock) -> None:
    now = int(fake_clock.time())
    who = caller()
    hosts: Any = planners.columns(2)
    made = api.make_proposal(who, hosts, leases.Wish(now, now + DAY, HOUR, 1, name="mine"))
    assert (made.project_id, made.user_id, made.name) == ("project", "user", "mine")
    assert api.get_proposal_details(who, made.id) == made
    assert api.confirm_proposal(who, made.id).status == states.CONFIRMED
    end_time = made.end_time + HOUR
    assert api.change_lease(who, made.id, end_time=end_time).end_time == end_time
    page = api.list_leases(who, limit=1)
    assert ([lease.id for lease in page.leases], page.next_marker) == ([made.id], None)
    reserved = api.list_reserved_hosts(who)
    assert reserved == (list(made.hosts), end_time)
    assert api.cancel_proposal(who, made.id).status == states.CANCELLED


def test_refusals_cross_as_what_they_are(
    api: rpc.PlanningAPI, fake_clock: conftest.FakeClock
) -> None:
    now = int(fake_clock.time())
    with pytest.raises(exception.NotEnoughHosts) as refused:
        api.make_proposal(caller(), [1], leases.Wish(now, now + DAY, HOUR, 2))
    assert refused.value.meta["hosts_matching"] == 1
    assert str(refused.value) == "1 host matches, but 2 are wanted."
    with pytest.raises(exception.RequestInvalid) as invalid:
        api.make_proposal(caller(), [1], leases.Wish(now, now + DAY, HOUR, 0))
    assert invalid.value.meta == {"member": "quantity"}
    with pytest.raises(exception.RequestInvalid):
        api.make_proposal(caller(None), [1], leases.Wish(now, now + DAY, HOUR, 1))
    with pytest.raises(exception.LeaseNotFound):
        api.get_proposal_details(caller(), "absent")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("make_proposal", {}),
        ("get_proposal_details", {}),
        ("get_proposal_details", {"lease_id": ["a"]}),
        ("confirm_proposal", {"lease_id": None}),
        ("list_reserved_hosts", {"lead_seconds": "soon"}),
        # Whose a lease is comes with the caller alone.
        ("make_proposal", {"project_id": "other"}),
    ],
)
def test_a_malformed_call_is_the_callers_mistake(
    planner: manager.Planner, method: str, arguments: dict[str, Any]
) -> None:
    endpoint = manager.Endpoint(planner)
    with pytest.raises(Exception) as caught:  # noqa: B017, PT011
        getattr(endpoint, method)(caller(), **arguments)
    # oslo.messaging's wrapping of what is expected.
    assert isinstance(caught.value.exc_info[1], exception.RequestInvalid)  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", [{"who": "me"}, {"self": "me"}, {"newer": {"than": "this"}}])
def test_arguments_that_are_not_known_are_passed_over(
    planner: manager.Planner, fake_clock: conftest.FakeClock, arguments: dict[str, Any]
) -> None:
    lease = planners.propose(planner, int(fake_clock.time()), project_id="project")
    endpoint = manager.Endpoint(planner)
    assert len(endpoint.list_leases(caller(), **arguments)["leases"]) == 1
    assert endpoint.confirm_proposal(caller(), lease_id=lease.id, **arguments)["id"] == lease.id


def test_whose_a_lease_is_comes_with_the_caller_alone(
    planner: manager.Planner, fake_clock: conftest.FakeClock
) -> None:
    lease = planners.propose(planner, int(fake_clock.time()), project_id="project")
    endpoint = manager.Endpoint(planner)
    changed = endpoint.change_lease(
        caller(), lease_id=lease.id, name="mine", project_id="other", user_id="other"
    )
    assert (changed["name"], changed["project_id"]) == ("mine", "project")
