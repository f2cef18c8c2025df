# SPDX-License-Identifier: Apache-2.0
"""Orders of hosts, and what one more vCPU costs."""

from __future__ import annotations

import math
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from climate import kinds
from climate.ranking import efficiency
from tests import depth

NAN = math.nan

ORDINARY = {
    "flops": 1e12,
    "vcpus": 40.0,
    "load": 0.5,
    "on": True,
    "watts_now": 200.0,
    "watts_max": 300.0,
    "idle_watts": 100.0,
    "watts_per_load": 200.0,
    "idle_error": 3.0,
    "slope_error": 4.0,
}


def column(*hosts: dict[str, Any]) -> efficiency.Hosts:
    rows = [{**ORDINARY, **host} for host in hosts]
    return efficiency.Hosts(
        **{
            name: np.array([row[name] for row in rows], dtype=bool if name == "on" else float)
            for name in efficiency.Hosts._fields
        }
    )


def number(least: float, most: float) -> st.SearchStrategy[float]:
    return st.one_of(st.just(NAN), st.just(0.0), st.floats(least, most))


def hosts() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "flops": number(1e9, 1e14),
            "vcpus": number(1, 1024),
            "load": number(0, 1),
            "on": st.booleans(),
            "watts_now": number(0.1, 2000),
            "watts_max": number(0.1, 2000),
            "idle_watts": number(0.1, 1000),
            "watts_per_load": number(0.1, 1000),
            "idle_error": number(0.1, 1000),
            "slope_error": number(0.1, 1000),
        }
    )


@hypothesis.settings(max_examples=depth.examples(3))
@hypothesis.given(st.lists(hosts(), max_size=12), st.sampled_from(kinds.KINDS))
def test_every_host_has_one_place_unknown_ones_last_better_ones_first(
    given: list[dict[str, Any]], by: str
) -> None:
    ranking = efficiency.rank(column(*given), by)
    assert sorted(ranking.order) == list(range(len(given)))
    scores = ranking.scores[ranking.order]
    known = scores[~np.isnan(scores)]
    assert np.isnan(scores[len(known) :]).all()
    assert np.isfinite(known).all()
    assert (np.diff(known) <= 0).all()
    for first, second in zip(ranking.order, ranking.order[1:]):
        if not ranking.scores[first] > ranking.scores[second]:
            assert first < second or not np.isnan(ranking.scores[first])


@hypothesis.given(st.lists(hosts(), max_size=12), st.sampled_from(kinds.KINDS))
def test_equal_hosts_keep_the_order_they_are_given_in(given: list[dict[str, Any]], by: str) -> None:
    ranking = efficiency.rank(column(*given, *given), by)
    places = np.argsort(ranking.order)
    assert (places[: len(given)] < places[len(given) :]).all()


def test_peak_is_the_whole_host_at_its_most() -> None:
    ranking = efficiency.rank(column({}, {"watts_max": 250.0}, {"flops": 2e12}), kinds.PEAK)
    assert ranking.scores.tolist() == [1e12 / 300, 1e12 / 250, 2e12 / 300]
    assert ranking.order.tolist() == [2, 1, 0]


def test_load_is_what_servers_have_for_what_the_host_draws_now() -> None:
    ranking = efficiency.rank(
        column({}, {"load": 0.9, "watts_now": 250.0}, {"load": 0.0}), kinds.LOAD
    )
    assert ranking.scores.tolist() == [0.5e12 / 200, 0.9e12 / 250, 0.0]
    assert ranking.order.tolist() == [1, 0, 2]


def test_marginal_of_a_host_that_is_on_is_the_slope_alone() -> None:
    ranking = efficiency.rank(column({}))
    assert ranking.marginal_watts.tolist() == [200 / 40]
    assert ranking.marginal_watts_error.tolist() == [4 / 40]
    assert ranking.scores.tolist() == [(1e12 / 40) / 5]


def test_marginal_of_a_host_that_is_off_includes_waking_it() -> None:
    ranking = efficiency.rank(column({"on": False}))
    assert ranking.marginal_watts.tolist() == [100 + 5]
    assert ranking.marginal_watts_error.tolist() == [math.hypot(3, 0.1)]
    assert ranking.scores.tolist() == [(1e12 / 40) / 105]


@hypothesis.given(st.floats(0, 1000), st.floats(0, 1000), st.floats(0.1, 100), st.floats(0.1, 100))
def test_waking_a_host_costs_its_idle_watts_on_top(
    idle: float, slope: float, idle_error: float, slope_error: float
) -> None:
    host = {
        "idle_watts": idle,
        "watts_per_load": slope,
        "idle_error": idle_error,
        "slope_error": slope_error,
    }
    ranking = efficiency.rank(column(host, {**host, "on": False}))
    on, off = ranking.marginal_watts
    assert off - on == pytest.approx(idle, abs=1e-6)
    assert ranking.marginal_watts_error[1] >= ranking.marginal_watts_error[0]
    assert ranking.scores[1] <= ranking.scores[0]


def test_a_host_that_is_on_beats_a_better_one_that_sleeps() -> None:
    ranking = efficiency.rank(column({"flops": 4e12, "on": False}, {}))
    assert ranking.order.tolist() == [1, 0]
    assert efficiency.rank(column({"flops": 4e12, "on": False}, {}), "peak").order[0] == 0


def test_nobody_wins_by_being_measured_badly() -> None:
    ranking = efficiency.rank(column({"watts_per_load": 0.0, "slope_error": 400.0}, {}))
    assert ranking.marginal_watts.tolist() == [0, 5]
    assert ranking.scores.tolist() == [(1e12 / 40) / 10, (1e12 / 40) / 5]
    assert ranking.order.tolist() == [1, 0]


@pytest.mark.parametrize("by", kinds.KINDS)
@pytest.mark.parametrize(
    "unknown", [{"flops": NAN}, {"watts_now": 0, "watts_max": NAN, "vcpus": 0}]
)
def test_what_is_not_known_has_no_score(by: str, unknown: dict[str, float]) -> None:
    ranking = efficiency.rank(column(unknown, {}), by)
    assert np.isnan(ranking.scores).tolist() == [True, False]
    assert ranking.order.tolist() == [1, 0]


def test_of_a_host_without_vcpus_no_marginal_watts_are_told() -> None:
    ranking = efficiency.rank(column({"vcpus": 0.0}, {"vcpus": 0.0, "on": False}))
    assert np.isnan(ranking.marginal_watts).all()
    assert np.isnan(ranking.marginal_watts_error).all()


def test_marginal_watts_are_told_whatever_the_ranking_is_by() -> None:
    for by in kinds.KINDS:
        assert efficiency.rank(column({}), by).marginal_watts.tolist() == [5]


def test_there_are_three_kinds() -> None:
    with pytest.raises(ValueError, match="'best' is none of marginal, load, peak"):
        efficiency.rank(column({}), "best")
