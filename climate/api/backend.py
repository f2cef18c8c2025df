# SPDX-License-Identifier: Apache-2.0
"""What all controllers share: the services behind the API, the clock, policy.

Owns the order of checks of one lease: does it exist for the caller (404), may the
caller do this to it (403).
"""

from __future__ import annotations

from typing import Any
from typing import NamedTuple
from wsgiref.types import WSGIEnvironment

import webob
from oslo_context import context

from climate import exception
from climate import lease as leases
from climate import policies
from climate.api import texts
from climate.rpc import inventory as inventories
from climate.rpc import planning as plannings
from climate.rpc import ranking as rankings
from energybase import clock as clocks
from energybase.web import errors
from energybase.web import pipeline
from energybase.web import policy


class Services(NamedTuple):
    """The services behind the API, each by its own RPC client.

    :ivar health: of climate-planning, for ``/healthcheck``: it need not wait as long.
    """

    inventory: inventories.InventoryAPI
    planning: plannings.PlanningAPI
    ranking: rankings.RankingAPI
    health: plannings.PlanningAPI

    @classmethod
    def reach(cls, transport: Any, timeout_seconds: float, health_seconds: float) -> Services:
        """Return clients that connect when they are first used."""
        return cls(
            inventories.InventoryAPI(transport, timeout_seconds),
            plannings.PlanningAPI(transport, timeout_seconds),
            rankings.RankingAPI(transport, timeout_seconds),
            plannings.PlanningAPI(transport, min(timeout_seconds, health_seconds)),
        )

    def require_planning(self, environ: WSGIEnvironment) -> None:
        """Pass if climate-planning answers.

        Without climate-inventory leases are still shown, changed and cancelled.
        """
        self.health.list_leases(environ[pipeline.CONTEXT], limit=1)


class Backend(NamedTuple):
    """Arguments that all controllers share."""

    services: Services
    clock: clocks.Clock
    enforcer: policy.Enforcer

    def now(self) -> int:
        """Return the present in whole epoch seconds."""
        return int(self.clock.time())


def who_asks(request: webob.Request) -> context.RequestContext:
    """Return who asks."""
    who: context.RequestContext = request.environ[pipeline.CONTEXT]
    return who


def require_project(who: context.RequestContext) -> str:
    """Return the project of the one who asks.

    :raises RequestRefused: 403; the token is for none, by a policy file that allows it.
    """
    if not who.project_id:
        raise errors.RequestRefused(403, "Leases are a project's: use a token for a project.")
    project_id: str = who.project_id
    return project_id


def get_lease(
    backend: Backend, who: context.RequestContext, lease_id: str, rule: str
) -> leases.Lease:
    """Return a lease that the one who asks may see, and treat as the rule says.

    :raises LeaseNotFound: it is not known, or not for them to know.
    :raises RequestRefused: 403.
    """
    lease = find_lease(backend, who, lease_id)
    target = {"project_id": lease.project_id, "user_id": lease.user_id}
    if not _allows(backend.enforcer, policies.LEASES_GET, who, target):
        raise exception.LeaseNotFound(lease_id=lease_id)
    backend.enforcer.authorize(rule, who, target)
    return lease


def find_lease(backend: Backend, who: context.RequestContext, lease_id: str) -> leases.Lease:
    """Return a lease, whoever asks.

    :raises LeaseNotFound: it is not known.
    """
    if not leases.is_id(lease_id):
        raise exception.LeaseNotFound(lease_id=texts.quote(lease_id))
    return backend.services.planning.get_proposal_details(who, lease_id)


def _allows(
    enforcer: policy.Enforcer, rule: str, who: context.RequestContext, target: dict[str, str]
) -> bool:
    try:
        enforcer.authorize(rule, who, target)
    except errors.RequestRefused:
        return False
    return True
