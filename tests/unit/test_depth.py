# SPDX-License-Identifier: Apache-2.0
"""A run that is not at full depth still tries every pair of a matrix."""

from __future__ import annotations

import itertools

import hypothesis
from hypothesis import strategies as st

from tests import depth


def pairs_of(rows: list[dict[str, int]]) -> set[object]:
    return {pair for row in rows for pair in itertools.combinations(sorted(row.items()), 2)}


@hypothesis.given(
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2)), max_size=30)
)
def test_every_pair_is_kept(rows: list[dict[str, int]]) -> None:
    """Of any matrix, whole or not; and a row without a pair is no combination."""
    kept = [rows[index] for index in depth.find_pairs(rows)]
    assert pairs_of(kept) == pairs_of(rows)
    assert [row for row in kept if len(row) < 2] == [row for row in rows if len(row) < 2]


def test_few_rows_are_kept() -> None:
    """A case needs each value once: two rows of eight, and not the same two for all."""
    names = {"case": range(24), "agent": range(2), "library": range(2), "version": range(2)}
    rows = [dict(zip(names, values)) for values in itertools.product(*names.values())]
    kept = [rows[index] for index in depth.find_pairs(rows)]
    assert len(kept) == 48
    assert len({(row["agent"], row["library"], row["version"]) for row in kept}) > 2


def test_examples_are_a_share_of_the_profile() -> None:
    of_profile = hypothesis.settings().max_examples
    assert depth.examples(4) == 4 * of_profile
    assert depth.examples(1 / (10 * of_profile)) == 1


def test_each_depth_has_a_profile() -> None:
    """Under its name, so that HYPOTHESIS_PROFILE may name another than --depth."""
    for name, wanted in depth.DEPTHS.items():
        assert hypothesis.settings.get_profile(name).max_examples == wanted.examples
