# SPDX-License-Identifier: Apache-2.0
"""climate-planning: how its parts are put together, and what it refuses to start with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from oslo_context import context

from climate import exception
from climate import lease as leases
from climate.cmd import conf as options
from climate.cmd import planning
from climate.planning import service as services
from climate.rpc import planning as rpc
from climate.rpc import transport as transports
from energybase import exception as floor
from energybase import service
from tests.unit.climate.planning import planners

WHO = context.RequestContext(project_id="project", user_id="user")


class Running(NamedTuple):
    """A component that runs, what calls it, and its configuration file."""

    component: service.Component
    api: rpc.PlanningAPI
    path: Path


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The service in this process, over a transport without a broker."""
    path = tmp_path / "climate.conf"
    path.write_text("[quota]\nhosts = 1\n")
    conf = service.prepare(
        ["--config-file", str(path), "--state-path", str(tmp_path)],
        "test",
        register=(options.register_opts,),
        project="climate",
    )
    planners.open_store(conf)
    transport = transports.get_transport(conf, "fake://")
    component = services.PlanningService(conf, transport)
    component.start()
    yield Running(component, rpc.PlanningAPI(transport, 30.0), path)
    component.stop()


def propose(api: rpc.PlanningAPI) -> leases.Lease:
    now = int(time.time())
    return api.make_proposal(WHO, [1, 2, 3], leases.Wish(now, now + 3600, 3600, 1))


def test_it_plans_and_takes_up_new_quotas(running: Running) -> None:
    propose(running.api)
    with pytest.raises(exception.QuotaExceeded):
        propose(running.api)
    running.path.write_text("[quota]\nhosts = 2\n")
    running.component.reload()
    propose(running.api)


@pytest.mark.parametrize(
    "text",
    [
        "[quota]\nproject_hosts = project:many\n",
        "[planning]\nprices_file = /absent.csv\n",
        "no section: s3cret\n",
    ],
)
def test_a_wrong_file_at_reload_changes_nothing(running: Running, text: str) -> None:
    propose(running.api)
    running.path.write_text(text)
    with pytest.raises(floor.ConfigurationInvalid) as caught:
        running.component.reload()
    assert "s3cret" not in str(caught.value)
    with pytest.raises(exception.QuotaExceeded):
        propose(running.api)


def test_a_lease_is_started_by_the_janitor(running: Running) -> None:
    made = propose(running.api)
    running.api.confirm_proposal(WHO, made.id)
    deadline = time.monotonic() + 60
    while running.api.get_proposal_details(WHO, made.id).status != "active":
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "run `climate-manage db upgrade`"),
        ("[DEFAULT]\ntransport_url = carrier-pigeon://x\n", "transport_url"),
        ("[planning]\nprices_file = /absent.csv\n", "/absent.csv"),
    ],
)
def test_it_refuses_to_start_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    if text:
        planners.open_store(planners.configure(tmp_path))
    path = tmp_path / "climate.conf"
    path.write_text(text)
    assert planning.main(["--config-file", str(path), "--state-path", str(tmp_path)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert words in told[-1]
    assert told[-1].startswith("climate-planning: ")
