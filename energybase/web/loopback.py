# SPDX-License-Identifier: Apache-2.0
"""Refuses other machines when there is no authentication.

Owns that promise, both where a socket is bound and, since a WSGI server of
somebody else's may have bound it, for every single request.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

from energybase.web import errors


class LoopbackOnly:
    """Middleware that answers nobody but this machine: 403.

    Must be outermost: further in, headers may have replaced the address.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not _is_local(environ):
            raise errors.RequestRefused(
                403, "Without authentication only requests from this machine are answered."
            )
        return self._app(environ, start_response)


def is_loopback(host: str) -> bool:
    """Return whether a name or address reaches this machine only."""
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


def _is_local(environ: WSGIEnvironment) -> bool:
    # A proxy on this machine would make the whole world look local.
    if any(name in environ for name in ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR")):
        return False
    try:
        return ipaddress.ip_address(environ.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
