# SPDX-License-Identifier: Apache-2.0
"""Free periods that are given back become one with those beside them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies

from climate.planning import calendars

#: Of each second of each host: free, given back, or held; two seconds of one kind may be cut.
SECONDS = strategies.lists(
    strategies.lists(
        strategies.tuples(
            strategies.sampled_from(["free", "given", "held"]), strategies.booleans()
        ),
        max_size=12,
    ),
    min_size=1,
    max_size=3,
)


def list_runs(kinds: list[str], cuts: list[bool], wanted: set[str]) -> list[tuple[int, int]]:
    """Return the longest runs of the wanted kinds, cut where a second says so."""
    runs: list[list[int]] = []
    for second, kind in enumerate(kinds):
        if kind not in wanted:
            continue
        if runs and runs[-1][1] == second and not cuts[second]:
            runs[-1][1] += 1
        else:
            runs.append([second, second + 1])
    return [(start, end) for start, end in runs]


@given(seconds=SECONDS)
def test_merge(seconds: list[list[tuple[str, bool]]]) -> None:
    """Afterwards free periods are as long as can be; those that stay were not touched."""
    free, given_back, wanted = set(), [], set()
    for host, kinds_and_cuts in enumerate(seconds):
        kinds = [kind for kind, _ in kinds_and_cuts]
        cuts = [cut for _, cut in kinds_and_cuts]
        none = [False] * len(kinds)
        free |= {calendars.Period(host, *run) for run in list_runs(kinds, none, {"free"})}
        given_back += [calendars.Period(host, *run) for run in list_runs(kinds, cuts, {"given"})]
        wanted |= {
            calendars.Period(host, *run) for run in list_runs(kinds, none, {"free", "given"})
        }
    gone, come = calendars.merge(free, given_back)
    assert set(gone) <= free
    assert not free & set(come)
    assert sorted([*(free - set(gone)), *come]) == sorted(wanted)
