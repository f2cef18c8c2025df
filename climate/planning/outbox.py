# SPDX-License-Identifier: Apache-2.0
"""The SQL of events that are to be told: written with what happened, removed once told.

Whoever wants to tell the oldest one claims it for a while.  The next is not to
be had before that one is gone, so that a lease's end is never told before its
start; a claim that runs out was that of somebody who died.

Every function works in its caller's transaction.
"""

from __future__ import annotations

import json

import sqlalchemy as sa

from climate.db import models
from climate.planning import lease as leases

_EVENT = models.EVENTS.c
_COLUMNS = (_EVENT.number, _EVENT.id, _EVENT.event_type, _EVENT.payload, _EVENT.created_at)


def add(connection: sa.Connection, event_type: str, lease: leases.Lease, now: int) -> None:
    """Write down what happened to a lease."""
    values = {
        "id": leases.event_id(lease.id, event_type),
        "event_type": event_type,
        "payload": json.dumps(lease.to_dict()),
        "created_at": now,
        "claimed_until": 0,
    }
    connection.execute(sa.insert(models.EVENTS).values(values))


def claim(connection: sa.Connection, now: int, claim_seconds: int) -> leases.Event | None:
    """Return the oldest event, for the caller alone to tell; None if there is nothing to do."""
    query = sa.select(*_COLUMNS, _EVENT.claimed_until).order_by(_EVENT.number).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None or row.claimed_until > now:
        return None
    unchanged = sa.and_(_EVENT.number == row.number, _EVENT.claimed_until == row.claimed_until)
    update = sa.update(models.EVENTS).where(unchanged)
    if connection.execute(update.values(claimed_until=now + claim_seconds)).rowcount != 1:
        return None
    return leases.Event(row.id, row.event_type, json.loads(row.payload), row.created_at)


def remove(connection: sa.Connection, event_id: str) -> None:
    """Remove an event that was told."""
    connection.execute(sa.delete(models.EVENTS).where(_EVENT.id == event_id))
