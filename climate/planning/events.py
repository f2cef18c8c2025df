# SPDX-License-Identifier: Apache-2.0
"""Sends notifications that leases started and ended.

Owns their format.  Each is kept in the database until the broker has confirmed it;
a consumer recognizes one that is sent twice, because a process died in between, by
its ``message_id``.
"""

from __future__ import annotations

import datetime
from typing import Any

from climate.planning import outbox
from climate.rpc import transport as transports

_PRIORITY = "info"


class Sender:
    """Sends events as notifications that other OpenStack services can read.

    :param topic: they go to the queue ``<topic>.info``, which is made if it is not there.
    :param publisher: who sends, such as ``climate-planning.host``.
    """

    def __init__(self, transport: Any, topic: str, publisher: str) -> None:
        self._transport, self._publisher = transport, publisher
        self._queue = f"{topic}.{_PRIORITY}"

    def send(self, event: outbox.Event) -> None:
        """Send an event; return when the broker has it.

        :raises ServiceUnavailable: the broker does not take it.
        """
        notification = {
            "message_id": event.id,
            "publisher_id": self._publisher,
            "event_type": event.event_type,
            "priority": _PRIORITY.upper(),
            "payload": event.payload,
            "timestamp": _stamp(event.created_at),
        }
        transports.notify(self._transport, self._queue, notification)


def _stamp(seconds: int) -> str:
    """Return a time as oslo.messaging writes it: UTC, without saying so."""
    return str(datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None))
