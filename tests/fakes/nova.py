# SPDX-License-Identifier: Apache-2.0
"""As much of Keystone, Nova and Placement as the inventory reads, over HTTP.

Answers have the members of real ones at microversion 2.87, recorded from Nova
34 with the fake driver; hosts may be many.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import webob

from energybase.web import server

_TOKEN = "a-token"
_USER, _PASSWORD = "climate", "secret-of-climate"
FEATURES = [f"feature-{n}" for n in range(60)] + ["avx", "avx2"]


class FakeNova:
    """Runs from ``start`` to ``stop``.

    :ivar max_limit: Nova's own bound of a page.
    :ivar traits: by the uuid of a resource provider, with its generation.
    :ivar failing: answers that replace others, by the end of a path.
    :ivar requests: paths with queries, in the order they came.
    """

    def __init__(self, hosts: int = 0) -> None:
        self.hypervisors = [make_hypervisor(n) for n in range(1, hosts + 1)]
        self.services = [make_service(n) for n in range(1, hosts + 1)]
        self.aggregates: list[dict[str, Any]] = []
        self.traits: dict[str, tuple[int, list[str]]] = {}
        self.max_limit = 1000
        self.failing: dict[str, webob.Response] = {}
        self.requests: list[str] = []
        self._server = server.Server(self._answer)
        self.url = self._server.url

    def start(self) -> None:
        """Answer from now on."""
        self._server.start()

    def stop(self) -> None:
        """Be away from now on."""
        self._server.stop()

    def section(self) -> str:
        """Return the section of a configuration file that has hosts read from here."""
        return f"""[nova]
auth_type = password
auth_url = {self.url}v3
username = {_USER}
password = {_PASSWORD}
project_name = service
user_domain_id = default
project_domain_id = default
"""

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = webob.Request(environ)
        self.requests.append(request.path_qs)
        for end, response in self.failing.items():
            if request.path.endswith(end):
                return response(environ, start_response)
        return self._respond(request)(environ, start_response)

    def _respond(self, request: webob.Request) -> webob.Response:
        if request.path.startswith("/v3"):
            return self._authenticate(request)
        if request.headers.get("X-Auth-Token") != _TOKEN:
            return respond(401, {"error": {"code": 401, "message": "Authentication is required"}})
        wanted = request.headers.get("OpenStack-API-Version")
        if request.path.startswith("/compute/v2.1") and wanted == "compute 2.87":
            return self._compute(request)
        if request.path.startswith("/placement") and wanted == "placement 1.6":
            return self._place(request.path.removeprefix("/placement/"))
        return respond(406, {"error": {"message": f"no {wanted} at {request.path}"}})

    def _authenticate(self, request: webob.Request) -> webob.Response:
        if request.path != "/v3/auth/tokens":
            links = [{"rel": "self", "href": f"{self.url}v3"}]
            return respond(200, {"version": {"id": "v3.14", "status": "stable", "links": links}})
        password = request.json["auth"]["identity"]["password"]["user"]
        if (password["name"], password["password"]) != (_USER, _PASSWORD):
            return respond(401, {"error": {"code": 401, "message": "not you", "title": "No"}})
        response = respond(201, {"token": self._token()})
        response.headers["X-Subject-Token"] = _TOKEN
        return response

    def _token(self) -> dict[str, Any]:
        domain = {"id": "default", "name": "Default"}
        place = {"interface": "internal", "region": "r", "region_id": "r"}
        catalog = [
            {"type": kind, "name": kind, "endpoints": [place | {"url": f"{self.url}{path}"}]}
            for kind, path in (("compute", "compute/v2.1"), ("placement", "placement"))
        ]
        return {
            "methods": ["password"],
            "user": {"id": "u", "name": _USER, "domain": domain},
            "project": {"id": "p", "name": "service", "domain": domain},
            "roles": [{"id": "admin", "name": "admin"}],
            "issued_at": "2020-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "audit_ids": ["a"],
            "catalog": catalog,
        }

    def _compute(self, request: webob.Request) -> webob.Response:
        path = request.path.removeprefix("/compute/v2.1/")
        if path == "os-hypervisors/detail":
            return self._page(request)
        if path == "os-services" and request.params.get("binary") == "nova-compute":
            return respond(200, {"services": self.services})
        if path == "os-aggregates":
            return respond(200, {"aggregates": self.aggregates})
        return respond(404, {"itemNotFound": {"code": 404, "message": path}})

    def _page(self, request: webob.Request) -> webob.Response:
        limit = min(int(request.params.get("limit", self.max_limit)), self.max_limit)
        ids = [hypervisor["id"] for hypervisor in self.hypervisors]
        marker = request.params.get("marker")
        begin = ids.index(marker) + 1 if marker else 0
        return respond(200, {"hypervisors": self.hypervisors[begin : begin + limit]})

    def _place(self, path: str) -> webob.Response:
        if path == "resource_providers":
            listed = [
                {"uuid": provider, "name": "x", "generation": generation, "links": []}
                for provider, (generation, _) in self.traits.items()
            ]
            return respond(200, {"resource_providers": listed})
        generation, traits = self.traits.get(path.split("/")[1], (0, None))
        if traits is None:
            return respond(404, {"errors": [{"status": 404, "title": "Not Found"}]})
        told = {"traits": traits, "resource_provider_generation": generation}
        return respond(200, told)


def respond(status: int, document: object) -> webob.Response:
    """Return an answer in JSON."""
    body = json.dumps(document).encode()
    return webob.Response(status=status, body=body, content_type="application/json")


def make_hypervisor(number: int, **members: Any) -> dict[str, Any]:
    """Return a hypervisor as Nova tells of it."""
    return {
        "id": str(uuid.UUID(int=number)),
        "hypervisor_hostname": f"node-{number}.example.org",
        "state": "up",
        "status": "enabled",
        "hypervisor_type": "QEMU",
        "hypervisor_version": 8002002,
        "host_ip": f"10.0.{number // 250}.{number % 250}",
        "service": {"id": str(uuid.UUID(int=2**64 + number)), "host": f"compute-{number}",
                    "disabled_reason": None},
        "vcpus": 32, "vcpus_used": 4,
        "memory_mb": 131072, "memory_mb_used": 8192, "free_ram_mb": 122880,
        "local_gb": 1000, "local_gb_used": 40, "free_disk_gb": 960, "disk_available_least": 900,
        "current_workload": 0, "running_vms": number % 4,
        "cpu_info": {
            "arch": "x86_64", "model": "Skylake-Server", "vendor": "Intel",
            "topology": {"cells": 2, "sockets": 1, "cores": 8 + 8 * (number % 2), "threads": 2},
            "features": FEATURES,
        },
    } | members  # fmt: skip


def make_service(number: int, **members: Any) -> dict[str, Any]:
    """Return a nova-compute as Nova tells of it."""
    return {
        "id": str(uuid.UUID(int=2**64 + number)),
        "binary": "nova-compute",
        "host": f"compute-{number}",
        "zone": "nova",
        "status": "enabled",
        "state": "up",
        "updated_at": "2026-01-01T00:00:00.000000",
        "disabled_reason": None,
        "forced_down": False,
    } | members


def make_aggregate(name: str, hosts: list[str], **metadata: str) -> dict[str, Any]:
    """Return an aggregate as Nova tells of it."""
    return {
        "id": 1,
        "uuid": str(uuid.uuid4()),
        "name": name,
        "availability_zone": metadata.get("availability_zone"),
        "hosts": hosts,
        "metadata": metadata,
        "created_at": "2026-01-01T00:00:00.000000",
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }


def running(hosts: int = 0) -> Iterator[FakeNova]:
    """Have one for a while, for a fixture."""
    nova = FakeNova(hosts)
    nova.start()
    yield nova
    nova.stop()
