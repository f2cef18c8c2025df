# SPDX-License-Identifier: Apache-2.0
"""``/series/``, ``/list/`` and ``/totals/``: numbers, for what a page draws itself.

Owns what these URLs answer; where the numbers come from is
:mod:`kwapi.graphs.series`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import webob

from energybase.web import conditional
from energybase.web import resource
from kwapi import policies
from kwapi.graphs import cache
from kwapi.history import index
from kwapi.history import periods
from kwapi.pages import selection
from kwapi.pages import sites
from kwapi.pages.controllers import answers

#: Points of a small curve: it is about so many pixels wide.
_MOST_POINTS = 75


class AllSeries(resource.Resource):
    """The periods there are series of."""

    def __init__(self, site: sites.Site) -> None:
        super().__init__({period.name: Series(site, period) for period in periods.PERIODS})

    def find_child(self, segment: str) -> resource.Resource:
        """Return the series of that period.

        :raises PeriodNotFound: it says which there are.
        """
        return self.children[answers.find_period(segment).name]


class Series(resource.Resource):
    """All probes over a period, or those that are chosen."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site, period: periods.Period) -> None:
        super().__init__()
        self._site = site
        self._period = period

    def find_child(self, segment: str) -> resource.Resource:
        """Return the series of that probe, which need not exist."""
        return ProbeSeries(self._site, self._period, segment)

    def get(self, request: webob.Request) -> webob.Response:
        """Return the numbers."""
        site, period = self._site, self._period
        chosen = answers.choose(site, request)
        entry = site.keep(
            ("series", *chosen.key),
            period,
            lambda: sites.encode(site.series.aggregate(period, chosen.states)),
        )
        return answers.respond(request, entry, conditional.JSON)


class ProbeSeries(resource.Resource):
    """One probe over a period."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site, period: periods.Period, probe_id: str) -> None:
        super().__init__()
        self._site = site
        self._period = period
        self._probe_id = probe_id

    def get(self, request: webob.Request) -> webob.Response:
        """Return the numbers."""
        site, period = self._site, self._period
        probe_id = answers.find_probe(site, self._probe_id).probe_id
        entry = site.keep(
            ("probe", probe_id), period, lambda: sites.encode(site.series.probe(period, probe_id))
        )
        return answers.respond(request, entry, conditional.JSON)


class Lists(resource.Resource):
    """The periods there are lists of probes for."""

    def __init__(self, site: sites.Site) -> None:
        super().__init__({period.name: List(site, period) for period in periods.PERIODS})

    def find_child(self, segment: str) -> resource.Resource:
        """Return the list for that period.

        :raises PeriodNotFound: it says which there are.
        """
        return self.children[answers.find_period(segment).name]


class List(resource.Resource):
    """One page of probes, each with its last value and a small curve."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site, period: periods.Period) -> None:
        super().__init__()
        self._site = site
        self._period = period

    def get(self, request: webob.Request) -> webob.Response:
        """Return the page that ``q``, ``sort`` and ``page`` ask for."""
        site = self._site
        wish = selection.read_wish(request.GET)
        listing = site.list_probes(wish)
        curves = self._draw(listing.probes)
        head = sites.encode(
            {
                "found": listing.found,
                "page": listing.page,
                "pages": listing.pages,
                "probes": [_describe(site, state) for state in listing.probes],
            }
        )
        body = b'%s,"curves":%s}' % (head[:-1], curves.body)
        return answers.respond_once(request, body, conditional.JSON)

    def _draw(self, states: Sequence[index.ProbeState]) -> cache.Entry:
        site, period = self._site, self._period
        probe_ids = tuple(state.probe_id for state in states)
        return site.keep(
            ("curves", *probe_ids),
            period,
            lambda: sites.encode([_curve(site.series.probe(period, one)) for one in probe_ids]),
        )


class Totals(resource.Resource):
    """Power now, energy and cost today."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site) -> None:
        super().__init__()
        self._site = site

    def get(self, request: webob.Request) -> webob.Response:
        """Return the totals of all probes, or of those that are chosen."""
        chosen = answers.choose(self._site, request)
        entry = self._site.totals(chosen.states, chosen.key)
        return answers.respond(request, entry, conditional.JSON)


def thin(values: Sequence[float | None], most: int) -> list[float | None]:
    """Return at most so many values: each the mean of as many neighbours; None where all are."""
    width = -(-len(values) // most) if values else 1
    buckets = (values[start : start + width] for start in range(0, len(values), width))
    return [_mean(bucket) for bucket in buckets]


def _mean(bucket: Sequence[float | None]) -> float | None:
    known = [value for value in bucket if value is not None]
    return round(sum(known) / len(known), 1) if known else None


def _curve(document: dict[str, Any]) -> list[float | None]:
    return thin(document["total"], _MOST_POINTS)


def _describe(site: sites.Site, state: index.ProbeState) -> dict[str, Any]:
    return {
        "id": state.probe_id,
        "wattmeter": state.wattmeter,
        "watts": state.watts,
        "timestamp": state.timestamp,
        "silent": site.is_silent(state),
    }
