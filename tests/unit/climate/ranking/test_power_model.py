# SPDX-License-Identifier: Apache-2.0
"""Fitting lines that are known, and being as sure as the samples allow."""

from __future__ import annotations

import functools
import operator
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from climate.ranking import power_model

IDLE = st.floats(20, 400)
SLOPE = st.floats(20, 800)
LOADS = st.lists(st.floats(0, 1), min_size=10, max_size=60)
SAMPLES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1000)), min_size=1, max_size=60)


def fit(load: Any, watts: Any, independent: int | None = None) -> power_model.Model:
    model = power_model.fit(power_model.Statistics.of(load, watts), independent)
    assert model is not None
    return model


def of(samples: list[tuple[float, float]]) -> power_model.Statistics:
    load, watts = np.array(samples).reshape(-1, 2).T
    return power_model.Statistics.of(load, watts)


@hypothesis.given(IDLE, SLOPE, LOADS)
def test_a_known_line_is_found_again(idle: float, slope: float, loads: list[float]) -> None:
    load = np.array([0.0, 1.0, *loads])
    model = fit(load, idle + slope * load)
    # Rounding of wattmeters leaves the assumption a little weight.
    assert model.watts_per_load == pytest.approx(slope, rel=0.01)
    assert model.idle_watts == pytest.approx(idle, abs=0.01 * slope)
    assert model.residual_watts < 0.01 * slope
    assert model.samples == len(load)


@hypothesis.given(SAMPLES, st.lists(st.integers(0, 60), max_size=6))
def test_buckets_add_up_to_all_samples(samples: list[tuple[float, float]], cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(samples)]
    buckets = [of(samples[begin:end]) for begin, end in zip(bounds, bounds[1:])]
    merged = functools.reduce(operator.add, buckets, power_model.Statistics())
    assert merged == pytest.approx(of(samples), rel=1e-9)
    assert len(merged) == len(power_model.Statistics._fields)


@hypothesis.given(
    st.floats(0.001, 0.24), st.floats(1.001, 2), st.floats(0, 30), st.integers(4, 200)
)
def test_the_more_load_varied_the_surer_the_slope(
    spread: float, times: float, noise: float, quarter: int
) -> None:
    def model(deviation: float) -> power_model.Model:
        load = 0.5 + deviation * np.tile([-1, -1, 1, 1], quarter)
        return fit(load, 100 + 150 * load + noise * np.tile([-1, 1, -1, 1], quarter))

    less, more = model(spread), model(spread * times)
    assert more.slope_error < less.slope_error
    assert (more.confidence, less.confidence) != (power_model.ESTIMATED, power_model.MEASURED)


@hypothesis.given(SAMPLES)
def test_whatever_the_samples_the_line_is_one_a_host_can_have(
    samples: list[tuple[float, float]],
) -> None:
    load, watts = np.array(samples).T
    model = fit(load, watts)
    assert all(np.isfinite(model[:5]))
    assert model.watts_per_load >= 0
    assert model.idle_watts >= -1e-9
    assert model.slope_error > 0
    assert model.idle_error > 0
    # The line goes through the middle of what was seen.
    middle = model.idle_watts + model.watts_per_load * load.mean()
    assert middle == pytest.approx(watts.mean(), abs=1e-6)


def test_the_error_is_as_large_as_fits_usually_are_wrong() -> None:
    random = np.random.default_rng(20130)
    ratios = []
    for _ in range(300):
        load = random.uniform(0.2, 0.9, 168)
        model = fit(load, 120 + 180 * load + random.normal(0, 15, 168))
        ratios.append((model.watts_per_load - 180) / model.slope_error)
        assert model.confidence == power_model.MEASURED
        assert model.residual_watts == pytest.approx(15, rel=0.3)
    assert 0.85 < np.std(ratios) < 1.15
    assert abs(np.mean(ratios)) < 0.2


def test_the_error_is_that_of_the_text_book() -> None:
    # The line is 90 + 100 x load; it misses the samples by 10, 20 and 10 W.
    load, watts = np.array([0.0, 0.5, 1.0]), np.array([100.0, 120.0, 200.0])
    variance = (10**2 + 20**2 + 10**2) / (3 - 2) + 1 / 12
    measured = variance / ((load - 0.5) ** 2).sum()
    assumed = (0.5 * watts.mean() / 1.5) ** 2 + 1 / 12
    model = fit(load, watts)
    assert model.slope_error == pytest.approx((1 / measured + 1 / assumed) ** -0.5)
    expected = (variance / 3 + (0.5 * model.slope_error) ** 2) ** 0.5
    assert model.idle_error == pytest.approx(expected)


def test_two_samples_say_nothing_of_their_noise() -> None:
    assert fit([0, 1], [100, 130]).slope_error > 0.5 * fit([0.5], [115]).slope_error


def test_samples_of_the_same_hour_count_once() -> None:
    random = np.random.default_rng(20131)
    load = np.repeat(random.uniform(0, 1, 24), 60)
    watts = 100 + 200 * load + np.repeat(random.normal(0, 10, 24), 60)
    naive, honest = fit(load, watts), fit(load, watts, independent=24)
    assert honest.slope_error == pytest.approx(60**0.5 * naive.slope_error, rel=0.01)
    assert abs(honest.watts_per_load - 200) < 3 * honest.slope_error
    assert honest.samples == 24 * 60


@pytest.mark.parametrize("independent", [0, 25, 10**6])
def test_samples_that_count_are_at_least_one_and_at_most_all(independent: int) -> None:
    load = np.linspace(0, 1, 24)
    model = fit(load, 100 + 200 * load, independent)
    expected = fit(load, 100 + 200 * load, 1 if independent == 0 else 24)
    assert model == expected


def test_load_that_never_varied_leaves_the_assumption() -> None:
    model = fit([0.5] * 100, [150.0] * 100)
    assert model.confidence == power_model.ESTIMATED
    # Half when idle: 100 W idle, 200 W at full load.
    assert model.idle_watts == pytest.approx(100)
    assert model.watts_per_load == pytest.approx(100)
    assert model.slope_error == pytest.approx(50, rel=0.001)


def test_watts_of_an_idle_host_say_what_idle_is() -> None:
    model = fit([0.0] * 100, [87.0] * 100)
    assert model.idle_watts == 87
    assert model.idle_error < 0.1
    assert model.watts_per_load == pytest.approx(87)
    assert model.confidence == power_model.ESTIMATED


def test_watts_that_swing_by_more_than_assumed_say_more() -> None:
    model = fit([0.5] * 100, [80.0] * 50 + [280.0] * 50)
    assert model.watts_per_load == pytest.approx(200)
    assert model.confidence == power_model.ESTIMATED


def test_few_samples_are_no_measurement() -> None:
    load = np.linspace(0, 1, power_model.MIN_SAMPLES)
    assert fit(load, 100 + 100 * load).confidence == power_model.MEASURED
    assert fit(load[:-1], 100 + 100 * load[:-1]).confidence == power_model.ESTIMATED


def test_noise_that_hides_the_slope_is_no_measurement() -> None:
    random = np.random.default_rng(20132)
    load = random.uniform(0.35, 0.65, 40)
    model = fit(load, 100 + 100 * load + random.normal(0, 60, 40))
    assert load.std() > power_model.MIN_LOAD_DEVIATION
    assert model.confidence == power_model.ESTIMATED


def test_more_load_never_takes_fewer_watts() -> None:
    load = np.linspace(0, 1, 100)
    model = fit(load, 300 - 100 * load)
    assert model.watts_per_load == 0
    assert model.idle_watts == pytest.approx(250)


def test_without_samples_there_is_no_model() -> None:
    assert power_model.fit(power_model.Statistics()) is None
    assert power_model.fit(power_model.Statistics.of([], [])) is None


@hypothesis.given(st.lists(SAMPLES, min_size=1, max_size=8))
def test_many_hosts_at_once_are_fitted_as_each_alone(
    hosts: list[list[tuple[float, float]]],
) -> None:
    statistics = [of(samples) for samples in hosts]
    columns = power_model.Statistics(*(np.array(column) for column in zip(*statistics)))
    models = power_model.fit_all(columns)
    for row, alone in enumerate(map(power_model.fit, statistics)):
        assert alone is not None
        assert [column[row] for column in models[:6]] == list(alone[:6])
        assert models.confidence[row] == alone.confidence


def test_hosts_without_samples_stand_among_others_as_unknown() -> None:
    pair = [power_model.Statistics(), power_model.Statistics.of([0, 1] * 10, [100, 200] * 10)]
    columns = power_model.Statistics(*(np.array(column) for column in zip(*pair)))
    models = power_model.fit_all(columns, np.array([0, 20]))
    assert models.confidence.tolist() == [power_model.UNKNOWN, power_model.MEASURED]
    assert np.isnan(models.idle_watts).tolist() == [True, False]
    assert models.samples.tolist() == [0, 20]
