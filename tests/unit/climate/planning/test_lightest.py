# SPDX-License-Identifier: Apache-2.0
"""Sums of the smallest against sorting at every moment."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from climate.planning import lightest
from tests import depth

Thing = tuple[int, int, int]


def weights_at(things: list[Thing], moment: int) -> list[int]:
    return sorted(weight for opens, last, weight in things if opens <= moment <= last)


def check(things: list[Thing], number: int, moments: list[int]) -> None:
    moments = [moment for moment in moments if len(weights_at(things, moment)) >= number]
    if not moments:
        return
    columns = lightest.Things(*np.array(things, dtype=np.int64).T)
    sums = lightest.sum_lightest(columns, np.array(moments, dtype=np.int64), number)
    assert sums.tolist() == [sum(weights_at(things, moment)[:number]) for moment in moments]


THINGS = st.tuples(st.integers(0, 30), st.integers(0, 10), st.integers(0, 9))
MOMENTS = st.lists(st.integers(0, 40), min_size=1)


@hypothesis.settings(max_examples=depth.examples(5))
@hypothesis.given(st.lists(THINGS, min_size=1, max_size=12), st.integers(1, 4), MOMENTS)
def test_sums_are_of_the_smallest(found: list[Thing], number: int, moments: list[int]) -> None:
    check([(opens, opens + more, weight) for opens, more, weight in found], number, moments)


@pytest.mark.parametrize("weights", [1, 2, 3, 64, 65, 10**12])
@pytest.mark.parametrize("number", [1, 50, 300])
def test_many_things_of_few_or_many_weights(weights: int, number: int) -> None:
    random = np.random.default_rng(weights)
    opens = random.integers(0, 10_000, 2000)
    lasts = opens + random.integers(0, 4000, 2000)
    columns = (opens, lasts, random.integers(0, weights, 2000))
    found = list(zip(*(column.tolist() for column in columns)))
    check(found, number, list(range(0, 14_000, 50)))


def test_sums_are_exact_however_heavy_some_are() -> None:
    check([(0, 10, 10**12)] * 1000 + [(5, 10, 1)], 1, [4, 5])


def test_all_of_time_is_not_too_long() -> None:
    """What things are sorted by is of 64 bits."""
    forever = 253_402_300_800
    check([(0, forever, weight) for weight in range(3000)], 2999, [0, 1, forever])
