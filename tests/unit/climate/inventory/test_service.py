# SPDX-License-Identifier: Apache-2.0
"""climate-inventory: how its parts are put together, and what it takes up at a reload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from oslo_context import context

from climate import exception
from climate.cmd import conf as options
from climate.inventory import service as services
from climate.rpc import inventory as rpc
from climate.rpc import ranking as rankings
from climate.rpc import transport as transports
from energybase import exception as floor
from energybase import service
from tests import conftest
from tests.unit.climate.planning import planners

WHO = context.RequestContext(project_id="project", user_id="user")
_LONG = '["and", ["=", "$name", "a"], ["=", "$name", "' + "a" * 100 + '"]]'


class Running(NamedTuple):
    """A component that runs, what calls it, and its configuration file."""

    component: service.Component
    api: rpc.InventoryAPI
    path: Path


class NoRanking:
    """A climate-ranking that has only just started: it answers, and knows no host."""

    target = transports.endpoint_target(rankings.VERSION)

    def rank_hosts(
        self, _who: context.RequestContext, hosts: object = None, by: object = None
    ) -> dict[str, object]:
        return {"as_of": 0, "hosts": []}


def write(path: Path, hosts: Path, more: str = "") -> None:
    """Have a configuration name a file of hosts."""
    path.write_text(f"[inventory]\nsource = file\nfile = {hosts}\n{more}")


def name_hosts(path: Path, *names: str) -> Path:
    """Return the path, of a file of these hosts."""
    path.write_text("".join(f"- name: {name}\n" for name in names) or "[]")
    return path


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The service in this process, with hosts a and b, over a transport without a broker."""
    path = tmp_path / "climate.conf"
    write(path, name_hosts(tmp_path / "first.yaml", "a", "b"))
    conf = service.prepare(
        ["--config-file", str(path), "--state-path", str(tmp_path)],
        "test",
        register=(options.register_opts,),
        project="climate",
    )
    planners.open_store(conf)
    transport = transports.get_transport(conf, "fake://")
    component = services.InventoryService(conf, transport)
    ranking = transports.Server(transport, rankings.TOPIC, "host", NoRanking())
    ranking.start()
    component.start()
    yield Running(component, rpc.InventoryAPI(transport, 30.0), path)
    component.stop()
    ranking.stop()


def wait_for_hosts(api: rpc.InventoryAPI, *names: str) -> None:
    """Return when these are the hosts that can be leased."""
    conftest.wait(lambda: api.match_hosts(WHO)["names"] == list(names))


def test_it_takes_up_another_source(running: Running, tmp_path: Path) -> None:
    """And reads it at once."""
    wait_for_hosts(running.api, "a", "b")
    write(running.path, name_hosts(tmp_path / "second.yaml", "c"))
    running.component.reload()
    wait_for_hosts(running.api, "c")


def test_it_takes_up_other_limits(running: Running, tmp_path: Path) -> None:
    """An expression may be shorter then."""
    assert running.api.get_hosts(WHO, _LONG) == []
    write(running.path, tmp_path / "first.yaml", "max_properties_length = 100\n")
    running.component.reload()
    with pytest.raises(exception.PropertiesInvalid):
        running.api.get_hosts(WHO, _LONG)


@pytest.mark.parametrize(
    "text",
    [
        "[inventory]\nsource = file\nfile = /absent.yaml\n",
        "[inventory]\nsource = crystal-ball\nmax_properties_length = 100\n",
        "no section: s3cret\n",
    ],
)
def test_a_wrong_file_at_reload_changes_nothing(running: Running, text: str) -> None:
    """The source before is read on, and the limits stay."""
    wait_for_hosts(running.api, "a", "b")
    running.path.write_text(text)
    with pytest.raises(floor.ConfigurationInvalid) as caught:
        running.component.reload()
    assert "s3cret" not in str(caught.value)
    assert running.api.get_hosts(WHO, _LONG) == []
    name_hosts(running.path.with_name("first.yaml"), "a", "b", "d")
    running.path.write_text(
        f"[inventory]\nsource = file\nfile = {running.path.parent}/first.yaml\n"
    )
    running.component.reload()
    wait_for_hosts(running.api, "a", "b", "d")
