# SPDX-License-Identifier: Apache-2.0
"""Calls climate-planning over RPC.

Owns the names and arguments of its calls, and their version; their values are those
of :mod:`climate.lease`.  A lease belongs to the project of the request context; the
API has checked before that the caller may touch it.
"""

from __future__ import annotations

from typing import Any
from typing import TypedDict

from oslo_context import context

from climate import lease as leases
from climate.rpc import transport as transports

TOPIC = "climate.planning"
#: Of the newest call.
VERSION = "1.0"


class Candidates(TypedDict):
    """Hosts to choose from, in columns; see :class:`climate.rpc.inventory.Matching`."""

    ids: list[int]
    names: list[str]
    tiers: list[int]
    watts: list[float | None]


class PlanningAPI:
    """Calls climate-planning."""

    def __init__(self, transport: Any, timeout_seconds: float = 20.0) -> None:
        self._client = transports.Client(
            transport, TOPIC, transports.FIRST, "climate-planning", timeout_seconds
        )

    def make_proposal(
        self, who: context.RequestContext, hosts: Candidates | list[int], wish: leases.Wish
    ) -> leases.Lease:
        """Reserve hosts for a lease of the caller's project; it is to be confirmed.

        :raises RequestInvalid: a value makes no sense.
        :raises NotEnoughHosts: too few are free together; what would work.
        :raises QuotaExceeded: the project would hold too much.
        :raises Conflict: others were faster, every time.
        """
        return self._call_for_lease(who, "make_proposal", hosts=hosts, **wish._asdict())

    def get_proposal_details(self, who: context.RequestContext, lease_id: str) -> leases.Lease:
        """Return a lease in any status.

        :raises LeaseNotFound: it is not known.
        """
        return self._call_for_lease(who, "get_proposal_details", lease_id=lease_id)

    def confirm_proposal(self, who: context.RequestContext, lease_id: str) -> leases.Lease:
        """Make a proposal a lease; done once, it may be repeated.

        :raises LeaseNotFound: it is not known.
        :raises LeaseNotChangeable: it expired, or was cancelled.
        """
        return self._call_for_lease(who, "confirm_proposal", lease_id=lease_id)

    def cancel_proposal(self, who: context.RequestContext, lease_id: str) -> leases.Lease:
        """Give a lease's hosts back: cancel one that has not started, end an active one now.

        :raises LeaseNotFound: it is not known.
        :raises LeaseNotChangeable: it is over.
        """
        return self._call_for_lease(who, "cancel_proposal", lease_id=lease_id)

    def change_lease(
        self,
        who: context.RequestContext,
        lease_id: str,
        *,
        end_time: int | None = None,
        name: str | None = None,
    ) -> leases.Lease:
        """Extend, shorten or rename a lease; what is None stays.

        :raises LeaseNotFound: it is not known.
        :raises RequestInvalid: the end would be before the start, or past.
        :raises LeaseNotChangeable: it is over, or others hold its hosts by then.
        :raises QuotaExceeded: the project would hold too much.
        """
        changed = {"end_time": end_time, "name": name}
        return self._call_for_lease(who, "change_lease", lease_id=lease_id, **changed)

    def list_leases(
        self,
        who: context.RequestContext,
        filters: leases.Filters = leases.Filters(),  # noqa: B008  # immutable
        *,
        limit: int = 100,
        marker: str | None = None,
    ) -> leases.Page:
        """Return leases, newest first, after the one whose id is the marker.

        :raises RequestInvalid: no lease has the marker as its id.
        """
        wanted = {**filters._asdict(), "limit": limit, "marker": marker}
        return leases.Page.of(self._client.call(who, "list_leases", **wanted))

    def list_reserved_hosts(
        self, who: context.RequestContext, lead_seconds: int | None = None
    ) -> leases.Reserved:
        """Return the hosts that leases hold now, or will within the lead time.

        :param lead_seconds: None is what is configured.
        """
        wanted: dict[str, Any] = {"lead_seconds": lead_seconds}
        return leases.Reserved.of(self._client.call(who, "list_reserved_hosts", **wanted))

    def _call_for_lease(
        self, who: context.RequestContext, method: str, **arguments: Any
    ) -> leases.Lease:
        return leases.Lease.of(self._client.call(who, method, **arguments))
