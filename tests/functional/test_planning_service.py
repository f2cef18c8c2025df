# SPDX-License-Identifier: Apache-2.0
"""climate-planning with a real RabbitMQ: calls, outages, kill -9, and events once each."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from climate import exception
from climate import lease as leases
from climate import states
from climate.planning import outbox
from climate.rpc import planning as rpc
from tests.servers import plannings
from tests.servers import rabbitmq as broker
from tests.servers import scripts

WHO = plannings.WHO
BOTH = [outbox.ENDED, outbox.STARTED]


@pytest.fixture
def site(tmp_path: Path, rabbitmq: broker.RabbitMQ) -> Iterator[plannings.Site]:
    """A site without a lease, nothing of it running."""
    made = plannings.Site(tmp_path, rabbitmq.url)
    yield made
    made.close()


def both_of(ids: list[str]) -> list[tuple[str, str]]:
    return sorted((lease_id, event_type) for lease_id in ids for event_type in BOTH)


def is_answered(api: rpc.PlanningAPI) -> bool:
    """Return whether a proposal is made, not asking for long."""
    try:
        plannings.propose(api)
    except exception.ServiceUnavailable:
        return False
    return True


def test_calls_and_their_errors_cross(site: plannings.Site) -> None:
    planning = site.process()
    planning.start()
    site.wait_ready()
    api = site.api()
    made = plannings.propose(api, hosts=[1, 2], quantity=2, duration=600)
    assert [host.id for host in made.hosts] == [1, 2]
    assert api.confirm_proposal(WHO, made.id).status in (states.CONFIRMED, states.ACTIVE)
    with pytest.raises(exception.NotEnoughHosts) as refused:
        end_time = made.end_time + 60
        plannings.propose(api, hosts=[1, 2], quantity=2, end_time=end_time, duration=600)
    assert refused.value.meta is not None
    assert refused.value.meta["earliest_start_time"] == made.end_time
    with pytest.raises(exception.RequestInvalid, match="^quantity: must be"):
        plannings.propose(api, quantity=0)
    with pytest.raises(exception.LeaseNotFound):
        api.cancel_proposal(WHO, "absent")
    assert api.cancel_proposal(WHO, made.id).status in (states.CANCELLED, states.ENDED)
    with pytest.raises(exception.LeaseNotChangeable):
        api.cancel_proposal(WHO, made.id)
    assert planning.stop() == 0
    assert "Traceback" not in planning.log


def test_a_service_that_is_not_there(site: plannings.Site) -> None:
    """A call that nobody took is dropped: it is not carried out later."""
    api = site.api(2.0)
    for _ in range(2):
        with pytest.raises(exception.ServiceUnavailable, match="climate-planning does not answer"):
            plannings.propose(api)
    planning = site.process()
    planning.start()
    site.wait_ready()
    made = plannings.propose(site.api())
    assert [lease.id for lease in site.api().list_leases(WHO).leases] == [made.id]


def test_the_broker_goes_and_comes_back(site: plannings.Site, rabbitmq: broker.RabbitMQ) -> None:
    """No call hangs, nothing is half made, leases go on, and nobody is restarted."""
    planning = site.process()
    planning.start()
    site.wait_ready()
    api, other_api = site.api(10.0), site.api(2.0)
    made = plannings.lease(api, duration=8)
    rabbitmq.stop()
    try:
        for caller in (api, other_api, api):
            with pytest.raises(exception.ServiceUnavailable):
                plannings.propose(caller)
        ended = lambda: site.store.get(made.id).status == states.ENDED  # noqa: E731
        scripts.wait_until(ended, "the end of a lease without a broker")
    finally:
        rabbitmq.start()

    scripts.wait_until(lambda: is_answered(api), "a proposal after the outage")
    scripts.wait_until(lambda: is_answered(other_api), "one by who never had a connection")
    found, _marker = site.store.list(leases.Filters(), 100, None)
    # An answer may have been lost while all were connecting anew; then the proposal expires.
    assert [lease.id for lease in found if lease.status != states.PROPOSED] == [made.id]
    assert plannings.Ears(site).wait_for(2) == both_of([made.id])
    assert planning.log.count("The broker is away, leases wait for it") == 1
    assert planning.log.count("The broker is back") == 1
    assert planning.stop() == 0
    assert "Traceback" not in planning.log


def test_it_starts_and_stops_without_a_broker(
    site: plannings.Site, rabbitmq: broker.RabbitMQ
) -> None:
    planning = site.process()
    rabbitmq.stop()
    try:
        planning.start()
        scripts.wait_until(lambda: "refused" in planning.log, "a try to connect")
        assert planning.stop() == 0
        planning.start()
    finally:
        rabbitmq.start()
    site.wait_ready()
    assert plannings.propose(site.api()).status == states.PROPOSED


def test_a_start_and_an_end_are_told_once_each_by_two_services(site: plannings.Site) -> None:
    ears = plannings.Ears(site)
    ears.listen()
    for _ in range(2):
        site.process().start()
    site.wait_ready()
    api = site.api()
    made = [plannings.lease(api).id for _ in range(30)]
    assert ears.wait_for(60) == both_of(made)
    for event in ears.heard:
        assert event["payload"]["status"] == (
            states.ACTIVE if event["event_type"] == outbox.STARTED else states.ENDED
        )


def test_events_after_kill_9(site: plannings.Site) -> None:
    """None is missing; one that comes twice, as it may once a kill, has the same id."""
    ears = plannings.Ears(site)
    ears.listen()
    planners = [site.process() for _ in range(2)]
    for planning in planners:
        planning.start()
    site.wait_ready()
    api = site.api()
    made: list[str] = []
    kills = 4
    for number in range(kills):
        made += [plannings.lease(api).id for _ in range(10)]
        # While some of them start and end, and the other one answers.
        planners[number % 2].kill()
        planners[number % 2].start()
    told = Counter(ears.wait_for(2 * len(made)))
    assert set(told) == set(both_of(made))
    assert sum(told.values()) <= 2 * len(made) + kills
    ids = {
        (event["payload"]["id"], event["event_type"], event["message_id"]) for event in ears.heard
    }
    assert len(ids) == len(told)


def test_what_ended_while_nothing_ran_is_told_at_the_next_start(site: plannings.Site) -> None:
    planning = site.process()
    planning.start()
    site.wait_ready()
    made = plannings.lease(site.api(), start_time=0).id
    planning.kill()
    scripts.wait_until(lambda: site.store.get(made).end_time < time.time(), "the end of a lease")
    planning.start()
    assert plannings.Ears(site).wait_for(2) == both_of([made])


def test_a_reload_takes_up_new_quotas(site: plannings.Site) -> None:
    planning = site.process()
    planning.start()
    site.wait_ready()
    api = site.api()
    plannings.propose(api)
    with open(site.conf_path, "a") as file:
        file.write("[quota]\nhosts = 1\n")
    planning.send(signal.SIGHUP)

    def is_refused() -> bool:
        try:
            plannings.propose(api)
        except exception.QuotaExceeded:
            return True
        return False

    scripts.wait_until(is_refused, "the new quota")
    assert planning.stop() == 0
