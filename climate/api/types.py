# SPDX-License-Identifier: Apache-2.0
"""The documents of the API, as WSME types.

Owns their keys and types, and the source of each value.  Lists do not pass through
WSME: a hundred leases would take 20 ms, ten thousand hosts 300.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypedDict

import wsme.types
from wsme.rest import json as wsme_json

from climate import lease as leases
from climate.api import times
from climate.rpc import inventory as inventories
from climate.rpc import ranking as rankings
from energybase.web import schema

#: Status of hosts by their ids; None: nobody knows just now.
Statuses = Mapping[int, str] | None

MISSING = "missing"
_TEXT = wsme.types.text


class Host(TypedDict):
    """A host of a lease; ``status`` is None while the inventory does not answer."""

    id: int
    name: str
    status: str | None


class Link(schema.Object):
    """Where something is."""

    _wsme_attr_order = ("rel", "href")

    rel: Any = _TEXT
    href: Any = _TEXT


class Lease(schema.Object):
    """A lease; see :class:`climate.lease.Lease`.

    ``starts_at`` and ``ends_at`` are ``start_time`` and ``end_time`` in ISO
    8601.  ``degraded``: a host of it is missing; null if nobody knows.
    """

    _wsme_attr_order = (
        *("id", "name", "project_id", "user_id", "status", "degraded"),
        *("start_time", "end_time", "starts_at", "ends_at", "duration", "hosts"),
        *("window_start", "window_end", "quantity", "hosts_max", "host_properties", "objective"),
        *("created_at", "updated_at", "expires_at", "links"),
    )

    id: Any = _TEXT
    name: Any = _TEXT
    project_id: Any = _TEXT
    user_id: Any = _TEXT
    status: Any = _TEXT
    start_time: Any = int
    end_time: Any = int
    starts_at: Any = _TEXT
    ends_at: Any = _TEXT
    window_start: Any = int
    window_end: Any = int
    duration: Any = int
    quantity: Any = int
    hosts_max: Any = int
    host_properties: Any = schema.AnyJson()
    objective: Any = _TEXT
    created_at: Any = int
    updated_at: Any = int
    expires_at: Any = int
    hosts: Any = schema.AnyJson()
    degraded: Any = bool
    links: Any = [Link]


class AllowedLease(schema.Object):
    """What Nova's scheduler is told of a lease."""

    _wsme_attr_order = ("id", "status", "project_id", "start_time", "end_time")

    id: Any = _TEXT
    status: Any = _TEXT
    project_id: Any = _TEXT
    start_time: Any = int
    end_time: Any = int

    @classmethod
    def of(cls, lease: leases.Lease) -> AllowedLease:
        """Return the document of a lease."""
        return cls(**{key: getattr(lease, key) for key in cls._wsme_attr_order})


class AllowedHosts(schema.Object):
    """Names of the hosts that a server may be placed on; if a lease has none, why."""

    _wsme_attr_order = ("hosts", "reserved", "leases", "reason")

    hosts: Any = schema.AnyJson()
    reserved: Any = schema.AnyJson()
    leases: Any = [AllowedLease]
    reason: Any = _TEXT


def describe_lease(lease: leases.Lease, statuses: Statuses, url: str) -> dict[str, Any]:
    """Return the document of a lease: what :class:`Lease` takes.

    :param url: of the lease itself.
    """
    hosts = [_describe_host(host, statuses) for host in lease.hosts]
    missing = any(host["status"] == MISSING for host in hosts)
    known: dict[str, Any] = {
        **lease._asdict(),
        "starts_at": times.format_time(lease.start_time),
        "ends_at": times.format_time(lease.end_time),
        "host_properties": _parse_properties(lease.host_properties),
        "hosts": hosts,
        "degraded": None if statuses is None else missing,
        "links": [{"rel": "self", "href": url}],
    }
    return {key: known[key] for key in Lease._wsme_attr_order}


def encode_lease(document: Mapping[str, Any]) -> bytes:
    """Return ``{..}``."""
    return _encode(Lease, wsme_json.fromjson(Lease, document))


def encode_leases(documents: Iterable[Mapping[str, Any]], next_url: str | None) -> bytes:
    """Return ``{"leases": [{..}], "leases_links": [..]}``.

    :param next_url: of the page after this one, if there is one.
    """
    links = [{"rel": "next", "href": next_url}] if next_url else []
    return _dump({"leases": list(documents), "leases_links": links})


def encode_allowed_hosts(allowed: AllowedHosts) -> bytes:
    """Return ``{"hosts": [..], ..}``."""
    return _encode(AllowedHosts, allowed)


def encode_hosts(hosts: Iterable[inventories.HostName]) -> bytes:
    """Return ``{"hosts": [{"id": .., "name": .., "status": ..}]}``."""
    known = [{key: host[key] for key in ("id", "name", "status")} for host in hosts]
    return _dump({"hosts": known})


def encode_host(host: Mapping[str, Any]) -> bytes:
    """Return all that is known of one host."""
    return _dump(host)


def encode_ranking(ranking: rankings.Ranking) -> bytes:
    """Return ``{"by": .., "as_of": .., "hosts": [{..}]}``."""
    return _dump(ranking)


def _describe_host(host: leases.LeasedHost, statuses: Statuses) -> Host:
    # One that the inventory never saw is missing, too.
    status = None if statuses is None else statuses.get(host.id, MISSING)
    return {"id": host.id, "name": host.name, "status": status}


def _parse_properties(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # Not by way of this API; one such lease is not to hide all others.
        return text


def _encode(datatype: Any, value: Any) -> bytes:
    return _dump(wsme_json.tojson(datatype, value))


def _dump(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
