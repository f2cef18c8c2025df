# SPDX-License-Identifier: Apache-2.0
"""LeaseFilter, by Nova's own handler of filters."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from typing import Any

import pytest
from nova import objects
from nova.scheduler import filters

from tests.fakes import climate as fake_climate
from tests.nova import conftest
from tests.nova import scheduling

MINE = "11111111-1111-4111-8111-111111111111"
MORE = "22222222-2222-4222-8222-222222222222"
OTHERS = "33333333-3333-4333-8333-333333333333"
LATER = "44444444-4444-4444-8444-444444444444"
PATH = "nova_ext.filters.LeaseFilter"


@pytest.fixture(autouse=True)
def leases(climate: fake_climate.FakeClimate) -> None:
    climate.reserved = ["node-1", "node-2"]
    climate.leases = {
        MINE: ("alice", ["node-1"], None),
        MORE: ("alice", ["node-2"], None),
        OTHERS: ("bob", ["node-2"], None),
        LATER: ("alice", [], "The lease starts at 2030-01-01T00:00:00Z."),
    }


class Scheduler:
    """As much of it as filters."""

    def __init__(self) -> None:
        self._handler = filters.HostFilterHandler()
        [found] = self._handler.get_matching_classes([PATH])
        self.filter = found()

    def run(self, request: Any, index: int = 0, hosts: list[Any] | None = None) -> list[str]:
        given = scheduling.make_hosts("node-1", "node-2", "node-3") if hosts is None else hosts
        passed = self._handler.get_filtered_objects([self.filter], given, request, index)
        return [host.nodename for host in passed]


@pytest.fixture
def scheduler(configure: conftest.Configure) -> Scheduler:
    return Scheduler()


@pytest.mark.parametrize(
    ("hint", "passing"),
    [
        (MINE, ["node-1"]),
        ([MINE], ["node-1"]),
        ([MINE, MORE], ["node-1", "node-2"]),
        ([MINE, OTHERS], ["node-1"]),
        (OTHERS, []),
        (LATER, []),
        (MINE.replace("1", "9"), []),
    ],
)
def test_inside(scheduler: Scheduler, hint: Any, passing: list[str]) -> None:
    assert scheduler.run(scheduling.make_request(lease_id=hint)) == passing


def test_another_project(scheduler: Scheduler) -> None:
    assert scheduler.run(scheduling.make_request("bob", lease_id=MINE)) == []


def test_outside(scheduler: Scheduler) -> None:
    assert scheduler.run(scheduling.make_request()) == ["node-3"]
    assert scheduler.run(scheduling.make_request(group="a-group")) == ["node-3"]


def test_no_hints_at_all(scheduler: Scheduler) -> None:
    """As specs are that older releases wrote."""
    request = scheduling.make_request()
    request.scheduler_hints = None
    assert scheduler.run(request) == ["node-3"]


def test_host_unknown_to_climate(scheduler: Scheduler) -> None:
    hosts = scheduling.make_hosts("node-1", "node-new")
    assert scheduler.run(scheduling.make_request(), hosts=hosts) == ["node-new"]


def test_lease_of_a_second_ago(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    assert scheduler.run(scheduling.make_request()) == ["node-3"]
    climate.reserved = ["node-3"]
    assert scheduler.run(scheduling.make_request()) == ["node-1", "node-2"]


def test_rebuild_is_not_refused(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    request = scheduling.make_request(lease_id=OTHERS, _nova_check_type="rebuild")
    assert scheduler.run(request) == ["node-1", "node-2", "node-3"]
    assert not climate.requests


@pytest.mark.parametrize("hint", [[], [""], ["a lease"], [MINE, "x"], [MINE] * 9, ["5"]])
def test_garbage(
    scheduler: Scheduler,
    climate: fake_climate.FakeClimate,
    caplog: pytest.LogCaptureFixture,
    hint: Any,
) -> None:
    caplog.set_level(logging.INFO)
    assert scheduler.run(scheduling.make_request(lease_id=hint)) == []
    assert not climate.requests
    assert "The hint lease_id " in caplog.text


@pytest.mark.parametrize(
    ("hint", "reason"),
    [
        (OTHERS, f"Lease '{OTHERS}' is not known."),
        (LATER, "The lease starts at 2030-01-01T00:00:00Z."),
        (MINE, "No host of the lease (node-1) is left"),
        (None, "Leases reserve all remaining hosts."),
    ],
)
def test_reason_is_logged_once(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture, hint: str | None, reason: str
) -> None:
    """One line beside Nova's own, that names instance and project."""
    caplog.set_level(logging.INFO)
    hints = {} if hint is None else {"lease_id": hint}
    hosts = scheduling.make_hosts("node-2")
    assert scheduler.run(scheduling.make_request(**hints), hosts=hosts) == []
    [line] = [record for record in caplog.records if record.name == "nova_ext.filters"]
    assert line.levelno == logging.INFO
    assert reason in line.getMessage()
    assert f"instance {scheduling.INSTANCE} of project alice" in line.getMessage()


def test_one_call_for_many_hosts(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    hosts = scheduling.make_hosts(*(f"node-{n}" for n in range(500)))
    assert len(scheduler.run(scheduling.make_request(), hosts=hosts)) == 498
    assert len(climate.requests) == 1


def test_one_call_for_many_servers(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    """Of one request; what the first left is what the second chooses from."""
    hosts = scheduling.make_hosts("node-1", "node-3")
    request = scheduling.make_request()
    assert scheduler.run(request, 0, hosts) == ["node-3"]
    assert scheduler.run(request, 1, hosts[1:]) == ["node-3"]
    assert len(climate.requests) == 1


def test_no_call_for_no_host(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    assert scheduler.run(scheduling.make_request(), hosts=[]) == []
    assert not climate.requests


def test_no_call_while_fresh(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    climate.cache_control = "private, max-age=100"
    for hints in ({}, {"lease_id": MINE}):
        for _ in range(3):
            scheduler.run(scheduling.make_request(**hints))
    assert len(climate.requests) == 2
    scheduler.run(scheduling.make_request("bob", lease_id=MINE))
    assert len(climate.requests) == 3


def test_revalidation(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    for _ in range(3):
        assert scheduler.run(scheduling.make_request()) == ["node-3"]
    tags = [headers.get("If-None-Match") for _, headers in climate.requests]
    assert tags[0] is None
    assert tags[1] == tags[2] != None  # noqa: E711


@pytest.mark.parametrize("hints", [{}, {"lease_id": MINE}])
def test_a_hundred_requests_one_call(
    scheduler: Scheduler, climate: fake_climate.FakeClimate, hints: dict[str, str]
) -> None:
    climate.cache_control = "private, max-age=100"
    together = threading.Barrier(100)

    def run() -> list[str]:
        together.wait(60)
        return scheduler.run(scheduling.make_request(**hints))

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        found = [future.result(60) for future in [pool.submit(run) for _ in range(100)]]
    assert found == [["node-1" if hints else "node-3"]] * 100
    assert len(climate.requests) == 1


def test_requests_do_not_mix(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    """One filter serves all threads."""
    wanted: list[tuple[dict[str, str], list[str]]] = [
        ({}, ["node-3"]),
        ({"lease_id": MINE}, ["node-1"]),
        ({"lease_id": MORE}, ["node-2"]),
        ({"lease_id": OTHERS}, []),
    ]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        futures = [
            pool.submit(scheduler.run, scheduling.make_request(**hints)) for hints, _ in wanted * 50
        ]
        found = [future.result(60) for future in futures]
    assert found == [passing for _, passing in wanted] * 50


@pytest.mark.usefixtures("retry_at_once")
@pytest.mark.parametrize(
    ("on_error", "passing"),
    [("deny", []), ("allow", ["node-1", "node-2", "node-3"]), ("last_known", ["node-3"])],
)
def test_climate_away(
    configure: conftest.Configure,
    climate: fake_climate.FakeClimate,
    caplog: pytest.LogCaptureFixture,
    on_error: str,
    passing: list[str],
) -> None:
    caplog.set_level(logging.INFO)
    configure(on_error=on_error)
    scheduler = Scheduler()
    assert scheduler.run(scheduling.make_request(lease_id=MINE)) == ["node-1"]
    assert scheduler.run(scheduling.make_request()) == ["node-3"]
    climate.stop()
    for _ in range(3):
        assert scheduler.run(scheduling.make_request()) == passing
        assert scheduler.run(scheduling.make_request(lease_id=MINE)) == []
    climate.start()
    assert scheduler.run(scheduling.make_request()) == ["node-3"]
    assert scheduler.run(scheduling.make_request(lease_id=MINE)) == ["node-1"]
    told = [record for record in caplog.records if record.name == "nova_ext.answers"]
    assert [record.levelname for record in told] == ["WARNING", "INFO"]


def test_silence_is_bounded(
    configure: conftest.Configure, climate: fake_climate.FakeClimate
) -> None:
    configure(timeout_seconds=0.2, on_error="allow")
    scheduler = Scheduler()
    climate.released.clear()
    for _ in range(5):
        assert len(scheduler.run(scheduling.make_request())) == 3
        assert scheduler.run(scheduling.make_request(lease_id=MINE)) == []
    assert len(climate.requests) <= 4
    climate.released.set()


def test_one_host(scheduler: Scheduler) -> None:
    """As whoever asks for a host alone would."""
    one, three = scheduling.make_hosts("node-1", "node-3")
    assert not scheduler.filter.host_passes(one, scheduling.make_request())
    assert scheduler.filter.host_passes(three, scheduling.make_request())
    assert scheduler.filter.host_passes(one, scheduling.make_request(lease_id=MINE))


def test_request_without_a_project(scheduler: Scheduler) -> None:
    request = objects.RequestSpec(
        instance_uuid=scheduling.INSTANCE, scheduler_hints={"lease_id": [MINE]}
    )
    assert scheduler.run(request) == []
