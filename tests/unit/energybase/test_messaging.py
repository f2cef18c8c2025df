# SPDX-License-Identifier: Apache-2.0
"""What we use of oslo.messaging beyond its public interface is there, and does what we take it for.

When one of these fails after an upgrade of oslo.messaging, mend
:mod:`energybase.messaging`, and nothing else.  The broker here is kombu's own, in
memory; the functional tests have RabbitMQ.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

# Before oslo.messaging; it says why.
from energybase import messaging  # isort: split

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_messaging._drivers import amqp
from oslo_messaging._drivers import amqpdriver
from oslo_messaging._drivers import impl_rabbit
from oslo_messaging.rpc import client

from tests import conftest


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    made = cfg.ConfigOpts()
    messaging.register_opts(made)
    messaging.register_opts_of_calls(made)
    made([])
    return made


@pytest.fixture
def transport(conf: cfg.ConfigOpts) -> Iterator[Any]:
    """oslo.messaging's driver for RabbitMQ, over kombu's transport in memory."""
    made = messaging.open_notifications(conf, "kombu+memory:////")
    yield made
    made.cleanup()


class Heard:
    """Takes batches; has the first ``returned`` messages sent again."""

    def __init__(self, returned: int = 0) -> None:
        self.payloads: list[Any] = []
        self._returned = returned
        self.came = threading.Event()

    def dispatch(self, incoming: Sequence[Any]) -> set[Any]:
        self.payloads += [each.message["payload"] for each in incoming]
        again = set(incoming[: self._returned])
        self._returned -= len(again)
        self.came.set()
        return again


def send(transport: Any, topic: str, *payloads: Any) -> None:
    for payload in payloads:
        messaging.notify(transport, f"{topic}.info", {"priority": "INFO", "payload": payload})


def listen(transport: Any, topic: str, heard: Heard) -> messaging.BatchServer:
    server = messaging.BatchServer(
        transport, topic, "info", heard.dispatch, pool=None, batch_size=10, batch_timeout=0.1
    )
    server.start()
    return server


def test_what_waits_in_a_queue_can_be_counted(transport: Any) -> None:
    send(transport, "counted", 1, 2, 3)
    assert messaging.count_messages(transport, "counted.info", 0) == 3


def test_a_transport_without_queues_cannot_tell(conf: cfg.ConfigOpts) -> None:
    transport = messaging.open_notifications(conf, "fake://")
    assert messaging.count_messages(transport, "any.info", 0) is None


def test_batches_come_in_order_and_what_is_given_back_comes_again(transport: Any) -> None:
    heard = Heard(returned=1)
    send(transport, "ordered", 1, 2, 3)
    server = listen(transport, "ordered", heard)
    conftest.wait(lambda: len(heard.payloads) == 4)
    server.stop()
    assert heard.payloads == [1, 2, 3, 1]


def test_a_message_that_comes_twice_is_dispatched_twice(
    transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """oslo.messaging itself would keep it back; see the next test."""
    # Each message has the same id then, as one that the broker delivers again.
    monkeypatch.setattr(amqp, "_add_unique_id", _with_one_id)
    heard = Heard()
    server = listen(transport, "twice", heard)
    for times in (1, 2):
        send(transport, "twice", "same")
        conftest.wait(lambda: heard.payloads == ["same"] * times)  # noqa: B023 it waits here
    server.stop()


def _with_one_id(message: dict[str, Any]) -> None:
    message["_unique_id"] = "0"


def test_oslo_messaging_remembers_messages_where_we_make_it_forget(transport: Any) -> None:
    """If this fails, look whether it still holds back what comes twice."""
    cache = amqp._MsgIdCache()
    cache.add("0")
    assert list(cache.prev_msgids) == ["0"]
    server = listen(transport, "remembered", Heard())
    ours = server._server.listener._poll_style_listener.msg_id_cache
    server.stop()
    assert isinstance(ours, amqp._MsgIdCache)
    assert ours.prev_msgids.maxlen == 0


def test_the_queue_of_answers_is_made_before_the_first_call(conf: cfg.ConfigOpts) -> None:
    transport = oslo_messaging.get_rpc_transport(conf, "kombu+memory:////")
    messaging.make_reply_queue(transport)
    made = transport._driver._reply_q
    assert made and transport._driver._get_reply_q() == made
    transport.cleanup()
    messaging.make_reply_queue(oslo_messaging.get_rpc_transport(conf, "fake://"))


def test_notifications_are_sent_as_they_are() -> None:
    """A notifier of oslo.messaging calls the same method, in the same way."""
    taken = inspect.signature(oslo_messaging.Transport._send_notification).parameters
    assert list(taken) == ["self", "target", "ctxt", "message", "version", "retry"]


def test_connections_are_locked_while_they_are_asked() -> None:
    source = inspect.getsource(impl_rabbit.Connection)
    assert "self._connection_lock = " in source
    assert "self.connection = " in source
    taken = inspect.signature(amqpdriver.AMQPDriverBase._get_connection).parameters
    assert list(taken) == ["self", "purpose", "retry"]


def test_options_of_calls_are_registered(conf: cfg.ConfigOpts) -> None:
    """A call reads them from the transport's configuration."""
    source = inspect.getsource(client)
    for group in ("oslo_messaging_metrics", "oslo_messaging_tracing"):
        if group.rpartition("_")[2] in source:
            assert group in conf


@pytest.mark.parametrize("module", [impl_rabbit, amqpdriver])
def test_an_outage_is_logged_once_by_drivers(module: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Their loggers are where we filter; better news ends it."""
    caplog.set_level(logging.INFO)
    messaging.quiet_driver_log()
    messaging.end_outage()
    for outage in range(2):
        for attempt in range(3):
            module.LOG.error("Connection %d failed in outage %d", attempt, outage)
        module.LOG.info("[id] Reconnected to AMQP server")
    assert caplog.text.count("failed in outage") == 2
    assert "Reconnected to AMQP server" in inspect.getsource(impl_rabbit)
