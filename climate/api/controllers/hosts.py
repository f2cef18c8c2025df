# SPDX-License-Identifier: Apache-2.0
"""``/v1/hosts/``, ``/v1/hosts/<id or name>/`` and ``/v1/hosts/<id or name>/performance/``.

Owns what these URLs answer; what is known of a host is the inventory's, what it
can compute the ranking's.
"""

from __future__ import annotations

from typing import Any

import webob

from climate import exception
from climate import policies
from climate.api import backend as backends
from climate.api import bodies
from climate.api import performances
from climate.api import queries
from climate.api import texts
from climate.api import types
from energybase.web import conditional
from energybase.web import resource

#: More has no id.
_MOST_DIGITS = 18


class Hosts(resource.Resource):
    """All hosts, by name and status."""

    rules = {"GET": policies.HOSTS_LIST}
    parameter = "host"

    def __init__(self, backend: backends.Backend) -> None:
        super().__init__()
        self._backend = backend

    def find_child(self, segment: str) -> resource.Resource:
        """Return the host of this id or name, which need not exist."""
        return Host(self._backend, segment)

    def get(self, request: webob.Request) -> webob.Response:
        """Return name and status of every host."""
        queries.require_none(request)
        hosts = self._backend.services.inventory.list_names(backends.who_asks(request))
        return conditional.Representation.of(types.encode_hosts(hosts)).respond(request)


class Host(resource.Resource):
    """One host."""

    rules = {"GET": policies.HOSTS_GET}

    def __init__(self, backend: backends.Backend, host_id: str) -> None:
        super().__init__({"performance": Performance(backend, host_id)})
        self._backend = backend
        self._host_id = host_id

    def get(self, request: webob.Request) -> webob.Response:
        """Return all that is known of the host."""
        queries.require_none(request)
        host = _find(self._backend, request, self._host_id)
        return conditional.Representation.of(types.encode_host(host)).respond(request)


class Performance(resource.Resource):
    """What somebody recorded that one host can compute."""

    rules = {"PUT": policies.PERFORMANCE_UPDATE, "DELETE": policies.PERFORMANCE_UPDATE}

    def __init__(self, backend: backends.Backend, host_id: str) -> None:
        super().__init__()
        self._backend = backend
        self._host_id = host_id

    def put(self, request: webob.Request) -> webob.Response:
        """Record it: 204."""
        queries.require_none(request)
        flops, detail = performances.parse(bodies.load(request))
        host = _find(self._backend, request, self._host_id)
        who = backends.who_asks(request)
        self._backend.services.ranking.set_performance(who, host["name"], flops, detail)
        return webob.Response(status=204)

    def delete(self, request: webob.Request) -> webob.Response:
        """Forget it: 204, also if nothing was recorded."""
        queries.require_none(request)
        host = _find(self._backend, request, self._host_id)
        self._backend.services.ranking.delete_performance(backends.who_asks(request), host["name"])
        return webob.Response(status=204)


def _find(backend: backends.Backend, request: webob.Request, segment: str) -> dict[str, Any]:
    """Return the host of an id or name.

    :raises HostNotFound: it is not known.
    """
    try:
        text = texts.require_line(segment)
    except ValueError:
        raise exception.HostNotFound(host_id=texts.quote(segment)) from None
    is_id = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    host_id = int(text) if is_id else text
    return backend.services.inventory.get_host_details(backends.who_asks(request), host_id)
