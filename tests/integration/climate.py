# SPDX-License-Identifier: Apache-2.0
"""Climate in the cloud: its services as an operator runs them, beside a real Nova.

Owns their configuration, database and processes, the watts they are told of,
and what makes Nova's scheduler ask them.
"""

from __future__ import annotations

import functools
import pathlib
import signal
import time
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import webob
from keystoneauth1 import adapter
from keystoneauth1 import exceptions

from energybase.web import server
from tests.integration import cloud as clouds
from tests.integration import ground as grounds
from tests.integration import nova as novas
from tests.servers import ports
from tests.servers import scripts

_ROOT = pathlib.Path(__file__).parents[2]
_HOSTS = [host.name for host in novas.HOSTS]
#: All that Nova's environment is given of this distribution.
_FOR_NOVA = ("climate", "nova_ext")
_SERVICES = ("inventory", "planning", "ranking", "api")
#: The inventory, the planning, the ranking.
_WHO_ANSWERS = ("/hosts/", "/allowed-hosts/", "/ranking/")
_CONFIGURATION = """\
[DEFAULT]
state_path = {folder}
transport_url = {transport_url}
[database]
connection = {connection}
[lease_api]
port = {port}
workers = 1
[inventory]
source = nova
# Once: hosts stay as loaded as they were then, so that only watts change the ranking.
refresh_seconds = 3600
[nova]
{credentials}
[ranking]
kwapi_url = {kwapi_url}
sample_seconds = 1
max_age_seconds = 0
{authtoken}
"""
_SECTION = """\
[climate]
on_error = {on_error}
# A machine that has much else to do answers late.
timeout_seconds = 10
# Watts count more than what Nova's own weighers look at.
efficiency_weight_multiplier = 100
{credentials}
"""


class Wattmeters:
    """As much of Kwapi as climate-ranking asks for: a probe of each host.

    :ivar watts: by host; a test changes them.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self.watts = dict.fromkeys(hosts, 100.0)
        self._server = server.Server(self._answer)
        self.url = self._server.url

    def start(self) -> None:
        """Serve in the background."""
        self._server.start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.stop()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        now = time.time()
        probes = {
            host: {"timestamp": now, "w": watts, "kwh": 1.0} for host, watts in self.watts.items()
        }
        known = webob.Request(environ).path == "/v1/probes/"
        response = webob.Response(status=200 if known else 404, json_body={"probes": probes})
        return response(environ, start_response)


class Climate:
    """Its services, which may be stopped and started again."""

    def __init__(self, cloud: clouds.Cloud, ground: grounds.Ground) -> None:
        self._cloud, self._ground, self._folder = cloud, ground, ground.folder
        self.wattmeters = Wattmeters(_HOSTS)
        (self._port,) = ports.find_tcp(1)
        self._leases: dict[str, Leases] = {}
        self._url = f"http://127.0.0.1:{self._port}/v1"
        self._services = [self._script(f"climate-{name}") for name in _SERVICES]

    def create(self) -> None:
        """Make configuration, database and endpoint; have watts measured."""
        self._conf_path.write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                transport_url=self._ground.transport_url,
                connection=self._ground.make_database("climate"),
                port=self._port,
                credentials=self._ground.keystone.credentials("climate"),
                kwapi_url=self.wattmeters.url,
                authtoken=self._ground.keystone.configure("climate"),
            )
        )
        manage = self._script("climate-manage", "db", "upgrade")
        assert manage.run() == 0, manage.log
        self._ground.add_endpoint("climate", "lease", self._url)
        self.wattmeters.start()
        self._for_nova.mkdir()
        for name in _FOR_NOVA:
            (self._for_nova / name).symlink_to(_ROOT / name)

    def start(self) -> None:
        """Start all services; return when every host can be leased and is ranked."""
        for service in self._services:
            service.start()
        scripts.wait_until(self._is_ready, f"all hosts are known and ranked; see {self._folder}")

    def stop(self) -> None:
        """End all services in order: climate-api has children."""
        running = [service for service in self._services if service.is_running]
        for service in running:
            service.send(signal.SIGTERM)
        for service in running:
            assert service.wait() == 0, f"{service.name} ended badly:\n{service.log[-4000:]}"

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.wattmeters.stop()

    def scheduling(self, on_error: str) -> novas.Scheduling:
        """Return how Nova's scheduler is configured to ask here."""
        credentials = self._ground.keystone.credentials("nova")
        return novas.Scheduling(
            available_filters=("nova_ext.filters.LeaseFilter",),
            enabled_filters=("LeaseFilter",),
            weight_classes=("nova_ext.weights.EfficiencyWeigher",),
            sections=_SECTION.format(on_error=on_error, credentials=credentials),
            python_path=(self._for_nova,),
        )

    def leases(self, user: str) -> Leases:
        """Return what somebody has of leases, in the project of the same name."""
        if user not in self._leases:
            session = self._cloud.session(user, user)
            self._leases[user] = Leases(adapter.Adapter(session, service_type="lease"))
        return self._leases[user]

    def set_performances(self, flops: Mapping[str, float]) -> None:
        """Record what hosts compute."""
        for host, value in flops.items():
            body = {"flops": value, "detail": "a test"}
            self._admin.put(f"/hosts/{host}/performance", json=body)

    def list_best_first(self) -> list[str]:
        """Return the hosts by flop/W."""
        ranking = self._admin.get("/ranking/").json()
        return [host["host"] for host in ranking["hosts"] if host["score"] is not None]

    @functools.cached_property
    def _admin(self) -> adapter.Adapter:
        # Logging in takes longer than to be answered.
        return self._cloud.adapter("lease")

    @property
    def _conf_path(self) -> pathlib.Path:
        return self._folder / "climate.conf"

    @property
    def _for_nova(self) -> pathlib.Path:
        return self._folder / "for-nova"

    def _script(self, name: str, *arguments: str) -> scripts.Script:
        options = ["--config-file", str(self._conf_path), *arguments]
        return scripts.Script(name, options, self._folder / f"{name}.log")

    def _is_ready(self) -> bool:
        for service in self._services:
            assert service.is_running, f"{service.name} ended:\n{service.log[-4000:]}"
        try:
            hosts, *others = (self._admin.get(path, raise_exc=False) for path in _WHO_ANSWERS)
        except exceptions.ConnectFailure:
            return False
        if not all(answer.ok for answer in (hosts, *others)):
            return False
        up = [host for host in hosts.json()["hosts"] if host["status"] == "up"]
        return len(up) == len(_HOSTS) == len(self.list_best_first())


class Leases:
    """Those of a project."""

    def __init__(self, lease: adapter.Adapter) -> None:
        self._lease = lease

    def make(self, *hosts: str, **wish: Any) -> dict[str, Any]:
        """Return a lease that holds just these hosts, from now on if nothing else is wished."""
        properties = ["in", "$name", list(hosts)]
        body = {"duration": 3600, "quantity": len(hosts), "host_properties": properties} | wish
        made: dict[str, Any] = self._lease.post("/leases/", json=body).json()
        return made

    def wait(self, lease_id: str, status: str) -> None:
        """Return when a lease has a status."""
        path = f"/leases/{lease_id}"
        scripts.wait_until(lambda: self._lease.get(path).json()["status"] == status, status)

    def end(self, lease_id: str) -> None:
        """End a lease, or cancel it; it may be over already."""
        answer = self._lease.delete(f"/leases/{lease_id}", raise_exc=False)
        assert answer.ok or answer.status_code in (404, 409), answer.text
