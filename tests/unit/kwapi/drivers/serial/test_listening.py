# SPDX-License-Identifier: Apache-2.0
"""What was heard is handed over once, before the news that nothing more will come."""

from __future__ import annotations

import queue

import pytest

from kwapi import exception
from kwapi.drivers.serial import listening
from tests import conftest


class Source:
    """Bytes, or a failure, when a test says so."""

    def __init__(self) -> None:
        self.things: queue.Queue[bytes | Exception] = queue.Queue()

    def read(self) -> bytes:
        try:
            thing = self.things.get(timeout=0.05)
        except queue.Empty:
            return b""
        if isinstance(thing, Exception):
            raise thing
        return thing


def start(source: Source, clock: conftest.FakeClock) -> listening.Listener[bytes]:
    """Listen for words."""
    made = listening.Listener("test", source.read, bytes.split, clock)
    made.start()
    return made


def test_each_thing_is_taken_once_and_with_its_time(fake_clock: conftest.FakeClock) -> None:
    source = Source()
    made = start(source, fake_clock)
    source.things.put(b"one two")
    assert made.take(10) == [(fake_clock.time(), b"one"), (fake_clock.time(), b"two")]
    assert made.take(0) == []
    made.stop()


def test_what_was_heard_comes_before_the_failure(fake_clock: conftest.FakeClock) -> None:
    source = Source()
    source.things.put(b"last")
    source.things.put(exception.WattmeterUnreachable(address="x", reason="gone"))
    made = start(source, fake_clock)
    assert [what for _, what in made.take(10)] == [b"last"]
    for _ in range(2):
        with pytest.raises(exception.WattmeterUnreachable, match="gone"):
            made.take(10)
    made.stop()


def test_a_mistake_in_a_codec_is_raised_to_the_driver(fake_clock: conftest.FakeClock) -> None:
    def wrong(_data: bytes) -> list[bytes]:
        raise ZeroDivisionError

    source = Source()
    source.things.put(b"x")
    made = listening.Listener("test", source.read, wrong, fake_clock)
    made.start()
    with pytest.raises(ZeroDivisionError):
        made.take(10)
    made.stop()


def test_silence_and_noise_are_told_apart(fake_clock: conftest.FakeClock) -> None:
    source = Source()
    made = start(source, fake_clock)
    assert made.take(0.2) == []
    assert isinstance(made.nothing("x", 1), exception.WattmeterUnreachable)
    source.things.put(b"   ")
    assert made.take(0.5) == []
    assert isinstance(made.nothing("x", 1), exception.MalformedAnswer)
    made.stop()


def test_one_that_was_never_started_can_be_stopped(fake_clock: conftest.FakeClock) -> None:
    listening.Listener("test", Source().read, bytes.split, fake_clock).stop()
