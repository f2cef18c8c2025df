# SPDX-License-Identifier: Apache-2.0
"""The tree of URLs, and the documents by which clients find their way in it.

Owns which resource is where; what each answers is the other controllers'.
"""

from __future__ import annotations

import json
from typing import Any

import webob

from energybase import clock as clocks
from energybase.web import conditional
from energybase.web import resource
from kwapi import policies
from kwapi.api.controllers import drivers
from kwapi.api.controllers import probes
from kwapi.store import store as stores


def build_tree(
    store: stores.Store, clock: clocks.Clock, driver_report_timeout_seconds: float
) -> resource.Resource:
    """Return the whole API."""
    state_of_drivers = drivers.Drivers(store, clock, driver_report_timeout_seconds)
    probe_ids = conditional.Latest("probe-ids", store.get_version, store.get_probe_ids)
    v1 = Version(
        children={
            "probe-ids": resource.Document(policies.PROBE_IDS_LIST, probe_ids),
            "probes": probes.Probes(store),
            "drivers": state_of_drivers,
        }
    )
    return Versions(children={"v1": v1, "metrics": drivers.Metrics(store, state_of_drivers)})


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
