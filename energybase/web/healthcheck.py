# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck``: tells a load balancer whether this process can answer.

Owns the URL and its methods.  The checks are oslo.middleware's, configured in
``[healthcheck]``, and one of the service's own.  Clients outside
``allowed_source_ranges`` are told that there is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

import webob
from oslo_config import cfg
from oslo_middleware import healthcheck

from energybase.web import errors
from energybase.web import resource

PATH = "/healthcheck"
_METHODS = ("GET", "HEAD")

#: Raises if the service cannot answer; is given the request's environment.
Require = Callable[[WSGIEnvironment], object]


class Healthcheck:
    """Middleware of an API that answers the URL itself.

    :param require: the service's own check, which is made before oslo's.
    """

    def __init__(self, app: WSGIApplication, conf: cfg.ConfigOpts, require: Require) -> None:
        self._app = app
        self._oslo: WSGIApplication = healthcheck.Healthcheck(app, conf)
        self._require = require

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").rstrip("/") != PATH:
            return self._app(environ, start_response)
        if environ["REQUEST_METHOD"] not in _METHODS:
            raise errors.RequestRefused(
                405, "This URL answers GET and HEAD only.", {"Allow": ", ".join(_METHODS)}
            )
        self._require(environ)
        return self._oslo(environ, start_response)


class Page(resource.Resource):
    """The same in a tree of pages, with a word for people who open it: oslo's checks alone."""

    rules = {"GET": None}

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._oslo = healthcheck.Healthcheck(webob.Response(status=404), conf)

    def get(self, request: webob.Request) -> webob.Response:
        """Tell whether this process is well."""
        asked = request.copy_get()
        asked.path_info = PATH
        response = asked.get_response(self._oslo)
        if response.status_int == 200 and not response.body:
            # Pecan takes a page without content for 204.
            response.content_type, response.text = "text/plain", "OK\n"
        return response
