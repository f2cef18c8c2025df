# SPDX-License-Identifier: Apache-2.0
"""The planning service's operations on leases.

Owns each operation from its unchecked arguments to its result.  Time and hosts of
a proposal are found by :mod:`climate.planning.booking`, changes are made by
:mod:`climate.planning.changes`.
"""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from oslo_context import context

from climate import lease as leases
from climate import states
from climate.planning import booking
from climate.planning import changes
from climate.planning import options as planning_options
from climate.planning import request
from climate.planning import store as stores
from climate.rpc import arguments
from climate.rpc import planning as rpc
from climate.rpc import transport as transports
from energybase import clock as clocks

_MAX_PAGE_SIZE = 10_000
_MAX_LEAD_SECONDS = 10 * 365 * 86_400
_EVERYTHING = leases.Filters()


class Planner:
    """Plans requests and changes leases; for any number of threads.

    Arguments come as they were sent.  The errors are those of
    :class:`climate.rpc.planning.PlanningAPI`.

    :ivar options: may be replaced at any time.
    """

    def __init__(
        self,
        store: stores.Store,
        clock: clocks.Clock,
        options: planning_options.Options,
        random: np.random.Generator | None = None,
    ) -> None:
        self.options = options
        self._store, self._clock = store, clock
        self._candidates = request.CandidatesReader()
        self._booking = booking.Booking(store, clock, random or np.random.default_rng())

    def make_proposal(
        self,
        project_id: Any,
        user_id: Any,
        hosts: Any,
        wish: leases.Wish,
    ) -> leases.Lease:
        """Reserve hosts for a lease of a project; it is to be confirmed."""
        options, now = self.options, self._now()
        candidates = self._candidates.read(hosts, options.default_host_watts)
        wish = request.wish(wish, now, options.max_ahead_seconds)
        proposal = leases.Lease(
            id=str(uuid.uuid4()),
            name=wish.name,
            project_id=arguments.text("project_id", project_id),
            user_id=arguments.text("user_id", user_id),
            status=states.PROPOSED,
            start_time=wish.start_time,
            end_time=wish.end_time,
            window_start=wish.start_time,
            window_end=wish.end_time,
            duration=wish.duration,
            quantity=wish.quantity,
            hosts_max=wish.hosts_max or wish.quantity,
            host_properties=wish.host_properties,
            objective=wish.objective,
            created_at=now,
            updated_at=now,
            expires_at=now + options.proposal_seconds,
            hosts=(),
        )
        return self._booking.place(proposal, candidates, options)

    def get_proposal_details(self, lease_id: Any) -> leases.Lease:
        """Return a lease in any status."""
        return self._store.get(request.lease_id(lease_id))

    def confirm_proposal(self, lease_id: Any) -> leases.Lease:
        """Make a proposal a lease; done once, it may be repeated."""
        return self._store.change(changes.confirm, request.lease_id(lease_id), self._now())

    def cancel_proposal(self, lease_id: Any) -> leases.Lease:
        """Give a lease's hosts back: cancel one that has not started, end an active one now."""
        return self._store.change(changes.cancel, request.lease_id(lease_id), self._now())

    def change_lease(
        self, lease_id: Any, *, end_time: Any = None, name: Any = None
    ) -> leases.Lease:
        """Extend, shorten or rename a lease; what is None stays."""
        options, now = self.options, self._now()
        end_time = arguments.optional(request.time, "end_time", end_time)
        name = arguments.optional(arguments.text, "name", name)
        if end_time is not None:
            request.require_ahead(end_time, now, options.max_ahead_seconds)
        quota = options.quotas.of(self._store.get(request.lease_id(lease_id)).project_id)
        return self._store.change(changes.change, lease_id, now, quota, end_time, name)

    def list_leases(
        self, filters: leases.Filters = _EVERYTHING, *, limit: Any = 100, marker: Any = None
    ) -> leases.Page:
        """Return leases, newest first, after the one whose id is the marker.

        :raises RequestInvalid: a value makes no sense, or no lease has the marker as its id.
        """
        filters = request.filters(filters)
        limit = arguments.whole("limit", limit, 1, _MAX_PAGE_SIZE)
        marker = arguments.optional(arguments.text, "marker", marker)
        return self._store.list(filters, limit, marker)

    def list_reserved_hosts(self, lead_seconds: Any = None) -> leases.Reserved:
        """Return the hosts that leases hold now, or will within the lead time.

        :param lead_seconds: None is what is configured.
        :raises RequestInvalid: it is no number of seconds.
        """
        if lead_seconds is None:
            lead_seconds = self.options.lead_seconds
        lead_seconds = arguments.whole("lead_seconds", lead_seconds, 0, _MAX_LEAD_SECONDS)
        now = self._now()
        return self._store.list_reserved(now, now + lead_seconds)

    def _now(self) -> int:
        return int(self._clock.time())


class Endpoint:
    """The operations of :class:`Planner` as RPC, for the project and user that call."""

    target = transports.endpoint_target(rpc.VERSION)

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    @transports.expected
    def make_proposal(
        self, who: context.RequestContext, /, *, hosts: Any, **wish: Any
    ) -> dict[str, Any]:
        """See :meth:`Planner.make_proposal`."""
        wanted = arguments.call(leases.Wish, **wish)
        return self._planner.make_proposal(who.project_id, who.user_id, hosts, wanted).to_dict()

    @transports.expected
    def get_proposal_details(self, _who: context.RequestContext, lease_id: Any) -> dict[str, Any]:
        """See :meth:`Planner.get_proposal_details`."""
        return self._planner.get_proposal_details(lease_id).to_dict()

    @transports.expected
    def confirm_proposal(self, _who: context.RequestContext, lease_id: Any) -> dict[str, Any]:
        """See :meth:`Planner.confirm_proposal`."""
        return self._planner.confirm_proposal(lease_id).to_dict()

    @transports.expected
    def cancel_proposal(self, _who: context.RequestContext, lease_id: Any) -> dict[str, Any]:
        """See :meth:`Planner.cancel_proposal`."""
        return self._planner.cancel_proposal(lease_id).to_dict()

    @transports.expected
    def change_lease(
        self, _who: context.RequestContext, lease_id: Any, end_time: Any = None, name: Any = None
    ) -> dict[str, Any]:
        """See :meth:`Planner.change_lease`."""
        return self._planner.change_lease(lease_id, end_time=end_time, name=name).to_dict()

    @transports.expected
    def list_leases(
        self,
        _who: context.RequestContext,
        /,
        *,
        limit: Any = 100,
        marker: Any = None,
        **filters: Any,
    ) -> dict[str, Any]:
        """See :meth:`Planner.list_leases`."""
        wanted = arguments.call(leases.Filters, **filters)
        return self._planner.list_leases(wanted, limit=limit, marker=marker).to_dict()

    @transports.expected
    def list_reserved_hosts(
        self, _who: context.RequestContext, lead_seconds: Any = None
    ) -> dict[str, Any]:
        """See :meth:`Planner.list_reserved_hosts`."""
        return self._planner.list_reserved_hosts(lead_seconds).to_dict()
