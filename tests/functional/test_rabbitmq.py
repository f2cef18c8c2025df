# SPDX-License-Identifier: Apache-2.0
"""The broker of the tests keeps confirmed messages when it is stopped or killed."""

from __future__ import annotations

import threading
import time

import amqp
import kombu
import pytest

from tests import patience
from tests.servers import rabbitmq as broker


class Publisher(threading.Thread):
    """Publishes 0, 1, 2 ... to a durable queue, each until the broker confirms it."""

    def __init__(self, url: str, queue_name: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._queue = kombu.Queue(queue_name, durable=True, routing_key=queue_name)
        self.done = threading.Event()
        self.confirmed = 0

    def run(self) -> None:
        while not self.done.is_set():
            try:
                self._publish()
            except (OSError, kombu.exceptions.OperationalError, amqp.exceptions.AMQPError):
                time.sleep(0.1)

    def _publish(self) -> None:
        with connect(self._url) as link:
            producer = link.Producer()
            while not self.done.is_set():
                producer.publish(
                    self.confirmed,
                    routing_key=self._queue.name,
                    declare=[self._queue],
                    delivery_mode="persistent",
                    timeout=patience.SECONDS,
                )
                self.confirmed += 1

    def wait_confirmed(self, count: int) -> None:
        give_up = time.monotonic() + patience.SECONDS
        while self.confirmed < count:
            assert time.monotonic() < give_up, f"only {self.confirmed} of {count} confirmed"
            time.sleep(0.01)


@pytest.mark.parametrize("interruption", ["stop", "kill"])
def test_confirmed_messages_survive(rabbitmq: broker.RabbitMQ, interruption: str) -> None:
    """What the broker has confirmed under traffic is there after a restart and a kill -9."""
    queue_name = f"durable-{interruption}"
    publisher = Publisher(rabbitmq.url, queue_name)
    publisher.start()
    publisher.wait_confirmed(100)
    getattr(rabbitmq, interruption)()
    rabbitmq.start()
    publisher.wait_confirmed(publisher.confirmed + 100)
    publisher.done.set()
    publisher.join(60)
    held = rabbitmq.list_queues()[queue_name]
    assert set(take_all(rabbitmq.url, queue_name, held)) >= set(range(publisher.confirmed))


def connect(url: str) -> kombu.Connection:
    return kombu.Connection(
        url.replace("rabbit:", "amqp:"), transport_options={"confirm_publish": True}
    )


def take_all(url: str, queue_name: str, count: int) -> list[int]:
    with connect(url) as link, link.SimpleQueue(queue_name) as queue:
        taken = [queue.get(timeout=patience.SECONDS) for _ in range(count)]
        for message in taken:
            message.ack()
    return [message.payload for message in taken]
