# SPDX-License-Identifier: Apache-2.0
"""What is measured is sent, once, in order; what cannot be sent yet is kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest

from kwapi import measurement
from kwapi import signing
from kwapi.bus import publisher as publishers
from tests import conftest

KEY = b"k" * 32


def signer(instance: str = "run") -> signing.Signer:
    return signing.Signer("k", KEY, "node-1", instance)


def reading(number: int, probes: int = 1) -> measurement.Reading:
    ids = tuple(f"p{i}" for i in range(probes))
    return measurement.Reading("pdu", time.time() + number, ids, (float(number),) * probes)


class Line:
    """A transport without a broker: fails while it is down, else keeps what it is given."""

    def __init__(self) -> None:
        self.down = False
        self.sent: list[dict[str, Any]] = []

    def _send_notification(self, target: Any, ctxt: Any, message: Any, **_how: Any) -> None:
        if self.down:
            raise oslo_messaging.MessageDeliveryFailure("no route to rabbit")
        self.sent.append(message["payload"])

    def bodies(self) -> list[measurement.Body]:
        return [measurement.decode(payload["body"]) for payload in self.sent]

    def watts(self) -> list[float]:
        return [r.watts[0] for body in self.bodies() for r in body.readings]


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def publish(line: Line) -> Iterator[Callable[..., publishers.Publisher]]:
    made: list[publishers.Publisher] = []

    def build(**how: Any) -> publishers.Publisher:
        made.append(
            publishers.Publisher(
                line, signer(), limits=publishers.Limits(**{"window_seconds": 0.0, **how})
            )
        )
        return made[-1]

    yield build
    for publisher in made:
        if publisher._thread.is_alive():
            publisher.stop()


def test_what_is_measured_within_a_window_travels_together(
    line: Line, publish: Callable[..., publishers.Publisher]
) -> None:
    publisher = publish(window_seconds=0.3)
    publisher.start()
    for number in range(10):
        publisher.publish(reading(number))
    conftest.wait(lambda: len(line.watts()) == 10)
    assert len(line.sent) == 1


def test_a_large_window_is_split(line: Line, publish: Callable[..., publishers.Publisher]) -> None:
    publisher = publish(max_measurements=100)
    for number in range(9):
        publisher.publish(reading(number, probes=24))
    publisher.publish(reading(9, probes=500))
    publisher.start()
    conftest.wait(lambda: len(line.watts()) == 10)
    assert [len(body.readings) for body in line.bodies()] == [4, 4, 1, 1]


def test_nothing_is_lost_while_the_broker_is_away(
    line: Line, publish: Callable[..., publishers.Publisher], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    publisher = publish()
    publisher.start()
    line.down = True
    for number in range(50):
        publisher.publish(reading(number))
        time.sleep(0.01)
    conftest.wait(lambda: "keeping measurements" in caplog.text)
    line.down = False
    conftest.wait(lambda: len(line.watts()) == 50)
    assert line.watts() == [float(n) for n in range(50)]
    assert [payload["sequence"] for payload in line.sent] == list(range(1, len(line.sent) + 1))
    assert caplog.text.count("keeping measurements") == 1
    assert caplog.text.count("takes messages again") == 1


def test_room_is_bounded_and_what_is_dropped_is_counted(
    line: Line, publish: Callable[..., publishers.Publisher]
) -> None:
    publisher = publish(max_kept=10)
    for number in range(25):
        publisher.publish(reading(number))
    publisher.start()
    conftest.wait(lambda: len(line.watts()) == 10)
    assert line.watts() == [float(n) for n in range(15, 25)]
    assert line.bodies()[-1].dropped == publisher.dropped == 15


def test_more_on_its_way_than_may_be_kept(
    line: Line, publish: Callable[..., publishers.Publisher]
) -> None:
    line.down = True
    publisher = publish(max_kept=2)
    publisher.start()
    publisher.publish(reading(1, probes=2))
    conftest.wait(lambda: not publisher._readings)
    publisher.publish(reading(2, probes=1))
    assert publisher.dropped == 1
    line.down = False
    conftest.wait(lambda: not publisher.kept)
    assert line.watts() == [1.0]


def test_a_reading_that_cannot_be_sent_stops_nothing(
    line: Line, publish: Callable[..., publishers.Publisher], caplog: pytest.LogCaptureFixture
) -> None:
    publisher = publish()
    publisher.start()
    publisher.publish(reading(1)._replace(resolution_watts=float("nan")))
    conftest.wait(lambda: not publisher.kept)
    publisher.publish(reading(2))
    conftest.wait(lambda: line.watts() == [2.0])
    assert "Readings of pdu are dropped" in caplog.text


def test_stop_sends_what_is_left(line: Line, publish: Callable[..., publishers.Publisher]) -> None:
    publisher = publish(window_seconds=10.0)
    publisher.start()
    publisher.publish(reading(1))
    publisher.stop()
    assert line.watts() == [1.0]


def test_stop_says_what_is_lost(
    line: Line, publish: Callable[..., publishers.Publisher], caplog: pytest.LogCaptureFixture
) -> None:
    line.down = True
    publisher = publish()
    publisher.start()
    publisher.publish(reading(1, probes=7))
    publisher.stop()
    assert "7 measurements could not be sent and are lost" in caplog.text


def test_only_the_last_report_is_sent(
    line: Line, publish: Callable[..., publishers.Publisher]
) -> None:
    publisher = publish()
    for state in ("starting", "running"):
        publisher.report([measurement.DriverStatus("pdu", "snmp", state, 1.0, 1)])
    publisher.start()
    conftest.wait(lambda: line.sent)
    assert [s.state for body in line.bodies() for s in body.drivers] == ["running"]
