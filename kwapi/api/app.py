# SPDX-License-Identifier: Apache-2.0
"""kWh over HTTP: the API as one WSGI application.

Owns how its parts are put together.  It keeps nothing of its own but the newest
bytes it handed out, so any number of processes may serve it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oslo_config import cfg
from oslo_middleware import healthcheck

from energybase import clock as clocks
from energybase.web import errors
from energybase.web import pipeline
from energybase.web import policy
from energybase.web import resource
from kwapi import policies
from kwapi.api.controllers import root
from kwapi.store import store as stores

#: What may be asked without a token, and tells nothing that is measured.
_PUBLIC = ("", "/healthcheck", "/v1")


def build_app(conf: cfg.ConfigOpts, store: stores.Store, clock: clocks.Clock | None = None) -> Any:
    """Return the API over a store.

    :raises ConfigFileValueError, InvalidRuleDefault..: what oslo says of a
        configuration or policy file that is wrong.
    """
    tree = root.build_tree(store, clock or clocks.Clock(), conf.api.driver_report_timeout_seconds)
    api = resource.Application(tree, policy.Enforcer(conf, policies.list_rules()))
    return pipeline.wrap(
        _Healthcheck(api, conf, store),
        conf,
        service="kwapi",
        auth_strategy=conf.api.auth_strategy,
        public=_PUBLIC,
    )


class _Healthcheck:
    """Answers ``/healthcheck`` for load balancers: oslo's checks, and whether the store answers."""

    def __init__(self, app: Any, conf: cfg.ConfigOpts, store: stores.Store) -> None:
        self._app = app
        # Who is not in [healthcheck] allowed_source_ranges is told there is nothing.
        self._oslo = healthcheck.Healthcheck(app, conf)
        self._store = store

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").rstrip("/") != "/healthcheck":
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise errors.RequestRefused(
                405, "This URL answers GET and HEAD only.", {"Allow": "GET, HEAD"}
            )
        self._store.get_version()
        return self._oslo(environ, start_response)  # type: ignore[no-any-return]
