# SPDX-License-Identifier: Apache-2.0
"""``/v1/ranking/``: hosts in order of what they compute for a watt.

Owns what this URL answers, and for how long it may be reused.
"""

from __future__ import annotations

import webob

from climate import policies
from climate.api import backend as backends
from climate.api import queries
from climate.api import types
from energybase.web import conditional
from energybase.web import resource


class Ranking(resource.Resource):
    """All hosts, or some, best first."""

    rules = {"GET": policies.RANKING_GET}

    def __init__(self, backend: backends.Backend, max_age_seconds: int) -> None:
        super().__init__()
        self._backend = backend
        self._max_age_seconds = max_age_seconds

    def get(self, request: webob.Request) -> webob.Response:
        """Return the hosts that are asked for in order, and what that follows from."""
        wanted = queries.parse_ranking(request)
        ranking = self._backend.services.ranking.rank_hosts(
            backends.who_asks(request), wanted.hosts, wanted.by
        )
        response = conditional.Representation.of(types.encode_ranking(ranking)).respond(request)
        response.headers["Cache-Control"] = f"private, max-age={self._max_age_seconds}"
        return response
