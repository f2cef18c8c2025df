# SPDX-License-Identifier: Apache-2.0
"""Authenticates visitors without a token: by a proxy's header, or by a shared link.

Owns both of these doors and what must be configured for them.  Tokens and
loopback are :mod:`energybase.web.pipeline`'s; what those who came in may read is
policy's, for which they are readers of the whole system.

A shared link ends in ``?key=...``.  The key is exchanged for a cookie at once
and leaves the address bar with that; the cookie proves the key and does not
tell it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from urllib import parse
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

import webob
from oslo_config import cfg
from oslo_context import context
from oslo_middleware import request_id

from energybase import exception
from energybase.web import pipeline

#: Where the address that the socket itself tells is kept, whatever headers say later.
PEER = "kwapi.pages.peer"

_COOKIE = "kwapi_link"
_COOKIE_SECONDS = 400 * 86_400
_SHORTEST_KEY = 32
_LONGEST_NAME = 255
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Link:
    """Middleware that takes the key out of a shared link, and gives a cookie for it.

    A wrong key is as none at all: the request goes on, to be refused.
    """

    def __init__(self, app: WSGIApplication, key: str) -> None:
        self._app = app
        self._key = key
        self._token = _make_token(key)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "key=" not in environ.get("QUERY_STRING", "") or not self._is_right(environ):
            return self._app(environ, start_response)
        return self._redirect(environ, start_response)

    def _is_right(self, environ: WSGIEnvironment) -> bool:
        given = parse.parse_qs(environ["QUERY_STRING"]).get("key", [""])[0]
        return _is_same(given, self._key)

    def _redirect(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = webob.Request(environ)
        response = webob.Response(status=303)
        response.set_cookie(
            _COOKIE,
            self._token,
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=request.scheme == "https",
        )
        # Relative, for a proxy may have put the pages under a path of its own;
        # and set here, since webob would make it absolute.
        headers = [*response.headerlist, ("Location", _without_key(environ))]
        start_response("303 See Other", [*headers, ("Cache-Control", "no-store")])
        return []


def make_doors(conf: cfg.ConfigOpts) -> list[pipeline.Door]:
    """Return the configured ways in that need no token.

    :raises ConfigurationInvalid: a proxy's address or the key cannot be used.
    """
    doors: list[pipeline.Door] = []
    if conf.rrd.auth_strategy == "proxy_header":
        doors.append(_ProxyDoor(conf.rrd.proxy_user_header, _read_networks(conf)))
    if key := find_link_key(conf):
        doors.append(_LinkDoor(key))
    return doors


def find_link_key(conf: cfg.ConfigOpts) -> str | None:
    """Return the key of the shared link, if there is one; without authentication none is needed.

    :raises ConfigurationInvalid: it is missing, or short enough to be guessed.
    """
    key: str | None = conf.rrd.link_key
    if conf.rrd.auth_strategy == "noauth" or (key is None and conf.rrd.auth_strategy != "link"):
        return None
    if key is None or len(key) < _SHORTEST_KEY:
        raise exception.ConfigurationInvalid(
            where="[rrd] link_key",
            reason=f"a key of at least {_SHORTEST_KEY} characters is needed; "
            "`kwapi-manage key generate` makes one",
        )
    return key


class _ProxyDoor:
    """Lets in whom a trusted proxy names."""

    def __init__(self, header: str, networks: list[_Network]) -> None:
        self._name = "HTTP_" + header.upper().replace("-", "_")
        self._networks = networks

    def __call__(self, environ: WSGIEnvironment) -> context.RequestContext | None:
        user = environ.get(self._name, "").strip()
        is_name = 0 < len(user) <= _LONGEST_NAME and user.isprintable()
        return _make_reader(environ, user) if is_name and self._is_trusted(environ) else None

    def _is_trusted(self, environ: WSGIEnvironment) -> bool:
        try:
            peer = ipaddress.ip_address(environ.get(PEER, ""))
        except ValueError:
            return False
        # What comes over a socket of both kinds is an IPv4 address in IPv6.
        mapped = getattr(peer, "ipv4_mapped", None) or peer
        return any(mapped in network for network in self._networks)


class _LinkDoor:
    """Lets in who has the cookie that :class:`Link` gives."""

    def __init__(self, key: str) -> None:
        self._token = _make_token(key)

    def __call__(self, environ: WSGIEnvironment) -> context.RequestContext | None:
        given = webob.Request(environ).cookies.get(_COOKIE, "")
        return _make_reader(environ, "link") if _is_same(given, self._token) else None


def _make_reader(environ: WSGIEnvironment, user: str) -> context.RequestContext:
    return context.RequestContext(
        user_id=user,
        roles=["reader"],
        system_scope="all",
        request_id=environ.get(request_id.ENV_REQUEST_ID),
    )


def _make_token(key: str) -> str:
    return hmac.new(key.encode(), b"kwapi-rrd link", hashlib.sha256).hexdigest()


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _without_key(environ: WSGIEnvironment) -> str:
    """Return the URL asked for, relative to itself, without the key."""
    pairs = parse.parse_qsl(environ["QUERY_STRING"])
    rest = parse.urlencode([pair for pair in pairs if pair[0] != "key"])
    last = environ.get("PATH_INFO", "").rpartition("/")[2].encode("latin-1", "replace")
    return f"./{parse.quote(last)}" + (f"?{rest}" if rest else "")


def _read_networks(conf: cfg.ConfigOpts) -> list[_Network]:
    try:
        return [ipaddress.ip_network(text, strict=False) for text in conf.rrd.trusted_proxies]
    except ValueError as exc:
        raise exception.ConfigurationInvalid(
            where="[rrd] trusted_proxies", reason=f"{exc}"
        ) from exc
