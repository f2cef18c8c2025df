# SPDX-License-Identifier: Apache-2.0
"""Notifications of leases, as any listener of OpenStack hears them."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest

from climate import exception
from climate.planning import events
from climate.planning import outbox
from climate.rpc import transport as transports
from tests.unit.climate.planning import planners

EVENT = outbox.Event("some-id", outbox.STARTED, {"id": "lease", "hosts": []}, 1_700_000_000)


class Ears:
    """An endpoint of oslo.messaging's own listener."""

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def info(self, _context: Any, *heard: Any) -> None:
        self.heard.put(heard)


@pytest.fixture
def transport(tmp_path: Path) -> Any:
    """A transport without a broker."""
    return transports.get_transport(planners.configure(tmp_path), "fake://")


@pytest.fixture
def topic() -> str:
    """A topic of the test's own: what is fake is shared by the whole process."""
    return uuid.uuid4().hex


@pytest.fixture
def ears(tmp_path: Path, topic: str) -> Iterator[Ears]:
    """Somebody who listens."""
    listening = oslo_messaging.get_notification_transport(planners.configure(tmp_path), "fake://")
    made = Ears()
    listener = oslo_messaging.get_notification_listener(
        listening, [oslo_messaging.Target(topic=topic)], [made]
    )
    listener.start()
    yield made
    listener.stop()
    listener.wait()


def test_an_event_is_a_notification(transport: Any, topic: str, ears: Ears) -> None:
    events.Sender(transport, topic, "climate-planning.here").send(EVENT)
    publisher, event_type, payload, metadata = ears.heard.get(timeout=60)
    assert publisher == "climate-planning.here"
    assert event_type == "climate.lease.start"
    assert payload == {"id": "lease", "hosts": []}
    assert metadata == {"message_id": "some-id", "timestamp": "2023-11-14 22:13:20"}


def test_a_broker_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    url = "rabbit://guest:secret@127.0.0.1:1/"
    transport = transports.get_transport(planners.configure(tmp_path), url)
    with pytest.raises(exception.ServiceUnavailable, match="^The broker does not answer") as caught:
        events.Sender(transport, "topic", "here").send(EVENT)
    assert "secret" not in str(caught.value)
