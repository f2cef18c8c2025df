# SPDX-License-Identifier: Apache-2.0
"""How long answers are kept, and that one asks for all."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from typing import Any

import pytest

from climate import client
from nova_ext import answers


class Asked:
    """Climate, as a function; counts, and waits if it shall."""

    def __init__(self) -> None:
        self.body: dict[str, Any] | None = {"n": 1}
        self.error: Exception | None = None
        self.max_age_seconds = 10.0
        self.calls: list[tuple[str, str | None]] = []
        self.released = threading.Event()
        self.released.set()

    def __call__(self, key: str, etag: str | None) -> client.Answer:
        self.calls.append((key, etag))
        self.released.wait(20)
        if self.error is not None:
            raise self.error
        if self.body is None:
            return client.Answer(304, None, etag, self.max_age_seconds)
        return client.Answer(200, dict(self.body), f'"{self.body["n"]}"', self.max_age_seconds)


class Monotonic:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def kept(asked: Asked, monotonic: Monotonic) -> answers.Answers[str, int]:
    return make(asked, monotonic)


def make(
    asked: Asked, monotonic: Monotonic, timeout_seconds: float = 20.0
) -> answers.Answers[str, int]:
    return answers.Answers(
        asked, lambda body: body["n"], timeout_seconds, answers.Outage("so what"), monotonic
    )


def test_fresh_answer_is_reused(
    kept: answers.Answers[str, int], asked: Asked, monotonic: Monotonic
) -> None:
    assert kept.get("a") == 1
    asked.body = {"n": 2}
    monotonic.now += 9.9
    assert kept.get("a") == 1
    monotonic.now += 0.1
    assert kept.get("a") == 2
    assert asked.calls == [("a", None), ("a", '"1"')]


def test_unchanged_answer_is_kept_on(
    kept: answers.Answers[str, int], asked: Asked, monotonic: Monotonic
) -> None:
    kept.get("a")
    asked.body, asked.max_age_seconds = None, 5.0
    monotonic.now += 10
    assert kept.get("a") == 1
    monotonic.now += 4.9
    assert kept.get("a") == 1
    assert len(asked.calls) == 2
    monotonic.now += 0.1
    kept.get("a")
    assert asked.calls[-1] == ("a", '"1"')


def test_age_counts_from_the_question(asked: Asked, monotonic: Monotonic) -> None:
    """What was decided while the answer was under way is not in it."""
    kept = make(asked, monotonic)
    asked.released.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(kept.get, "a")
        wait_for_calls(asked, 1)
        monotonic.now += 10
        asked.released.set()
        assert first.result(20) == 1
    kept.get("a")
    assert len(asked.calls) == 2


def test_a_hundred_at_once_ask_once(kept: answers.Answers[str, int], asked: Asked) -> None:
    asked.released.clear()
    together = threading.Barrier(101)

    def get() -> int:
        together.wait(20)
        return kept.get("a")

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        results = [pool.submit(get) for _ in range(100)]
        together.wait(20)
        asked.released.set()
        assert [result.result(20) for result in results] == [1] * 100
    assert asked.calls == [("a", None)]


def test_no_max_age_asks_each_time(kept: answers.Answers[str, int], asked: Asked) -> None:
    asked.max_age_seconds = 0.0
    kept.get("a")
    kept.get("a")
    assert len(asked.calls) == 2


def test_failure_is_told_to_all_for_a_second(
    kept: answers.Answers[str, int], asked: Asked, monotonic: Monotonic
) -> None:
    asked.error = client.ClientError("It is away.")
    for _ in range(5):
        with pytest.raises(client.ClientError, match="It is away"):
            kept.get("a")
    assert len(asked.calls) == 1
    monotonic.now += 1.0
    asked.error = None
    assert kept.get("a") == 1


def test_any_exception_becomes_a_client_error(
    kept: answers.Answers[str, int], asked: Asked
) -> None:
    asked.error = KeyError("reserved")
    with pytest.raises(client.ClientError, match="KeyError"):
        kept.get("a")


def test_unchanged_without_a_tag(kept: answers.Answers[str, int], asked: Asked) -> None:
    asked.body = None
    with pytest.raises(
        client.ClientError, match=r"^Climate answered 304 to a request without an entity tag\.$"
    ):
        kept.get("a")


def test_last_answer(kept: answers.Answers[str, int], asked: Asked, monotonic: Monotonic) -> None:
    assert kept.get_last("a", 100) is None
    kept.get("a")
    monotonic.now += 100
    asked.error = client.ClientError("It is away.")
    with pytest.raises(client.ClientError):
        kept.get("a")
    assert kept.get_last("a", 100) == 1
    monotonic.now += 0.1
    assert kept.get_last("a", 100) is None


def test_nobody_waits_longer_than_was_said(asked: Asked) -> None:
    kept = answers.Answers(asked, lambda body: body["n"], 0.05, answers.Outage("so what"))
    asked.released.clear()
    for _ in range(3):
        with pytest.raises(client.ClientError, match=r"within 0\.05 s"):
            kept.get("a")
    assert len(asked.calls) == 1
    asked.released.set()


def test_call_that_hangs_is_replaced(asked: Asked, monotonic: Monotonic) -> None:
    kept = make(asked, monotonic, timeout_seconds=0.05)
    asked.released.clear()
    with pytest.raises(client.ClientError):
        kept.get("a")
    monotonic.now += 0.5
    with pytest.raises(client.ClientError):
        kept.get("a")
    assert len(asked.calls) == 2
    asked.released.set()


def test_keys_are_forgotten(kept: answers.Answers[str, int], asked: Asked) -> None:
    """Users may think of any number of leases."""
    for number in range(answers._MOST_KEYS + 50):
        kept.get(str(number))
    assert len(kept._held) <= answers._MOST_KEYS + 1
    assert len(kept._calls) <= answers._MOST_KEYS
    calls = len(asked.calls)
    kept.get("0")
    assert len(asked.calls) == calls + 1


def test_outage_is_logged_once_and_its_end_once(
    kept: answers.Answers[str, int],
    asked: Asked,
    monotonic: Monotonic,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    asked.error = client.ClientError("It is away.")
    for _ in range(5):
        monotonic.now += 5
        with pytest.raises(client.ClientError):
            kept.get("a")
    asked.error, asked.max_age_seconds = None, 0.0
    for _ in range(3):
        monotonic.now += 5
        kept.get("a")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Climate cannot be asked; so what: It is away."),
        ("INFO", "Climate answers again."),
    ]


def wait_for_calls(asked: Asked, number: int) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if len(asked.calls) >= number:
            return
        pause.wait(0.01)
    raise AssertionError(f"{len(asked.calls)} calls came, not {number}")
