# SPDX-License-Identifier: Apache-2.0
"""EfficiencyWeigher, by Nova's own handler of weighers."""

from __future__ import annotations

import concurrent.futures
import logging
import random
import threading
from typing import Any

import pytest
from nova.scheduler import weights

from nova_ext import weights as ours
from tests.fakes import climate as fake_climate
from tests.nova import conftest
from tests.nova import scheduling

PATH = "nova_ext.weights.EfficiencyWeigher"


@pytest.fixture(autouse=True)
def scores(climate: fake_climate.FakeClimate) -> None:
    climate.scores = {"node-1": 1e9, "node-2": 3e9, "node-3": None}


class Scheduler:
    """As much of it as weighs."""

    def __init__(self) -> None:
        self._handler = weights.HostWeightHandler()
        [found] = self._handler.get_matching_classes([PATH])
        self.weigher = found()

    def run(self, hosts: list[Any] | None = None) -> list[tuple[str, float]]:
        given = scheduling.make_hosts("node-1", "node-2", "node-3") if hosts is None else hosts
        request = scheduling.make_request()
        weighed = self._handler.get_weighed_objects([self.weigher], given, request)
        return [(one.obj.nodename, one.weight) for one in weighed]


@pytest.fixture
def scheduler(configure: conftest.Configure) -> Scheduler:
    return Scheduler()


def test_efficient_hosts_first(scheduler: Scheduler) -> None:
    """A host without a figure is in the middle, also one that Climate does not know."""
    hosts = scheduling.make_hosts("node-1", "node-2", "node-3", "node-4")
    assert scheduler.run(hosts) == [
        ("node-2", 1.0),
        ("node-3", 0.5),
        ("node-4", 0.5),
        ("node-1", 0.0),
    ]


@pytest.mark.parametrize("names", [("node-1", "node-1"), ("node-1", "node-3"), ("a", "b")])
def test_nothing_to_choose_by(scheduler: Scheduler, names: tuple[str, str]) -> None:
    assert [weight for _, weight in scheduler.run(scheduling.make_hosts(*names))] == [0.0, 0.0]


def test_watts_change(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    assert scheduler.run()[0] == ("node-2", 1.0)
    climate.scores["node-2"] = 5e8
    assert scheduler.run()[0] == ("node-1", 1.0)


@pytest.mark.parametrize(("multiplier", "first"), [(2.5, "node-2"), (-2.5, "node-1")])
def test_multiplier(configure: conftest.Configure, multiplier: float, first: str) -> None:
    configure(efficiency_weight_multiplier=multiplier)
    found = Scheduler().run()
    assert found[0][0] == first
    assert dict(found) == {"node-1": 0.0, "node-2": multiplier, "node-3": multiplier / 2}


@pytest.mark.parametrize(
    ("value", "weight"), [("3.5", 3.5), ("-1", -1.0), ("0", 0.0), ("much", 1.0)]
)
def test_multiplier_of_an_aggregate(scheduler: Scheduler, value: str, weight: float) -> None:
    """As Nova's own weighers have it, a mistake included."""
    aggregate = scheduling.make_aggregate(efficiency_weight_multiplier=value)
    plain = scheduling.make_aggregate(color="green")
    hosts = [
        *scheduling.make_hosts("node-1", aggregates=[plain]),
        *scheduling.make_hosts("node-2", aggregates=[plain, aggregate]),
    ]
    assert dict(scheduler.run(hosts)) == {"node-1": 0.0, "node-2": weight}


def test_no_call_while_fresh(scheduler: Scheduler, climate: fake_climate.FakeClimate) -> None:
    climate.cache_control = "private, max-age=30"
    for _ in range(3):
        scheduler.run(scheduling.make_hosts(*(f"node-{n}" for n in range(200))))
    assert climate.count("ranking/") == len(climate.requests) == 1


def test_a_hundred_requests_one_call(
    scheduler: Scheduler, climate: fake_climate.FakeClimate
) -> None:
    climate.cache_control = "private, max-age=30"
    together = threading.Barrier(100)

    def run() -> str:
        together.wait(60)
        return scheduler.run()[0][0]

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        found = [future.result(60) for future in [pool.submit(run) for _ in range(100)]]
    assert found == ["node-2"] * 100
    assert len(climate.requests) == 1


@pytest.mark.usefixtures("retry_at_once")
@pytest.mark.parametrize("kind", ["refused", "failing", "malformed"])
def test_climate_away(
    scheduler: Scheduler,
    climate: fake_climate.FakeClimate,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    """Weights are neutral; said once when it goes, once when it is back."""
    caplog.set_level(logging.INFO)
    scheduler.run()
    if kind == "refused":
        climate.stop()
    elif kind == "failing":
        climate.status = 503
    else:
        climate.bodies["/v1/ranking/"] = b'{"hosts": [{"host": "node-1", "score": "much"}]}'
    for _ in range(3):
        assert {weight for _, weight in scheduler.run()} == {0.0}
    climate.bodies, climate.status = {}, 200
    if kind == "refused":
        climate.start()
    for _ in range(3):
        assert scheduler.run()[0] == ("node-2", 1.0)
    told = [record for record in caplog.records if record.name == "nova_ext.answers"]
    assert [record.levelname for record in told] == ["WARNING", "INFO"]
    assert "hosts are not weighed by their efficiency" in told[0].getMessage()


def test_weigh() -> None:
    scores = {"a": 2.0, "b": 4.0, "c": 2.5005, "vast": 1.7e308, "less": -1.7e308}
    assert ours.weigh(["a", "b", "c", "unknown"], scores) == [0.0, 1.0, 0.25, 0.5]
    assert ours.weigh(["unknown", "other"], scores) == [0.0, 0.0]
    assert ours.weigh(["a", "unknown"], scores) == [0.0, 0.0]
    assert ours.weigh(["less", "a", "vast"], scores) == [0.0, 0.0, 0.0]
    assert ours.weigh([], scores) == []


@pytest.mark.parametrize("seed", range(20))
def test_who_has_more_weighs_no_less(seed: int) -> None:
    random_ = random.Random(seed)
    scores = {str(n): random_.uniform(1e3, 9e9) ** random_.uniform(0.1, 1) for n in range(300)}
    names = sorted(scores, key=scores.__getitem__)
    weighed = ours.weigh(names, scores)
    assert weighed == sorted(weighed)
    assert (weighed[0], weighed[-1]) == (0.0, 1.0)


def test_aggregate_that_changes(scheduler: Scheduler) -> None:
    """Nova's scheduler replaces its object."""
    for metadata, weight in (({}, 1.0), ({"efficiency_weight_multiplier": "4"}, 4.0)):
        aggregates = [scheduling.make_aggregate(**metadata)]
        hosts = scheduling.make_hosts("node-1", "node-2", aggregates=aggregates)
        assert dict(scheduler.run(hosts))["node-2"] == weight
