# SPDX-License-Identifier: Apache-2.0
"""What planning speaks of: leases, what is asked of them, what is told of them.

Owns values alone.  How they are kept is :mod:`climate.planning.store`'s affair.
All times are whole epoch seconds, all periods half-open.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple
from typing import cast

if TYPE_CHECKING:
    from climate.rpc import planning as rpc

#: Types of events.
STARTED = "climate.lease.start"
ENDED = "climate.lease.end"


class Taken(Exception):  # noqa: N818  # an answer that planning expects, not an error
    """A free period is no longer there: look again at what is free, and plan anew."""


class LeasedHost(NamedTuple):
    """A host of a lease."""

    id: int
    name: str


class Lease(NamedTuple):
    """A lease; the fields are those of :class:`climate.rpc.planning.Lease`.

    :ivar hosts: smallest id first; those of a cancelled or expired lease are
        not kept.
    :ivar expires_at: of a proposal, else None.
    """

    id: str
    name: str | None
    project_id: str
    user_id: str
    status: str
    start_time: int
    end_time: int
    window_start: int
    window_end: int
    duration: int
    quantity: int
    hosts_max: int
    host_properties: str
    objective: str
    created_at: int
    updated_at: int
    expires_at: int | None
    hosts: tuple[LeasedHost, ...]

    def to_dict(self) -> rpc.Lease:
        """Return it as it crosses RPC and notifications."""
        hosts = [host._asdict() for host in self.hosts]
        return cast("rpc.Lease", self._asdict() | {"hosts": hosts})


class Quota(NamedTuple):
    """What a project may hold from now on; -1 is any number.

    :ivar hosts: at any one moment.
    :ivar host_hours: in all.
    """

    hosts: int = -1
    host_hours: int = -1


class Filters(NamedTuple):
    """Which leases are wanted; None is any.

    :ivar status: None is any but those nothing was held for, see ``states.HIDDEN``.
    :ivar host: its name, or its id in digits.
    :ivar starts_before: epoch seconds, exclusive.
    :ivar ends_after: epoch seconds, exclusive.
    """

    project_id: str | None = None
    status: str | None = None
    name: str | None = None
    host: str | None = None
    starts_before: int | None = None
    ends_after: int | None = None


class Loaded(NamedTuple):
    """Free periods that changed since a version.

    :ivar version: they lead to it.
    :ivar host_ids: hosts whose free periods may have changed.
    :ivar rows: all free periods of these hosts: host id, start, end.
    :ivar complete: these are all hosts there are; forget what was known.
    """

    version: int
    host_ids: set[int]
    rows: list[tuple[int, int, int]]
    complete: bool


class Event(NamedTuple):
    """What happened to a lease, to be told.

    :ivar id: of this event, whoever tells it, and however often.
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
