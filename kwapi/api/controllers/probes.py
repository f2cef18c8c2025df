# SPDX-License-Identifier: Apache-2.0
"""``/v1/probes/``, ``/v1/probes/<id>/`` and ``/v1/probes/<id>/<meter>/``.

Owns what these URLs answer.  The list is the store's own bytes.
"""

from __future__ import annotations

import webob

from energybase.web import conditional
from energybase.web import resource
from kwapi import exception
from kwapi import policies
from kwapi.api import types
from kwapi.store import store as stores


class Probes(resource.Document):
    """All probes."""

    parameter = "probe_id"

    def __init__(self, store: stores.Store) -> None:
        latest = conditional.Latest("probes", store.get_version, store.get_probes_body)
        super().__init__(policies.PROBES_LIST, latest)
        self._store = store

    def find_child(self, segment: str) -> resource.Resource:
        """Return the probe of this id, which need not exist."""
        return ProbeResource(self._store, segment)


class ProbeResource(resource.Resource):
    """One probe."""

    rules = {"GET": policies.PROBES_GET}
    parameter = "meter"

    def __init__(self, store: stores.Store, probe_id: str) -> None:
        super().__init__()
        self._store = store
        self._probe_id = probe_id

    def find_child(self, segment: str) -> resource.Resource:
        """Return the meter of this name, which need not exist."""
        return MeterResource(self._store, self._probe_id, segment)

    def get(self, request: webob.Request) -> webob.Response:
        """Return the probe's record."""
        probe = types.describe_probe(self._store.get_record(self._probe_id))
        body = types.encode_probe(self._probe_id, probe)
        return conditional.Representation.of(body).respond(request)


class MeterResource(resource.Resource):
    """One value of one probe."""

    rules = {"GET": policies.PROBES_GET}

    def __init__(self, store: stores.Store, probe_id: str, meter: str) -> None:
        super().__init__()
        self._store = store
        self._probe_id = probe_id
        self._meter = meter

    def get(self, request: webob.Request) -> webob.Response:
        """Return the value."""
        probe = types.describe_probe(self._store.get_record(self._probe_id))
        if self._meter not in types.METERS:
            raise exception.MeterNotFound(
                probe_id=self._probe_id, meter=self._meter, meters=", ".join(types.METERS)
            )
        body = types.encode_meter(self._probe_id, probe, self._meter)
        return conditional.Representation.of(body).respond(request)
