# SPDX-License-Identifier: Apache-2.0
"""How deep a test run goes: examples of hypothesis, trials of tests that kill, combinations.

Owns the three depths and the choice of combinations.  ``tests/conftest.py`` reads the
option ``--depth`` and applies it; a test asks for a multiple of the examples, for trials
or for pairs, never for a number of its own.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Hashable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import hypothesis


class Depth(NamedTuple):
    """What one depth asks for.

    :param examples: hypothesis' examples of a test that asks for no multiple.
    :param trials: how often a test runs that kills something at random moments.
    :param all_combinations: whether a matrix is tried whole; otherwise every pair is.
    :param timeout_seconds: of one test.
    """

    examples: int
    trials: int
    all_combinations: bool
    timeout_seconds: int


DEPTHS = {
    "quick": Depth(examples=25, trials=1, all_combinations=False, timeout_seconds=600),
    "ci": Depth(examples=100, trials=1, all_combinations=True, timeout_seconds=900),
    "thorough": Depth(examples=1000, trials=10, all_combinations=True, timeout_seconds=3600),
}


def register_profiles() -> None:
    """Give hypothesis a profile for each depth."""
    for name, depth in DEPTHS.items():
        # No deadline: on two shared cores it would measure the neighbours.
        # print_blob: a failure prints how to repeat it.
        hypothesis.settings.register_profile(
            name, max_examples=depth.examples, deadline=None, derandomize=False, print_blob=True
        )


def examples(factor: float) -> int:
    """Return a multiple of the profile's examples, for a test that needs more or fewer."""
    return max(1, round(factor * hypothesis.settings().max_examples))


def find_pairs(rows: Sequence[Mapping[str, Hashable]]) -> list[int]:
    """Return the indices of few rows in which every pair of values occurs that occurs in any.

    Greedy: the row with the most new pairs is next; of several, the one whose pairs were
    used least, so that what is chosen is spread.
    """
    pairs = [list(itertools.combinations(sorted(row.items()), 2)) for row in rows]
    missing = {pair for of_row in pairs for pair in of_row}
    used: collections.Counter[object] = collections.Counter()
    chosen = {index for index, of_row in enumerate(pairs) if not of_row}

    def worth(index: int) -> tuple[int, int]:
        new = sum(pair in missing for pair in pairs[index])
        return new, -sum(used[pair] for pair in pairs[index])

    while missing:
        best = max(range(len(rows)), key=worth)
        chosen.add(best)
        missing.difference_update(pairs[best])
        used.update(pairs[best])
    return sorted(chosen)
