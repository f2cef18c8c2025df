# SPDX-License-Identifier: Apache-2.0
"""Answers every error in one JSON shape, without internals of the service.

Owns the translation of exceptions, and of other middleware's refusals, into
the document of the OpenStack API guidelines::

    {"errors": [{"request_id": .., "code": .., "status": 404, "title": .., "detail": ..}]}

An exception of ours says its HTTP status in its attribute ``code``, and in
``meta``, if it has one, what a program may want of the reason: ``"meta": {..}``
beside ``detail``.  Whatever else is raised is a 500, whose text goes to the log
under the same request id.
"""

from __future__ import annotations

import http
import json
import logging
import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from urllib import parse
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

import webob
from oslo_context import context
from oslo_middleware import request_id

from energybase import exception

LOG = logging.getLogger(__name__)

#: What a client may be told where the cause is ours to know.
_DETAILS = {
    401: "A valid token in the header X-Auth-Token is required.",
    503: "The service cannot answer just now; try again.",
}
_RETRY_AFTER_SECONDS = "5"
#: Headers of a refusal that mean something without its body.
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate", "X-OpenStack-Request-ID")


class RequestRefused(Exception):
    """The request cannot be answered as it stands.

    :ivar code: HTTP status, 4xx.
    :ivar headers: to send along, for example ``Allow``.
    """

    def __init__(self, code: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.headers = dict(headers or {})


class Errors:
    """Middleware that answers for whatever goes wrong inside it.

    :param service: first part of the machine-readable codes.
    """

    def __init__(self, app: WSGIApplication, service: str) -> None:
        self._app = app
        self._service = service

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Until it is known who asks, logs carry at least the request's id.
        context.RequestContext(request_id=environ.get(request_id.ENV_REQUEST_ID))
        respond: WSGIApplication = self._respond(webob.Request(environ))
        return respond(environ, start_response)

    def _respond(self, request: webob.Request) -> webob.Response:
        try:
            _require_text(request.environ)
            response = request.get_response(self._app)
        except Exception as exc:
            return self._translate(request, exc)
        if response.status_int < 400:
            return response
        LOG.info("%s %s: %s", request.method, _get_path(request), response.status)
        return _make_response(request, response.status_int, headers=response.headers)

    def _translate(self, request: webob.Request, exc: Exception) -> webob.Response:
        status = _get_status(exc)
        self._log(request, status, exc)
        return _make_response(
            request,
            status,
            code=self._get_code(exc) if status != 500 else None,
            detail=str(exc) if status < 500 else None,
            headers=getattr(exc, "headers", {}),
            meta=getattr(exc, "meta", None) if status < 500 else None,
        )

    def _log(self, request: webob.Request, status: int, exc: Exception) -> None:
        level = {500: logging.ERROR, 503: logging.WARNING}.get(status, logging.INFO)
        # What the client is not told of a 503 is told here.
        details = getattr(exc, "details", "") if status == 503 else ""
        LOG.log(
            level,
            "%s %s: %s %s %s",
            request.method,
            _get_path(request),
            status,
            _escape(str(exc)),
            details,
            exc_info=exc if status == 500 else None,
        )

    def _get_code(self, exc: Exception) -> str | None:
        if not isinstance(exc, exception.EnergyException):
            return None
        condition = re.sub(r"(?<!^)(?=[A-Z])", "_", type(exc).__name__).lower()
        return f"{self._service}.{condition}"


def encode(
    logged_as: str | None,
    status: int,
    detail: str | None = None,
    code: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the document of an error.

    :param logged_as: the request's id.
    :param detail: for people; None says no more than the status does.
    """
    title = _title(status)
    error = {
        "request_id": logged_as,
        "code": code,
        "status": status,
        "title": title,
        "detail": detail or _DETAILS.get(status, title),
        **({"meta": meta} if meta else {}),
    }
    return json.dumps({"errors": [error]}).encode()


def _get_status(exc: Exception) -> int:
    ours = isinstance(exc, (RequestRefused, exception.EnergyException))
    status = getattr(exc, "code", None) if ours else None
    return status if isinstance(status, int) else 500


def _require_text(environ: WSGIEnvironment) -> None:
    """Refuse what no URL of ours can mean: bytes that are not UTF-8."""
    try:
        for name in ("PATH_INFO", "SCRIPT_NAME"):
            environ.get(name, "").encode("latin-1").decode("utf-8")
        parse.unquote_to_bytes(environ.get("QUERY_STRING", "").encode("latin-1")).decode("utf-8")
    except UnicodeError:
        raise RequestRefused(400, "The URL is not UTF-8.") from None


def _get_path(request: webob.Request) -> str:
    """Return the path as it may be logged: no line break of the client's choosing."""
    return ascii(request.environ.get("PATH_INFO", ""))


def _escape(text: str) -> str:
    """Return a text that may quote the client, without line breaks of its choosing."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda found: ascii(found[0])[1:-1], text)


def _make_response(
    request: webob.Request,
    status: int,
    *,
    code: str | None = None,
    detail: str | None = None,
    headers: Mapping[str, str],
    meta: Mapping[str, Any] | None = None,
) -> webob.Response:
    logged_as = request.environ.get(request_id.ENV_REQUEST_ID)
    body = encode(logged_as, status, detail, code, meta)
    response = webob.Response(status=status, body=body, content_type="application/json")
    response.headers.update({k: headers[k] for k in _KEPT_HEADERS if k in headers})
    if status == 503:
        response.headers.setdefault("Retry-After", _RETRY_AFTER_SECONDS)
    response.cache_control = "no-store"
    return response


def _title(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"
