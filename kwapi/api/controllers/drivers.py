# SPDX-License-Identifier: Apache-2.0
"""``/v1/drivers/`` and ``/metrics``: the state of the wattmeters' drivers.

Owns what these URLs answer; how drivers are judged is :mod:`kwapi.api.drivers`',
the text for Prometheus :mod:`kwapi.api.metrics`'.
"""

from __future__ import annotations

import webob

from energybase import clock as clocks
from energybase.web import conditional
from energybase.web import resource
from kwapi import policies
from kwapi.api import drivers
from kwapi.api import metrics
from kwapi.api import types
from kwapi.store import store as stores


class Drivers(resource.Resource):
    """The state of every driver."""

    rules = {"GET": policies.DRIVERS_LIST}

    def __init__(self, store: stores.Store, clock: clocks.Clock, timeout_seconds: float) -> None:
        super().__init__()
        self._store = store
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    def get(self, request: webob.Request) -> webob.Response:
        """Return every driver's state by wattmeter."""
        body = types.encode_drivers(self.make_documents())
        return conditional.Representation.of(body).respond(request)

    def make_documents(self) -> dict[str, types.Driver]:
        """Return every driver's document by wattmeter."""
        rows = self._store.list_drivers()
        return drivers.make_documents(rows, self._clock.time(), self._timeout_seconds)


class Metrics(resource.Resource):
    """Everything, for Prometheus."""

    rules = {"GET": policies.METRICS_GET}

    def __init__(self, store: stores.Store, state_of: Drivers) -> None:
        super().__init__()
        self._store = store
        self._drivers = state_of
        self._probes = conditional.Latest("metrics", store.get_version, self._load_probes)

    def get(self, request: webob.Request) -> webob.Response:
        """Return the metrics."""
        service = metrics.format_service(self._drivers.make_documents(), self._store.get_tallies())
        response = webob.Response(body=self._probes.get().body + service)
        response.headers["Content-Type"] = metrics.CONTENT_TYPE
        response.headers["Cache-Control"] = "no-cache, private"
        return response

    def _load_probes(self) -> tuple[int, bytes]:
        version, body = self._store.get_probes_body()
        return version, metrics.format_probes(body)
