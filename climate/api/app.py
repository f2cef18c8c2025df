# SPDX-License-Identifier: Apache-2.0
"""The lease API as one WSGI application.

Owns the assembly of its parts.  It keeps no state, so any number of processes may
serve it.
"""

from __future__ import annotations

from wsgiref.types import WSGIApplication

from oslo_config import cfg

from climate import policies
from climate.api import backend as backends
from climate.api import bodies
from climate.api import queries
from climate.api.controllers import root
from energybase import clock as clocks
from energybase.web import healthcheck
from energybase.web import pipeline
from energybase.web import policy
from energybase.web import resource

#: What may be asked without a token, and tells nothing of leases.
PUBLIC = ("", healthcheck.PATH, "/v1")


def build_app(
    conf: cfg.ConfigOpts, services: backends.Services, clock: clocks.Clock | None = None
) -> WSGIApplication:
    """Return the API over the services.

    :raises ConfigFileValueError, InvalidRuleDefault..: what oslo says of a
        configuration or policy file that is wrong.
    """
    enforcer = policy.Enforcer(conf, policies.list_rules())
    backend = backends.Backend(services, clock or clocks.Clock(), enforcer)
    options = conf.lease_api
    tree = root.build_tree(
        backend,
        queries.PageSizes(options.default_page_size, options.max_page_size),
        options.allowed_hosts_max_age_seconds,
        conf.ranking.max_age_seconds,
    )
    api = bodies.Bodies(resource.Application(tree, enforcer), options.max_body_bytes)
    return pipeline.wrap(
        healthcheck.Healthcheck(api, conf, services.require_planning),
        conf,
        service="climate",
        auth_strategy=options.auth_strategy,
        public=PUBLIC,
    )
