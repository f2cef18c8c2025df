# SPDX-License-Identifier: Apache-2.0
"""The message bus on which Ceilometer's notification agent listens.

Owns what oslo.messaging is told, and asked, of it.  It may be our own bus, but
its queues are Ceilometer's.
"""

from __future__ import annotations

from typing import Any
from typing import NamedTuple

# Before oslo.messaging; it says why.
from energybase import messaging  # isort: split

import oslo_messaging
from oslo_config import cfg
from oslo_messaging._drivers import common as drivers

from kwapi import exception

PRIORITY = "info"
_RABBIT = frozenset({"rabbit", "kombu"})
#: AMQP's code of that name.
_NOT_FOUND = 404


class Address(NamedTuple):
    """Where Ceilometer's agent listens, and what it takes our notifications for."""

    exchange: str = "ceilometer"
    topic: str = "notifications"
    event_type: str = "telemetry.polling"
    publisher_id: str = "kwapi"

    @property
    def queue(self) -> str:
        """Name of the queue, as oslo.messaging makes it."""
        return f"{self.topic}.{PRIORITY}"

    @property
    def target(self) -> Any:
        """The same for oslo.messaging."""
        return oslo_messaging.Target(exchange=self.exchange, topic=self.queue)


def open_transport(conf: cfg.ConfigOpts) -> Any:
    """Return the transport to Ceilometer; connects to nothing yet.

    :raises ConfigurationInvalid: there is no such transport.
    """
    messaging.register_opts(conf)
    group = conf.ceilometer
    try:
        url = oslo_messaging.TransportURL.parse(conf, group.transport_url or _own_url(conf))
        if url.transport.partition("+")[0] in _RABBIT:
            # What the URL says goes before [oslo_messaging_rabbit], which is about our own queues.
            url.query.setdefault("amqp_durable_queues", str(group.durable_queues))
        return oslo_messaging.get_notification_transport(conf, url)
    except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure, ValueError):
        # Not from exc: it quotes the URL, password and all.
        reason = "is no transport; one looks like rabbit://user:password@host:5672/"
        raise exception.ConfigurationInvalid(
            where="[ceilometer] transport_url", reason=reason
        ) from None


def _own_url(conf: cfg.ConfigOpts) -> str | None:
    """Return where our own measurements travel."""
    url: str | None = conf.oslo_messaging_notifications.transport_url
    return url


def count_messages(transport: Any, queue: str, retry: int) -> int | None:
    """Return how many messages wait in a queue; None where the transport cannot tell."""
    # oslo.messaging has no word for it; what it stands on has.
    connect = getattr(transport._driver, "_get_connection", None)
    if connect is None:
        return None
    found: list[int] = []
    with connect(drivers.PURPOSE_SEND, retry=retry) as pooled, pooled._connection_lock:
        pooled.ensure(lambda: found.append(_ask(pooled.connection.connection, queue)), retry)
    return found[-1]


def _ask(link: Any, queue: str) -> int:
    """Return how many messages wait in a queue, by AMQP; 0 if there is none yet."""
    # The broker closes the channel of whoever asks for what is not there: one of its own.
    channel = link.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except link.channel_errors as exc:
        if exc.code != _NOT_FOUND:
            raise
        return 0
    finally:
        link.maybe_close_channel(channel)
