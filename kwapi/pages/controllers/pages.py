# SPDX-License-Identifier: Apache-2.0
"""``/last/<period>/`` and ``/probe/<probe>/``: the HTML pages.

Owns what is on each page as it is first shown; scripts then keep it current.
"""

from __future__ import annotations

import json
from typing import Any
from urllib import parse

import webob

from energybase.web import resource
from kwapi import policies
from kwapi.graphs import views
from kwapi.pages import selection
from kwapi.pages import sites
from kwapi.pages.controllers import answers

_HTML = "text/html"


class Periods(resource.Resource):
    """The periods there are pages of."""

    parameter = "period"

    def __init__(self, site: sites.Site) -> None:
        super().__init__({period.name: Last(site, period) for period in views.PERIODS})

    def find_child(self, segment: str) -> resource.Resource:
        """Return the page of that period.

        :raises PeriodNotFound: it says which there are.
        """
        return self.children[answers.find_period(segment).name]


class Last(resource.Resource):
    """The aggregate on top, the probes below."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site, period: views.Period) -> None:
        super().__init__()
        self._site = site
        self._period = period

    def get(self, request: webob.Request) -> webob.Response:
        """Return the page; while nothing has been measured, what to do about it."""
        site = self._site
        if not site.views.get_probes():
            page = site.render(request, "empty.html", period=self._period, query="")
            return answers.respond_once(request, page.encode(), _HTML)
        page = site.render(request, "last.html", period=self._period, **self._show(request))
        return answers.respond_once(request, page.encode(), _HTML)

    def _show(self, request: webob.Request) -> dict[str, Any]:
        site = self._site
        known = site.views.get_probes()
        choice = selection.choose(request.GET.getall("probes"), known)
        wish = selection.read_wish(request.GET)
        states = [known[probe_id] for probe_id in choice.probe_ids] or list(known.values())
        chosen = views.Chosen(states, choice.probe_ids)
        return {
            "choice": choice,
            "wish": wish,
            "listing": site.list_probes(wish),
            "known": len(known),
            "totals": json.loads(site.views.get_totals(chosen).body),
            "is_silent": site.views.is_silent,
            "query": _query(choice, wish),
            "graph_query": _query(choice, selection.Wish()),
            "page_query": lambda page: _query(choice, wish._replace(page=page)),
        }


class Probes(resource.Resource):
    """The probes there are pages of."""

    parameter = "probe_id"

    def __init__(self, site: sites.Site) -> None:
        super().__init__()
        self._site = site

    def find_child(self, segment: str) -> resource.Resource:
        """Return the page of that probe, which need not exist."""
        return ProbePage(self._site, segment)


class ProbePage(resource.Resource):
    """One probe over all periods."""

    rules = {"GET": policies.PAGES_GET}

    def __init__(self, site: sites.Site, probe_id: str) -> None:
        super().__init__()
        self._site = site
        self._probe_id = probe_id

    def get(self, request: webob.Request) -> webob.Response:
        """Return the page."""
        site = self._site
        state = answers.find_probe(site, self._probe_id)
        totals = json.loads(site.views.get_totals(views.Chosen([state], (state.probe_id,))).body)
        page = site.render(
            request,
            "probe.html",
            period=None,
            probe=state,
            totals=totals,
            query="",
            silent=site.views.is_silent(state),
        )
        return answers.respond_once(request, page.encode(), _HTML)


def _query(choice: selection.Choice, wish: selection.Wish) -> str:
    """Return what keeps selection and list from one page to the next; empty if there is nothing."""
    asked = selection.Wish()
    pairs = [("probes", value) for value in _join(choice.probe_ids)]
    if wish.text != asked.text:
        pairs.append(("q", wish.text))
    if wish.order != asked.order:
        pairs.append(("sort", wish.order))
    if wish.page != asked.page:
        pairs.append(("page", str(wish.page)))
    return "?" + parse.urlencode(pairs, safe=",:@~") if pairs else ""


def _join(probe_ids: tuple[str, ...]) -> list[str]:
    """Return few values for many names: those without a comma together."""
    plain = [probe_id for probe_id in probe_ids if "," not in probe_id]
    return [*([",".join(plain)] if plain else []), *(one for one in probe_ids if "," in one)]
