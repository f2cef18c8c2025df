# SPDX-License-Identifier: Apache-2.0
"""How what is known of hosts comes together."""

from __future__ import annotations

import json

import pytest

from climate.ranking import board
from climate.ranking import performance
from climate.rpc import ranking as rpc
from tests.unit.climate.ranking import given

TABLE = performance.packaged_table()
RECORDED = {"a": performance.Performance(1e12, "benchmark", "Linpack")}
FILED = {
    "a": performance.Performance(2e12, "benchmark", "file"),
    "b": performance.Performance(3e12, "benchmark", "file"),
}
LOADED = [(0.0, 100.0), (0.5, 150.0), (1.0, 200.0)] * 30


def test_before_anything_was_seen() -> None:
    made = board.Board(board.NOTHING, (), TABLE)
    assert made.rank("peak") == {"by": "peak", "as_of": 0, "hosts": []}


def test_what_was_recorded_counts_most() -> None:
    made = board.Board(given.seen(given.capacities("abc"), {}), (RECORDED, FILED), TABLE)
    told = {each["host"]: each for each in made.rank("peak")["hosts"]}
    assert [told[host]["flops"] for host in "abc"] == [1e12, 3e12, 8 * 2.5e9 * 16]
    assert [told[host]["flops_detail"] for host in "ab"] == ["Linpack", "file"]
    assert told["c"]["flops_source"] == "cpu_info"
    assert "2.5 GHz" in told["c"]["flops_detail"]


def test_a_host_that_is_known_well() -> None:
    capacities = given.capacities("a", used=[4])
    made = board.Board(given.seen(capacities, {"a": LOADED}, {"a": 125.0}), (RECORDED,), TABLE)
    [told] = made.rank("marginal")["hosts"]
    marginal_watts = told["marginal_watts"]
    assert marginal_watts == pytest.approx(100 / 16, rel=0.02)
    assert told == {
        "host": "a",
        "score": pytest.approx(1e12 / 16 / marginal_watts, rel=1e-3),
        "flops": 1e12,
        "flops_source": "benchmark",
        "flops_detail": "Linpack",
        "watts_idle": pytest.approx(100, rel=0.02),
        "watts_average": 150.0,
        "watts_max": 200.0,
        "watts_source": "kwapi",
        "watts_now": 125.0,
        "load": 0.25,
        "on": True,
        "marginal_watts": marginal_watts,
        "marginal_watts_error": told["marginal_watts_error"],
        "samples": 90,
        "confidence": "measured",
        "vcpus": 16,
    }
    assert made.rank("peak")["hosts"][0]["score"] == 1e12 / 200
    assert made.rank("load")["hosts"][0]["score"] == 1e12 * 0.25 / 125


def test_a_host_of_which_nothing_is_known() -> None:
    capacities = given.capacities("a", used=[None], vcpus=None)
    capacities["cpus"] = [{}]
    made = board.Board(given.seen(capacities, {}), (), TABLE)
    ranking = made.rank("marginal", ["nobody", "a", "nobody"])
    assert [each["host"] for each in ranking["hosts"]] == ["a", "nobody"]
    a, nobody = ranking["hosts"]
    assert {**a, "host": "nobody", "on": False} == nobody
    assert nobody["confidence"] == "unknown"
    assert nobody["flops_source"] is None
    json.dumps(ranking, allow_nan=False)


def test_every_member_is_there() -> None:
    made = board.Board(given.seen(given.capacities("a"), {"a": LOADED}), (), TABLE)
    for told in made.rank("load", ["a", "b"])["hosts"]:
        assert list(told) == list(rpc.Ranked.__annotations__)


def test_some_hosts_are_in_the_order_of_all() -> None:
    samples = {host: [(0.5, 100.0 * n)] for n, host in enumerate("abcde", start=1)}
    made = board.Board(given.seen(given.capacities("ecabd"), samples), (), TABLE)
    assert [each["host"] for each in made.rank("peak")["hosts"]] == list("abcde")
    assert [each["host"] for each in made.rank("peak", "dbx")["hosts"]] == list("bdx")
    assert made.rank("peak", [])["hosts"] == []


@pytest.mark.parametrize(
    ("vcpus", "used", "load"),
    [(16, 4.0, 0.25), (16, 32.0, 1.0), (16, 0.0, 0.0), (0, 0.0, None), (16, None, None)],
)
def test_load(vcpus: int, used: float | None, load: float | None) -> None:
    capacities = given.capacities("a", used=[used], vcpus=vcpus)
    [told] = board.Board(given.seen(capacities, {}), (), TABLE).rank("load")["hosts"]
    assert told["load"] == load
