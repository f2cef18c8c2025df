# SPDX-License-Identifier: Apache-2.0
"""Where a real Nova places servers when Climate has leases and watts to say."""

from __future__ import annotations

import contextlib
import pathlib
import time
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration import climate as climates
from tests.integration import cloud as clouds
from tests.integration import ground
from tests.integration import keystone as keystones
from tests.integration import nova as novas
from tests.integration import servers
from tests.servers import databases
from tests.servers import rabbitmq as brokers
from tests.servers import scripts

#: As long as Nova's scheduler may reuse the list of hosts it was given, and no longer.
_REUSED_SECONDS = 1.0
_TWO_HOURS = 7200
#: So Nova's own weighers have it too: it has most of everything.
NODE_3_IS_BEST = {"node-1": 1e12, "node-2": 2e12, "node-3": 9e12}

#: Boots a server of alice's, in a lease or without; it is deleted after the test.
Boot = Callable[..., dict[str, Any]]
#: Has somebody lease hosts until the end of the test.
Lease = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def climate(
    cloud: clouds.Cloud,
    venv: pathlib.Path,
    keystone: keystones.Keystone,
    rabbitmq: brokers.RabbitMQ,
    mariadb: databases.Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[climates.Climate]:
    """Climate beside the cloud; a test that stops it starts it again."""
    keystones.Accounts(keystone).add("carol", "member", "carol")
    folder = tmp_path_factory.mktemp("climate")
    made = climates.Climate(cloud, ground.Ground(venv, folder, keystone, rabbitmq, mariadb))
    try:
        made.create()
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def nova(cloud: clouds.Cloud, climate: climates.Climate) -> Iterator[novas.Nova]:
    """A Nova whose scheduler asks Climate."""
    with cloud.nova.scheduling(climate.scheduling("last_known")):
        yield cloud.nova


@pytest.fixture(scope="module")
def everybodys(cloud: clouds.Cloud) -> servers.Servers:
    """All servers, as an administrator sees them."""
    return cloud.servers()


@pytest.fixture(scope="module")
def alices(cloud: clouds.Cloud) -> servers.Servers:
    """Those of a tenant, who is not told where they are."""
    return cloud.servers("alice", "alice")


@pytest.fixture
def boot(everybodys: servers.Servers, alices: servers.Servers, nova: novas.Nova) -> Iterator[Boot]:
    booted = []

    def boot_server(lease: dict[str, Any] | str | None = None) -> dict[str, Any]:
        lease_id = lease["id"] if isinstance(lease, dict) else lease
        made = alices.boot("a-server", hints={"lease_id": lease_id} if lease_id else None)
        booted.append(made["id"])
        return everybodys.show(made["id"])

    yield boot_server
    for server_id in booted:
        alices.delete(server_id)


@pytest.fixture
def lease(climate: climates.Climate) -> Iterator[Lease]:
    with contextlib.ExitStack() as ending:

        def make_lease(*hosts: str, user: str = "alice", **wish: Any) -> dict[str, Any]:
            leases = climate.leases(user)
            made = leases.make(*hosts, **wish)
            ending.callback(leases.end, made["id"])
            if not wish:
                leases.wait(made["id"], "active")
            return made

        yield make_lease


def host_of(server: dict[str, Any]) -> str:
    assert server["status"] == "ACTIVE", server.get("fault")
    return str(server["OS-EXT-SRV-ATTR:host"])


def why_nowhere(nova: novas.Nova, server: dict[str, Any]) -> str:
    """Return what the scheduler's log says of a server for which there was no host."""
    assert server["status"] == "ERROR"
    assert "No valid host" in server["fault"]["message"]
    lines = [
        line
        for line in nova.scheduler.log.splitlines()
        if f"No valid host by the LeaseFilter for instance {server['id']}" in line
    ]
    assert len(lines) == 1, nova.scheduler.log[-4000:]
    return lines[0]


@pytest.mark.parametrize(("best", "other"), [("node-1", "node-2"), ("node-2", "node-1")])
def test_a_server_lands_on_the_best_host_of_its_lease(
    climate: climates.Climate, lease: Lease, boot: Boot, best: str, other: str
) -> None:
    climate.set_performances(NODE_3_IS_BEST | {best: 2e12, other: 1e12})
    made = lease("node-1", "node-2")
    assert climate.list_best_first() == ["node-3", best, other]
    assert host_of(boot(made)) == best


def test_another_projects_lease_is_not_known(lease: Lease, boot: Boot, nova: novas.Nova) -> None:
    carols = lease("node-2", user="carol")
    assert f"Lease {carols['id']} is not known." in why_nowhere(nova, boot(carols))


def test_a_lease_that_never_was(boot: Boot, nova: novas.Nova) -> None:
    never = str(uuid.uuid4())
    assert f"Lease {never} is not known." in why_nowhere(nova, boot(never))


def test_a_lease_that_has_ended(
    climate: climates.Climate, lease: Lease, boot: Boot, nova: novas.Nova
) -> None:
    made = lease("node-2")
    climate.leases("alice").end(made["id"])
    assert "The lease has ended." in why_nowhere(nova, boot(made))


def test_a_lease_that_has_not_started(lease: Lease, boot: Boot, nova: novas.Nova) -> None:
    made = lease("node-2", start_time=_TWO_HOURS, end_time=2 * _TWO_HOURS)
    assert f"The lease starts at {made['starts_at']}." in why_nowhere(nova, boot(made))


def test_without_a_hint_servers_avoid_reserved_hosts(
    climate: climates.Climate, lease: Lease, boot: Boot, nova: novas.Nova
) -> None:
    """Were they the best ones, or the only ones."""
    climate.set_performances(NODE_3_IS_BEST)
    assert host_of(boot()) == "node-3"
    lease("node-3")
    time.sleep(_REUSED_SECONDS)
    assert host_of(boot()) == "node-2"
    lease("node-1", "node-2", user="carol")
    time.sleep(_REUSED_SECONDS)
    assert "Leases reserve all remaining hosts." in why_nowhere(nova, boot())


def test_a_lease_made_a_second_ago_is_respected(
    climate: climates.Climate, lease: Lease, boot: Boot
) -> None:
    """Though a list of hosts without it is at hand."""
    climate.set_performances(NODE_3_IS_BEST)
    assert host_of(boot()) == "node-3"
    lease("node-3", duration=3600)
    time.sleep(_REUSED_SECONDS)
    assert host_of(boot()) == "node-2"


def test_a_migration_stays_inside_of_the_lease(
    everybodys: servers.Servers, climate: climates.Climate, lease: Lease, boot: Boot
) -> None:
    climate.set_performances(NODE_3_IS_BEST)
    server = boot(lease("node-1", "node-2"))
    assert host_of(server) == "node-2"
    assert host_of(everybodys.migrate(server["id"])) == "node-1"


def test_a_migration_stays_outside_of_leases(
    everybodys: servers.Servers, climate: climates.Climate, lease: Lease, boot: Boot
) -> None:
    climate.set_performances(NODE_3_IS_BEST)
    lease("node-3")
    time.sleep(_REUSED_SECONDS)
    server = boot()
    assert host_of(server) == "node-2"
    assert host_of(everybodys.migrate(server["id"])) == "node-1"


def test_servers_go_where_watts_are_few(climate: climates.Climate, boot: Boot) -> None:
    climate.set_performances({"node-1": 3e12, "node-2": 2e12, "node-3": 1e12})
    assert host_of(boot()) == "node-1"
    climate.wattmeters.watts["node-1"] *= 50
    expected = ["node-2", "node-3", "node-1"]
    scripts.wait_until(lambda: climate.list_best_first() == expected, "another ranking")
    assert host_of(boot()) == "node-2"


@pytest.fixture(scope="class")
def reserved(
    climate: climates.Climate, nova: novas.Nova, alices: servers.Servers
) -> Iterator[dict[str, Any]]:
    """A lease of node-3, which the scheduler knew of when Climate went."""
    leases = climate.leases("alice")
    made = leases.make("node-3")
    leases.wait(made["id"], "active")
    time.sleep(_REUSED_SECONDS)
    alices.delete(alices.boot("that-it-asks")["id"])
    climate.stop()
    time.sleep(_REUSED_SECONDS)
    yield made
    climate.start()
    leases.end(made["id"])


@pytest.mark.usefixtures("reserved")
class TestClimateIsAway:
    """Each takes the scheduler as the one before left it, or starts it anew."""

    def test_the_last_answer_counts(
        self, reserved: dict[str, Any], nova: novas.Nova, boot: Boot
    ) -> None:
        """Though Nova's own weighers take the reserved host for the best."""
        assert host_of(boot()) in {"node-1", "node-2"}
        assert "Climate cannot be asked" in why_nowhere(nova, boot(reserved))

    def test_no_answer_is_known(
        self, climate: climates.Climate, nova: novas.Nova, boot: Boot
    ) -> None:
        nova.restart_scheduler(climate.scheduling("last_known"))
        assert "no answer of the last 300 s is known" in why_nowhere(nova, boot())

    @pytest.mark.parametrize("on_error", ["deny", "allow"])
    def test_deny_and_allow(
        self,
        climate: climates.Climate,
        nova: novas.Nova,
        reserved: dict[str, Any],
        boot: Boot,
        on_error: str,
    ) -> None:
        nova.restart_scheduler(climate.scheduling(on_error))
        if on_error == "allow":
            assert host_of(boot()) == "node-3"
        else:
            assert "[climate] on_error = deny" in why_nowhere(nova, boot())
        assert "Climate cannot be asked" in why_nowhere(nova, boot(reserved))


def test_climate_is_back(climate: climates.Climate, lease: Lease, boot: Boot) -> None:
    climate.set_performances(NODE_3_IS_BEST)
    made = lease("node-3")
    time.sleep(_REUSED_SECONDS)
    assert host_of(boot()) == "node-2"
    assert host_of(boot(made)) == "node-3"
