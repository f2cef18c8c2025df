# SPDX-License-Identifier: Apache-2.0
"""The tree of URLs of the pages.

Owns which resource is where; what each answers is the other controllers'.
"""

from __future__ import annotations

import webob
from oslo_config import cfg

from energybase.web import conditional
from energybase.web import healthcheck
from energybase.web import resource
from kwapi.pages import sites
from kwapi.pages.controllers import graphs
from kwapi.pages.controllers import numbers
from kwapi.pages.controllers import pages


def build_tree(site: sites.Site, conf: cfg.ConfigOpts) -> resource.Resource:
    """Return all there is."""
    return Root(
        children={
            "last": pages.Periods(site),
            "probe": pages.Probes(site),
            "graph": graphs.Graphs(site),
            "series": numbers.AllSeries(site),
            "list": numbers.Lists(site),
            "totals": numbers.Totals(site),
            "static": Releases({site.static.version: Static(site)}),
            "healthcheck": healthcheck.Page(conf),
        }
    )


class Root(resource.Resource):
    """Where everybody arrives."""

    rules = {"GET": None}

    def get(self, request: webob.Request) -> webob.Response:
        """Send on to the shortest period."""
        return webob.Response(status=302, location=f"{request.application_url}/last/minute/")


class Releases(resource.Resource):
    """The releases there are static files of: this one, by its digest."""

    parameter = "release"


class Static(resource.Resource):
    """The static files of this release."""

    parameter = "file"

    def __init__(self, site: sites.Site) -> None:
        super().__init__()
        self._site = site

    def find_child(self, segment: str) -> resource.Resource | None:
        """Return the file of that name."""
        found = self._site.static.find(segment)
        return StaticFile(found) if found else None


class StaticFile(resource.Resource):
    """One file, which never changes: another release has it at another address."""

    rules = {"GET": None}

    def __init__(self, content: conditional.Representation) -> None:
        super().__init__()
        self._content = content

    def get(self, request: webob.Request) -> webob.Response:
        """Hand out the bytes."""
        response = self._content.respond(request)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["Vary"] = "Accept-Encoding"
        return response
