# SPDX-License-Identifier: Apache-2.0
"""Leases over HTTP: the API as one WSGI application.

Owns how its parts are put together.  It keeps nothing of its own, so any number
of processes may serve it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oslo_config import cfg
from oslo_middleware import healthcheck

from climate import policies
from climate.api import backend as backends
from climate.api import bodies
from climate.api import queries
from climate.api.controllers import root
from climate.rpc import inventory as inventories
from climate.rpc import planning as plannings
from climate.rpc import ranking as rankings
from energybase import clock as clocks
from energybase.web import errors
from energybase.web import pipeline
from energybase.web import policy
from energybase.web import resource

#: What may be asked without a token, and tells nothing of leases.
_PUBLIC = ("", "/healthcheck", "/v1")


def build_app(
    conf: cfg.ConfigOpts,
    inventory: inventories.InventoryAPI,
    planning: plannings.PlanningAPI,
    ranking: rankings.RankingAPI,
    clock: clocks.Clock | None = None,
    health: plannings.PlanningAPI | None = None,
) -> Any:
    """Return the API over the services.

    :param health: what ``/healthcheck`` asks; ``planning``, if it need not be sooner.
    :raises ConfigFileValueError, InvalidRuleDefault..: what oslo says of a
        configuration or policy file that is wrong.
    """
    enforcer = policy.Enforcer(conf, policies.list_rules())
    backend = backends.Backend(inventory, planning, ranking, clock or clocks.Clock(), enforcer)
    options = conf.lease_api
    tree = root.build_tree(
        backend,
        queries.PageSizes(options.default_page_size, options.max_page_size),
        options.allowed_hosts_max_age_seconds,
        conf.ranking.max_age_seconds,
    )
    api = bodies.Bodies(resource.Application(tree, enforcer), options.max_body_bytes)
    return pipeline.wrap(
        _Healthcheck(api, conf, health or planning),
        conf,
        service="climate",
        auth_strategy=options.auth_strategy,
        public=_PUBLIC,
    )


class _Healthcheck:
    """Answers ``/healthcheck``: oslo's checks, and whether climate-planning answers.

    Without climate-inventory leases are still shown, changed and cancelled.
    """

    def __init__(self, app: Any, conf: cfg.ConfigOpts, planning: plannings.PlanningAPI) -> None:
        self._app = app
        # Who is not in [healthcheck] allowed_source_ranges is told there is nothing.
        self._oslo = healthcheck.Healthcheck(app, conf)
        self._planning = planning

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").rstrip("/") != "/healthcheck":
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise errors.RequestRefused(
                405, "This URL answers GET and HEAD only.", {"Allow": "GET, HEAD"}
            )
        self._planning.list_leases(environ[pipeline.CONTEXT], limit=1)
        return self._oslo(environ, start_response)  # type: ignore[no-any-return]
