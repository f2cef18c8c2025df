# SPDX-License-Identifier: Apache-2.0
"""Climate's hosts, by a real Nova's word."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

from climate.cmd import conf as climate_conf
from climate.inventory import host
from climate.inventory.sources import source
from energybase import service
from tests.integration import cloud as clouds
from tests.integration import nova as novas

#: Reads all hosts; the options of [nova] that differ from the usual are its argument.
Read = Callable[[str], dict[str, host.Host]]


@pytest.fixture
def read(cloud: clouds.Cloud, tmp_path: pathlib.Path) -> Read:
    """What the configured source has to say."""

    def read_hosts(options: str = "") -> dict[str, host.Host]:
        path = tmp_path / "climate.conf"
        path.write_text(f"[nova]\n{cloud.keystone.credentials('climate')}{options}\n")
        conf = service.prepare(
            [],
            "test",
            register=(climate_conf.register_opts,),
            config_files=[str(path)],
            project="climate",
        )
        return {each.name: each for each in source.load(conf).list_hosts()}

    return read_hosts


@contextlib.contextmanager
def disabled(cloud: clouds.Cloud, name: str) -> Iterator[None]:
    """Have a host take no new servers for a while."""
    nova = cloud.adapter("compute", "2.87")
    listed = nova.get(f"/os-services?binary=nova-compute&host={name}").json()
    path = f"/os-services/{listed['services'][0]['id']}"
    nova.put(path, json={"status": "disabled"})
    try:
        yield
    finally:
        nova.put(path, json={"status": "enabled"})


@contextlib.contextmanager
def aggregate(cloud: clouds.Cloud, name: str, host_name: str, **metadata: str) -> Iterator[None]:
    """Have a host in an aggregate for a while."""
    nova = cloud.adapter("compute", "2.87")
    made = nova.post("/os-aggregates", json={"aggregate": {"name": name}}).json()["aggregate"]
    path = f"/os-aggregates/{made['id']}"
    nova.post(f"{path}/action", json={"set_metadata": {"metadata": metadata}})
    nova.post(f"{path}/action", json={"add_host": {"host": host_name}})
    try:
        yield
    finally:
        nova.post(f"{path}/action", json={"remove_host": {"host": host_name}})
        nova.delete(path)


def properties_of(read: Read, name: str, options: str = "") -> dict[str, Any]:
    return read(options)[name].properties


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_all_hosts_are_there(read: Read, page_size: int) -> None:
    assert sorted(read(f"page_size = {page_size}")) == [each.name for each in novas.HOSTS]


@pytest.mark.parametrize("expected", novas.HOSTS, ids=lambda each: each.name)
def test_a_host_is_as_its_driver_says(read: Read, expected: novas.Host) -> None:
    found = read("")[expected.name]
    assert found.up
    assert found.properties["vcpus"] == expected.vcpus
    assert found.properties["memory_mb"] == expected.memory_mb
    assert found.properties["cpu_info"] == expected.cpu_info
    assert found.properties["running_vms"] == 0
    assert found.properties["service"]["zone"] == "nova"


def test_what_nova_says_can_be_stored(read: Read) -> None:
    entries, complaints = host.encode(read("traits = true").values())
    assert (len(entries), complaints) == (len(novas.HOSTS), [])


def test_servers_are_counted(cloud: clouds.Cloud, read: Read) -> None:
    having = cloud.servers()
    server = having.boot("a-server", host="node-2")
    try:
        assert properties_of(read, "node-2")["running_vms"] == 1
    finally:
        having.delete(server["id"])
    assert properties_of(read, "node-2")["running_vms"] == 0


def test_a_disabled_host_is_not_up(cloud: clouds.Cloud, read: Read) -> None:
    with disabled(cloud, "node-3"):
        found = read("")
        assert {name: each.up for name, each in found.items()} == {
            "node-1": True,
            "node-2": True,
            "node-3": False,
        }
        assert found["node-3"].properties["service"]["status"] == "disabled"
    assert read("")["node-3"].up


def test_the_aggregates_of_a_host(cloud: clouds.Cloud, read: Read) -> None:
    with aggregate(cloud, "fast", "node-1", rack="r1"):
        found = properties_of(read, "node-1")
        assert (found["aggregates"], found["aggregate_metadata"]) == (["fast"], {"rack": "r1"})
        assert properties_of(read, "node-2")["aggregates"] == []


def test_the_traits_of_a_host_are_placements(read: Read) -> None:
    assert "COMPUTE_NODE" in properties_of(read, "node-1", "traits = true")["traits"]
