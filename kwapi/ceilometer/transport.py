# SPDX-License-Identifier: Apache-2.0
"""The message bus on which Ceilometer's notification agent listens.

Owns where it is, and which properties its queues have.  It may be our own bus,
but these queues are Ceilometer's.
"""

from __future__ import annotations

from typing import Any
from typing import NamedTuple

# Before oslo.messaging; it says why.
from energybase import messaging  # isort: split

import oslo_messaging
from oslo_config import cfg

from energybase import exception

PRIORITY = "info"
_RABBIT = frozenset({"rabbit", "kombu"})


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
