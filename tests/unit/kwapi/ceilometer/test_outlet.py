# SPDX-License-Identifier: Apache-2.0
"""What is delivered is sent in Ceilometer's own form; what cannot be sent waits, and is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest

from energybase import service
from kwapi.bus import batch as batches
from kwapi.ceilometer import outlet as outlets
from kwapi.ceilometer import publisher_options
from kwapi.ceilometer import samples
from kwapi.ceilometer import transport as transports
from kwapi.cmd import conf as options
from tests import conftest

NOW = conftest.FakeClock().time()


def samples_at(*timestamps: float) -> list[samples.Sample]:
    """Return samples of one probe, in the order of their times."""
    return [
        samples.Sample("power", "gauge", "W", 1.0, "p", timestamp, {}) for timestamp in timestamps
    ]


class Line:
    """A transport without a broker: takes what it is given, unless it has faults left."""

    def __init__(self, *faults: str) -> None:
        self.faults = list(faults)
        self.sent: list[dict[str, Any]] = []
        self._driver = object()

    def _send_notification(self, target: Any, ctxt: Any, message: Any, **_how: Any) -> None:
        if self.faults:
            raise oslo_messaging.MessageDeliveryFailure(self.faults.pop(0))
        self.sent.append(message)

    def timestamps(self) -> list[list[str]]:
        return [[s["timestamp"] for s in sent["payload"]["samples"]] for sent in self.sent]


class Queue(Line):
    """A transport that says how many messages wait for Ceilometer.

    :ivar looks: what it says, look by look.
    """

    def __init__(self, *looks: int) -> None:
        super().__init__()
        self.looks = list(looks)
        self._driver = self
        self.connection = self
        self._connection_lock = threading.Lock()
        self.channel_errors = (LookupError,)

    def _get_connection(self, *_what: Any, **_how: Any) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_why: Any) -> None:
        pass

    def ensure(self, method: Any, _retry: int) -> None:
        method()

    def channel(self) -> Any:
        return self

    def maybe_close_channel(self, _channel: Any) -> None:
        pass

    def queue_declare(self, queue: str, *, passive: bool) -> Any:
        assert passive, queue
        return type("Answer", (), {"message_count": self.looks.pop(0)})


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the outlet said."""
    return [r.getMessage() for r in caplog.records if r.name == "kwapi.ceilometer.outlet"]


@pytest.fixture(autouse=True)
def _listen_closely(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_samples_travel_as_the_polling_agents_do(fake_clock: conftest.FakeClock) -> None:
    line = Line()
    address = transports.Address(event_type="kwapi.samples", publisher_id="kwapi-ceilometer.here")
    (sample,) = sent = samples_at(NOW)
    outlets.Outlet(line, address, clock=fake_clock).deliver(sent)
    (message,) = line.sent
    assert message.pop("message_id")
    assert message == {
        "publisher_id": "kwapi-ceilometer.here",
        "event_type": "kwapi.samples",
        "priority": "INFO",
        "payload": {"samples": [samples.document(sample)]},
        "timestamp": samples.to_iso(NOW),
    }


def test_many_samples_travel_in_several_messages(fake_clock: conftest.FakeClock) -> None:
    line = Line()
    limits = publisher_options.Limits(max_samples=4)
    outlets.Outlet(line, limits=limits, clock=fake_clock).deliver(samples_at(*[NOW] * 10))
    assert [len(timestamps) for timestamps in line.timestamps()] == [4, 4, 2]


def test_an_outage_is_waited_out_and_told_once(
    fake_clock: conftest.FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line("refused", "refused", "timed out")
    outlet = outlets.Outlet(line, clock=fake_clock)
    outlet.deliver(samples_at(NOW))
    outlet.deliver(samples_at(NOW + 1))
    assert len(line.sent) == 2
    assert told(caplog) == [
        "Ceilometer's broker takes no samples, measurements wait on the bus: refused",
        "Ceilometer's broker is back after 4 s",
    ]


def test_other_properties_of_the_queue_are_told_with_what_to_do(
    fake_clock: conftest.FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when it is seen only after an outage."""
    line = Line("refused", "(406) PRECONDITION_FAILED - inequivalent arg 'durable'")
    outlets.Outlet(line, clock=fake_clock).deliver(samples_at(NOW))
    assert len(line.sent) == 1
    away, back, different, fine = told(caplog)
    assert "no samples" in away
    assert "is back" in back
    assert "[ceilometer] durable_queues must be" in different
    assert different.endswith("PRECONDITION_FAILED - inequivalent arg 'durable'")
    assert "have our properties" in fine


def test_a_full_queue_is_waited_for_until_it_is_half_empty(
    fake_clock: conftest.FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Else it would be full again with the next message, and that told each time."""
    queue = Queue(9, 10, 12, 9, 6, 5, 0)
    limits = publisher_options.Limits(max_samples=1, max_queued=10)
    outlet = outlets.Outlet(queue, limits=limits, clock=fake_clock)
    outlet.deliver(samples_at(*[NOW] * 7))
    # Room for one, then full until 5 wait, then room for 5, then looked at again.
    assert len(queue.sent) == 7
    assert queue.looks == []
    assert told(caplog) == [
        "Ceilometer's notification agent is away or behind, measurements wait on the bus: "
        "10 messages wait in notifications.info",
        "Ceilometer's notification agent takes samples again after 8 s",
    ]


def test_each_delivery_looks_anew(fake_clock: conftest.FakeClock) -> None:
    """Others send to Ceilometer too."""
    queue = Queue(0, 0)
    outlet = outlets.Outlet(queue, clock=fake_clock)
    outlet.deliver(samples_at(NOW))
    outlet.deliver(samples_at(NOW))
    assert queue.looks == []


def test_what_is_too_old_is_dropped_and_that_is_told_once(
    fake_clock: conftest.FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line()
    outlet = outlets.Outlet(line, limits=publisher_options.Limits(2, 9, 3600.0), clock=fake_clock)
    outlet.deliver(samples_at(NOW - 7200, NOW - 7000))
    outlet.deliver(samples_at(NOW - 6000, NOW - 5000))
    assert told(caplog) == []
    outlet.deliver(samples_at(NOW - 4000, NOW - 60))
    outlet.deliver(samples_at(NOW))
    first, last = samples.to_iso(NOW - 7200), samples.to_iso(NOW - 4000)
    (text,) = told(caplog)
    assert text.startswith(f"5 samples of 1 resources between {first} and {last} were dropped")
    assert line.timestamps() == [[samples.to_iso(NOW - 60)], [samples.to_iso(NOW)]]


def test_what_grows_too_old_while_it_waits_is_dropped_too(
    fake_clock: conftest.FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """So an outage of any length ends with the samples of the last hours."""
    line = Line(*["refused"] * 20)
    outlet = outlets.Outlet(line, limits=publisher_options.Limits(2, 9, 60.0), clock=fake_clock)
    outlet.deliver(samples_at(NOW))
    assert line.sent == []
    outlet.stop()
    assert [text for text in told(caplog) if "1 samples of 1 resources" in text]


def test_stopping_ends_the_wait() -> None:
    """What was not sent is not lost: whoever delivers does not go on."""
    outlet = outlets.Outlet(Line(*["refused"] * 1000))
    outlet.stop()
    with pytest.raises(batches.Stopping):
        outlet.deliver(samples_at(NOW + 1e9))


@pytest.fixture
def fake_bus() -> Iterator[Any]:
    """An in-process bus, as `fake://` is."""
    conf = service.prepare(
        [], "test", register=(options.register_opts,), config_files=[], project="kwapi"
    )
    conf.set_override("transport_url", "fake://", "ceilometer")
    made = transports.open_transport(conf)
    yield made
    made.cleanup()


def test_a_listener_as_ceilometers_hears_them(fake_bus: Any) -> None:
    """On its exchange, topic and priority; such a bus has no queue to look at."""
    heard: list[Any] = []

    class Endpoint:
        def info(self, *notification: Any) -> None:
            heard.append(notification)

    target = oslo_messaging.Target(exchange="ceilometer", topic="notifications")
    listener = oslo_messaging.get_notification_listener(fake_bus, [target], [Endpoint()])
    listener.start()
    try:
        outlets.Outlet(fake_bus, clock=conftest.FakeClock()).deliver(samples_at(NOW))
        conftest.wait(lambda: heard)
    finally:
        listener.stop()
        listener.wait()
    _, publisher_id, event_type, payload, _ = heard[0]
    assert (publisher_id, event_type) == ("kwapi", "telemetry.polling")
    assert payload["samples"][0]["resource_id"] == "p"
