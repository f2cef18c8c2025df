# SPDX-License-Identifier: Apache-2.0
"""A lease: its fields, its limits, and what clients may ask of it.

Owns what the API, the RPC and planning must agree on.  The life of a lease is
:mod:`climate.states`.  All times are whole epoch seconds, all periods half-open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple
from typing import Self

#: The year 10000: no lease ends later.  All of time is [0, FOREVER).
FOREVER = 253_402_300_800
#: What is preferred where several times and hosts would do; the first by default.
OBJECTIVES = ("earliest", "greenest")
#: Characters of a name.
MAX_NAME_LENGTH = 255

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def is_id(text: str) -> bool:
    """Return whether a text has the form of a lease's id."""
    return _ID.fullmatch(text) is not None


class LeasedHost(NamedTuple):
    """A host of a lease, by its present name: the one a request for hosts had last."""

    id: int
    name: str


class Lease(NamedTuple):
    """A lease.

    :ivar status: one of :data:`climate.states.ALL`.
    :ivar start_time: chosen in the window, as ``end_time`` is.
    :ivar window_start: the lease was to be between this and ``window_end``.
    :ivar quantity: how many hosts were wanted at least, ``hosts_max`` at most.
    :ivar host_properties: the expression, as JSON text.
    :ivar objective: one of :data:`OBJECTIVES`.
    :ivar expires_at: when a proposal expires; None for a lease that is confirmed.
    :ivar hosts: smallest id first; none after the lease was cancelled or expired.
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

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the lease of a document; members of a later release are passed over."""
        hosts = tuple(LeasedHost(host["id"], host["name"]) for host in document["hosts"])
        return cls(**{name: document[name] for name in cls._fields} | {"hosts": hosts})

    def to_dict(self) -> dict[str, Any]:
        """Return the document of the lease, as it crosses RPC and notifications."""
        return self._asdict() | {"hosts": [host._asdict() for host in self.hosts]}


class Wish(NamedTuple):
    """A lease that is wanted: ``duration`` seconds in [start_time, end_time).

    :ivar quantity: how many hosts at least.
    :ivar hosts_max: how many hosts at most; None is ``quantity``.
    :ivar host_properties: the expression that was matched, as JSON text.
    """

    start_time: int
    end_time: int
    duration: int
    quantity: int
    hosts_max: int | None = None
    objective: str = OBJECTIVES[0]
    name: str | None = None
    host_properties: str = "[]"


class Filters(NamedTuple):
    """Which leases to list; None is any.

    :ivar status: None is any but cancelled and expired ones.
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


class Page(NamedTuple):
    """Leases, newest first.

    :ivar next_marker: the id of the last one if there are more.
    """

    leases: list[Lease]
    next_marker: str | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the page of a document."""
        return cls([Lease.of(lease) for lease in document["leases"]], document["next_marker"])

    def to_dict(self) -> dict[str, Any]:
        """Return the document of the page, as it crosses RPC."""
        return self._asdict() | {"leases": [lease.to_dict() for lease in self.leases]}


class Reserved(NamedTuple):
    """Hosts that leases hold.

    :ivar valid_until: when that changes next by the clock alone; None is never.
    """

    hosts: list[LeasedHost]
    valid_until: int | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return what a document says."""
        hosts = [LeasedHost(host["id"], host["name"]) for host in document["hosts"]]
        return cls(hosts, document["valid_until"])

    def to_dict(self) -> dict[str, Any]:
        """Return the document, as it crosses RPC."""
        return self._asdict() | {"hosts": [host._asdict() for host in self.hosts]}
