# SPDX-License-Identifier: Apache-2.0
"""Made once, however many ask, and again only for something new."""

from __future__ import annotations

import concurrent.futures
import itertools
import threading
from collections.abc import Callable

import pytest

from kwapi.graphs import cache as caches
from tests import conftest
from tests import patience


def _count() -> tuple[Callable[[], bytes], Callable[[], int]]:
    """Return what makes something new each time, and how often it did."""
    numbers = itertools.count()
    made: list[int] = []

    def build() -> bytes:
        made.append(next(numbers))
        return f"body {made[-1]}".encode()

    return build, lambda: len(made)


def test_a_hundred_threads_have_one_made(fake_clock: conftest.FakeClock) -> None:
    """All wait for it, and all get the same."""
    cache = caches.Cache(fake_clock)
    asking = threading.Barrier(100)
    build, count = _count()
    waiting = threading.Semaphore(0)

    def slow() -> bytes:
        # Until all others are at least about to ask.
        for _ in range(99):
            assert waiting.acquire(timeout=patience.SECONDS)
        return build()

    def ask(_: int) -> caches.Entry:
        asking.wait(60)
        waiting.release()
        return cache.get("graph", "1", 1.0, slow)

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        entries = list(pool.map(ask, range(100)))
    assert count() == 1
    assert len(set(entries)) == 1


def test_nothing_new_is_not_made_again(fake_clock: conftest.FakeClock) -> None:
    """However old it is."""
    cache = caches.Cache(fake_clock)
    build, count = _count()
    cache.get("graph", "1", 1.0, build)
    fake_clock.advance(86_400)
    cache.get("graph", "1", 1.0, build)
    assert count() == 1


def test_something_new_waits_for_its_step(fake_clock: conftest.FakeClock) -> None:
    """A hundred viewers over ten steps: ten times."""
    cache = caches.Cache(fake_clock)
    build, count = _count()
    for second in range(100):
        for _ in range(100):
            cache.get("graph", f"{second}", 10.0, build)
        fake_clock.advance(1.0)
    assert count() == 10


def test_what_is_slow_is_made_seldom(fake_clock: conftest.FakeClock) -> None:
    """Not before ten times as long has passed as it took."""
    cache = caches.Cache(fake_clock)
    build, count = _count()

    def slow() -> bytes:
        fake_clock.advance(3.0)
        return build()

    cache.get("graph", "1", 1.0, slow)
    fake_clock.advance(29.0)
    cache.get("graph", "2", 1.0, slow)
    assert count() == 1
    fake_clock.advance(2.0)
    cache.get("graph", "3", 1.0, slow)
    assert count() == 2


def test_others_have_the_last_one_meanwhile(fake_clock: conftest.FakeClock) -> None:
    """While one thread makes it anew, others do not wait."""
    cache = caches.Cache(fake_clock)
    first = cache.get("graph", "1", 1.0, lambda: b"first")
    fake_clock.advance(2.0)
    begun, go_on = threading.Event(), threading.Event()

    def build() -> bytes:
        begun.set()
        assert go_on.wait(60)
        return b"second"

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        making = pool.submit(cache.get, "graph", "2", 1.0, build)
        assert begun.wait(60)
        assert cache.get("graph", "2", 1.0, build) is first
        go_on.set()
        assert making.result(60).body == b"second"


def test_the_same_bytes_are_the_same_thing(fake_clock: conftest.FakeClock) -> None:
    """Made anew and no different: tag and time stay, and a client has it already."""
    cache = caches.Cache(fake_clock)
    first = cache.get("graph", "1", 1.0, lambda: b"same")
    fake_clock.advance(60.0)
    second = cache.get("graph", "2", 1.0, lambda: b"same")
    assert second == first
    assert first.modified == 1_700_000_000.0
    fake_clock.advance(60.0)
    third = cache.get("graph", "3", 1.0, lambda: b"other")
    assert third.tag != first.tag
    assert third.modified == fake_clock.time()


def test_a_failure_is_everybodys_for_a_second(fake_clock: conftest.FakeClock) -> None:
    """Then it is tried again."""
    cache = caches.Cache(fake_clock)
    tries = []

    def fail() -> bytes:
        tries.append(1)
        raise OSError("no")

    for _ in range(5):
        with pytest.raises(OSError, match="no"):
            cache.get("graph", "1", 1.0, fail)
    assert len(tries) == 1
    fake_clock.advance(1.5)
    assert cache.get("graph", "1", 1.0, lambda: b"body").body == b"body"


def test_memory_is_bounded(fake_clock: conftest.FakeClock) -> None:
    """What was asked for longest ago is forgotten first."""
    cache = caches.Cache(fake_clock, max_bytes=1000)
    made: list[int] = []

    def ask(number: int) -> caches.Entry:
        def build() -> bytes:
            made.append(number)
            return bytes(300)

        return cache.get(number, "1", 1.0, build)

    for number in (0, 1, 2, 0, 3):
        ask(number)
    assert made == [0, 1, 2, 3]
    ask(0)
    ask(1)
    assert made == [0, 1, 2, 3, 1]


def test_what_is_larger_than_all_is_still_given(fake_clock: conftest.FakeClock) -> None:
    """It is just not kept beside others."""
    cache = caches.Cache(fake_clock, max_bytes=10)
    for number in range(3):
        assert len(cache.get(number, "1", 1.0, lambda: bytes(100)).body) == 100
