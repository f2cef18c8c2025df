# SPDX-License-Identifier: Apache-2.0
"""Climate's services together, with a real RabbitMQ: a lease's way, outages, kill -9, SIGTERM.

Clients ask through the API for what is asked for in earnest.  What they were
promised is compared with what is there in the end, and the database is audited.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import logging
import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest
import requests

from climate import states
from tests.servers import databases
from tests.servers import lease_services
from tests.servers import rabbitmq as broker
from tests.servers import scripts

LOG = logging.getLogger(__name__)

HOSTS = 12
#: Of clients that ask at the same time.
_CLIENTS = 4
_KILLS = 2
#: A proposal whose confirmation was lost is gone soon after.
_OPTIONS = "[planning]\nproposal_seconds = 5\ntick_seconds = 0.2\n"
_BOOKING = ("climate-inventory", "climate-planning", "climate-api")
_ALL_STATUSES = {states.PROPOSED, states.CONFIRMED, states.ACTIVE, states.ENDED, *states.HIDDEN}


@pytest.fixture
def database() -> str:
    """Which one: SQLite, unless a test says otherwise."""
    return "sqlite"


@pytest.fixture
def site(tmp_path: Path, rabbitmq: broker.RabbitMQ, database: str) -> Iterator[lease_services.Site]:
    """Twelve hosts, none of them leased; nothing runs."""
    hosts = lease_services.describe_hosts(HOSTS)
    with contextlib.ExitStack() as stack:
        url = None
        if database != "sqlite":
            server = stack.enter_context(databases.running(database))
            url = stack.enter_context(server.database())
        made = lease_services.Site(tmp_path, rabbitmq.url, hosts, url, _OPTIONS)
        stack.callback(made.close)
        yield made


class Clients:
    """Ask for leases, each under a name of its own, and cancel some, until told to stop.

    :ivar promised: what was answered 201, by id.
    :ivar cancelling: the ids of leases that were cancelled, or were to be.
    """

    def __init__(self, site: lease_services.Site) -> None:
        self._site = site
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(_CLIENTS)]
        self.promised: dict[str, dict[str, Any]] = {}
        self.cancelling: set[str] = set()
        self.statuses: collections.Counter[int] = collections.Counter()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def wait_for(self, count: int, *statuses: int) -> None:
        """Return when so many more requests were answered so."""

        def answered() -> int:
            return sum(self.statuses[status] for status in statuses)

        wanted = answered() + count
        scripts.wait_until(lambda: answered() >= wanted, f"{count} answers of {statuses}")

    def _ask_on(self) -> None:
        while not self._stopping.is_set():
            try:
                self._ask()
            except requests.ConnectionError:
                # The API itself is away.
                self.statuses[0] += 1
                self._stopping.wait(0.2)

    def _ask(self) -> None:
        start = int(time.time()) + random.randrange(0, 8 * 3600)
        duration = random.randrange(600, 3600)
        answer = self._site.lease(
            name=uuid.uuid4().hex,
            quantity=random.randrange(1, 4),
            start_time=start,
            end_time=start + 2 * duration,
            duration=duration,
        )
        self.statuses[answer.status_code] += 1
        if answer.status_code == 201:
            lease = answer.json()
            self.promised[lease["id"]] = lease
            if random.random() < 0.4:
                self.cancelling.add(lease["id"])
                self._site.ask("DELETE", f"/v1/leases/{lease['id']}")


@pytest.fixture
def clients(site: lease_services.Site) -> Iterator[Clients]:
    """Clients that ask for nothing yet."""
    made = Clients(site)
    yield made
    made.stop()


def wait_until_settled(site: lease_services.Site) -> None:
    """Return when no proposal is left: confirmed or expired are all."""
    scripts.wait_until(lambda: not site.list_leases(states.PROPOSED), "the end of proposals")


def require_whole(site: lease_services.Site) -> None:
    """Fail unless each lease that is shown has all it should, and no host is held twice."""
    held: dict[str, list[tuple[int, int]]] = collections.defaultdict(list)
    for lease in site.list_leases():
        assert lease["quantity"] == len({host["id"] for host in lease["hosts"]}), lease
        assert lease["end_time"] - lease["start_time"] == lease["duration"], lease
        for host in lease["hosts"]:
            held[host["name"]].append((lease["start_time"], lease["end_time"]))
    for host, periods in held.items():
        for one, other in itertools.pairwise(sorted(periods)):
            assert one[1] <= other[0], f"{host} is held twice: {one}, {other}"
    # The same of what is not shown, and that nothing is held without a lease.
    assert site.database.audit() == []


def require_kept(site: lease_services.Site, clients: Clients) -> None:
    """Fail unless clients have what they were promised."""
    shown = {lease["id"]: lease for lease in site.list_leases()}
    for lease_id, lease in clients.promised.items():
        if lease_id not in clients.cancelling:
            assert shown[lease_id]["status"] in (states.CONFIRMED, states.ACTIVE, states.ENDED)
            assert promise_of(shown[lease_id]) == promise_of(lease)


def promise_of(lease: dict[str, Any]) -> tuple[Any, ...]:
    """Return what may not change of a lease: how its hosts fare may."""
    hosts = [(host["id"], host["name"]) for host in lease["hosts"]]
    return lease["name"], lease["start_time"], lease["end_time"], hosts


def require_quiet(site: lease_services.Site) -> None:
    """Fail if a log has a traceback, but of oslo.messaging's, which tells outages so."""
    for script in site.scripts.values():
        lines = [line for line in script.log.splitlines() if "Traceback" in line]
        assert all(" oslo.messaging." in line for line in lines), script.log


# ---- a lease's way


def test_a_lease_from_its_request_to_its_hosts(site: lease_services.Site) -> None:
    """Through every service, and back to free hosts."""
    site.start(*lease_services.SERVICES)
    names = [f"node-{number}" for number in range(1, HOSTS + 1)]
    assert [host["name"] for host in site.get("/v1/hosts/")["hosts"]] == names
    assert site.get("/v1/allowed-hosts/") == {"hosts": names, "reserved": []}

    answer = site.lease(quantity=2, host_properties=[">=", "$vcpus", 20])
    assert answer.status_code == 201, answer.text
    lease = answer.json()
    leased = [host["name"] for host in lease["hosts"]]
    assert len(leased) == 2 and {*leased} <= {"node-10", "node-11", "node-12"}
    assert [host["status"] for host in lease["hosts"]] == ["up", "up"]
    assert answer.headers["Location"] == f"{site.url}/v1/leases/{lease['id']}/"

    path = f"/v1/leases/{lease['id']}/"
    scripts.wait_until(lambda: site.get(path)["status"] == states.ACTIVE, "its start")
    assert [one["id"] for one in site.list_leases(states.ACTIVE)] == [lease["id"]]
    inside = f"/v1/allowed-hosts/?lease_id={lease['id']}&project_id={lease_services.PROJECT}"
    assert site.get(inside)["hosts"] == sorted(leased)
    assert site.get("/v1/allowed-hosts/") == {
        "hosts": [name for name in names if name not in leased],
        "reserved": leased,
    }

    refused = site.lease(quantity=2, host_properties=[">=", "$vcpus", 20])
    assert refused.status_code == 409
    (error,) = refused.json()["errors"]
    assert error["code"] == "climate.not_enough_hosts"
    assert error["meta"]["earliest_start_time"] == lease["end_time"]

    assert site.ask("DELETE", path).status_code == 204
    assert site.get(path)["status"] == states.ENDED
    # Ended in the second in which it began, it lasts for that second.
    everything = {"hosts": names, "reserved": []}
    scripts.wait_until(lambda: site.get("/v1/allowed-hosts/") == everything, "free hosts")
    assert site.lease(quantity=3, host_properties=[">=", "$vcpus", 20]).status_code == 201


def test_hosts_are_ranked_and_what_is_recorded_counts(site: lease_services.Site) -> None:
    """By what is known of their processors, since nothing measures them."""
    site.start(*lease_services.SERVICES)

    def rank() -> dict[str, Any]:
        answer = site.ask("GET", "/v1/ranking/")
        return {each["host"]: each for each in answer.json()["hosts"]} if answer.ok else {}

    scripts.wait_until(rank, "a ranking")
    path = "/v1/hosts/node-7/performance"
    told = site.ask("PUT", path, {"flops": 1e15, "detail": "matrix product"})
    assert told.status_code == 204, told.text
    ranked = rank()
    assert len(ranked) == HOSTS
    assert (ranked["node-7"]["flops"], ranked["node-7"]["flops_source"]) == (1e15, "benchmark")
    assert ranked["node-1"]["flops_source"] == "cpu_info"
    assert {each["watts_now"] for each in ranked.values()} == {None}


# ---- the broker is away


def test_an_outage_of_the_broker(
    site: lease_services.Site, clients: Clients, rabbitmq: broker.RabbitMQ
) -> None:
    """503 in our shape; afterwards nothing is half made, and nobody was restarted."""
    site.start(*_BOOKING)
    clients.start()
    clients.wait_for(10, 201)
    # Requests are under way just now.
    rabbitmq.stop()
    try:
        clients.wait_for(_CLIENTS, 503)
        clients.stop()
        # More than any worker has connections: each wants one more.
        with futures.ThreadPoolExecutor(4 * _CLIENTS) as pool:
            names = [f"away-{number}" for number in range(4 * _CLIENTS)]
            for answer in pool.map(lambda name: site.lease(name=name), names):
                require_unavailable(answer)
        for path in ("/v1/leases/", "/v1/hosts/", "/v1/allowed-hosts/"):
            require_unavailable(site.ask("GET", path))
        assert site.ask("GET", "/healthcheck").status_code == 503
        assert site.is_ok("/v1/")
    finally:
        rabbitmq.start()
    numbers = itertools.count()
    scripts.wait_until(
        lambda: site.lease(name=f"back-{next(numbers)}").status_code == 201, "a lease after it"
    )
    site.wait_ready()
    wait_until_settled(site)
    require_kept(site, clients)
    require_whole(site)
    made = [lease for status in _ALL_STATUSES for lease in site.list_leases(status)]
    assert not [lease for lease in made if str(lease["name"]).startswith("away")]
    assert set(site.stop(*_BOOKING).values()) == {0}
    assert clients.statuses.keys() <= {201, 409, 503}
    require_quiet(site)


def require_unavailable(answer: requests.Response) -> None:
    """Fail unless this is how we say that a service is away."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert int(answer.headers["Retry-After"]) > 0
    (error,) = answer.json()["errors"]
    assert (error["status"], error["code"]) == (503, "climate.service_unavailable")
    assert error["title"] == "Service Unavailable"
    assert error["request_id"] == answer.headers["X-OpenStack-Request-ID"]
    # Where the broker is, is ours to know.
    assert "127.0.0.1" not in answer.text


# ---- kill -9


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_kill_9_of_the_planner_books_no_host_twice(
    site: lease_services.Site, clients: Clients
) -> None:
    """Each lease is whole or absent, and what a client was told holds."""
    planning = site.scripts["climate-planning"]
    site.start(*_BOOKING)
    clients.start()
    for _ in range(_KILLS):
        clients.wait_for(15, 201, 409)
        time.sleep(random.uniform(0.0, 0.3))
        planning.kill()
        # Somebody is told that it is away.
        clients.wait_for(1, 503)
        planning.start()
    clients.wait_for(15, 201, 409)
    clients.stop()
    LOG.warning("%s, %d cancelled", dict(clients.statuses), len(clients.cancelling))
    site.wait_ready()
    wait_until_settled(site)
    require_kept(site, clients)
    require_whole(site)
    assert set(site.stop(*_BOOKING).values()) == {0}
    assert clients.statuses.keys() <= {201, 409, 503}
    require_quiet(site)


def test_kill_9_of_the_inventory(site: lease_services.Site) -> None:
    """Meanwhile leases are shown and cancelled; it answers again, with the same hosts."""
    inventory = site.scripts["climate-inventory"]
    site.start(*_BOOKING)
    hosts = site.get("/v1/hosts/")
    lease = site.lease(quantity=2).json()
    inventory.kill()
    require_unavailable(site.lease())
    path = f"/v1/leases/{lease['id']}/"
    assert [host["status"] for host in site.get(path)["hosts"]] == [None, None]
    assert site.ask("DELETE", path).status_code == 204
    inventory.start()
    site.wait_ready()
    assert site.get("/v1/hosts/") == hosts
    assert site.lease(quantity=HOSTS).status_code == 201
    require_whole(site)
    require_quiet(site)


def test_kill_9_of_the_api(site: lease_services.Site) -> None:
    """Its workers do not outlive it for long: the next one has the port."""
    api = site.scripts["climate-api"]
    site.start(*_BOOKING)
    made = site.lease().json()
    api.kill()
    scripts.wait_until(lambda: not site.is_ok("/v1/"), "the end of its workers")
    api.start()
    site.wait_ready()
    assert [lease["id"] for lease in site.list_leases()] == [made["id"]]
    assert api.stop() == 0


# ---- SIGTERM


def test_sigterm_ends_each_service_with_status_0(
    site: lease_services.Site, clients: Clients
) -> None:
    """While requests are under way, and without the loss of what was promised."""
    site.start(*lease_services.SERVICES)
    clients.start()
    for name in lease_services.SERVICES:
        clients.wait_for(5, 201, 409)
        assert site.stop(name) == {name: 0}
        site.scripts[name].start()
        site.wait_ready()
    clients.wait_for(5, 201, 409)
    clients.stop()
    wait_until_settled(site)
    require_kept(site, clients)
    require_whole(site)
    assert set(site.stop().values()) == {0}
    require_quiet(site)


def test_sigterm_while_the_broker_is_away(
    site: lease_services.Site, rabbitmq: broker.RabbitMQ
) -> None:
    """Nobody waits for it."""
    site.start(*lease_services.SERVICES)
    rabbitmq.stop()
    try:
        require_unavailable(site.lease())
        assert set(site.stop().values()) == {0}
    finally:
        rabbitmq.start()
    require_quiet(site)
