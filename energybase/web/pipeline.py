# SPDX-License-Identifier: Apache-2.0
"""The way of a request from the socket to the application, on one screen.

Owns the middleware and its order, and who is asking: the request context.

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
Door = Callable[[dict[str, Any]], context.RequestContext | None]

_Layer = Callable[[Any], Any]


def wrap(
    app: Any,
    conf: cfg.ConfigOpts,
    *,
    service: str,
    auth_strategy: str,
    public: Collection[str],
    doors: Sequence[Door] = (),
) -> Any:
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
        self, app: Any, identify: _Layer, public: Collection[str], doors: Sequence[Door]
    ) -> None:
        self._nobody = _Context(app, lambda environ: context.RequestContext(**_ids(environ)))
        identified = identify(app)
        self._identified = _Doors(app, identified, doors) if doors else identified
        self._public = frozenset(public)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Behind Apache it ends in a slash, and so every link of ours would have two.
        environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "").rstrip("/")
        is_public = environ.get("PATH_INFO", "").rstrip("/") in self._public
        app: Any = self._nobody if is_public else self._identified
        return app(environ, start_response)  # type: ignore[no-any-return]


class _Doors:
    """Lets in whom one of the doors knows, and has everybody else identified."""

    def __init__(self, app: Any, identified: Any, doors: Sequence[Door]) -> None:
        self._app = app
        self._identified = identified
        self._doors = tuple(doors)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for door in self._doors:
            if who := door(environ):
                environ[CONTEXT] = who
                return self._app(environ, start_response)  # type: ignore[no-any-return]
        return self._identified(environ, start_response)  # type: ignore[no-any-return]


class _Context:
    """Tells the application, and the logs, who asks."""

    def __init__(self, app: Any, make: Callable[[dict[str, Any]], context.RequestContext]) -> None:
        self._app = app
        self._make = make

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[CONTEXT] = self._make(environ)
        return self._app(environ, start_response)  # type: ignore[no-any-return]


def _identify_by_keystone(app: Any, conf: cfg.ConfigOpts) -> Any:
    identified = _Context(app, context.RequestContext.from_environ)
    return auth_token.AuthProtocol(identified, {"oslo_config_config": conf})


def _identify_as_admin(app: Any, conf: cfg.ConfigOpts) -> Any:
    return _Context(
        app,
        lambda environ: context.RequestContext(
            roles=["admin", "manager", "member", "reader"],
            user_id=_NOBODY,
            project_id=_NOBODY,
            **_ids(environ),
        ),
    )


def _identify_nobody(_app: Any, conf: cfg.ConfigOpts) -> Any:
    def refuse(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise errors.RequestRefused(401, "Who asks is not known here.")

    return refuse


def _ids(environ: dict[str, Any]) -> dict[str, Any]:
    return {
        "request_id": environ.get(request_id.ENV_REQUEST_ID),
        "global_request_id": environ.get(request_id.GLOBAL_REQ_ID),
    }


#: How a client is identified, and who is turned away before.
_AUTH: dict[str, tuple[Callable[..., Any], tuple[_Layer, ...]]] = {
    "keystone": (_identify_by_keystone, ()),
    "noauth": (_identify_as_admin, (loopback.LoopbackOnly,)),
    "doors": (_identify_nobody, ()),
}
