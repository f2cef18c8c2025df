# SPDX-License-Identifier: Apache-2.0
"""The SQL of events: written with what happened to a lease, removed once they are sent.

A sender claims the oldest event for a while.  The next one cannot be claimed
before that one is removed, so a lease's end is never sent before its start.  A
claim runs out: its sender died.

Every function works in its caller's transaction.
"""

from __future__ import annotations

import json
import uuid
from typing import Any
from typing import NamedTuple

import sqlalchemy as sa

from climate import lease as leases
from climate.db import models

#: Types of events.
STARTED = "climate.lease.start"
ENDED = "climate.lease.end"

_EVENT = models.EVENTS.c
_COLUMNS = (_EVENT.number, _EVENT.id, _EVENT.event_type, _EVENT.payload, _EVENT.created_at)


class Event(NamedTuple):
    """What happened to a lease.

    :ivar id: of this event, whoever sends it, and however often.
    :ivar payload: the lease as it was then.
    """

    id: str
    event_type: str
    payload: dict[str, Any]
    created_at: int


def event_id(lease_id: str, event_type: str) -> str:
    """Return the id of the only event of that type that a lease can have."""
    try:
        namespace = uuid.UUID(lease_id)
    except ValueError:
        namespace = uuid.uuid5(uuid.NAMESPACE_OID, lease_id)
    return str(uuid.uuid5(namespace, event_type))


def add(connection: sa.Connection, event_type: str, lease: leases.Lease, now: int) -> None:
    """Write down what happened to a lease."""
    values = {
        "id": event_id(lease.id, event_type),
        "event_type": event_type,
        "payload": json.dumps(lease.to_dict()),
        "created_at": now,
        "claimed_until": 0,
    }
    connection.execute(sa.insert(models.EVENTS).values(values))


def claim(connection: sa.Connection, now: int, claim_seconds: int) -> Event | None:
    """Return the oldest event, for the caller alone to send; None if there is none to send."""
    query = sa.select(*_COLUMNS, _EVENT.claimed_until).order_by(_EVENT.number).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None or row.claimed_until > now:
        return None
    unchanged = sa.and_(_EVENT.number == row.number, _EVENT.claimed_until == row.claimed_until)
    update = sa.update(models.EVENTS).where(unchanged)
    if connection.execute(update.values(claimed_until=now + claim_seconds)).rowcount != 1:
        return None
    return Event(row.id, row.event_type, json.loads(row.payload), row.created_at)


def remove(connection: sa.Connection, event_id: str) -> None:
    """Remove an event that was sent."""
    connection.execute(sa.delete(models.EVENTS).where(_EVENT.id == event_id))
