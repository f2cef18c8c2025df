# SPDX-License-Identifier: Apache-2.0
"""Calls climate-planning over RPC.

Owns the names, arguments and shapes of its calls, and their version.  Whose lease it is
comes from the request context; whether somebody may touch it is asked by the
API before.  All times are whole epoch seconds, all periods half-open.
"""

from __future__ import annotations

from typing import Any
from typing import TypedDict

from oslo_context import context

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


class LeasedHost(TypedDict):
    """A host of a lease, by its present name: the one a request for hosts had last."""

    id: int
    name: str


class Lease(TypedDict):
    """A lease.

    ``start_time``, ``end_time``: chosen, in the window from ``window_start`` to
    ``window_end``.  ``quantity``: how many hosts were wanted at least,
    ``hosts_max`` at most; ``hosts``: those it has.  ``status``:
    :mod:`climate.states`.  ``expires_at``: of a proposal, else None.
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
    hosts: list[LeasedHost]


class LeasePage(TypedDict):
    """Leases, newest first; ``next_marker``: the last one's id if there are more."""

    leases: list[Lease]
    next_marker: str | None


class ReservedHosts(TypedDict):
    """Hosts that leases hold; ``valid_until``: when, by the clock alone, that changes next."""

    hosts: list[LeasedHost]
    valid_until: int | None


class PlanningAPI:
    """Calls climate-planning."""

    def __init__(self, transport: Any, timeout_seconds: float = 20.0) -> None:
        self._client = transports.Client(
            transport, TOPIC, transports.FIRST, "climate-planning", timeout_seconds
        )

    def make_proposal(
        self,
        who: context.RequestContext,
        hosts: Candidates | list[int],
        start_time: int,
        end_time: int,
        duration: int,
        quantity: int,
        *,
        hosts_max: int | None = None,
        objective: str = "earliest",
        name: str | None = None,
        host_properties: str = "[]",
    ) -> Lease:
        """Reserve hosts for a lease of the caller's project; it is to be confirmed.

        :raises RequestInvalid: a value makes no sense.
        :raises NotEnoughHosts: too few are free together; what would work.
        :raises QuotaExceeded: the project would hold too much.
        :raises Conflict: others were faster, every time.
        """
        lease: Lease = self._client.call(
            who,
            "make_proposal",
            hosts=hosts,
            start_time=start_time,
            end_time=end_time,
            duration=duration,
            quantity=quantity,
            hosts_max=hosts_max,
            objective=objective,
            name=name,
            host_properties=host_properties,
        )
        return lease

    def get_proposal_details(self, who: context.RequestContext, lease_id: str) -> Lease:
        """Return a lease in any status.

        :raises LeaseNotFound: it is not known.
        """
        return self._call_for_lease(who, "get_proposal_details", lease_id)

    def confirm_proposal(self, who: context.RequestContext, lease_id: str) -> Lease:
        """Make a proposal a lease; done once, it may be repeated.

        :raises LeaseNotFound: it is not known.
        :raises LeaseNotChangeable: it expired, or was cancelled.
        """
        return self._call_for_lease(who, "confirm_proposal", lease_id)

    def cancel_proposal(self, who: context.RequestContext, lease_id: str) -> Lease:
        """Give a lease's hosts back: cancel one that has not started, end an active one now.

        :raises LeaseNotFound: it is not known.
        :raises LeaseNotChangeable: it is over.
        """
        return self._call_for_lease(who, "cancel_proposal", lease_id)

    def change_lease(
        self,
        who: context.RequestContext,
        lease_id: str,
        *,
        end_time: int | None = None,
        name: str | None = None,
    ) -> Lease:
        """Extend, shorten or rename a lease; what is None stays.

        :raises LeaseNotFound: it is not known.
        :raises RequestInvalid: the end would be before the start, or past.
        :raises LeaseNotChangeable: it is over, or others hold its hosts by then.
        :raises QuotaExceeded: the project would hold too much.
        """
        return self._call_for_lease(who, "change_lease", lease_id, end_time=end_time, name=name)

    def list_leases(
        self,
        who: context.RequestContext,
        *,
        project_id: str | None = None,
        status: str | None = None,
        name: str | None = None,
        host: str | None = None,
        starts_before: int | None = None,
        ends_after: int | None = None,
        limit: int = 100,
        marker: str | None = None,
    ) -> LeasePage:
        """Return leases, newest first, after the one whose id is the marker.

        :param project_id: None is all projects'.
        :param status: None is all but cancelled and expired ones.
        :raises RequestInvalid: no lease has the marker as its id.
        """
        page: LeasePage = self._client.call(
            who,
            "list_leases",
            project_id=project_id,
            status=status,
            name=name,
            host=host,
            starts_before=starts_before,
            ends_after=ends_after,
            limit=limit,
            marker=marker,
        )
        return page

    def list_reserved_hosts(
        self, who: context.RequestContext, lead_seconds: int | None = None
    ) -> ReservedHosts:
        """Return the hosts that leases hold now, or will within the lead time.

        :param lead_seconds: None is what is configured.
        """
        reserved: ReservedHosts = self._client.call(
            who, "list_reserved_hosts", lead_seconds=lead_seconds
        )
        return reserved

    def _call_for_lease(
        self, who: context.RequestContext, method: str, lease_id: str, **arguments: Any
    ) -> Lease:
        lease: Lease = self._client.call(who, method, lease_id=lease_id, **arguments)
        return lease
