# SPDX-License-Identifier: Apache-2.0
"""Calls climate-inventory over RPC.

Owns the names, arguments and shapes of its calls, and their version.
"""

from __future__ import annotations

from typing import Any
from typing import TypedDict

from oslo_context import context

from climate.rpc import transport as transports

TOPIC = "climate.inventory"
#: Of the newest call.
VERSION = "1.0"


class Excluded(TypedDict):
    """How many of the known hosts one clause of an expression excludes by itself."""

    clause: str
    hosts: int


class Matching(TypedDict):
    """The hosts that match, in columns, ten thousand being many; missing hosts never match.

    ``tiers``: smaller is preferred: hosts that are on before others, then more
    flop per watt; equal hosts share a tier.  ``watts``: what each is expected
    to use while leased; None if unknown.  ``known``: how many hosts there are.
    ``excluded``: filled only when nothing matches.
    """

    ids: list[int]
    names: list[str]
    tiers: list[int]
    watts: list[float | None]
    known: int
    excluded: list[Excluded]


class HostName(TypedDict):
    """``status``: ``up``, ``down`` (known to the source, but off) or ``missing``."""

    id: int
    name: str
    status: str


class Names(TypedDict):
    """The same of many hosts, in columns: ten thousand rows take a tenth of a second to carry."""

    ids: list[int]
    names: list[str]
    statuses: list[str]


class Capacities(TypedDict):
    """What hosts are, and how much of them is in use, in columns; no missing ones.

    ``vcpus``, ``vcpus_used``: None if the source does not say.  ``cpu``: which
    of ``cpus`` each has; those are the different ``cpu_info``, {} being one that
    is not known.
    """

    ids: list[int]
    names: list[str]
    on: list[bool]
    vcpus: list[int | None]
    vcpus_used: list[float | None]
    cpu: list[int]
    cpus: list[dict[str, Any]]


class InventoryAPI:
    """Calls climate-inventory."""

    def __init__(self, transport: Any, timeout_seconds: float = 20.0) -> None:
        self._client = transports.Client(
            transport, TOPIC, transports.FIRST, "climate-inventory", timeout_seconds
        )

    def get_hosts(self, who: context.RequestContext, properties: str = "[]") -> list[int]:
        """Return the ids of the hosts that match, smallest first.

        :raises PropertiesInvalid: the expression is wrong, and where.
        """
        ids: list[int] = self._client.call(who, "get_hosts", properties=properties)
        return ids

    def get_host_details(self, who: context.RequestContext, host_id: int | str) -> dict[str, Any]:
        """Return all that is known of a host, by id or name.

        :raises HostNotFound: it is not known.
        """
        host: dict[str, Any] = self._client.call(who, "get_host_details", host_id=host_id)
        return host

    def match_hosts(self, who: context.RequestContext, properties: str = "[]") -> Matching:
        """Return the hosts that match, and why none does.

        :raises PropertiesInvalid: the expression is wrong, and where.
        """
        matching: Matching = self._client.call(who, "match_hosts", properties=properties)
        return matching

    def list_names(
        self, who: context.RequestContext, ids: list[int] | None = None
    ) -> list[HostName]:
        """Return name and status of the hosts of these ids, or of all, smallest id first."""
        told: Names = self._client.call(who, "list_names", ids=ids)
        columns = zip(told["ids"], told["names"], told["statuses"], strict=True)
        return [{"id": key, "name": name, "status": status} for key, name, status in columns]

    def list_capacities(self, who: context.RequestContext) -> Capacities:
        """Return what all hosts are that are not missing, smallest id first."""
        capacities: Capacities = self._client.call(who, "list_capacities")
        return capacities
