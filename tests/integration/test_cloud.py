# SPDX-License-Identifier: Apache-2.0
"""The cloud that other tests stand on: hosts, servers, and a scheduler that takes plug-ins."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration import cloud as clouds
from tests.integration import nova as novas
from tests.integration import servers

NAMES = [host.name for host in novas.HOSTS]
NAMED_HOST = novas.Scheduling(
    available_filters=("named_host.NamedHostFilter",),
    enabled_filters=("NamedHostFilter",),
    sections="[named_host]\ndefault = node-2",
    python_path=(novas.PLUGINS,),
)


@contextlib.contextmanager
def booted(having: servers.Servers, **how: Any) -> Iterator[dict[str, Any]]:
    """Have a server for a while."""
    server = having.boot("a-server", **how)
    try:
        yield server
    finally:
        having.delete(server["id"])


def host_of(server: dict[str, Any]) -> str:
    """Where it runs, as an administrator sees it."""
    assert server["status"] == "ACTIVE", server
    return str(server["OS-EXT-SRV-ATTR:host"])


def list_hypervisors(cloud: clouds.Cloud) -> dict[str, dict[str, Any]]:
    found = cloud.adapter("compute", "2.87").get("/os-hypervisors/detail").json()
    return {each["hypervisor_hostname"]: each for each in found["hypervisors"]}


def test_the_hypervisors_differ(cloud: clouds.Cloud) -> None:
    found = list_hypervisors(cloud)
    assert sorted(found) == NAMES
    for host in novas.HOSTS:
        shown = found[host.name]
        assert (shown["vcpus"], shown["memory_mb"]) == (host.vcpus, host.memory_mb)
        assert shown["cpu_info"] == host.cpu_info
        assert (shown["state"], shown["status"]) == ("up", "enabled")


@pytest.mark.parametrize("name", NAMES)
def test_a_server_boots_on_each_host(cloud: clouds.Cloud, name: str) -> None:
    with booted(cloud.servers(), host=name) as server:
        assert host_of(server) == name
        assert list_hypervisors(cloud)[name]["running_vms"] == 1


def test_a_tenant_boots_a_server_and_is_not_told_where(cloud: clouds.Cloud) -> None:
    with booted(cloud.servers("alice", "alice")) as server:
        assert server["status"] == "ACTIVE", server
        assert "OS-EXT-SRV-ATTR:host" not in server


def test_a_server_moves(cloud: clouds.Cloud) -> None:
    having = cloud.servers()
    with booted(having) as server:
        assert host_of(having.migrate(server["id"])) != host_of(server)


def test_the_scheduler_takes_a_filter_from_outside(cloud: clouds.Cloud) -> None:
    having = cloud.servers()
    with cloud.nova.scheduling(NAMED_HOST) as scheduler:
        with booted(having, hints={"named_host": "node-1"}) as server:
            assert host_of(server) == "node-1"
        with booted(having) as server:
            assert host_of(server) == "node-2", "its section of the configuration is not read"
        with booted(having, hints={"named_host": "node-9"}) as server:
            assert server["status"] == "ERROR"
        assert "node-9 is wanted, node-1 is asked" in scheduler.log
    with booted(having, hints={"named_host": "node-9"}) as server:
        assert server["status"] == "ACTIVE", "the filter is still there"


def test_a_host_loses_its_power_and_comes_back_the_same(cloud: clouds.Cloud) -> None:
    having, before = cloud.servers(), list_hypervisors(cloud)["node-1"]
    with booted(having, host="node-1") as server:
        cloud.nova.computes["node-1"].kill()
        cloud.nova.computes["node-1"].start()
        assert list_hypervisors(cloud)["node-1"]["id"] == before["id"]
        assert host_of(having.show(server["id"])) == "node-1"
    with booted(having, host="node-1") as server:
        assert host_of(server) == "node-1"
