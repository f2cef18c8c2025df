# SPDX-License-Identifier: Apache-2.0
"""The janitor: what happens to leases without anybody asking, and what does not stop it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from climate import exception
from climate import lease as leases
from climate import states
from climate.planning import events
from climate.planning import janitor
from climate.planning import manager
from climate.planning import outbox
from climate.planning import store as stores
from energybase import exception as floor
from tests import conftest
from tests.unit.climate.planning import planners

HOUR, DAY = planners.HOUR, planners.DAY
START, END = outbox.STARTED, outbox.ENDED


class Sender(events.Sender):
    """A sender that keeps what it is given, unless the broker is away."""

    def __init__(self) -> None:
        self.away = False
        self.tries = 0
        self.sent: list[outbox.Event] = []

    def send(self, event: outbox.Event) -> None:
        self.tries += 1
        if self.away:
            raise exception.ServiceUnavailable(service="The broker", reason="refused")
        self.sent.append(event)

    @property
    def types(self) -> list[str]:
        return [event.event_type for event in self.sent]


class Fragile(stores.Store):
    """A store that fails when told to."""

    fault: Exception | None = None
    crash_before_forgetting = False

    def expire(self, now: int) -> int:
        if self.fault:
            raise self.fault
        return super().expire(now)

    def write(self, work: Any, *args: Any, **named: Any) -> Any:
        if self.fault and work is outbox.claim:
            raise self.fault
        if self.crash_before_forgetting and work is outbox.remove:
            raise KeyboardInterrupt
        return super().write(work, *args, **named)


class Site:
    """A planner, a janitor, and all that they use."""

    def __init__(self, folder: Path, clock: conftest.FakeClock) -> None:
        self.clock, self.sender = clock, Sender()
        conf = planners.configure(folder)
        self.store = Fragile(planners.open_store(conf)._transactions)
        self.planner: manager.Planner = planners.build(self.store, clock)
        self.janitor = self.make_janitor()

    def make_janitor(self, sender: Sender | None = None) -> janitor.Janitor:
        return janitor.Janitor(
            self.store, sender or self.sender, self.clock, tick_seconds=1.0, keep_ended_days=90
        )

    def lease(self, **changed: Any) -> leases.Lease:
        made = planners.propose(self.planner, self.clock.time(), **changed)
        return self.planner.confirm_proposal(made.id)

    def status(self, lease: leases.Lease) -> str:
        return self.planner.get_proposal_details(lease.id).status

    def turn(self, keeper: janitor.Janitor | None = None) -> None:
        """Let a janitor look after everything once."""
        keeper = keeper or self.janitor
        keeper.tend()
        keeper.tell()


@pytest.fixture
def site(tmp_path: Path, fake_clock: conftest.FakeClock) -> Site:
    """A site with three hosts and no lease."""
    return Site(tmp_path, fake_clock)


def test_a_lease_starts_and_ends_and_both_are_told(site: Site) -> None:
    now = int(site.clock.time())
    lease = site.lease(start_time=now + 60)
    site.turn()
    assert (site.status(lease), site.sender.sent) == (states.CONFIRMED, [])
    site.clock.advance(60)
    site.turn()
    assert (site.status(lease), site.sender.types) == (states.ACTIVE, [START])
    site.clock.advance(HOUR)
    site.turn()
    assert (site.status(lease), site.sender.types) == (states.ENDED, [START, END])
    site.turn()
    assert len(site.sender.sent) == 2
    started, ended = site.sender.sent
    assert started.payload == lease.to_dict() | {
        "status": states.ACTIVE,
        "updated_at": now + 60,
    }
    assert ended.payload["status"] == states.ENDED
    assert started.id != ended.id


def test_what_was_missed_is_caught_up(site: Site) -> None:
    lease = site.lease()
    site.clock.advance(DAY)
    site.turn()
    assert (site.status(lease), site.sender.types) == (states.ENDED, [START, END])


def test_proposals_expire(site: Site) -> None:
    made = planners.propose(site.planner, site.clock.time())
    site.clock.advance(299)
    site.turn()
    assert site.status(made) == states.PROPOSED
    site.clock.advance(2)
    site.turn()
    assert site.status(made) == states.EXPIRED
    assert site.sender.sent == []


def test_leases_are_forgotten_when_they_are_old(site: Site) -> None:
    lease = site.lease()
    site.clock.advance(DAY)
    site.turn()
    site.clock.advance(89 * DAY)
    site.turn()
    assert site.status(lease) == states.ENDED
    site.clock.advance(2 * DAY)
    site.turn()
    with pytest.raises(exception.LeaseNotFound):
        site.status(lease)


def test_any_number_of_janitors_tell_once(site: Site) -> None:
    for _ in range(10):
        site.lease(hosts=planners.columns(10))
    site.clock.advance(DAY)
    keepers = [site.make_janitor() for _ in range(4)]
    threads = [threading.Thread(target=_turn_on, args=(site, keeper)) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(site.sender.types) == [END] * 10 + [START] * 10
    assert len({event.id for event in site.sender.sent}) == 20


def _turn_on(site: Site, keeper: janitor.Janitor) -> None:
    """Try until it is done, as the janitor's own thread does where the database is busy."""
    while True:
        try:
            return site.turn(keeper)
        except floor.StoreUnavailable:
            continue


def test_who_dies_after_sending_has_it_sent_again_by_the_same_id(site: Site) -> None:
    site.lease()
    site.store.crash_before_forgetting = True
    with pytest.raises(KeyboardInterrupt):
        site.turn()
    site.store.crash_before_forgetting = False
    other = site.make_janitor()
    site.turn(other)
    assert site.sender.types == [START]
    site.clock.advance(31)
    site.turn(other)
    assert site.sender.types == [START, START]
    assert site.sender.sent[0] == site.sender.sent[1]


def test_leases_start_while_the_broker_is_away(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """And it is told once that it is, once that it is back, and nothing is lost."""
    caplog.set_level(logging.INFO)
    made = [site.lease(hosts=planners.columns(3)) for _ in range(3)]
    site.sender.away = True
    for _ in range(5):
        site.turn()
        site.clock.advance(10)
    assert {site.status(lease) for lease in made} == {states.ACTIVE}
    assert caplog.text.count("The broker is away, leases wait for it: refused") == 1
    assert "is back" not in caplog.text
    # An outage does not end because there is nothing to send just now.
    site.sender.away = False
    site.clock.advance(31)
    site.turn()
    assert site.sender.types == [START] * 3
    assert caplog.text.count("The broker is back after 81 s") == 1


def test_one_try_at_a_time_while_the_broker_is_away(site: Site) -> None:
    for _ in range(3):
        site.lease(hosts=planners.columns(3))
    site.sender.away = True
    assert site.janitor.tend()
    assert not site.janitor.tell()
    assert site.sender.tries == 1


@pytest.fixture
def running(site: Site, request: pytest.FixtureRequest) -> Callable[[], None]:
    """Starts the janitor's own threads, and ends them with the test."""

    def start() -> None:
        request.addfinalizer(site.janitor.stop)
        site.janitor.start()

    return start


def test_the_threads_do_it_all(site: Site, running: Callable[[], None]) -> None:
    lease = site.lease(duration=20)
    running()
    # On a clock on which waiting takes no time.
    conftest.wait(lambda: site.sender.types == [START, END])
    assert site.status(lease) == states.ENDED


def test_an_outage_of_the_database_is_told_once(
    site: Site, running: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lease = site.lease(duration=20)
    site.store.fault = floor.StoreUnavailable(reason="refused")
    begun = site.clock.monotonic()
    running()
    conftest.wait(lambda: site.clock.monotonic() > begun + 500)
    site.store.fault = None
    conftest.wait(lambda: site.sender.types == [START, END])
    assert site.status(lease) == states.ENDED
    assert caplog.text.count("The database is away, leases wait for it: refused") == 1
    assert caplog.text.count("The database is back after") == 1


def test_a_fault_nobody_thought_of_stops_nothing(
    site: Site, running: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    site.lease(duration=20)
    site.store.fault = ZeroDivisionError("surprise")
    running()
    conftest.wait(lambda: "ZeroDivisionError: surprise" in caplog.text)
    site.store.fault = None
    conftest.wait(lambda: site.sender.types == [START, END])


def test_a_janitor_that_was_never_started_can_stop(site: Site) -> None:
    """As when the part before it fails to start."""
    site.janitor.stop()
    assert site.sender.tries == 0
