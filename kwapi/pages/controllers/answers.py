# SPDX-License-Identifier: Apache-2.0
"""Parses which probes a request means, and builds its response: for all controllers.

Owns conditional answers with a date as well as a tag (RFC 9110, section 13).
"""

from __future__ import annotations

import datetime
import functools

import webob

from energybase.web import conditional
from kwapi.graphs import views
from kwapi.pages import selection
from kwapi.pages import sites

#: Compressed at most once while it is asked for.
_represent = functools.lru_cache(maxsize=256)(conditional.Representation)


def choose(site: sites.Site, request: webob.Request) -> views.Chosen:
    """Return the probes that ``probes`` in the query names, all without it.

    :raises ProbeNotFound: it names only probes that are not known.
    """
    known = site.views.get_probes()
    values = request.GET.getall("probes")
    choice = selection.choose(values, known)
    if choice.unknown and not choice.probe_ids:
        raise views.ProbeNotFound(probe_id=shorten(",".join(values)))
    if not choice.probe_ids:
        return views.Chosen(tuple(known.values()))
    states = [known[probe_id] for probe_id in choice.probe_ids]
    return views.Chosen(states, choice.probe_ids)


def find_period(name: str) -> views.Period:
    """Return the period of that name.

    :raises PeriodNotFound: it says which there are.
    """
    return views.find_period(shorten(name))


def find_probe(site: sites.Site, probe_id: str) -> views.ProbeState:
    """Return the state of a probe.

    :raises ProbeNotFound: there is none of that name, whatever it is made of.
    """
    state = site.views.get_probes().get(probe_id)
    if state is None:
        raise views.ProbeNotFound(probe_id=shorten(probe_id))
    return state


def shorten(text: str) -> str:
    """Return a client's text as it may be told back: short, and of what can be seen.

    Marks that turn the direction of writing would turn the sentence around it.
    """
    seen = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:80])
    return seen if len(text) <= 80 else f"{seen[:79]}\N{HORIZONTAL ELLIPSIS}"


def respond(request: webob.Request, entry: views.Entry, content_type: str) -> webob.Response:
    """Return 200 with text, or 304 to who has it already."""
    return _represent(entry.tag, entry.body, content_type).respond(request)


def respond_once(request: webob.Request, body: bytes, content_type: str) -> webob.Response:
    """Return 200 with text that was made for this request, or 304."""
    made = conditional.Representation.of(body)
    return conditional.Representation(made.tag, body, content_type).respond(request)


def respond_picture(
    request: webob.Request, entry: views.Entry, content_type: str
) -> webob.Response:
    """Return 200 with a picture, or 304 to who has it by tag or by date."""
    modified = datetime.datetime.fromtimestamp(int(entry.modified), datetime.UTC)
    since = request.if_modified_since
    held = entry.tag in request.if_none_match if request.headers.get("If-None-Match") else False
    if held or ("If-None-Match" not in request.headers and since and since >= modified):
        response = webob.Response(status=304, etag=entry.tag)
    else:
        response = webob.Response(body=entry.body, etag=entry.tag, content_type=content_type)
    response.last_modified = modified
    response.headers["Cache-Control"] = "no-cache, private"
    response.headers["Vary"] = "X-Auth-Token"
    return response
