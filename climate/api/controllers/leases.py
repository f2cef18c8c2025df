# SPDX-License-Identifier: Apache-2.0
"""``/v1/leases/`` and ``/v1/leases/<id>/``.

Owns what these URLs answer, and to whom.  A caller who may not see another
project's lease gets the same 404 as for an unknown one.
"""

from __future__ import annotations

from typing import Any

import webob
from oslo_context import context

from climate import exception
from climate import lease as leases
from climate import policies
from climate import states
from climate.api import backend as backends
from climate.api import bodies
from climate.api import booking
from climate.api import queries
from climate.api import statuses
from climate.api import types
from climate.api import wishes
from energybase.web import conditional
from energybase.web import policy
from energybase.web import resource


class Leases(resource.Resource):
    """All leases that the one who asks may see; new ones are posted here."""

    rules = {"GET": policies.LEASES_LIST, "POST": policies.LEASES_CREATE}
    parameter = "lease_id"

    def __init__(self, backend: backends.Backend, sizes: queries.PageSizes) -> None:
        super().__init__()
        self._backend = backend
        self._sizes = sizes
        self._statuses = statuses.Statuses(backend.services.inventory)

    def find_child(self, segment: str) -> resource.Resource:
        """Return the lease of this id, which need not exist."""
        return Lease(self._backend, self._statuses, segment)

    def get(self, request: webob.Request) -> webob.Response:
        """Return one page of leases, newest first."""
        who = backends.who_asks(request)
        listing = queries.parse_listing(request, self._sizes, self._backend.now())
        project_id = self._get_project_id(who, listing)
        self._require_marker(who, listing.marker, project_id)
        page = self._list(who, listing, project_id)
        known = self._statuses.get(who, page.leases)
        base = _get_url(request)
        documents = [_describe(lease, known, base) for lease in page.leases]
        marker = page.next_marker
        next_url = queries.make_next_url(request, marker) if marker else None
        body = types.encode_leases(documents, next_url)
        return conditional.Representation.of(body).respond(request)

    def post(self, request: webob.Request) -> webob.Response:
        """Reserve hosts: 201 and the lease."""
        queries.require_none(request)
        who = backends.who_asks(request)
        backends.require_project(who)
        wanted = wishes.parse_wish(bodies.load(request), self._backend.now())
        lease = booking.book(self._backend, who, wanted)
        base = _get_url(request)
        body = types.encode_lease(_describe(lease, self._statuses.get(who, [lease]), base))
        response = webob.Response(status=201, body=body, content_type=conditional.JSON)
        response.location = f"{base}{lease.id}/"
        return response

    def _list(
        self, who: context.RequestContext, listing: queries.Listing, project_id: str | None
    ) -> leases.Page:
        filters = listing.filters._replace(project_id=project_id)
        return self._backend.services.planning.list_leases(
            who, filters, limit=listing.limit, marker=listing.marker
        )

    def _require_marker(
        self, who: context.RequestContext, marker: str | None, project_id: str | None
    ) -> None:
        """Refuse a marker that would tell whether another project has such a lease."""
        if marker is None or project_id is None:
            return
        try:
            lease = backends.find_lease(self._backend, who, marker)
        except exception.LeaseNotFound:
            is_theirs = False
        else:
            is_theirs = lease.project_id == project_id
        if not is_theirs:
            raise exception.RequestInvalid(where="marker", reason="no lease has this id")

    def _get_project_id(self, who: context.RequestContext, listing: queries.Listing) -> str | None:
        """Return whose leases are listed; None is everybody's.

        :raises RequestRefused: 403; others' are not theirs to list.
        """
        wanted = listing.filters.project_id
        if listing.all_projects or wanted not in (None, who.project_id):
            target = policy.own_target(who)
            self._backend.enforcer.authorize(policies.LEASES_LIST_ALL, who, target)
            return wanted
        return backends.require_project(who)


class Lease(resource.Resource):
    """One lease."""

    rules = {
        "GET": policies.LEASES_GET,
        "PUT": policies.LEASES_UPDATE,
        "DELETE": policies.LEASES_DELETE,
    }

    def __init__(self, backend: backends.Backend, known: statuses.Statuses, lease_id: str) -> None:
        super().__init__()
        self._backend = backend
        self._statuses = known
        self._lease_id = lease_id

    def get(self, request: webob.Request) -> webob.Response:
        """Return the lease."""
        queries.require_none(request)
        who = backends.who_asks(request)
        lease = _require_shown(self._get(who, policies.LEASES_GET))
        return self._respond(request, lease)

    def put(self, request: webob.Request) -> webob.Response:
        """Confirm, extend, shorten or rename it."""
        queries.require_none(request)
        change = wishes.parse_change(bodies.load(request), self._backend.now())
        who = backends.who_asks(request)
        # One that expired is not hidden here: who confirms it too late is told so.
        lease_id = self._get(who, policies.LEASES_UPDATE).id
        if change.confirm:
            lease = self._backend.services.planning.confirm_proposal(who, lease_id)
        else:
            lease = self._backend.services.planning.change_lease(
                who, lease_id, end_time=change.end_time, name=change.name
            )
        return self._respond(request, lease)

    def delete(self, request: webob.Request) -> webob.Response:
        """Cancel it, or end it now if it is active: 204."""
        queries.require_none(request)
        who = backends.who_asks(request)
        lease = _require_shown(self._get(who, policies.LEASES_DELETE))
        self._backend.services.planning.cancel_proposal(who, lease.id)
        return webob.Response(status=204)

    def _get(self, who: context.RequestContext, rule: str) -> leases.Lease:
        return backends.get_lease(self._backend, who, self._lease_id, rule)

    def _respond(self, request: webob.Request, lease: leases.Lease) -> webob.Response:
        known = self._statuses.get(backends.who_asks(request), [lease])
        body = types.encode_lease(_describe(lease, known, _get_url(request)))
        return conditional.Representation.of(body).respond(request)


def _require_shown(lease: leases.Lease) -> leases.Lease:
    """Return a lease that holds hosts, or did.

    :raises LeaseNotFound: it never did; the list shows it to who asks for its status.
    """
    if lease.status in states.HIDDEN:
        raise exception.LeaseNotFound(lease_id=lease.id)
    return lease


def _describe(lease: leases.Lease, known: types.Statuses, base: str) -> dict[str, Any]:
    return types.describe_lease(lease, known, f"{base}{lease.id}/")


def _get_url(request: webob.Request) -> str:
    """Return the URL of all leases."""
    return f"{request.application_url}/v1/leases/"
