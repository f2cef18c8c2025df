# SPDX-License-Identifier: Apache-2.0
"""Nova's hypervisors as hosts, over HTTP from answers of Nova's shape."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import webob
from oslo_config import cfg

from climate import exception
from climate.inventory import host
from climate.inventory.sources import nova
from climate.inventory.sources import source
from energybase import exception as floor
from tests.fakes import nova as fake_nova


@pytest.fixture
def served() -> Iterator[fake_nova.FakeNova]:
    """A Nova of three hosts."""
    yield from fake_nova.running(3)


@pytest.fixture
def set_up(conf: cfg.ConfigOpts, served: fake_nova.FakeNova) -> cfg.ConfigOpts:
    """A configuration that names it, as a file would."""
    return configure(conf, served)


def configure(conf: cfg.ConfigOpts, served: fake_nova.FakeNova, **others: Any) -> cfg.ConfigOpts:
    """Set [nova] as a file would."""
    path = f"{conf.state_path}/climate.conf"
    lines = [f"{name} = {value}" for name, value in others.items()]
    with open(path, "w") as file:
        file.write(served.section() + "\n".join(lines))
    conf(["--config-file", path], project="climate", default_config_files=[])
    return conf


def paths_of(served: fake_nova.FakeNova) -> list[str]:
    """Return what was asked of Nova and Placement since the last time."""
    asked = [path for path in served.requests if not path.startswith("/v3")]
    served.requests.clear()
    return asked


def test_found_by_its_name(set_up: cfg.ConfigOpts) -> None:
    set_up.set_override("source", "nova", "inventory")
    assert isinstance(source.load(set_up), nova.Nova)


def test_a_hypervisor_is_a_host(set_up: cfg.ConfigOpts, served: fake_nova.FakeNova) -> None:
    served.aggregates = [fake_nova.make_aggregate("gold", ["compute-1"], watts="180")]
    first, second, _ = nova.Nova(set_up).list_hosts()
    assert first == host.Host(
        "node-1.example.org",
        True,
        {
            "uuid": "00000000-0000-0000-0000-000000000001",
            "hypervisor_type": "QEMU",
            "hypervisor_version": 8002002,
            "host_ip": "10.0.0.1",
            "vcpus": 32, "vcpus_used": 4,
            "memory_mb": 131072, "memory_mb_used": 8192, "free_ram_mb": 122880,
            "local_gb": 1000, "local_gb_used": 40, "free_disk_gb": 960,
            "disk_available_least": 900,
            "current_workload": 0, "running_vms": 1,
            "cpu_info": {
                "arch": "x86_64", "model": "Skylake-Server", "vendor": "Intel",
                "topology": {"cells": 2, "sockets": 1, "cores": 16, "threads": 2},
                "features": fake_nova.FEATURES,
            },
            "service": {
                "id": "00000000-0000-0001-0000-000000000001", "host": "compute-1", "zone": "nova",
                "state": "up", "status": "enabled", "disabled_reason": None, "forced_down": False,
            },
            "aggregates": ["gold"],
            "aggregate_metadata": {"watts": "180"},
        },
    )  # fmt: skip
    assert second.properties["aggregates"] == []
    assert second.properties["aggregate_metadata"] == {}
    assert not set(first.properties) & set(host.RESERVED)


@pytest.mark.parametrize(
    ("members", "up"),
    [
        ({}, True),
        ({"state": "down"}, False),
        ({"status": "disabled"}, False),
        ({"state": "down", "status": "disabled"}, False),
    ],
)
def test_up(
    set_up: cfg.ConfigOpts, served: fake_nova.FakeNova, members: dict[str, str], up: bool
) -> None:
    served.hypervisors = [fake_nova.make_hypervisor(1, **members)]
    [found] = nova.Nova(set_up).list_hosts()
    assert found.up is up


def test_pages(conf: cfg.ConfigOpts, served: fake_nova.FakeNova) -> None:
    """Nova may give fewer than asked for; only an empty page is the end."""
    served.hypervisors = [fake_nova.make_hypervisor(n) for n in range(1, 26)]
    served.max_limit = 10
    hosts = nova.Nova(configure(conf, served, page_size=12)).list_hosts()
    assert [each.name for each in hosts] == [f"node-{n}.example.org" for n in range(1, 26)]
    pages = [path for path in paths_of(served) if "os-hypervisors" in path]
    assert len(pages) == 4
    assert all("limit=12" in path for path in pages)


def test_metadata_of_several_aggregates(set_up: cfg.ConfigOpts, served: fake_nova.FakeNova) -> None:
    served.aggregates = [
        fake_nova.make_aggregate("b", ["compute-1", "compute-2"], disk="ssd", rack="1"),
        fake_nova.make_aggregate("a", ["compute-1", "gone"], disk="hdd", rack="1"),
    ]
    first, second, third = nova.Nova(set_up).list_hosts()
    assert first.properties["aggregates"] == ["a", "b"]
    assert first.properties["aggregate_metadata"] == {"disk": ["hdd", "ssd"], "rack": "1"}
    assert second.properties["aggregate_metadata"] == {"disk": "ssd", "rack": "1"}
    assert third.properties["aggregate_metadata"] == {}


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ('{"arch": "x86_64"}', {"arch": "x86_64"}),
        ("", {}),
        (None, {}),
        ({"arch": "aarch64"}, {"arch": "aarch64"}),
    ],
)
def test_cpu_info_of_any_driver(
    set_up: cfg.ConfigOpts, served: fake_nova.FakeNova, told: Any, known: Any
) -> None:
    served.hypervisors = [fake_nova.make_hypervisor(1, cpu_info=told)]
    [found] = nova.Nova(set_up).list_hosts()
    assert found.properties["cpu_info"] == known


def test_a_hypervisor_whose_service_is_not_told(
    set_up: cfg.ConfigOpts, served: fake_nova.FakeNova
) -> None:
    served.services = []
    found = nova.Nova(set_up).list_hosts()[0]
    assert found.properties["service"]["host"] == "compute-1"


def test_two_readings_of_the_same_are_the_same(
    set_up: cfg.ConfigOpts, served: fake_nova.FakeNova
) -> None:
    """A heartbeat is no change: else all hosts would be written each minute."""
    reading = nova.Nova(set_up)
    before = host.encode(reading.list_hosts())
    served.services = [
        fake_nova.make_service(n, updated_at="2026-01-01T00:00:10.000000") for n in (1, 2, 3)
    ]
    assert host.encode(reading.list_hosts()) == before


def test_traits_if_wanted(conf: cfg.ConfigOpts, served: fake_nova.FakeNova) -> None:
    """Asked for once, and again only where a resource provider changed."""
    uuids = [hypervisor["id"] for hypervisor in served.hypervisors]
    served.traits = {uuids[0]: (1, ["HW_B", "HW_A"]), uuids[1]: (1, [])}
    reading = nova.Nova(configure(conf, served, traits=True))
    assert traits_of(reading) == [["HW_A", "HW_B"], [], []]
    assert len([path for path in paths_of(served) if path.endswith("/traits")]) == 2
    assert traits_of(reading) == [["HW_A", "HW_B"], [], []]
    assert [path for path in paths_of(served) if path.endswith("/traits")] == []
    served.traits[uuids[1]] = (2, ["HW_C"])
    assert traits_of(reading) == [["HW_A", "HW_B"], ["HW_C"], []]
    assert len([path for path in paths_of(served) if path.endswith("/traits")]) == 1
    del served.traits[uuids[0]]
    assert traits_of(reading) == [[], ["HW_C"], []]


def traits_of(reading: nova.Nova) -> list[Any]:
    """Return the traits of each host."""
    return [each.properties["traits"] for each in reading.list_hosts()]


def test_a_provider_that_goes_while_it_is_read(
    conf: cfg.ConfigOpts, served: fake_nova.FakeNova
) -> None:
    uuids = [hypervisor["id"] for hypervisor in served.hypervisors]
    served.traits = dict.fromkeys(uuids, (1, ["HW_A"]))
    served.failing[f"{uuids[0]}/traits"] = fake_nova.respond(404, {"errors": []})
    reading = nova.Nova(configure(conf, served, traits=True))
    assert traits_of(reading) == [[], ["HW_A"], ["HW_A"]]
    served.failing.clear()
    assert traits_of(reading) == [["HW_A"], ["HW_A"], ["HW_A"]]


def test_without_traits_placement_is_not_asked(
    set_up: cfg.ConfigOpts, served: fake_nova.FakeNova
) -> None:
    [found, *_] = nova.Nova(set_up).list_hosts()
    assert "traits" not in found.properties
    assert not any("placement" in path for path in paths_of(served))


@pytest.mark.parametrize(
    ("path", "response", "reason"),
    [
        ("/auth/tokens", fake_nova.respond(401, {"error": {"message": "no"}}), "401"),
        ("/auth/tokens", fake_nova.respond(500, {}), "500"),
        ("/detail", fake_nova.respond(403, {"forbidden": {"message": "no"}}), "403"),
        ("/detail", fake_nova.respond(406, {"error": {"message": "no 2.87"}}), "406"),
        ("/detail", fake_nova.respond(500, {}), "500"),
        ("/os-services", fake_nova.respond(503, {}), "503"),
        ("/os-aggregates", fake_nova.respond(200, {"groups": []}), "cannot be read"),
        ("/os-services", fake_nova.respond(200, {"services": [{"id": 1}]}), "cannot be read"),
        ("/detail", fake_nova.respond(200, {"hypervisors": [{"id": "x"}]}), "cannot be read"),
        ("/detail", fake_nova.respond(200, []), "cannot be read"),
        ("/detail", webob.Response(body=b"<html>", content_type="text/html"), "cannot be read"),
        ("/resource_providers", fake_nova.respond(500, {}), "500"),
        ("/resource_providers", fake_nova.respond(200, {}), "cannot be read"),
        ("/traits", fake_nova.respond(500, {}), "500"),
    ],
)
def test_whatever_fails_is_the_source_being_away(
    conf: cfg.ConfigOpts,
    served: fake_nova.FakeNova,
    caplog: pytest.LogCaptureFixture,
    path: str,
    response: webob.Response,
    reason: str,
) -> None:
    """No host is told half; a password is never told; and then it works again."""
    caplog.set_level(logging.DEBUG)
    served.traits = {hypervisor["id"]: (1, []) for hypervisor in served.hypervisors}
    reading = nova.Nova(configure(conf, served, traits=True))
    served.failing[path] = response
    with pytest.raises(exception.SourceUnavailable) as caught:
        reading.list_hosts()
    assert reason in caught.value.details["reason"]
    assert "\n" not in str(caught.value)
    assert "secret-of-climate" not in f"{caught.value} {caplog.text}"
    served.failing.clear()
    assert len(reading.list_hosts()) == 3


def test_the_same_page_again_and_again(set_up: cfg.ConfigOpts, served: fake_nova.FakeNova) -> None:
    served.failing["/detail"] = fake_nova.respond(200, {"hypervisors": served.hypervisors})
    with pytest.raises(exception.SourceUnavailable, match="same page"):
        nova.Nova(set_up).list_hosts()


def test_nobody_answers(conf: cfg.ConfigOpts) -> None:
    gone = fake_nova.FakeNova()
    gone.start()
    reading = nova.Nova(configure(conf, gone))
    gone.stop()
    with pytest.raises(exception.SourceUnavailable, match="ConnectFailure|Unable to establish"):
        reading.list_hosts()


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ("", "auth_type"),
        ("auth_type = nothing_such", "nothing_such"),
        ("auth_type = password", "auth_url|auth-url"),
    ],
)
def test_wrong_options(conf: cfg.ConfigOpts, section: str, reason: str) -> None:
    path = f"{conf.state_path}/climate.conf"
    with open(path, "w") as file:
        file.write(f"[nova]\n{section}\n")
    conf(["--config-file", path], project="climate", default_config_files=[])
    with pytest.raises(floor.ConfigurationInvalid, match=reason) as caught:
        nova.Nova(conf)
    assert "[nova]" in str(caught.value)


def test_options_for_the_sample() -> None:
    [(group, opts)] = nova.list_opts()
    names = [opt.dest for opt in opts]
    assert group == "nova"
    assert {"auth_type", "auth_url", "password", "traits", "page_size", "timeout"} <= set(names)
    assert len(names) == len(set(names))
