# SPDX-License-Identifier: Apache-2.0
"""``/series/``, ``/list/`` and ``/totals/``: numbers, for what a page draws itself.

Owns what these URLs answer; the numbers are :mod:`kwapi.graphs.views`'.
"""

from __future__ import annotations

from typing import Any

import webob

from energybase.web import conditional
from energybase.web import resource
from kwapi import policies
from kwapi.graphs import views
from kwapi.pages import selection
from kwapi.pages import sites
from kwapi.pages.controllers import answers

#: Points of a small curve: it is about so many pixels wide.
_MOST_POINTS = 75


class AllSeries(resource.Resource):
    """The periods there are series of."""

    parameter = "period"

    def __init__(self, site: sites.Site) -> None:
        super().__init__({period.name: Series(site, period) for period in views.PERIODS})

    def find_child(self, segment: str) -> resource.Resource:
        """Return the series of that period.

        :raises PeriodNotFound: it says which there are.
        """
        return self.children[answers.find_period(segment).name]


class Series(resource.Resource):
    """All probes over a period, or those that are chosen."""

    rules = {"GET": policies.PAGES_GET}
    parameter = "probe_id"

    def __init__(self, site: sites.Site, period: views.Period) -> None:
        super().__init__()
        self._site = site
        self._period = period

    def find_child(self, segment: str) -> resource.Resource:
        """Return the series of that probe, which need not exist."""
        return ProbeSeries(self._site, self._period, segment)

    def get(self, request: webob.Request) -> webob.Response:
        """Return the numbers."""
        chosen = answers.choose(self._site, request)
        entry = self._site.views.list_series(self._period, chosen)
        return answers.respond(request, entry, conditional.JSON)


class ProbeSeries(resource.Resource):
    """One probe over a period."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site, period: views.Period, probe_id: str) -> None:
        super().__init__()
        self._site = site
        self._period = period
        self._probe_id = probe_id

    def get(self, request: webob.Request) -> webob.Response:
        """Return the numbers."""
        probe_id = answers.find_probe(self._site, self._probe_id).probe_id
        entry = self._site.views.get_series(self._period, probe_id)
        return answers.respond(request, entry, conditional.JSON)


class Lists(resource.Resource):
    """The periods there are lists of probes for."""

    parameter = "period"

    def __init__(self, site: sites.Site) -> None:
        super().__init__({period.name: List(site, period) for period in views.PERIODS})

    def find_child(self, segment: str) -> resource.Resource:
        """Return the list for that period.

        :raises PeriodNotFound: it says which there are.
        """
        return self.children[answers.find_period(segment).name]


class List(resource.Resource):
    """One page of probes, each with its last value and a small curve."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site, period: views.Period) -> None:
        super().__init__()
        self._site = site
        self._period = period

    def get(self, request: webob.Request) -> webob.Response:
        """Return the page that ``q``, ``sort`` and ``page`` ask for."""
        site = self._site
        wish = selection.read_wish(request.GET)
        listing = site.list_probes(wish)
        probe_ids = tuple(state.probe_id for state in listing.probes)
        curves = site.views.list_curves(self._period, probe_ids, _MOST_POINTS)
        head = views.encode(
            {
                "found": listing.found,
                "page": listing.page,
                "pages": listing.pages,
                "probes": [_describe(site, state) for state in listing.probes],
            }
        )
        body = b'%s,"curves":%s}' % (head[:-1], curves.body)
        return answers.respond_once(request, body, conditional.JSON)


class Totals(resource.Resource):
    """Power now, energy and cost today."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site) -> None:
        super().__init__()
        self._site = site

    def get(self, request: webob.Request) -> webob.Response:
        """Return the totals of all probes, or of those that are chosen."""
        chosen = answers.choose(self._site, request)
        entry = self._site.views.get_totals(chosen)
        return answers.respond(request, entry, conditional.JSON)


def _describe(site: sites.Site, state: views.ProbeState) -> dict[str, Any]:
    return {
        "id": state.probe_id,
        "wattmeter": state.wattmeter,
        "watts": state.watts,
        "timestamp": state.timestamp,
        "silent": site.views.is_silent(state),
    }
