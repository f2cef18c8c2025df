# SPDX-License-Identifier: Apache-2.0
"""What is sent is heard, and no frame stops a listener."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from energybase import service
from kwapi import measurement
from kwapi import signing
from kwapi.bus import batch as batches
from kwapi.bus import listener as listeners
from kwapi.bus import publisher as publishers
from kwapi.bus import transport as transports
from kwapi.cmd import conf as options
from tests import conftest
from tests import depth

KEY = b"k" * 32
QUICKLY = listeners.Subscription(batch_seconds=0.1)
VERIFIER = signing.Verifier({"k": KEY}, 3600.0, 60.0)


def signer(instance: str = "run") -> signing.Signer:
    return signing.Signer("k", KEY, "node-1", instance)


def reading(number: int, probes: int = 1) -> measurement.Reading:
    ids = tuple(f"p{i}" for i in range(probes))
    return measurement.Reading("pdu", time.time() + number, ids, (float(number),) * probes)


@pytest.fixture
def transport() -> Iterator[Any]:
    conf = service.prepare(
        [], "test", register=(options.register_opts,), config_files=[], project="kwapi"
    )
    made = transports.get_transport(conf, "fake://")
    yield made
    made.cleanup()


class Heard:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[batches.Batch] = []
        self.faults: list[Exception] = []

    def __call__(self, batch: batches.Batch) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.batches.append(batch)

    def watts(self) -> list[float]:
        messages = [m for batch in self.batches for m in batch.messages]
        return [r.watts[0] for m in messages for r in m.body.readings]

    def refused(self) -> dict[str, int]:
        return dict(sum((b.refused for b in self.batches), start=collections.Counter()))


@pytest.fixture
def heard(transport: Any) -> Iterator[Heard]:
    made = Heard()
    listener = listeners.Listener(transport, VERIFIER, made, QUICKLY)
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
    publisher = publishers.Publisher(transport, signer(), limits=publishers.Limits(0.01))
    publisher.start()
    for number in range(5):
        publisher.publish(reading(number))
    conftest.wait(lambda: len(heard.watts()) == 5)
    publisher.stop()
    assert heard.watts() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_consumers_in_pools_hear_all_too(transport: Any, heard: Heard) -> None:
    pooled = Heard()
    listener = listeners.Listener(transport, VERIFIER, pooled, QUICKLY._replace(pool="kwapi-rrd"))
    listener.start()
    conftest.wait(lambda: listener._server is not None)
    for number in range(1, 11):
        send(transport, sealed(number))
    conftest.wait(lambda: len(heard.watts()) == len(pooled.watts()) == 10)
    listener.stop()


def test_refused_messages_are_counted_by_reason(
    transport: Any, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    good = sealed(1)
    stale = signer().seal("{}", time.time() - 7200)
    empty = signer().seal("{}", time.time())
    for payload in ({**good, "sender": "x"}, {**good, "body": "{}"}, None, stale, empty, good):
        send(transport, payload)
    conftest.wait(lambda: heard.watts() == [1.0])
    conftest.wait(lambda: sum(heard.refused().values()) == 5)
    assert heard.refused() == {"forged": 2, "malformed": 2, "stale": 1}
    assert caplog.text.count("Bad signature") == 1


def test_a_handler_that_fails_for_one_message_is_given_the_others(
    transport: Any, heard: Heard
) -> None:
    heard.faults = [ValueError("batch"), KeyError("first message")]
    for number in range(1, 4):
        send(transport, sealed(number))
    conftest.wait(lambda: heard.watts() == [2.0, 3.0])


def test_a_handler_that_fails_for_another_reason_is_asked_again(
    transport: Any, heard: Heard
) -> None:
    heard.faults = [OSError("disk full")]
    send(transport, sealed(1))
    conftest.wait(lambda: heard.watts() == [1.0])


def test_a_batch_given_back_is_sent_again(transport: Any, heard: Heard) -> None:
    heard.faults = [batches.Stopping()]
    send(transport, sealed(1))
    conftest.wait(lambda: heard.watts() == [1.0])


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


def test_no_frame_of_any_content_stops_a_listener(transport: Any, heard: Heard) -> None:
    sent = 0

    @settings(max_examples=depth.examples(2))
    @given(
        JSON | st.just(sealed(7)), st.dictionaries(st.sampled_from(["priority", "payload"]), JSON)
    )
    def flood(payload: Any, change: dict[str, Any]) -> None:
        nonlocal sent
        send(transport, payload, change)
        sent += 1

    flood()
    send(transport, sealed(9999))
    conftest.wait(lambda: heard.watts()[-1:] == [9999.0])
    assert sum(heard.refused().values()) + len(heard.watts()) == sent + 1
    assert "listener" not in [t.name for t in threading.enumerate() if not t.is_alive()]


def test_keys_can_change_while_listening(transport: Any) -> None:
    made = Heard()
    listener = listeners.Listener(
        transport, signing.Verifier({"other": b"o" * 32}, 60, 60), made, QUICKLY
    )
    listener.start()
    send(transport, sealed(1))
    conftest.wait(lambda: made.refused())
    listener.set_verifier(VERIFIER)
    send(transport, sealed(2))
    conftest.wait(lambda: made.watts() == [2.0])
    listener.stop()
