# SPDX-License-Identifier: Apache-2.0
"""What the ranking answers, and to which calls."""

from __future__ import annotations

import logging
import math
from typing import Any

import oslo_messaging
import pytest
from oslo_context import context

from climate import exception
from climate.ranking import manager
from climate.ranking import options
from climate.ranking import performance
from climate.rpc import ranking as rpc
from tests import conftest
from tests.contracts import inventory
from tests.contracts import ranking as ranking_contract
from tests.unit.climate.ranking import given

WHO = context.RequestContext(overwrite=False)
TABLE = performance.packaged_table()
SAMPLES = {"a": [(0.5, 100.0)], "b": [(0.5, 200.0)]}


@pytest.fixture
def ranking(database: inventory.Database, fake_clock: conftest.FakeClock) -> manager.Ranking:
    """Hosts a and b, which computes as much for twice the watts."""
    store = ranking_contract.open_store(database)
    made = manager.Ranking(store, options.Options(), TABLE, fake_clock)
    made.update(given.seen(given.capacities("ab"), SAMPLES))
    return made


def names_of(told: rpc.Ranking) -> list[str]:
    """Return the hosts in their order."""
    return [each["host"] for each in told["hosts"]]


def refuse(endpoint: manager.Endpoint, method: str, **arguments: Any) -> str:
    """Return which argument a call is refused for."""
    with pytest.raises(oslo_messaging.ExpectedException) as caught:
        getattr(endpoint, method)(WHO, **arguments)
    refusal = caught.value.exc_info[1]
    assert isinstance(refusal, exception.RequestInvalid)
    return str(refusal.details["where"])


def test_kinds(ranking: manager.Ranking) -> None:
    assert ranking.rank_hosts()["by"] == "marginal"
    ranking.configure(options.Options(by="peak"))
    told = ranking.rank_hosts()
    assert (told["by"], told["as_of"], names_of(told)) == ("peak", 1000, ["a", "b"])
    assert ranking.rank_hosts(by="load")["by"] == "load"
    with pytest.raises(exception.RequestInvalid, match="by: must be one of marginal, load, peak"):
        ranking.rank_hosts(by="price")


def test_what_is_recorded_counts_at_once_at_every_service(
    ranking: manager.Ranking, database: inventory.Database
) -> None:
    other = manager.Ranking(ranking_contract.open_store(database), options.Options(), TABLE)
    other.update(given.seen(given.capacities("ab"), SAMPLES))
    assert names_of(other.rank_hosts()) == ["a", "b"]
    ranking.set_performance("b", 1e15, "Linpack")
    for each in (ranking, other):
        told = each.rank_hosts()
        assert names_of(told) == ["b", "a"]
        assert told["hosts"][0]["flops_detail"] == "Linpack"
    other.delete_performance("b")
    assert names_of(ranking.rank_hosts()) == ["a", "b"]


def test_the_file_is_taken_up(ranking: manager.Ranking) -> None:
    filed = {"b": performance.Performance(1e15, "benchmark", "file")}
    ranking.configure(options.Options(performances=filed))
    assert names_of(ranking.rank_hosts()) == ["b", "a"]


def test_without_the_database_it_goes_on_with_what_it_knows(
    ranking: manager.Ranking,
    database: inventory.Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "climate")
    ranking.set_performance("b", 1e15, "")
    ranking.rank_hosts()
    caplog.clear()
    engine = database.build().writer.get_engine()
    for statement, wanted in (
        ("ALTER TABLE ranking RENAME TO gone", ["WARNING"]),
        ("ALTER TABLE gone RENAME TO ranking", ["INFO"]),
    ):
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        for _ in range(2):
            assert names_of(ranking.rank_hosts()) == ["b", "a"]
        assert [record.levelname for record in caplog.records] == wanted
        caplog.clear()


def test_calls(ranking: manager.Ranking) -> None:
    endpoint = manager.Endpoint(ranking)
    assert names_of(endpoint.rank_hosts(WHO, ["b", "x"], "peak")) == ["b", "x"]
    endpoint.set_performance(WHO, "b", 10**15, "")
    assert names_of(endpoint.rank_hosts(WHO)) == ["b", "a"]
    endpoint.delete_performance(WHO, "b")
    assert names_of(endpoint.rank_hosts(WHO)) == ["a", "b"]


@pytest.mark.parametrize(
    ("method", "arguments", "where"),
    [
        ("rank_hosts", {"hosts": "a"}, "hosts"),
        ("rank_hosts", {"hosts": [1]}, "hosts"),
        ("rank_hosts", {"by": 1}, "by"),
        ("rank_hosts", {"by": "x"}, "by"),
        ("set_performance", {}, "host"),
        ("set_performance", {"host": "x" * 256, "flops": 1}, "host"),
        ("set_performance", {"host": "a"}, "flops"),
        ("set_performance", {"host": "a", "flops": True}, "flops"),
        ("set_performance", {"host": "a", "flops": math.nan}, "flops"),
        ("set_performance", {"host": "a", "flops": 1e300}, "flops"),
        ("set_performance", {"host": "a", "flops": 10**400}, "flops"),
        ("set_performance", {"host": "a", "flops": 1, "detail": "x\n"}, "detail"),
        ("delete_performance", {"host": ""}, "host"),
    ],
)
def test_malformed_calls(
    ranking: manager.Ranking, method: str, arguments: dict[str, Any], where: str
) -> None:
    assert refuse(manager.Endpoint(ranking), method, **arguments) == where
