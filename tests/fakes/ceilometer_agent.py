# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's own polling agent in the test's process, and as much of Keystone as it needs.

Owns how the agent is configured and what it sends.  What Ceilometer sets for a
whole process (its logging, oslo.messaging's defaults) is left as it is.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import webob
import yaml
from ceilometer import keystone_client
from ceilometer import opts
from ceilometer.polling import manager as managers
from oslo_config import cfg
from oslo_log import log

from energybase.web import server

METERS = ("energy", "power", "hardware.ipmi.node.power")
_EVER = "2099-01-01T00:00:00.000000Z"


class Keystone:
    """Gives each user a token that is the user's name, and a catalogue of Kwapis."""

    def __init__(self, *kwapis: str) -> None:
        self.kwapis = list(kwapis)
        self._server = server.Server(self._answer)
        self._server.start()
        self._running = True
        self.url = f"{self._server.url}v3"

    def stop(self) -> None:
        """End it, unless that is done."""
        if self._running:
            self._running = False
            self._server.stop()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = webob.Request(environ)
        if request.method == "POST":
            user = request.json["auth"]["identity"]["password"]["user"]["name"]
            response = webob.Response(status=201, body=json.dumps(self._describe()).encode())
            response.headers["X-Subject-Token"] = user
        else:
            links = [{"rel": "self", "href": self.url}]
            version = {"id": "v3.14", "status": "stable", "links": links}
            response = webob.Response(body=json.dumps({"version": version}).encode())
        response.content_type = "application/json"
        return response(environ, start_response)

    def _describe(self) -> dict[str, Any]:
        place = {"interface": "public", "region": "r", "region_id": "r"}
        energy = [{**place, "url": url} for url in self.kwapis]
        identity = [{**place, "url": self.url}]
        domain = {"id": "default", "name": "Default"}
        return {
            "token": {
                "methods": ["password"],
                "user": {"id": "u", "name": "u", "domain": domain},
                "project": {"id": "p", "name": "service", "domain": domain},
                "roles": [],
                "issued_at": "2020-01-01T00:00:00.000000Z",
                "expires_at": _EVER,
                "audit_ids": ["a"],
                "catalog": [
                    {"type": "identity", "name": "keystone", "endpoints": identity},
                    {"type": "energy", "name": "kwapi", "endpoints": energy},
                ],
            }
        }


class Sent:
    """In the place of the agent's notifier: keeps what the agent sends."""

    def __init__(self) -> None:
        self.samples: list[dict[str, Any]] = []

    def sample(self, context: dict[str, Any], event_type: str, payload: dict[str, Any]) -> None:
        """Take what Ceilometer sends."""
        assert (context, event_type) == ({}, "telemetry.polling")
        # Through JSON, as a broker has it.
        self.samples += json.loads(json.dumps(payload))["samples"]

    def take(self) -> list[dict[str, Any]]:
        """Return what was sent since the last time, in an order of its own."""
        taken, self.samples = self.samples, []
        return sorted(taken, key=lambda sample: (sample["counter_name"], sample["resource_id"]))


class Agent:
    """The central agent."""

    def __init__(
        self,
        folder: pathlib.Path,
        keystone: Keystone,
        user: str = "project:service",
        text: str = "",
        *,
        meters: Sequence[str] = METERS,
        resources: Sequence[str] = (),
        pollsters: pathlib.Path | None = None,
        notifier: Any = None,
    ) -> None:
        """Configure it.

        :param user: of [service_credentials].
        :param text: what else its configuration says.
        :param resources: URLs to poll, in the place of what the catalogue names.
        :param pollsters: a folder of definitions of dynamic pollsters.
        :param notifier: what takes its samples, if they are not to be kept.
        """
        source = {"name": "kwapi", "interval": 60, "meters": list(meters)}
        source["resources"] = list(resources)
        (folder / "polling.yaml").write_text(yaml.safe_dump({"sources": [source]}))
        path = folder / "ceilometer.conf"
        path.write_text(_configure(folder, keystone, user, pollsters) + text)
        self._manager = managers.AgentManager(0, _load(path), ["central"])
        if pollsters:
            # Ours are installed here, which an agent that has these does without.
            made = self._manager.create_dynamic_pollsters(["central"])
            self._manager.extensions = list(made)
        self.notifier = self._manager.notifier = notifier or Sent()
        self._manager.polling_manager = managers.PollingManager(self._manager.conf)
        self._tasks = self._manager.setup_polling_tasks()

    @property
    def pollsters(self) -> list[Any]:
        """Those that it polls with, of those it is told to."""
        matches = (task.pollster_matches["kwapi"] for task in self._tasks.values())
        return [pollster for match in matches for pollster in match]

    def run(self) -> None:
        """Go through one polling cycle."""
        for task in self._tasks.values():
            self._manager.interval_task(task)

    def poll(self) -> list[dict[str, Any]]:
        """Go through one polling cycle; return the samples that were sent."""
        self.run()
        return list(self.notifier.take())


def _configure(
    folder: pathlib.Path, keystone: Keystone, user: str, pollsters: pathlib.Path | None
) -> str:
    return f"""
[DEFAULT]
transport_url = fake://
pollsters_definitions_dirs = {pollsters or folder / "none"}
[polling]
cfg_file = {folder}/polling.yaml
[service_credentials]
auth_type = password
auth_url = {keystone.url}
username = {user}
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
interface = public
"""


def _load(path: pathlib.Path) -> cfg.ConfigOpts:
    """Return the options as Ceilometer's services register them, of one file."""
    conf = cfg.ConfigOpts()
    for group, options in opts.list_opts():
        conf.register_opts(list(options), group=None if group == "DEFAULT" else group)
    keystone_client.register_keystoneauth_opts(conf)
    log.register_options(conf)
    conf([], project="ceilometer", default_config_files=[str(path)], default_config_dirs=[])
    keystone_client.post_register_keystoneauth_opts(conf)
    return conf
