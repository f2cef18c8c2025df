# SPDX-License-Identifier: Apache-2.0
"""What a call asks for: each mistake is refused, and named."""

from __future__ import annotations

import copy
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from climate import exception
from climate import lease as leases
from climate.planning import request
from climate.rpc import arguments
from tests.unit.climate.planning import planners

NOW = 1_700_000_000
YEAR = 365 * planners.DAY
READER = request.CandidatesReader()
ANYTHING = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(
            strategies.sampled_from(["ids", "names", "tiers", "watts"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


def test_a_list_of_ids_is_enough() -> None:
    hosts, names = request.candidates([3, 1], 150.0)
    assert names is None
    assert hosts.ids.tolist() == [3, 1]
    assert hosts.tiers.tolist() == [0, 0]
    assert hosts.watts.tolist() == [150.0, 150.0]


def test_columns_keep_what_is_known_of_each() -> None:
    hosts, names = request.candidates(
        {"ids": [3, 1], "names": ["c", "a"], "tiers": [2, 1], "watts": [None, 90]}, 150.0
    )
    assert names == {3: "c", 1: "a"}
    assert hosts.tiers.tolist() == [2, 1]
    assert hosts.watts.tolist() == [150.0, 90.0]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "1",
        [True],
        ["1"],
        [1, 1],
        [-1],
        [2**63],
        [1.0],
        {},
        {"ids": []},
        planners.columns(2, names=["one"]),
        planners.columns(2, names=["one", 2]),
        planners.columns(1, names=["n" * 256]),
        planners.columns(1, names=["a\0b"]),
        planners.columns(1, names=["\ud800"]),
        planners.columns(1, tiers=[True]),
        planners.columns(1, tiers=[None]),
        planners.columns(1, tiers=[2**70]),
        planners.columns(1, watts=["90"]),
        planners.columns(1, watts=[-1]),
        planners.columns(1, watts=[float("nan")]),
        planners.columns(1, watts=[float("inf")]),
        planners.columns(1, watts=[10**400]),
        planners.columns(1, watts=90),
    ],
)
def test_what_are_no_hosts(value: Any) -> None:
    with pytest.raises(exception.RequestInvalid) as caught:
        request.candidates(value, 0.0)
    assert caught.value.meta == {"member": "hosts"}


def test_the_same_hosts_are_looked_through_once() -> None:
    """Also if they are another message's: equal columns are the same hosts."""
    reader = request.CandidatesReader()
    first = reader.read(planners.columns(3), 150.0)
    assert reader.read(copy.deepcopy(planners.columns(3)), 150.0) is first
    assert first.names == {1: "host-1", 2: "host-2", 3: "host-3"}
    for column in first.hosts:
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 7


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("ids", [1, 4]),
        ("names", ["host-1", "other"]),
        ("tiers", [0, 1]),
        ("watts", [None, 90.0]),
    ],
)
def test_other_hosts_are_others(name: str, column: list[Any]) -> None:
    """Also if the caller's own lists have changed, and if one came between."""
    reader = request.CandidatesReader()
    columns = planners.columns(2)
    for _ in range(2):
        before = reader.read(columns, 150.0)
        columns[name][:] = column
        assert shown(reader.read(columns, 150.0)) == shown(request.candidates(columns, 150.0))
        assert shown(reader.read(columns, 150.0)) != shown(before)
        columns = planners.columns(2)


def test_another_default_is_another_consumption() -> None:
    """As after a reload of the configuration."""
    reader = request.CandidatesReader()
    watts = [reader.read(planners.columns(1), default).hosts.watts[0] for default in (150.0, 90.0)]
    assert watts == [150.0, 90.0]


def test_a_refusal_is_one_again() -> None:
    """And what was read before it stays known."""
    reader = request.CandidatesReader()
    first = reader.read(planners.columns(2), 150.0)
    for _ in range(2):
        with pytest.raises(exception.RequestInvalid):
            reader.read(planners.columns(2, watts=[None, float("nan")]), 150.0)
    with pytest.raises(exception.RequestInvalid):
        reader.read(None, 150.0)
    assert reader.read(planners.columns(2), 150.0) is first
    assert reader.read([2, 1], 150.0).names is None


def shown(found: request.Candidates) -> tuple[Any, ...]:
    """Return what can be compared."""
    return *(column.tolist() for column in found.hosts), found.names


@hypothesis.given(ANYTHING)
def test_no_value_is_a_traceback(value: Any) -> None:
    for check in (
        lambda: request.candidates(value, 0.0),
        lambda: READER.read(value, 0.0),
        lambda: request.window(value, NOW + 10, 1, NOW, YEAR),
        lambda: request.window(NOW, value, 1, NOW, YEAR),
        lambda: request.window(NOW, NOW + 10, value, NOW, YEAR),
        lambda: arguments.text("name", value),
        lambda: arguments.whole("quantity", value, 1),
        lambda: arguments.one_of("objective", value, leases.OBJECTIVES),
        lambda: request.filters(leases.Filters(status=value, ends_after=value, host=value)),
    ):
        try:
            check()  # type: ignore[no-untyped-call]
        except exception.RequestInvalid as exc:
            assert exc.meta["member"] in str(exc)  # noqa: PT017


@pytest.mark.parametrize(
    ("start", "end", "duration", "expected"),
    [
        (NOW + 100, NOW + 200, 100, NOW + 100),
        (NOW + 100, NOW + 300, 100, NOW + 100),
        # What is past cannot be leased.
        (0, NOW + 200, 100, NOW),
        # As long as the lease, and under way for some seconds.
        (NOW - 5, NOW + 95, 100, NOW - 5),
        (NOW - 5, NOW + 97, 100, NOW - 3),
        (NOW - 60, NOW + 40, 100, NOW - 60),
    ],
)
def test_a_window_begins_now_at_the_earliest(
    start: int, end: int, duration: int, expected: int
) -> None:
    assert request.window(start, end, duration, NOW, YEAR) == (expected, end)


@pytest.mark.parametrize(
    ("start", "end", "duration", "member", "words"),
    [
        (True, NOW + 10, 1, "start_time", "epoch seconds"),
        (NOW + 0.5, NOW + 10, 1, "start_time", "epoch seconds"),
        (-1, NOW + 10, 1, "start_time", "epoch seconds"),
        (NOW, leases.FOREVER, 1, "end_time", "epoch seconds"),
        (NOW, NOW, 1, "end_time", "after start_time"),
        (NOW - 20, NOW - 10, 1, "end_time", "2023-11-14T22:13:10Z is past"),
        (NOW, NOW + YEAR + 1, 1, "end_time", "must not be after 2024-11-13T22:13:20Z"),
        (NOW, NOW + 10, 0, "duration", "from 1"),
        (NOW + 1, NOW + 10, 10, "duration", "the window, 9 s"),
        (NOW - 61, NOW + 39, 100, "duration", "what is left of it, 39 s"),
    ],
)
def test_what_is_no_window(start: Any, end: Any, duration: Any, member: str, words: str) -> None:
    with pytest.raises(exception.RequestInvalid, match=words) as caught:
        request.window(start, end, duration, NOW, YEAR)
    assert caught.value.meta == {"member": member}


@hypothesis.given(
    strategies.integers(-200, 400), strategies.integers(-200, 400), strategies.integers(1, 300)
)
def test_a_lease_fits_into_every_window(start: int, end: int, duration: int) -> None:
    try:
        begin, finish = request.window(NOW + start, NOW + end, duration, NOW, YEAR)
    except exception.RequestInvalid:
        # Nothing is refused that could start now or later.
        assert NOW + end - max(NOW, NOW + start) < duration
        return
    assert finish == NOW + end
    assert begin >= max(NOW + start, NOW - request.TRANSIT_SECONDS)
    assert begin + duration <= finish
    # Not later than needed, not earlier than it may be.
    assert begin == max(NOW + start, min(NOW, finish - duration))


def test_ids_of_leases() -> None:
    known = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
    assert request.lease_id(known) == known
    for unknown in ("", "0c4f-A", "a b", "a\0", "x" * 65, "é", known.upper()):
        with pytest.raises(exception.LeaseNotFound):
            request.lease_id(unknown)
    with pytest.raises(exception.RequestInvalid):
        request.lease_id(7)


def test_times_that_people_read() -> None:
    assert request.iso(0) == "1970-01-01T00:00:00Z"
    assert request.iso(leases.FOREVER - 1) == "9999-12-31T23:59:59Z"
    assert request.iso(leases.FOREVER) == "ever"
