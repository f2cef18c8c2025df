# SPDX-License-Identifier: Apache-2.0
"""What of the ranking becomes a property of hosts."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from oslo_context import context

from climate import exception
from climate.inventory import efficiency
from climate.inventory import host
from climate.inventory import manager
from climate.inventory import options
from climate.inventory import worker
from climate.rpc import ranking as rankings
from tests import conftest
from tests.contracts import inventory as inventory_contract

PACE = options.Pace(60, 600)


class Ranking(rankings.RankingAPI):
    """Tells (flop/W, watts) by host."""

    def __init__(self, **known: tuple[float | None, float | None]) -> None:
        self.known: dict[str, Any] = known
        self.as_of = 1000
        self.away = False

    def rank_hosts(
        self, who: context.RequestContext, hosts: list[str] | None = None, by: str | None = None
    ) -> Any:
        assert hosts is None and by is None
        if self.away:
            raise exception.ServiceUnavailable(service="climate-ranking", reason="test")
        told = [
            {"host": name, "score": score, "watts_average": watts}
            for name, (score, watts) in self.known.items()
        ]
        return {"by": "marginal", "as_of": self.as_of, "hosts": told}


def make(name: str, **properties: Any) -> host.Host:
    """Return a host."""
    return host.Host(name, True, properties)


def test_nothing_is_known_before_it_is_asked() -> None:
    hosts = [make("a", vcpus=4)]
    assert efficiency.Efficiency(Ranking(a=(1.0, 2.0))).fill(hosts) == hosts


@pytest.mark.parametrize(
    ("properties", "filled"),
    [
        ({}, {"flop_per_watt": 1.2e9, "watts": 120.0}),
        ({"watts": 7}, {"watts": 7, "flop_per_watt": 1.2e9}),
        ({"flop_per_watt": "5"}, {"flop_per_watt": "5", "watts": 120.0}),
        ({"watts": "?"}, {"flop_per_watt": 1.2e9, "watts": 120.0}),
        (
            {"aggregate_metadata": {"watts": "7", "flop_per_watt": "5"}},
            {"aggregate_metadata": {"watts": "7", "flop_per_watt": "5"}},
        ),
    ],
)
def test_what_the_source_says_counts_more(
    properties: dict[str, Any], filled: dict[str, Any]
) -> None:
    known = efficiency.Efficiency(Ranking(a=(1.2345e9, 123.4)))
    assert known.ask()
    before = make("a", **properties)
    assert known.fill([before]) == [make("a", **filled)]
    # The source may keep what it told.
    assert before == make("a", **properties)


def test_of_other_hosts_and_of_what_is_unknown() -> None:
    known = efficiency.Efficiency(Ranking(a=(None, None), b=(None, 0.04)))
    known.ask()
    assert known.fill([make("a"), make("b"), make("c")]) == [
        make("a"),
        make("b", watts=0.04),
        make("c"),
    ]


def test_small_changes_are_none() -> None:
    """Each would have every host written, and read by all who have it in memory."""
    ranking = Ranking(a=(1.21e9, 121.0))
    known = efficiency.Efficiency(ranking)
    assert known.ask()
    ranking.known = {"a": (1.22e9, 122.0)}
    assert not known.ask()
    ranking.known = {"a": (1.4e9, 122.0)}
    assert known.ask()


def test_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "climate")
    ranking = Ranking(a=(1.0, 2.0))
    known = efficiency.Efficiency(ranking)
    known.ask()
    ranking.away = True
    for _ in range(2):
        assert not known.ask()
    assert known.fill([make("a")]) == [make("a", flop_per_watt=1.0, watts=2.0)]
    ranking.away = False
    known.ask()
    assert [record.getMessage() for record in caplog.records] == [
        "Hosts are not ranked by flop/W just now: climate-ranking does not answer: test",
        "Hosts are ranked by flop/W again",
    ]


def test_one_that_has_only_just_started() -> None:
    ranking = Ranking(a=(1.0, 2.0))
    known = efficiency.Efficiency(ranking)
    known.ask()
    ranking.known, ranking.as_of = {}, 0
    assert not known.ask()
    assert known.fill([make("a")]) == [make("a", flop_per_watt=1.0, watts=2.0)]


def test_matching_hosts_are_preferred_by_it(
    database: inventory_contract.Database, fake_clock: conftest.FakeClock
) -> None:
    class Source:
        def list_hosts(self) -> list[host.Host]:
            return [make("a"), make("b"), make("c", flop_per_watt=2.0)]

    store, ranking = database.open(), Ranking(a=(1.0, 100.0), b=(3.0, 300.0), c=(9.0, 900.0))
    inventory = manager.Inventory(store, options.Limits(1000, 8))
    ranked = efficiency.Efficiency(ranking)
    reading = worker.Worker(Source, store, PACE, fake_clock, inventory.refresh, ranked)
    reading.refresh()
    matching = inventory.match_hosts("[]")
    assert matching["names"] == ["a", "b", "c"]
    assert matching["tiers"] == [2, 0, 1]
    assert matching["watts"] == [100.0, 300.0, 900.0]
    version = store.load().version
    reading.refresh()
    assert store.load().version == version
    ranking.away = True
    reading.refresh()
    assert store.load().version == version
