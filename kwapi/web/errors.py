# SPDX-License-Identifier: Apache-2.0
"""Every error answered in one JSON shape, and nothing of our insides in it.

Owns the translation of exceptions, and of other middleware's refusals, into
the document of the OpenStack API guidelines::

    {"errors": [{"request_id": .., "code": .., "status": 404, "title": .., "detail": ..}]}

An exception of the service itself is known by its package and says its HTTP
status in its attribute ``code``.  Whatever else is raised is a 500, whose text
goes to the log under the same request id.
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

import webob
from oslo_context import context
from oslo_middleware import request_id

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

    :param service: package whose exceptions may choose their status, and
        first part of the machine-readable codes.
    """

    def __init__(self, app: Any, service: str) -> None:
        self._app = app
        self._service = service

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Until it is known who asks, logs carry at least the request's id.
        context.RequestContext(request_id=environ.get(request_id.ENV_REQUEST_ID))
        return self._respond(webob.Request(environ))(environ, start_response)  # type: ignore[no-any-return]

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
        status = self._get_status(exc)
        self._log(request, status, exc)
        return _make_response(
            request,
            status,
            code=self._get_code(exc) if status != 500 else None,
            detail=str(exc) if status < 500 else None,
            headers=getattr(exc, "headers", {}),
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
            exc,
            details,
            exc_info=exc if status == 500 else None,
        )

    def _get_status(self, exc: Exception) -> int:
        status = getattr(exc, "code", None)
        if isinstance(exc, RequestRefused) or self._is_ours(exc):
            return status if isinstance(status, int) else 500
        return 500

    def _get_code(self, exc: Exception) -> str | None:
        if not self._is_ours(exc) or isinstance(exc, RequestRefused):
            return None
        condition = re.sub(r"(?<!^)(?=[A-Z])", "_", type(exc).__name__).lower()
        return f"{self._service}.{condition}"

    def _is_ours(self, exc: Exception) -> bool:
        return type(exc).__module__.partition(".")[0] == self._service


def _require_text(environ: Mapping[str, Any]) -> None:
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


def _make_response(
    request: webob.Request,
    status: int,
    *,
    code: str | None = None,
    detail: str | None = None,
    headers: Mapping[str, str],
) -> webob.Response:
    title = _title(status)
    error = {
        "request_id": request.environ.get(request_id.ENV_REQUEST_ID),
        "code": code,
        "status": status,
        "title": title,
        "detail": detail or _DETAILS.get(status, title),
    }
    response = webob.Response(
        status=status,
        body=json.dumps({"errors": [error]}).encode(),
        content_type="application/json",
    )
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
