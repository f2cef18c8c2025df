# SPDX-License-Identifier: Apache-2.0
"""As much of Keystone as the middleware needs: over HTTP, with tokens that are their own roles.

A token ``project:reader`` has the role reader in a project, ``system:reader``
in the whole system; ``project:reader:q`` is one of project q, not p.  The real one
is in tests/integration.
"""

from __future__ import annotations

import json
from typing import Any

import webob

from energybase.web import server

_SERVICE_TOKEN = "of-the-middleware"
_EVER = "2099-01-01T00:00:00.000000Z"
#: As Keystone's bootstrap has it: each implies those after it.
_ROLES = ("admin", "manager", "member", "reader")


class Keystone:
    """Runs from creation to ``stop``."""

    def __init__(self) -> None:
        self._server = server.Server(self._answer)
        self._server.start()
        self.url = f"{self._server.url}v3"

    def stop(self) -> None:
        """End it; from now on nobody answers there."""
        self._server.stop()

    def configure(self) -> str:
        """Return the section for a service that is to ask here."""
        return f"""
[keystone_authtoken]
www_authenticate_uri = {self.url}
auth_url = {self.url}
auth_type = password
username = kwapi
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
service_token_roles_required = true
http_connect_timeout = 2
http_request_max_retries = 0
"""

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = webob.Request(environ)
        return self._respond(request)(environ, start_response)

    def _respond(self, request: webob.Request) -> webob.Response:
        if request.path != "/v3/auth/tokens":
            links = [{"rel": "self", "href": self.url}]
            version = {"id": "v3.14", "status": "stable", "links": links}
            return _json(200, {"version": version})
        if request.method == "POST":
            response = _json(201, self._describe("project:service"))
            response.headers["X-Subject-Token"] = _SERVICE_TOKEN
            return response
        subject = request.headers.get("X-Subject-Token", "")
        if request.headers.get("X-Auth-Token") != _SERVICE_TOKEN or ":" not in subject:
            return _json(404, {"error": {"code": 404, "title": "Not Found", "message": "no"}})
        return _json(200, self._describe(subject))

    def _describe(self, token: str) -> dict[str, Any]:
        scope, role, *project = token.split(":")
        project_id = project[0] if project else "p"
        domain = {"id": "default", "name": "Default"}
        scopes: dict[str, Any] = {
            "project": {"project": {"id": project_id, "name": project_id, "domain": domain}},
            "system": {"system": {"all": True}},
            "domain": {"domain": domain},
        }
        endpoint = {"interface": "internal", "region": "r", "region_id": "r", "url": self.url}
        admin = {**endpoint, "interface": "admin"}
        identity = {"type": "identity", "name": "keystone", "endpoints": [endpoint, admin]}
        return {
            "token": {
                "methods": ["password"],
                "user": {"id": "u", "name": "u", "domain": domain},
                "roles": [{"id": name, "name": name} for name in _imply(role)],
                "issued_at": "2020-01-01T00:00:00.000000Z",
                "expires_at": _EVER,
                "audit_ids": ["a"],
                "catalog": [identity],
                **scopes[scope],
            }
        }


def _imply(role: str) -> tuple[str, ...]:
    return _ROLES[_ROLES.index(role) :] if role in _ROLES else (role,)


def _json(status: int, document: dict[str, Any]) -> webob.Response:
    return webob.Response(
        status=status, body=json.dumps(document).encode(), content_type="application/json"
    )
