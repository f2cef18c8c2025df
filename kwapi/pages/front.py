# SPDX-License-Identifier: Apache-2.0
"""The outermost middleware of the pages: security headers, and errors as HTML.

Owns the headers that keep a page from doing what it need not, and the form of
an error for people.  What went wrong, and its form for programs, is
:mod:`energybase.web.errors`'.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

import webob

from kwapi.pages import access

#: Nothing but what this site itself serves; nothing inline; in nobody's frame.
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
#: A picture that is opened by itself: RRDtool styles its SVG inline.
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

_POLICY = "Content-Security-Policy"
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_Headers = list[tuple[str, str]]
_Write = Callable[[bytes], object]
#: Returns a page about an error: from the request, its status, and what is told of it.
RenderError = Callable[[webob.Request, int, dict[str, Any]], str]


class Front:
    """Middleware around all others."""

    def __init__(self, app: WSGIApplication, render_error: RenderError) -> None:
        self._app = app
        self._render_error = render_error

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Later, headers of a proxy may replace it.
        environ[access.PEER] = environ.get("REMOTE_ADDR", "")
        said: list[Any] = []

        def hear(status: str, headers: _Headers, exc_info: Any = None) -> _Write:
            said[:] = [status, headers, exc_info]
            return _write

        body = self._app(environ, hear)
        status, headers, exc_info = said
        if status >= "4" and _wants_page(environ):
            headers, body = self._explain(environ, int(status[:3]), headers, b"".join(body))
        start_response(status, _complete(environ, headers), exc_info)
        return body

    def _explain(
        self, environ: WSGIEnvironment, status: int, headers: _Headers, body: bytes
    ) -> tuple[_Headers, list[bytes]]:
        try:
            error = json.loads(body)["errors"][0]
        except (ValueError, LookupError, TypeError):
            return headers, [body]
        page = self._render_error(webob.Request(environ), status, error).encode()
        kept = [
            pair for pair in headers if pair[0].lower() not in ("content-type", "content-length")
        ]
        described = [
            ("Content-Type", "text/html; charset=UTF-8"),
            ("Content-Length", str(len(page))),
        ]
        return [*kept, *described], [] if environ["REQUEST_METHOD"] == "HEAD" else [page]


def _write(_data: bytes) -> None:
    raise NotImplementedError("Nothing in here writes past its response.")


def _wants_page(environ: WSGIEnvironment) -> bool:
    # Programs say */*, or nothing.
    return "text/html" in environ.get("HTTP_ACCEPT", "")


def _complete(environ: WSGIEnvironment, headers: _Headers) -> _Headers:
    names = {name.lower() for name, _ in headers}
    policy = [] if _POLICY.lower() in names else [(_POLICY, PAGE_POLICY)]
    return [*(_localise(environ, *pair) for pair in headers), *_HEADERS, *policy]


def _localise(environ: WSGIEnvironment, name: str, value: str) -> tuple[str, str]:
    """Return a header with a URL of this site as a path.

    A proxy that ends TLS would otherwise see its clients sent to plain HTTP.
    """
    if name.lower() != "location":
        return name, value
    path = value.removeprefix(webob.Request(environ).host_url)
    return name, path if path.startswith("/") and not path.startswith("//") else value
