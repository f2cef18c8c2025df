# SPDX-License-Identifier: Apache-2.0
"""Kwapi's API as one WSGI application.

Owns how its parts are put together.  It keeps nothing of its own but the newest
bytes it handed out, so any number of processes may serve it.
"""

from __future__ import annotations

from wsgiref.types import WSGIApplication

from oslo_config import cfg

from energybase import clock as clocks
from energybase.web import healthcheck
from energybase.web import pipeline
from energybase.web import policy
from energybase.web import resource
from kwapi import policies
from kwapi.api.controllers import root
from kwapi.store import store as stores

#: What may be asked without a token, and tells nothing that is measured.
PUBLIC = ("", healthcheck.PATH, "/v1")


def build_app(
    conf: cfg.ConfigOpts, store: stores.Store, clock: clocks.Clock | None = None
) -> WSGIApplication:
    """Return the API over a store.

    :raises ConfigFileValueError, InvalidRuleDefault..: what oslo says of a
        configuration or policy file that is wrong.
    """
    tree = root.build_tree(store, clock or clocks.Clock(), conf.api.driver_report_timeout_seconds)
    api = resource.Application(tree, policy.Enforcer(conf, policies.list_rules()))
    return pipeline.wrap(
        healthcheck.Healthcheck(api, conf, lambda environ: store.get_version()),
        conf,
        service="kwapi",
        auth_strategy=conf.api.auth_strategy,
        public=PUBLIC,
    )
