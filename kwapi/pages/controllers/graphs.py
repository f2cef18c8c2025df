# SPDX-License-Identifier: Apache-2.0
"""``/graph/<period>/`` and ``/graph/<period>/<probe>/``: pictures by RRDtool.

Owns what may be asked of a picture; how and how often it is drawn is
:mod:`kwapi.graphs.views`'.
"""

from __future__ import annotations

import webob

from energybase.web import errors
from energybase.web import resource
from kwapi import policies
from kwapi.graphs import views
from kwapi.pages import front
from kwapi.pages import sites
from kwapi.pages.controllers import answers

_FORMATS = {"png": "image/png", "svg": "image/svg+xml"}


class Graphs(resource.Resource):
    """The periods there are graphs of."""

    parameter = "period"

    def __init__(self, site: sites.Site) -> None:
        super().__init__({period.name: Graph(site, period) for period in views.PERIODS})

    def find_child(self, segment: str) -> resource.Resource:
        """Return the graph of that period.

        :raises PeriodNotFound: it says which there are.
        """
        return self.children[answers.find_period(segment).name]


class Graph(resource.Resource):
    """All probes over a period, or those that are chosen."""

    rules = {"GET": policies.PAGES_GET}
    parameter = "probe_id"

    def __init__(self, site: sites.Site, period: views.Period) -> None:
        super().__init__()
        self._site = site
        self._period = period

    def find_child(self, segment: str) -> resource.Resource:
        """Return the graph of that probe, which need not exist."""
        return ProbeGraph(self._site, self._period, segment)

    def get(self, request: webob.Request) -> webob.Response:
        """Return the picture."""
        chosen = answers.choose(self._site, request)
        return _draw(self._site, request, self._period, chosen)


class ProbeGraph(resource.Resource):
    """One probe over a period."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site, period: views.Period, probe_id: str) -> None:
        super().__init__()
        self._site = site
        self._period = period
        self._probe_id = probe_id

    def get(self, request: webob.Request) -> webob.Response:
        """Return the picture."""
        state = answers.find_probe(self._site, self._probe_id)
        chosen = views.Chosen([state], (state.probe_id,))
        return _draw(self._site, request, self._period, chosen)


def _draw(
    site: sites.Site, request: webob.Request, period: views.Period, chosen: views.Chosen
) -> webob.Response:
    fmt = _read(request, "format", tuple(_FORMATS))
    theme = _read(request, "theme", tuple(views.THEMES))
    entry = site.views.draw(period, chosen, fmt, theme)
    response = answers.respond_picture(request, entry, _FORMATS[fmt])
    response.headers["Content-Security-Policy"] = front.PICTURE_POLICY
    return response


def _read(request: webob.Request, name: str, allowed: tuple[str, ...]) -> str:
    """Return one of few values; the first if none is asked for."""
    value: str = request.GET.get(name, allowed[0])
    if value not in allowed:
        raise errors.RequestRefused(400, f"{name} must be one of {', '.join(allowed)}.")
    return value
