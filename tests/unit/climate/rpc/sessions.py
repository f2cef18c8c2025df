# SPDX-License-Identifier: Apache-2.0
"""One client's session with the lease API, over RPC to all services; and taps on that RPC."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import webob

from tests.servers import climate_apis

#: What :func:`tests.servers.climate_apis.make` takes.
CONFIGURATION = "[lease_api]\nauth_strategy = noauth\n"
_WISH = {"duration": 3600, "quantity": 2, "objective": "greenest", "name": "mine"}
_LEASE = "LEASE"


class Exchange(NamedTuple):
    """A request, and its answer; the lease's id is ``LEASE`` in both."""

    request: str
    status: int
    body: Any


def run(climate: climate_apis.Climate) -> list[Exchange]:
    """Return what a client is answered that books a lease, changes it, and looks at everything."""
    first = _ask(climate, "POST", "/v1/leases/", _WISH)
    lease_id = first.json["id"]
    requests: list[tuple[str, str, Any]] = [
        ("GET", f"/v1/leases/{lease_id}", None),
        ("GET", "/v1/leases/?limit=1", None),
        ("PUT", f"/v1/leases/{lease_id}", {"name": "ours"}),
        ("GET", "/v1/hosts/", None),
        ("GET", "/v1/hosts/1", None),
        ("GET", "/v1/ranking/", None),
        ("GET", "/v1/allowed-hosts/", None),
        ("GET", f"/v1/allowed-hosts/?lease_id={lease_id}&project_id=noauth", None),
        ("PUT", "/v1/hosts/node-1/performance", {"flops": 1e12, "detail": "measured"}),
        ("DELETE", "/v1/hosts/node-1/performance", None),
        ("POST", "/v1/leases/", _WISH | {"quantity": 99}),
        ("POST", "/v1/leases/", _WISH | {"host_properties": ["=", "$vcpus", 7]}),
        ("POST", "/v1/leases/", _WISH | {"host_properties": ["=", "$vcpus"]}),
        ("GET", "/v1/hosts/absent", None),
        ("DELETE", f"/v1/leases/{lease_id}", None),
        ("GET", f"/v1/leases/{lease_id}", None),
    ]
    answers = [first, *(_ask(climate, *request) for request in requests)]
    asked = [("POST", "/v1/leases/", _WISH), *requests]
    return [
        _exchange(request, answer, lease_id) for request, answer in zip(asked, answers, strict=True)
    ]


def _ask(climate: climate_apis.Climate, method: str, path: str, body: Any) -> webob.Response:
    request = webob.Request.blank(path, method=method, environ={"REMOTE_ADDR": "127.0.0.1"})
    if body is not None:
        request.body, request.content_type = json.dumps(body).encode(), "application/json"
    return request.get_response(climate.app)


def _exchange(request: tuple[str, str, Any], answer: webob.Response, lease_id: str) -> Exchange:
    body = json.loads(answer.text.replace(lease_id, _LEASE)) if answer.body else None
    for error in (body or {}).get("errors", ()):
        error["request_id"] = None
    return Exchange(" ".join(request[:2]).replace(lease_id, _LEASE), answer.status_int, body)


class Tap:
    """Stands before a server's dispatcher.

    :param dispatch: is given the service's topic, the message, and what dispatches it.
    """

    def __init__(
        self, topic: str, dispatcher: Any, dispatch: Callable[[str, Any, Callable[[Any], Any]], Any]
    ) -> None:
        self._topic, self._dispatcher, self._dispatch = topic, dispatcher, dispatch

    def dispatch(self, incoming: Any) -> Any:
        """See oslo.messaging's dispatchers."""
        return self._dispatch(self._topic, incoming, self._dispatcher.dispatch)


def tap(
    climate: climate_apis.Climate, dispatch: Callable[[str, Any, Callable[[Any], Any]], Any]
) -> None:
    """Have all that is asked of services go through a function."""
    for name, server in climate._servers.items():
        server._server.dispatcher = Tap(f"climate.{name}", server._server.dispatcher, dispatch)


def is_wider(new: Any, old: Any) -> bool:
    """Tell whether a document says what another says, and perhaps more."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(
            key in new and is_wider(new[key], value) for key, value in old.items()
        )
    if isinstance(old, list):
        return isinstance(new, list) and len(new) == len(old) and all(map(is_wider, new, old))
    return bool(new == old)
