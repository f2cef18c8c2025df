# SPDX-License-Identifier: Apache-2.0
"""kwapi-climate: everything in one process, on SQLite and an in-process transport.

Owns how the parts are put together there, and telling a newcomer what to look
at.  A simulated rack is measured unless the configuration names wattmeters.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_policy import policy

from kwapi import conf as options
from kwapi import exception
from kwapi import service
from kwapi.api import app
from kwapi.bus import transport as transports
from kwapi.cmd import api
from kwapi.cmd import collector
from kwapi.cmd import drivers
from kwapi.collector import store as stores
from kwapi.db import migration
from kwapi.db import transaction
from kwapi.drivers import configuration
from kwapi.simulator import agent
from kwapi.simulator import rack
from kwapi.web import server

_TICK_SECONDS = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    refusals = (exception.KwapiException, policy.InvalidDefinitionError)
    return service.exit_status("kwapi-climate", run, *refusals)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, "kwapi-climate", files=("kwapi.conf", "drivers.conf"))
    drivers.allow_many_sockets()
    set_defaults(conf)
    service.run(*build(conf))
    return 0


def set_defaults(conf: cfg.ConfigOpts) -> None:
    """Have what is not configured fit one process, and one user on this machine."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    conf.set_default("state_path", os.path.join(state, "kwapi-climate"))
    conf.set_default("auth_strategy", "noauth", "api")
    # Nothing leaves the process, so a key that nobody knows does.
    conf.set_default("signing_keys", {"one-process": secrets.token_hex(32)}, "bus")


def build(conf: cfg.ConfigOpts) -> list[service.Component]:
    """Return the parts, in the order to start them."""
    api.require_safe(conf)
    Path(conf.state_path).mkdir(parents=True, exist_ok=True)
    paths, parts = _wattmeters(conf)
    transport = transports.get_transport(conf, "fake://")
    migration.upgrade(transaction.build(conf).writer.get_engine())
    store = stores.open_store(conf)
    publisher = drivers.build_publisher(conf, transport)
    load = functools.partial(configuration.read, paths)
    web = _server(conf, app.build_app(conf, store))
    return [
        *parts,
        web,
        collector.Listening(conf, transport, store),
        publisher,
        drivers.SigningKey(conf, publisher),
        drivers.build_manager(conf, publisher, load),
        _Introduction(web.url, conf.state_path, store, simulated=bool(parts)),
    ]


def _server(conf: cfg.ConfigOpts, application: Any) -> server.Server:
    try:
        return server.Server(application, conf.api.host, conf.api.port, conf.api.threads)
    except OSError as exc:
        raise exception.ConfigurationInvalid(
            where="[api] host, port",
            reason=f"cannot listen on {conf.api.host}, port {conf.api.port}: {exc.strerror}",
        ) from exc


def _wattmeters(conf: cfg.ConfigOpts) -> tuple[list[str], list[service.Component]]:
    """Return the files that name the wattmeters, and the rack if that is simulated."""
    paths = options.paths(conf)
    found = configuration.read(paths)
    if found.wattmeters or found.mistakes:
        return paths, []
    path = Path(conf.state_path) / "simulated-rack.conf"
    pdu = agent.Agent(rack.Rack(conf.simulator.seed, time.time()), port=conf.simulator.port)
    return [str(path)], [_SimulatedRack(pdu, path)]


class _SimulatedRack:
    """The rack, and the file that names it once its port is known."""

    def __init__(self, pdu: agent.Agent, path: Path) -> None:
        self._pdu, self._path = pdu, path

    def start(self) -> None:
        self._pdu.start()
        self._path.write_text(self._pdu.drivers_conf())

    def stop(self) -> None:
        self._pdu.stop()

    def reload(self) -> None:
        """Nothing of it can change."""


class _Introduction:
    """Tells what there is to see, and every few seconds what is counted."""

    def __init__(self, url: str, state_path: str, store: stores.Store, *, simulated: bool) -> None:
        self._url, self._state_path, self._store = url, state_path, store
        self._simulated = simulated
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tell_on, name="introduction", daemon=True)

    def start(self) -> None:
        what = "a simulated rack" if self._simulated else "the configured wattmeters"
        _say(
            f"\nKwapi measures {what}.  Look at\n\n"
            f"  all probes     {self._url}v1/probes/\n"
            f"  the drivers    {self._url}v1/drivers/\n"
            f"  Prometheus     {self._url}metrics\n\n"
            f"or try\n\n"
            f"  curl -s {self._url}v1/probes/ | python3 -m json.tool\n\n"
            f"Records are kept in {self._state_path}.  Ctrl-C stops.\n"
        )
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        _say("Stopping; what was counted is kept.")

    def reload(self) -> None:
        """Nothing to take up."""

    def _tell_on(self) -> None:
        # Sooner at first: a newcomer looks at the screen now.
        wait_seconds = 3.0
        while not self._stopping.wait(wait_seconds):
            _say(self._totals())
            wait_seconds = _TICK_SECONDS

    def _totals(self) -> str:
        try:
            probes = json.loads(self._store.get_probes_body()[1])["probes"].values()
        except exception.StoreUnavailable as exc:
            return str(exc)
        watts, kwh = sum(p["w"] for p in probes), sum(p["kwh"] for p in probes)
        return (
            f"{time.strftime('%H:%M:%S')}  {len(probes)} probes  {watts:9,.1f} W  {kwh:12.6f} kWh"
        )


def _say(text: str) -> None:
    print(text, flush=True)
