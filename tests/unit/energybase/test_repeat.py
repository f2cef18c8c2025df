# SPDX-License-Identifier: Apache-2.0
"""A step is repeated at its pace, whatever it meets, until it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybase import clock as clocks
from energybase import repeat
from tests import conftest


class PacedClock(conftest.FakeClock):
    """A clock that keeps what was waited for, and stops who has waited often enough."""

    def __init__(self, most_waits: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._most_waits = most_waits
        self.enough: Callable[[], None] = lambda: None

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not event.is_set():
            self.waits.append(seconds)
        if len(self.waits) >= self._most_waits:
            self.enough()
        return super().wait(event, seconds)


def run(step: Callable[[], float | None], waits: int, **how: float) -> list[float]:
    """Return the first waits of a thread that repeats a step."""
    clock = PacedClock(waits)
    repeater = repeat.Repeater("test", step, clocks.Backoff(1.0, 8.0), clock=clock, **how)
    clock.enough = repeater.begin_stop
    repeater.start()
    assert repeater.stopping.wait(60)
    repeater.stop()
    assert len(clock.waits) == waits
    return clock.waits


def test_the_step_says_when_it_is_taken_again() -> None:
    """Nothing is waited for before the first."""
    seconds = iter([10.0, 20.0, 30.0])
    assert run(lambda: next(seconds), 4)[1:] == [10.0, 20.0, 30.0]
    assert run(lambda: 1.0, 1) == [0.0]


def test_the_first_step_may_come_later() -> None:
    assert run(lambda: 2.0, 3, first_seconds=7.0) == [7.0, 2.0, 2.0]


OUTCOMES = st.lists(st.sampled_from(["well", "badly", "error"]), min_size=1, max_size=12)


@given(OUTCOMES)
def test_steps_that_go_badly_are_taken_again_ever_later(outcomes: list[str]) -> None:
    """Until one goes well; an error counts as going badly."""
    expected, retry = [], 1.0
    for outcome in outcomes:
        expected.append(60.0 if outcome == "well" else retry)
        retry = 1.0 if outcome == "well" else min(2 * retry, 8.0)
    left = iter(outcomes)

    def step() -> float | None:
        outcome = next(left)
        if outcome == "error":
            raise ZeroDivisionError("surprise")
        return 60.0 if outcome == "well" else None

    assert run(step, 1 + len(outcomes))[1:] == expected


def test_an_error_is_logged_with_the_name_of_the_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def step() -> float:
        raise ZeroDivisionError("surprise")

    run(step, 2)
    assert "Thread test: a step failed; the next is in 1 s" in caplog.text
    assert "ZeroDivisionError: surprise" in caplog.text


@pytest.fixture
def slow() -> Iterator[tuple[repeat.Repeater, threading.Semaphore, threading.Semaphore]]:
    """A repeater on the machine's clock, the begun steps, and the leave to end them."""
    begun, leave = threading.Semaphore(0), threading.Semaphore(0)

    def step() -> float:
        begun.release()
        assert leave.acquire(timeout=60)
        return 3600.0

    repeater = repeat.Repeater("slow", step, clocks.Backoff(1.0, 1.0))
    repeater.start()
    yield repeater, begun, leave
    leave.release()
    repeater.stop()


def test_who_wakes_it_has_another_step(
    slow: tuple[repeat.Repeater, threading.Semaphore, threading.Semaphore],
) -> None:
    """Also who does so during a step: what it then sees may be new."""
    repeater, begun, leave = slow
    assert begun.acquire(timeout=60)
    repeater.wake()
    leave.release()
    assert begun.acquire(timeout=60)
    leave.release()
    repeater.wake()
    assert begun.acquire(timeout=60)


def test_it_stops_while_it_waits_and_no_step_follows(
    slow: tuple[repeat.Repeater, threading.Semaphore, threading.Semaphore],
) -> None:
    repeater, begun, leave = slow
    assert begun.acquire(timeout=60)
    leave.release()
    repeater.stop()
    repeater.wake()
    assert not repeater._thread.is_alive()
    assert not begun.acquire(blocking=False)


def test_a_step_that_watches_ends_with_it() -> None:
    """As one that tries again and again inside."""
    watching = threading.Event()

    def step() -> float:
        watching.set()
        assert repeater.stopping.wait(60)
        return 0.0

    repeater = repeat.Repeater("test", step, clocks.Backoff(1.0, 1.0))
    repeater.start()
    assert watching.wait(60)
    repeater.stop()
    assert not repeater._thread.is_alive()


def test_one_that_was_never_started_can_stop() -> None:
    """As when the part before it fails to start."""
    repeat.Repeater("test", lambda: 1.0, clocks.Backoff(1.0, 1.0)).stop()
