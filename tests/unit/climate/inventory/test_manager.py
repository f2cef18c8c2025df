# SPDX-License-Identifier: Apache-2.0
"""Which hosts there are and which match."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest
import sqlalchemy as sa
from oslo_config import cfg
from oslo_context import context

from climate import exception
from climate.inventory import host
from climate.inventory import manager
from climate.inventory import options
from climate.inventory import store
from climate.rpc import inventory as rpc
from climate.rpc import transport as transports
from energybase import exception as floor
from tests.contracts import inventory as inventory_contract

LIMITS = options.Limits(1000, 8)
NOW = inventory_contract.NOW
WHO = context.RequestContext(project_id="p")


def make(name: str, up: bool = True, **properties: Any) -> host.Host:
    """Return a host."""
    return host.Host(name, up, properties)


class Fixture:
    """An inventory and the store behind it."""

    def __init__(self, database: inventory_contract.Database) -> None:
        self.database = database
        self.store = database.open()
        self.inventory = manager.Inventory(self.store, LIMITS)

    def tell(self, *hosts: host.Host) -> manager.Inventory:
        """Have the source know these hosts."""
        self.store.replace(host.encode(hosts)[0], NOW)
        return self.inventory


@pytest.fixture
def known(database: inventory_contract.Database) -> Fixture:
    """No hosts yet."""
    return Fixture(database)


def test_no_hosts(known: Fixture) -> None:
    inventory = known.inventory
    assert inventory.get_hosts("[]") == []
    assert inventory.list_names()["ids"] == []
    assert inventory.match_hosts('["=", "$id", 1]') == {
        "ids": [], "names": [], "tiers": [], "watts": [], "known": 0,
        "excluded": [{"clause": '["=", "$id", 1]', "hosts": 0}],
    }  # fmt: skip


def test_what_expressions_see(known: Fixture) -> None:
    inventory = known.tell(
        make("a", vcpus=8, running_vms=0), make("b", False, vcpus=8, running_vms=1)
    )
    for expression, ids in [
        ("", [1, 2]),
        ('["=", "$id", 1]', [1]),
        ('["=", "$name", "b"]', [2]),
        ('["=", "$on", true]', [1]),
        ('["=", "$status", "down"]', [2]),
        ('["=", "$running_vms", 0]', [1]),
        (["<=", "$vcpus", 8], [1, 2]),
    ]:
        assert inventory.get_hosts(expression) == ids, expression
        assert inventory.match_hosts(expression)["ids"] == ids


def test_what_a_source_says_of_ours_is_not_believed(known: Fixture) -> None:
    ours = {"id": 7, "name": "x", "status": "up!", "on": "perhaps"}
    inventory = known.tell(host.Host("a", True, ours))
    assert inventory.get_hosts(
        ["and", ["=", "$id", 1], ["=", "$name", "a"], ["=", "$status", "up"], ["=", "$on", True]]
    ) == [1]
    assert inventory.get_host_details(1)["properties"] == {}


def test_a_missing_host_matches_nothing_and_is_told(known: Fixture) -> None:
    known.tell(make("a"), make("b", vcpus=4))
    inventory = known.tell(make("a"))
    assert inventory.get_hosts("[]") == [1]
    assert inventory.match_hosts("[]")["known"] == 1
    assert inventory.get_hosts(["=", "$status", "missing"]) == []
    assert inventory.list_names() == {
        "ids": [1, 2],
        "names": ["a", "b"],
        "statuses": ["up", "missing"],
    }
    assert inventory.get_host_details("b") == {
        "id": 2, "name": "b", "status": "missing", "on": False, "seen_at": NOW,
        "properties": {"vcpus": 4},
    }  # fmt: skip
    # Back again, as who it was.
    known.tell(make("b"))
    assert inventory.get_hosts("[]") == [2]


def test_details_by_id_and_name(known: Fixture) -> None:
    inventory = known.tell(make("a"), make("1"), make("077"))
    assert inventory.get_host_details(1)["name"] == "a"
    assert inventory.get_host_details("a")["name"] == "a"
    assert inventory.get_host_details("1")["name"] == "1"
    assert inventory.get_host_details("3")["name"] == "077"
    for unknown in (0, -1, 4, "4", "b", "", "٣", "9" * 5000, 10**30, "3 "):
        with pytest.raises(exception.HostNotFound):
            inventory.get_host_details(unknown)
    known.tell(make("a"), make("44"))
    assert inventory.get_host_details(44)["name"] == "44"


def test_names_of_some(known: Fixture) -> None:
    inventory = known.tell(make("a"), make("b", False), make("c"))
    assert inventory.list_names([3, 1, 3, 99, -1])["names"] == ["a", "c"]
    assert inventory.list_names([])["ids"] == []


def test_tiers(known: Fixture) -> None:
    """Hosts that are on, then the best flop per watt; equal ones share a tier."""
    matching = known.tell(
        make("off-best", False, flop_per_watt=9e9),
        make("on-unknown"),
        make("on-good", flop_per_watt=3e9),
        make("on-best", flop_per_watt="5e9"),
        make("on-good-too", aggregate_metadata={"flop_per_watt": "3000000000"}),
        make("off-unknown", False),
        make("on-odd", flop_per_watt="fast"),
    ).match_hosts("[]")
    assert dict(zip(matching["names"], matching["tiers"], strict=True)) == {
        "on-best": 0, "on-good": 1, "on-good-too": 1, "on-unknown": 2, "on-odd": 2,
        "off-best": 3, "off-unknown": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "watts"),
    [
        ({"watts": 180}, 180.0),
        ({"watts": "180.5"}, 180.5),
        ({"watts": 0}, 0.0),
        ({"aggregate_metadata": {"watts": "90"}}, 90.0),
        ({"watts": 80, "aggregate_metadata": {"watts": "90"}}, 80.0),
        ({"watts": "?", "aggregate_metadata": {"watts": "90"}}, 90.0),
        ({"watts": -1}, None),
        ({"watts": True}, None),
        ({"watts": [1]}, None),
        ({"watts": "inf"}, None),
        ({"watts": 10**400}, None),
        ({"aggregate_metadata": []}, None),
        ({}, None),
    ],
)
def test_watts(known: Fixture, properties: dict[str, Any], watts: float | None) -> None:
    assert known.tell(make("a", **properties)).match_hosts("[]")["watts"] == [watts]


def test_why_nothing_matches(known: Fixture) -> None:
    """Each clause is counted by itself; missing hosts do not count."""
    known.tell(*(make(f"n-{n}", vcpus=n) for n in range(5)))
    inventory = known.tell(*(make(f"n-{n}", vcpus=n) for n in range(4)))
    wanted = ["and", [">=", "$vcpus", 1], ["<", "$vcpus", 1], ["=", "$gpu", 1], []]
    matching = inventory.match_hosts(wanted)
    assert (matching["ids"], matching["known"]) == ([], 4)
    assert matching["excluded"] == [
        {"clause": '[">=", "$vcpus", 1]', "hosts": 1},
        {"clause": '["<", "$vcpus", 1]', "hosts": 3},
        {"clause": '["=", "$gpu", 1]', "hosts": 4},
        {"clause": "[]", "hosts": 0},
    ]
    assert inventory.match_hosts([">=", "$vcpus", 3])["excluded"] == []


def test_limits_of_expressions(known: Fixture) -> None:
    for expression in ("[" * 9, " " * 1001):
        for ask in (known.inventory.get_hosts, known.inventory.match_hosts):
            with pytest.raises(exception.PropertiesInvalid):
                ask(expression)


class CountingStore(store.Store):
    """Counts how often all hosts were read."""

    reads = 0

    def load(self, seen_version: int = -1) -> store.Loaded:
        """Return the hosts if there is something newer than a version."""
        loaded = super().load(seen_version)
        self.reads += loaded.rows is not None
        return loaded


def test_hosts_are_read_when_they_changed_only(known: Fixture) -> None:
    known.tell(make("a"))
    counting = CountingStore(known.database.build())
    inventory = manager.Inventory(counting, LIMITS)
    inventory.refresh()
    assert inventory.get_hosts("[]") == [1]
    assert len(inventory.list_names()["ids"]) == 1
    assert counting.reads == 1
    # By another service.
    known.tell(make("a"), make("b"))
    assert inventory.get_hosts("[]") == [1, 2]
    assert inventory.match_hosts("[]")["names"] == ["a", "b"]
    assert counting.reads == 2


def test_the_database_away(known: Fixture) -> None:
    """It is told, and it is over when it is over."""
    inventory = known.tell(make("a"))
    with known.database.build().writer.get_engine().begin() as connection:
        connection.execute(sa.text("ALTER TABLE inventory RENAME TO away"))
    with pytest.raises(floor.StoreUnavailable):
        inventory.get_hosts("[]")
    with known.database.build().writer.get_engine().begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO inventory"))
    assert inventory.get_hosts("[]") == [1]


def test_threads_see_one_version_whole(known: Fixture) -> None:
    """Every host says which version it is of."""
    inventory, stop = known.tell(make("a", n=0), make("b", n=0)), threading.Event()
    mixed: list[rpc.Matching] = []

    def ask() -> None:
        while not stop.is_set():
            matching = inventory.match_hosts(["!=", "$watts", "$aggregate_metadata.watts"])
            if len(set(matching["watts"])) > 1:
                mixed.append(matching)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(30):
        known.tell(*(make(name, watts=n, aggregate_metadata={"watts": -1}) for name in "ab"))
    stop.set()
    for thread in threads:
        thread.join()
    assert mixed == []
    assert inventory.match_hosts("[]")["watts"] == [29, 29]


@pytest.fixture
def api(known: Fixture, conf: cfg.ConfigOpts) -> Iterator[rpc.InventoryAPI]:
    """The inventory as the API sees it, over a transport in this process."""
    transport = transports.get_transport(conf, "fake://")
    server = transports.Server(transport, rpc.TOPIC, "here", manager.Endpoint(known.inventory))
    server.start()
    yield rpc.InventoryAPI(transport, timeout_seconds=60)
    server.stop()


def test_over_rpc(known: Fixture, api: rpc.InventoryAPI) -> None:
    known.tell(make("a", vcpus=4), make("b"))
    assert api.get_hosts(WHO, '["=", "$vcpus", 4]') == [1]
    assert api.get_hosts(WHO) == [1, 2]
    assert api.get_host_details(WHO, "b") == known.inventory.get_host_details("b")
    assert api.match_hosts(WHO) == known.inventory.match_hosts("[]")
    assert api.list_names(WHO, [2]) == [{"id": 2, "name": "b", "status": "up"}]
    assert len(api.list_names(WHO)) == 2


def test_refusals_over_rpc(api: rpc.InventoryAPI, caplog: pytest.LogCaptureFixture) -> None:
    """They arrive as what they were, and are no faults of the service."""
    odd: Any
    with pytest.raises(exception.PropertiesInvalid) as caught:
        api.match_hosts(WHO, '["xor"]')
    assert caught.value.meta == {"member": "host_properties", "position": 1}
    with pytest.raises(exception.HostNotFound):
        api.get_host_details(WHO, 99)
    for odd in (None, 1.5, True, [1], {}):
        with pytest.raises(exception.RequestInvalid, match="host_id"):
            api.get_host_details(WHO, odd)
    for odd in (1, "1", {}, ["1"], [True], [1.0]):
        with pytest.raises(exception.RequestInvalid, match="ids"):
            api.list_names(WHO, odd)
    for odd in (None, 1, {}):
        with pytest.raises(exception.PropertiesInvalid):
            api.get_hosts(WHO, odd)
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


def test_capacities(known: Fixture) -> None:
    cpu, other = {"model": "x", "topology": {"cores": 4}}, {"model": "y"}
    inventory = known.tell(
        make("a", vcpus=8, vcpus_used=2, cpu_info=cpu),
        make("gone"),
        make("b", False, vcpus="16", vcpus_used=0.5, cpu_info=other),
        make("c", vcpus="many", vcpus_used=-1, cpu_info="unknown"),
        make("d", vcpus=8, cpu_info=dict(cpu)),
    )
    known.tell(
        make("a", vcpus=8, vcpus_used=2, cpu_info=cpu),
        make("b", False, vcpus="16", vcpus_used=0.5, cpu_info=other),
        make("c", vcpus="many", vcpus_used=-1, cpu_info="unknown"),
        make("d", vcpus=8, cpu_info=dict(cpu)),
    )
    assert inventory.list_capacities() == {
        "ids": [1, 3, 4, 5],
        "names": ["a", "b", "c", "d"],
        "on": [True, False, True, True],
        "vcpus": [8, 16, None, 8],
        "vcpus_used": [2.0, 0.5, None, None],
        "cpu": [0, 1, 2, 0],
        "cpus": [cpu, other, {}],
    }
    assert manager.Endpoint(inventory).list_capacities(WHO) == inventory.list_capacities()


def test_a_call_without_a_host_is_the_callers_mistake(known: Fixture) -> None:
    with pytest.raises(oslo_messaging.ExpectedException) as caught:
        manager.Endpoint(known.inventory).get_host_details(WHO)
    assert isinstance(caught.value.exc_info[1], exception.RequestInvalid)
