# SPDX-License-Identifier: Apache-2.0
"""Many probes in a few groups."""

from __future__ import annotations

import hypothesis
from hypothesis import strategies as st

from kwapi.graphs import grouping
from kwapi.history import index

_IDS = st.from_regex(r"[a-c]{1,2}[.-]?[0-9]{0,2}[.-]?[a-c0-9]{1,2}", fullmatch=True)


def _states(ids: list[str], wattmeters: int = 1) -> list[index.ProbeState]:
    return [
        index.ProbeState(one, 0.0, float(number), None, f"pdu-{number % wattmeters}")
        for number, one in enumerate(ids)
    ]


@hypothesis.given(
    ids=st.lists(_IDS, unique=True, max_size=120),
    wattmeters=st.integers(1, 60),
    most=st.integers(1, 25),
)
def test_each_probe_is_in_one_group(ids: list[str], wattmeters: int, most: int) -> None:
    """Nothing is lost nor shown twice, and there are no more groups than wanted."""
    groups = grouping.group(_states(ids, wattmeters), most)
    assert len(groups) <= most
    assert sorted(one for group in groups for one in group.probe_ids) == sorted(ids)
    assert all(group.probe_ids for group in groups)


def test_few_stay_single_in_natural_order() -> None:
    """node-2 comes before node-10."""
    groups = grouping.group(_states(["node-10", "node-2", "node-1"]), 20)
    assert [group.name for group in groups] == ["node-1", "node-2", "node-10"]
    assert all(group.is_single for group in groups)


def test_many_are_grouped_by_wattmeter() -> None:
    """As they are cabled."""
    groups = grouping.group(_states([f"node-{n}" for n in range(100)], wattmeters=4), 20)
    assert [(group.name, len(group.probe_ids)) for group in groups] == [
        (f"pdu-{n}", 25) for n in range(4)
    ]


def test_else_by_the_beginning_of_their_names() -> None:
    """The longest beginning that leaves few enough groups."""
    ids = [f"lyon.rack{rack}.node-{n}" for rack in range(3) for n in range(40)]
    groups = grouping.group(_states(ids), 20)
    assert [group.name for group in groups] == ["lyon.rack0", "lyon.rack1", "lyon.rack2"]


def test_else_the_largest_and_all_others() -> None:
    """Names that tell nothing, on one wattmeter."""
    groups = grouping.group(_states([f"node-{n}" for n in range(50)]), 10)
    assert len(groups) == 10
    assert groups[-1].is_rest and groups[-1].name == "others"
    assert len(groups[-1].probe_ids) == 41
    assert "node-49" in {group.name for group in groups}


def test_many_wattmeters_are_the_largest_and_all_others() -> None:
    """Rather whole wattmeters than single probes."""
    groups = grouping.group(_states([f"n{n}" for n in range(200)], wattmeters=50), 20)
    assert [len(group.probe_ids) for group in groups] == [4] * 19 + [124]


def test_a_little_more_power_changes_no_band() -> None:
    """Bands do not change places while powers are about the same."""
    ids = [f"node-{n}" for n in range(30)]
    first = [index.ProbeState(one, 0.0, 200.0 + n % 3, None, "pdu") for n, one in enumerate(ids)]
    second = [index.ProbeState(one, 0.0, 202.0 - n % 3, None, "pdu") for n, one in enumerate(ids)]
    assert grouping.group(first, 10) == grouping.group(second, 10)
