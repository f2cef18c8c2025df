# SPDX-License-Identifier: Apache-2.0
"""``/`` and ``/v1/``: the documents by which clients find their way into an API.

Owns their form, that of the OpenStack API guidelines; what is below ``/v1/`` is
each service's.
"""

from __future__ import annotations

import json
from typing import Any

import webob

from energybase.web import conditional
from energybase.web import resource

#: The only version so far; its segment of the URL, too.
_ID = "v1"


def build_tree(
    v1: dict[str, resource.Resource], beside: dict[str, resource.Resource] | None = None
) -> resource.Resource:
    """Return the tree of an API.

    :param v1: resources below ``/v1/``, by path segment.
    :param beside: those that belong to no version, such as ``metrics``.
    """
    return Versions({_ID: Version(v1), **(beside or {})})


class Versions(resource.Resource):
    """Which versions of the API there are."""

    rules = {"GET": None}

    def get(self, request: webob.Request) -> webob.Response:
        """Return the versions document."""
        return _respond(request, {"versions": [_describe(request)]})


class Version(resource.Resource):
    """One version."""

    rules = {"GET": None}

    def get(self, request: webob.Request) -> webob.Response:
        """Return the version document."""
        return _respond(request, {"version": _describe(request)})


def _describe(request: webob.Request) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{request.application_url}/{_ID}/"}]
    return {"id": _ID, "status": "CURRENT", "links": links}


def _respond(request: webob.Request, document: dict[str, Any]) -> webob.Response:
    return conditional.Representation.of(json.dumps(document).encode()).respond(request)
