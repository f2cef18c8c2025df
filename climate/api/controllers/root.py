# SPDX-License-Identifier: Apache-2.0
"""The tree of URLs, and the documents by which clients find their way in it.

Owns which resource is where; what each answers is the other controllers'.
"""

from __future__ import annotations

import json
from typing import Any

import webob

from climate.api import backend as backends
from climate.api import queries
from climate.api.controllers import allowed_hosts
from climate.api.controllers import hosts
from climate.api.controllers import leases
from climate.api.controllers import ranking
from energybase.web import conditional
from energybase.web import resource


def build_tree(
    backend: backends.Backend,
    sizes: queries.PageSizes,
    allowed_hosts_max_age_seconds: float,
    ranking_max_age_seconds: int,
) -> resource.Resource:
    """Return the whole API."""
    v1 = Version(
        children={
            "leases": leases.Leases(backend, sizes),
            "hosts": hosts.Hosts(backend),
            "allowed-hosts": allowed_hosts.AllowedHosts(backend, allowed_hosts_max_age_seconds),
            "ranking": ranking.Ranking(backend, ranking_max_age_seconds),
        }
    )
    return Versions(children={"v1": v1})


class Versions(resource.Resource):
    """Which versions of the API there are."""

    rules = {"GET": None}

    def get(self, request: webob.Request) -> webob.Response:
        """Return the versions document."""
        return _respond(request, {"versions": [_describe(request)]})


class Version(resource.Resource):
    """The only version so far."""

    rules = {"GET": None}

    def get(self, request: webob.Request) -> webob.Response:
        """Return the version document."""
        return _respond(request, {"version": _describe(request)})


def _describe(request: webob.Request) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{request.application_url}/v1/"}]
    return {"id": "v1", "status": "CURRENT", "links": links}


def _respond(request: webob.Request, document: dict[str, Any]) -> webob.Response:
    return conditional.Representation.of(json.dumps(document).encode()).respond(request)
