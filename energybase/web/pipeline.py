# SPDX-License-Identifier: Apache-2.0
"""The middleware of a request, from the socket to the application.

Owns its order, and the request context: who is asking.

::

    request_id      an id for logs and answer
    cors            pages of other origins, if configured
    errors          whatever fails further in is answered in one shape
    loopback        noauth only: this machine, else 403
    proxy           the client's own view of scheme and host, if configured
    doors           ways in without a token, if the service has any
    auth            401 without a valid token; public paths pass without one
    the application
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_context import context
from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi
from oslo_middleware import request_id

from energybase.web import errors
from energybase.web import loopback

#: Where in the WSGI environment the application finds who asks.
CONTEXT = "energybase.web.context"

#: Whose things are that are made without authentication.
_NOBODY = "noauth"

#: Tells from a request's environment who asks; None if it cannot.
Door = Callable[[WSGIEnvironment], context.RequestContext | None]

_Layer = Callable[[WSGIApplication], WSGIApplication]


def wrap(
    app: WSGIApplication,
    conf: cfg.ConfigOpts,
    *,
    service: str,
    auth_strategy: str,
    public: Collection[str],
    doors: Sequence[Door] = (),
) -> WSGIApplication:
    """Return the application behind its middleware.

    :param service: package name; see :class:`errors.Errors`.
    :param auth_strategy: ``keystone``, ``noauth``, or ``doors`` for these alone.
    :param public: paths without trailing slash that need no token.
    :param doors: ways in beside the strategy, asked in turn before it.
    """
    identify, guards = _AUTH[auth_strategy]
    conf.register_opts(cors.CORS_OPTS, "cors")
    conf.register_opts(http_proxy_to_wsgi.OPTS, "oslo_middleware")
    # What does nothing unless configured is left out: each layer of these
    # costs every request a tenth of a millisecond.
    with_cors = [functools.partial(cors.CORS, conf=conf)]
    with_proxy = [functools.partial(http_proxy_to_wsgi.HTTPProxyToWSGI, conf=conf)]
    layers: tuple[_Layer, ...] = (
        request_id.RequestId,
        *(with_cors if conf.cors.allowed_origin else ()),
        functools.partial(errors.Errors, service=service),
        *guards,
        *(with_proxy if conf.oslo_middleware.enable_proxy_headers_parsing else ()),
        functools.partial(
            _Public, identify=functools.partial(identify, conf=conf), public=public, doors=doors
        ),
    )
    for layer in reversed(layers):
        app = layer(app)
    return app


class _Public:
    """Lets public paths pass, as nobody, and has everybody else identified."""

    def __init__(
        self, app: WSGIApplication, identify: _Layer, public: Collection[str], doors: Sequence[Door]
    ) -> None:
        self._nobody: WSGIApplication = _Context(
            app, lambda environ: context.RequestContext(**_ids(environ))
        )
        identified = identify(app)
        self._identified = _Doors(app, identified, doors) if doors else identified
        self._public = frozenset(public)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Behind Apache it ends in a slash, and so every link of ours would have two.
        environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "").rstrip("/")
        is_public = environ.get("PATH_INFO", "").rstrip("/") in self._public
        app = self._nobody if is_public else self._identified
        return app(environ, start_response)


class _Doors:
    """Lets in whom one of the doors knows, and has everybody else identified."""

    def __init__(
        self, app: WSGIApplication, identified: WSGIApplication, doors: Sequence[Door]
    ) -> None:
        self._app = app
        self._identified = identified
        self._doors = tuple(doors)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for door in self._doors:
            if who := door(environ):
                environ[CONTEXT] = who
                return self._app(environ, start_response)
        return self._identified(environ, start_response)


class _Context:
    """Tells the application, and the logs, who asks."""

    def __init__(
        self, app: WSGIApplication, make: Callable[[WSGIEnvironment], context.RequestContext]
    ) -> None:
        self._app = app
        self._make = make

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[CONTEXT] = self._make(environ)
        return self._app(environ, start_response)


def _identify_by_keystone(app: WSGIApplication, conf: cfg.ConfigOpts) -> WSGIApplication:
    identified = _Context(app, context.RequestContext.from_environ)
    guarded: WSGIApplication = auth_token.AuthProtocol(identified, {"oslo_config_config": conf})
    return guarded


def _identify_as_admin(app: WSGIApplication, conf: cfg.ConfigOpts) -> WSGIApplication:
    return _Context(
        app,
        lambda environ: context.RequestContext(
            roles=["admin", "manager", "member", "reader"],
            user_id=_NOBODY,
            project_id=_NOBODY,
            **_ids(environ),
        ),
    )


def _identify_nobody(_app: WSGIApplication, conf: cfg.ConfigOpts) -> WSGIApplication:
    def refuse(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise errors.RequestRefused(401, "Authentication is required.")

    return refuse


def _ids(environ: WSGIEnvironment) -> dict[str, Any]:
    return {
        "request_id": environ.get(request_id.ENV_REQUEST_ID),
        "global_request_id": environ.get(request_id.GLOBAL_REQ_ID),
    }


#: How a client is identified, and who is turned away before.
_AUTH: dict[str, tuple[Callable[..., WSGIApplication], tuple[_Layer, ...]]] = {
    "keystone": (_identify_by_keystone, ()),
    "noauth": (_identify_as_admin, (loopback.LoopbackOnly,)),
    "doors": (_identify_nobody, ()),
}
