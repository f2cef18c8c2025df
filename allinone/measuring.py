# SPDX-License-Identifier: Apache-2.0
"""All of Kwapi in one process, on SQLite and an in-process transport.

Owns how its parts are put together there.  A simulated rack is measured unless
the configuration names wattmeters.  The command is :mod:`allinone.command`,
which runs Climate beside it.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import NamedTuple

from oslo_config import cfg

from allinone.simulator import agent
from allinone.simulator import options as simulator_options
from allinone.simulator import rack
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from energybase.web import workers
from kwapi import exception
from kwapi.api import app
from kwapi.bus import transport as transports
from kwapi.cmd import drivers
from kwapi.collector import service as collector
from kwapi.drivers import configuration
from kwapi.history import service as history
from kwapi.pages import app as pages
from kwapi.store import store as stores
from kwapi.store import tables


class Parts(NamedTuple):
    """All of Kwapi, not yet started.

    :ivar components: in the order to start them.
    :ivar url: where the API will answer.
    :ivar store: what it reads.
    :ivar simulated: whether the rack is; else the configuration names wattmeters.
    :ivar pages: where the web pages will be, or why there are none.
    """

    components: list[service.Component]
    url: str
    store: stores.Store
    simulated: bool
    pages: str


def set_defaults(conf: cfg.ConfigOpts) -> None:
    """Have what is not configured fit one process, and one user on this machine."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    conf.set_default("state_path", os.path.join(state, "kwapi-climate"))
    conf.set_default("auth_strategy", "noauth", "api")
    # Nothing leaves the process, so a key that nobody knows does.
    conf.set_default("signing_keys", {"one-process": secrets.token_hex(32)}, "bus")


def build(conf: cfg.ConfigOpts) -> Parts:
    """Return the parts; whatever else is wrong with the configuration shows here."""
    workers.require_safe(conf, "api")
    Path(conf.state_path).mkdir(parents=True, exist_ok=True)
    paths, simulated = _wattmeters(conf)
    transport = transports.get_transport(conf, "fake://")
    engine = transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine()
    migration.upgrade(engine, tables.SCHEMA)
    store = stores.open_store(conf)
    web = workers.build_server(app.build_app(conf, store), conf, "api")
    graphing, pages_url = _build_pages(conf, transport)
    components: list[service.Component] = [
        *([simulated] if simulated else []),
        web,
        collector.CollectorService(conf, transport, store),
        *graphing,
        *drivers.build(conf, transport, paths),
    ]
    return Parts(components, web.url, store, simulated is not None, pages_url)


def _build_pages(conf: cfg.ConfigOpts, transport: object) -> tuple[list[service.Component], str]:
    """Return what writes files and serves pages of them, and where, or why there are none."""
    try:
        history.require_rrdtool(conf)
    except exception.ConfigurationInvalid as exc:
        # All else works without it, and not everybody may install it.
        return [], f"none, {exc.details['reason']}"
    writing = history.HistoryService(conf, transport)
    if conf.rrd.workers == 0:
        return [writing], "none, [rrd] workers is 0"
    workers.require_safe(conf, "rrd")
    web = workers.build_server(pages.open_app(conf), conf, "rrd")
    return [writing, web], web.url


def _wattmeters(conf: cfg.ConfigOpts) -> tuple[list[str], _SimulatedRack | None]:
    """Return the files that name the wattmeters, and the rack if that is simulated."""
    paths = service.paths(conf)
    found = configuration.read(paths)
    if found.wattmeters or found.mistakes:
        return paths, None
    conf.register_opts(simulator_options.OPTS, simulator_options.GROUP)
    path = Path(conf.state_path) / "simulated-rack.conf"
    simulated = rack.Rack(conf.simulator.seed, time.time())
    return [str(path)], _SimulatedRack(agent.Agent(simulated, port=conf.simulator.port), path)


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
