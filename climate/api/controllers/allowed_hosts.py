# SPDX-License-Identifier: Apache-2.0
"""``/v1/allowed-hosts/``: where Nova's scheduler may place a server.

Owns the answer, why it is empty, and for how long it may be reused.
"""

from __future__ import annotations

import webob

from climate import exception
from climate import lease as leases
from climate import policies
from climate import states
from climate.api import backend as backends
from climate.api import queries
from climate.api import texts
from climate.api import times
from climate.api import types
from energybase.web import conditional
from energybase.web import resource

_WHY = {
    states.PROPOSED: "The lease is not confirmed yet.",
    states.ENDED: "The lease has ended.",
    states.CANCELLED: "The lease was cancelled.",
    states.EXPIRED: "The lease was not confirmed in time.",
}


class AllowedHosts(resource.Resource):
    """The hosts for a server inside of a lease, or outside of all."""

    rules = {"GET": policies.ALLOWED_HOSTS_GET}

    def __init__(self, backend: backends.Backend, max_age_seconds: float) -> None:
        super().__init__()
        self._backend = backend
        self._max_age_seconds = max_age_seconds

    def get(self, request: webob.Request) -> webob.Response:
        """Return the names of the hosts."""
        placement = queries.parse_placement(request)
        if placement.lease_ids:
            allowed, valid_until = self._list_inside(request, placement)
        else:
            allowed, valid_until = self._list_outside(request)
        body = types.encode_allowed_hosts(allowed)
        response = conditional.Representation.of(body).respond(request)
        response.headers["Cache-Control"] = f"private, max-age={self._get_max_age(valid_until)}"
        return response

    def _list_outside(self, request: webob.Request) -> tuple[types.AllowedHosts, int | None]:
        who = backends.who_asks(request)
        # In this order: a host that is new meanwhile is not yet leased.
        hosts = self._backend.services.inventory.list_names(who)
        reserved = self._backend.services.planning.list_reserved_hosts(who)
        taken = {host.id for host in reserved.hosts}
        allowed = types.AllowedHosts(
            hosts=[host["name"] for host in hosts if host["id"] not in taken],
            reserved=[host.name for host in reserved.hosts],
        )
        return allowed, reserved.valid_until

    def _list_inside(
        self, request: webob.Request, placement: queries.Placement
    ) -> tuple[types.AllowedHosts, int | None]:
        found = {
            lease_id: self._find_lease(request, lease_id, placement.project_id)
            for lease_id in placement.lease_ids
        }
        known = [lease for lease in found.values() if lease is not None]
        reasons = {lease_id: self._explain(lease_id, lease) for lease_id, lease in found.items()}
        active = [lease for lease in known if reasons[lease.id] is None]
        allowed = types.AllowedHosts(
            hosts=sorted({host.name for lease in active for host in lease.hosts}),
            leases=[types.AllowedLease.of(lease) for lease in known],
        )
        if told := [reason for reason in reasons.values() if reason is not None]:
            allowed.reason = " ".join(told)
        return allowed, min(filter(None, map(_find_change, known)), default=None)

    def _find_lease(
        self, request: webob.Request, lease_id: str, project_id: str | None
    ) -> leases.Lease | None:
        """Return a lease, if it is the project's; else None: nobody is told that it exists."""
        who = backends.who_asks(request)
        try:
            lease = backends.find_lease(self._backend, who, lease_id)
        except exception.LeaseNotFound:
            return None
        return lease if lease.project_id == project_id else None

    def _explain(self, lease_id: str, lease: leases.Lease | None) -> str | None:
        """Return why no server may be placed in a lease; None if it may."""
        if lease is None:
            return f"Lease {texts.quote(lease_id)} is not known."
        if lease.status == states.CONFIRMED:
            return f"The lease starts at {times.format_time(lease.start_time)}."
        # Its end is a fact before the worker that marks it has come by.
        if lease.status == states.ACTIVE and self._backend.now() >= lease.end_time:
            return _WHY[states.ENDED]
        return _WHY.get(lease.status)

    def _get_max_age(self, valid_until: int | None) -> int:
        """Return for how many seconds the answer may be reused."""
        if valid_until is None:
            return int(self._max_age_seconds)
        left_seconds = max(0.0, valid_until - self._backend.clock.time())
        return int(min(self._max_age_seconds, left_seconds))


def _find_change(lease: leases.Lease) -> int | None:
    """Return when a lease becomes what it becomes next by the clock, if not sooner."""
    if lease.status == states.ACTIVE:
        return lease.end_time
    return lease.start_time if lease.status in states.HOLDING else None
