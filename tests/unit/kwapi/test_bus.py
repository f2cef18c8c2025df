# SPDX-License-Identifier: Apache-2.0
"""What is published is heard; what cannot be is kept, and no frame stops a listener."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from oslo_config import cfg

from kwapi import bus
from kwapi import clock as clocks
from kwapi import conf as options
from kwapi import exception
from kwapi import measurement
from kwapi import service
from kwapi import signing

KEY = b"k" * 32
VERIFIER = signing.Verifier({"k": KEY}, 3600.0, 60.0)


def wait(until: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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
def publish(line: Line) -> Iterator[Callable[..., bus.Publisher]]:
    made: list[bus.Publisher] = []

    def build(**how: Any) -> bus.Publisher:
        made.append(bus.Publisher(line, signer(), **{"window_seconds": 0.0, **how}))
        return made[-1]

    yield build
    for publisher in made:
        if publisher._thread.is_alive():
            publisher.stop()


def test_what_is_measured_within_a_window_travels_together(
    line: Line, publish: Callable[..., bus.Publisher]
) -> None:
    publisher = publish(window_seconds=0.3)
    publisher.start()
    for number in range(10):
        publisher.publish(reading(number))
    wait(lambda: len(line.watts()) == 10)
    assert len(line.sent) == 1


def test_a_large_window_is_split(line: Line, publish: Callable[..., bus.Publisher]) -> None:
    publisher = publish(max_measurements=100)
    for number in range(9):
        publisher.publish(reading(number, probes=24))
    publisher.publish(reading(9, probes=500))
    publisher.start()
    wait(lambda: len(line.watts()) == 10)
    assert [len(body.readings) for body in line.bodies()] == [4, 4, 1, 1]


def test_nothing_is_lost_while_the_broker_is_away(
    line: Line, publish: Callable[..., bus.Publisher], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    publisher = publish()
    publisher.start()
    line.down = True
    for number in range(50):
        publisher.publish(reading(number))
        time.sleep(0.01)
    wait(lambda: "keeping measurements" in caplog.text)
    line.down = False
    wait(lambda: len(line.watts()) == 50)
    assert line.watts() == [float(n) for n in range(50)]
    assert [payload["sequence"] for payload in line.sent] == list(range(1, len(line.sent) + 1))
    assert caplog.text.count("keeping measurements") == 1
    assert caplog.text.count("takes messages again") == 1


def test_room_is_bounded_and_what_is_dropped_is_counted(
    line: Line, publish: Callable[..., bus.Publisher]
) -> None:
    publisher = publish(max_kept=10)
    for number in range(25):
        publisher.publish(reading(number))
    publisher.start()
    wait(lambda: len(line.watts()) == 10)
    assert line.watts() == [float(n) for n in range(15, 25)]
    assert line.bodies()[-1].dropped == publisher.dropped == 15


def test_more_on_its_way_than_may_be_kept(
    line: Line, publish: Callable[..., bus.Publisher]
) -> None:
    line.down = True
    publisher = publish(max_kept=2)
    publisher.start()
    publisher.publish(reading(1, probes=2))
    wait(lambda: not publisher._readings)
    publisher.publish(reading(2, probes=1))
    assert publisher.dropped == 1
    line.down = False
    wait(lambda: not publisher.kept)
    assert line.watts() == [1.0]


def test_a_reading_that_cannot_be_sent_stops_nothing(
    line: Line, publish: Callable[..., bus.Publisher], caplog: pytest.LogCaptureFixture
) -> None:
    publisher = publish()
    publisher.start()
    publisher.publish(reading(1)._replace(resolution_watts=float("nan")))
    wait(lambda: not publisher.kept)
    publisher.publish(reading(2))
    wait(lambda: line.watts() == [2.0])
    assert "A reading of one of pdu cannot be sent" in caplog.text


def test_stop_sends_what_is_left(line: Line, publish: Callable[..., bus.Publisher]) -> None:
    publisher = publish(window_seconds=10.0)
    publisher.start()
    publisher.publish(reading(1))
    publisher.stop()
    assert line.watts() == [1.0]


def test_stop_says_what_is_lost(
    line: Line, publish: Callable[..., bus.Publisher], caplog: pytest.LogCaptureFixture
) -> None:
    line.down = True
    publisher = publish()
    publisher.start()
    publisher.publish(reading(1, probes=7))
    publisher.stop()
    assert "7 measurements could not be sent and are lost" in caplog.text


def test_only_the_last_report_is_sent(line: Line, publish: Callable[..., bus.Publisher]) -> None:
    publisher = publish()
    for state in ("starting", "running"):
        publisher.report([measurement.DriverStatus("pdu", "snmp", state, 1.0, 1)])
    publisher.start()
    wait(lambda: line.sent)
    assert [s.state for body in line.bodies() for s in body.drivers] == ["running"]


@pytest.fixture
def transport() -> Iterator[Any]:
    conf = service.prepare([], "test", register=(options.register_opts,), config_files=[])
    made = bus.get_transport(conf, "fake://")
    yield made
    made.cleanup()


class Heard:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[bus.Batch] = []
        self.faults: list[Exception] = []

    def __call__(self, batch: bus.Batch) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.batches.append(batch)

    def watts(self) -> list[float]:
        messages = [m for batch in self.batches for m in batch.messages]
        return [r.watts[0] for m in messages for r in m.body.readings]

    def refused(self) -> dict[str, int]:
        return dict(sum((b.refused for b in self.batches), start=bus.collections.Counter()))


@pytest.fixture
def heard(transport: Any) -> Iterator[Heard]:
    made = Heard()
    listener = bus.Listener(transport, VERIFIER, made, batch_seconds=0.1)
    listener.start()
    yield made
    listener.stop()


def send(transport: Any, payload: Any, change: dict[str, Any] | None = None) -> None:
    target = oslo_messaging.Target(topic="kwapi.measurements.info")
    message = {"priority": "INFO", "event_type": "x", "payload": payload, **(change or {})}
    transport._send_notification(target, {}, message, version=2.0, retry=0)


def sealed(number: int) -> dict[str, Any]:
    made = signer()
    made.sequence = number - 1
    body = measurement.Body((reading(0)._replace(watts=(float(number),)),))
    return made.seal(measurement.encode(body), time.time())


def test_what_is_published_is_heard(transport: Any, heard: Heard) -> None:
    publisher = bus.Publisher(transport, signer(), window_seconds=0.01)
    publisher.start()
    for number in range(5):
        publisher.publish(reading(number))
    wait(lambda: len(heard.watts()) == 5)
    publisher.stop()
    assert heard.watts() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_consumers_in_pools_hear_all_too(transport: Any, heard: Heard) -> None:
    pooled = Heard()
    listener = bus.Listener(transport, VERIFIER, pooled, pool="kwapi-rrd", batch_seconds=0.1)
    listener.start()
    wait(lambda: listener._server is not None)
    for number in range(1, 11):
        send(transport, sealed(number))
    wait(lambda: len(heard.watts()) == len(pooled.watts()) == 10)
    listener.stop()


def test_refused_messages_are_counted_by_reason(
    transport: Any, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    good = sealed(1)
    stale = signer().seal("{}", time.time() - 7200)
    empty = signer().seal("{}", time.time())
    for payload in ({**good, "sender": "x"}, {**good, "body": "{}"}, None, stale, empty, good):
        send(transport, payload)
    wait(lambda: heard.watts() == [1.0])
    wait(lambda: sum(heard.refused().values()) == 5)
    assert heard.refused() == {"forged": 2, "malformed": 2, "stale": 1}
    assert caplog.text.count("Bad signature") == 1


def test_a_handler_that_fails_for_one_message_is_given_the_others(
    transport: Any, heard: Heard
) -> None:
    heard.faults = [ValueError("batch"), KeyError("first message")]
    for number in range(1, 4):
        send(transport, sealed(number))
    wait(lambda: heard.watts() == [2.0, 3.0])


def test_a_handler_that_fails_for_another_reason_is_asked_again(
    transport: Any, heard: Heard
) -> None:
    heard.faults = [OSError("disk full")]
    send(transport, sealed(1))
    wait(lambda: heard.watts() == [1.0])


def test_a_batch_given_back_is_sent_again(transport: Any, heard: Heard) -> None:
    heard.faults = [bus.Stopping()]
    send(transport, sealed(1))
    wait(lambda: heard.watts() == [1.0])


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


def test_no_frame_of_any_content_stops_a_listener(transport: Any, heard: Heard) -> None:
    sent = 0

    @settings(max_examples=200)
    @given(
        JSON | st.just(sealed(7)), st.dictionaries(st.sampled_from(["priority", "payload"]), JSON)
    )
    def flood(payload: Any, change: dict[str, Any]) -> None:
        nonlocal sent
        send(transport, payload, change)
        sent += 1

    flood()
    send(transport, sealed(9999))
    wait(lambda: heard.watts()[-1:] == [9999.0])
    assert sum(heard.refused().values()) + len(heard.watts()) == sent + 1
    assert "listener" not in [t.name for t in threading.enumerate() if not t.is_alive()]


def test_keys_can_change_while_listening(transport: Any) -> None:
    made = Heard()
    listener = bus.Listener(
        transport, signing.Verifier({"other": b"o" * 32}, 60, 60), made, batch_seconds=0.1
    )
    listener.start()
    send(transport, sealed(1))
    wait(lambda: made.refused())
    listener.set_verifier(VERIFIER)
    send(transport, sealed(2))
    wait(lambda: made.watts() == [2.0])
    listener.stop()


def configured(*lines: str, tmp_path: Any) -> cfg.ConfigOpts:
    path = tmp_path / "kwapi.conf"
    path.write_text("\n".join(["[bus]", *lines]))
    return service.prepare(["--config-file", str(path)], "test", register=(options.register_opts,))


def test_there_is_no_default_key(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="no key is set"):
        bus.signer_of(conf)
    with pytest.raises(exception.ConfigurationInvalid, match="no key is set"):
        bus.verifier_of(conf)


def test_the_only_key_signs(tmp_path: Any) -> None:
    conf = configured(f"signing_keys = a:{'x' * 32}", tmp_path=tmp_path)
    now = clocks.Clock().time()
    assert bus.verifier_of(conf).open(bus.signer_of(conf).seal("{}", now), now).body == "{}"


def test_which_of_several_keys_signs_must_be_said(tmp_path: Any) -> None:
    keys = f"signing_keys = a:{'x' * 32},b:{'y' * 32}"
    with pytest.raises(exception.ConfigurationInvalid, match="must be one of a, b"):
        bus.signer_of(configured(keys, tmp_path=tmp_path))
    conf = configured(keys, "signing_key_id = b", tmp_path=tmp_path)
    assert bus.signer_of(conf).seal("", 1.0)["key_id"] == "b"
