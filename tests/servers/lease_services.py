# SPDX-License-Identifier: Apache-2.0
"""All of Climate as an operator runs it: console scripts, a broker, a database, a file of hosts.

Owns starting them on one configuration, noauth on loopback, and asking the API.
What planners of one process do is :mod:`tests.servers.plannings`'s.
"""

from __future__ import annotations

import contextlib
import json
import signal
import uuid
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from tests.contracts import climate_database
from tests.servers import ports
from tests.servers import scripts

#: In the order to start them.
SERVICES = ("climate-inventory", "climate-planning", "climate-ranking", "climate-api")
#: How long the API waits for the others; it tells a client sooner than a test gives up.
RPC_TIMEOUT_SECONDS = 2.0
#: Whose leases are made without a token.
PROJECT = "noauth"

_CPU = {"vendor": "Intel", "topology": {"cores": 8, "threads": 2}, "features": ["avx2", "fma"]}


def describe_hosts(count: int) -> list[dict[str, Any]]:
    """Return hosts, as the inventory's file has them: node-1 and so on, each with more vCPUs."""
    return [
        {"name": f"node-{number}", "vcpus": 2 * number, "cpu_info": {"mhz": 2000, **_CPU}}
        for number in range(1, count + 1)
    ]


class Site:
    """One installation in a directory, on a port of its own.

    :ivar url: of the API, without version.
    :ivar scripts: each service's, by its name.
    """

    def __init__(
        self,
        folder: Path,
        transport_url: str,
        hosts: Sequence[Mapping[str, Any]],
        connection: str | None = None,
        text: str = "",
    ) -> None:
        """Write the configuration, and make the schema.

        :param connection: URL of an empty database; None makes it SQLite.
        :param text: further sections of the configuration.
        """
        (port,) = ports.find_tcp(1)
        self.url = f"http://127.0.0.1:{port}"
        self.folder, self.conf_path = folder, folder / "climate.conf"
        connection = connection or f"sqlite:///{folder}/climate.sqlite"
        self.database = climate_database.Database(connection)
        hosts_path = folder / "hosts.yaml"
        # JSON is YAML, and read faster by whoever has thousands of them.
        hosts_path.write_text(json.dumps(hosts))
        # Nobody answers at port 1: there are no watts.
        self.conf_path.write_text(
            f"[DEFAULT]\nstate_path = {folder}\ntransport_url = {transport_url}\n"
            f"control_exchange = {uuid.uuid4().hex}\n"
            f"[database]\nconnection = {connection}\n"
            f"[lease_api]\nauth_strategy = noauth\nport = {port}\nworkers = 2\n"
            f"rpc_timeout_seconds = {RPC_TIMEOUT_SECONDS}\n"
            f"[inventory]\nsource = file\nfile = {hosts_path}\n"
            f"[ranking]\nkwapi_url = http://127.0.0.1:1\nsample_seconds = 1\n"
            f"{text}"
        )
        self.scripts = {name: self._script(name) for name in SERVICES}
        manage = self._script("climate-manage", "db", "upgrade")
        assert manage.run() == 0, manage.log

    def start(self, *names: str) -> None:
        """Start services; return when all is answered."""
        for name in names:
            self.scripts[name].start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Return when every service that was started answers through the API."""
        paths = ["/v1/hosts/", "/healthcheck"]
        if self.scripts["climate-ranking"].is_running:
            paths.append("/v1/ranking/")

        def answers() -> bool:
            self.require_running()
            return all(map(self.is_ok, paths))

        scripts.wait_until(answers, "an answer")

    def require_running(self) -> None:
        """Fail if a service that was started has ended by itself."""
        for script in self.scripts.values():
            assert script.is_running or not script.log, f"{script.name} ended:\n{script.log}"

    def is_ok(self, path: str) -> bool:
        """Tell whether the API answers a GET well; also not if nobody listens."""
        with contextlib.suppress(requests.ConnectionError):
            return self.ask("GET", path).ok
        return False

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Return what the API answers."""
        return requests.request(
            method,
            f"{self.url}{path}",
            json=body,
            headers=headers,
            timeout=scripts.PATIENCE_SECONDS,
        )

    def get(self, path: str) -> Any:
        """Return the body of what must be answered well."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def lease(self, **wish: Any) -> requests.Response:
        """Ask for a lease: by default of one host, from now on for an hour."""
        return self.ask("POST", "/v1/leases/", {"duration": 3600, **wish})

    def list_leases(self, status: str | None = None) -> list[dict[str, Any]]:
        """Return all leases, from every page; without a status those that hold something."""
        chosen = f"&status={status}" if status else ""
        path: str | None = f"/v1/leases/?limit=100{chosen}"
        found: list[dict[str, Any]] = []
        while path:
            page = self.get(path)
            found += page["leases"]
            links = {link["rel"]: link["href"] for link in page.get("leases_links", ())}
            path = links["next"].removeprefix(self.url) if "next" in links else None
        return found

    def stop(self, *names: str) -> dict[str, int]:
        """Have services end in order, all at once; return their exit statuses."""
        ending = names or SERVICES
        for name in ending:
            self.scripts[name].send(signal.SIGTERM)
        return {name: self.scripts[name].wait() for name in ending}

    def close(self) -> None:
        """Leave no process behind."""
        for script in self.scripts.values():
            script.clear()
        self.database.close()

    def _script(self, name: str, *arguments: str) -> scripts.Script:
        command = ["--config-file", str(self.conf_path), *arguments]
        return scripts.Script(name, command, self.folder / f"{name}.log")
