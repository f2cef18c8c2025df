# SPDX-License-Identifier: Apache-2.0
"""When a simulated server is on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allinone.simulator import power

PACE = power.Pace(boot_seconds=60.0, shutdown_seconds=10.0)
Action, State = power.Action, power.State


def states(actions: list[tuple[float, power.Action]], *times: float) -> list[power.State]:
    """Return what a server does at these times, after it was told so."""
    found = power.Power()
    for at, action in actions:
        found = found.after(action, at, PACE)
    return [found.state(time, PACE) for time in times]


@pytest.mark.parametrize(
    ("actions", "expected"),
    (
        ([], [State.RUNNING] * 4),
        ([(0, Action.OFF)], [State.OFF] * 4),
        ([(0, Action.ON)], [State.RUNNING] * 4),
        ([(0, Action.SOFT_OFF)], [State.RUNNING, State.RUNNING, State.OFF, State.OFF]),
        ([(0, Action.CYCLE)], [State.OFF, State.BOOTING, State.BOOTING, State.RUNNING]),
        ([(0, Action.RESET)], [State.BOOTING, State.BOOTING, State.BOOTING, State.RUNNING]),
    ),
)
def test_actions(actions: list[tuple[float, power.Action]], expected: list[power.State]) -> None:
    """Now, after five seconds, ten, and when booting is over."""
    assert states(actions, 0, 5, 10, 65) == expected


def test_on_after_off_boots() -> None:
    off_and_on = [(0.0, Action.OFF), (100.0, Action.ON)]
    assert states(off_and_on, 99, 100, 159, 160) == [
        State.OFF,
        State.BOOTING,
        State.BOOTING,
        State.RUNNING,
    ]


def test_who_asks_again_waits_no_longer() -> None:
    """A soft off goes on as first asked, and has no hold on a server that is on again."""
    assert states([(0, Action.SOFT_OFF), (8, Action.SOFT_OFF)], 9, 10) == [
        State.RUNNING,
        State.OFF,
    ]
    later = [(0.0, Action.CYCLE), (100.0, Action.SOFT_OFF)]
    assert states(later, 109, 110) == [State.RUNNING, State.OFF]


def test_off_during_a_cycle_stays_off() -> None:
    assert states([(0, Action.CYCLE), (2, Action.OFF)], 3, 6, 1e9) == [State.OFF] * 3


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from(power.Action)), max_size=12).map(
        lambda actions: sorted(actions, key=lambda a: a[0])
    )
)
def test_the_last_word_counts(actions: list[tuple[float, power.Action]]) -> None:
    """Whatever happened before, off is off for good, and on is on at once."""
    for last, meant in ((Action.OFF, True), (Action.SOFT_OFF, True), (Action.ON, False)):
        end = 2e6
        (state,) = states([*actions, (end, last)], end + 10)
        assert (state is State.OFF) is meant
