# SPDX-License-Identifier: Apache-2.0
"""All of Climate in one process: its API, over RPC real services on SQLite, with time to set.

The hosts are those of :data:`HOSTS`.
"""

from __future__ import annotations

import json
import pathlib
import tempfile
from typing import Any

import numpy as np
import yaml
from oslo_config import cfg
from oslo_context import context

from climate import lease as leases
from climate.api import app
from climate.api import backend
from climate.cmd import conf as options
from climate.db import models
from climate.inventory import manager as inventory_manager
from climate.inventory import options as inventory_options
from climate.inventory import store as inventory_store
from climate.inventory import worker
from climate.inventory.sources import source
from climate.planning import events
from climate.planning import janitor
from climate.planning import manager as planning_manager
from climate.planning import options as planning_options
from climate.planning import store as planning_store
from climate.ranking import manager as ranking_manager
from climate.ranking import options as ranking_options
from climate.ranking import performance
from climate.ranking import sampler
from climate.ranking import store as ranking_store
from climate.rpc import inventory as inventory_rpc
from climate.rpc import planning as planning_rpc
from climate.rpc import ranking as ranking_rpc
from climate.rpc import transport as transports
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from kwapi import client
from tests import conftest
from tests import patience

#: 2026-09-21T14:13:20Z
NOW = 1_790_000_000
#: How long a service that was stopped is waited for.
_ABSENT_SECONDS = 1.0


def describe_host(number: int, **properties: Any) -> dict[str, Any]:
    """Return a host as the inventory's file has it."""
    described = {
        "name": f"node-{number}",
        "vcpus": 8 * number,
        "cpu_info": {
            "vendor": "Intel",
            "topology": {"cores": 4 * number},
            "features": ["avx2", "fma"],
        },
        "flop_per_watt": number,
        "running_vms": 0,
        "vcpus_used": 2 * number,
    }
    return {**described, **properties}


#: What Kwapi measures: nothing of the fifth.
WATTS = {"node-1": 100.0, "node-2": 160.0, "node-3": 400.0, "node-4": 500.0, "node-6": 9.0}

#: Six; of those that are on the last has most flop per watt.
HOSTS = [describe_host(number, on=number != 6) for number in range(1, 7)]


def configure(folder: pathlib.Path, text: str) -> cfg.ConfigOpts:
    """Return a configuration read from a file of this text, its database made."""
    path = folder / "climate.conf"
    hosts = folder / "hosts.yaml"
    hosts.write_text(yaml.safe_dump(HOSTS))
    # Calls that nobody took wait in an exchange: the next test has its own.
    path.write_text(
        f"[DEFAULT]\nstate_path = {folder}\n"
        f"transport_url = fake://\ncontrol_exchange = {folder.name}\n"
        f"[inventory]\nsource = file\nfile = {hosts}\n{text}"
    )
    conf = service.prepare(
        ["--config-file", str(path)],
        "test",
        register=(options.register_opts,),
        project="climate",
    )
    engine = transaction.build(conf, models.SCHEMA.sqlite_file).writer.get_engine()
    migration.upgrade(engine, schema=models.SCHEMA)
    return conf


class Climate:
    """Runs from creation to ``stop``."""

    def __init__(self, conf: cfg.ConfigOpts, *, by_rpc: bool) -> None:
        self.conf = conf
        self.clock = conftest.FakeClock(NOW)
        self._hosts = pathlib.Path(conf.inventory.file)
        transport = transports.get_transport(conf)
        self._servers = {
            "inventory": self._serve_inventory(transport),
            "planning": self._serve_planning(transport),
        }
        # Last: it asks the inventory.
        self._servers["ranking"] = self._serve_ranking(transport)
        inventory = inventory_rpc.InventoryAPI(transport, patience.SECONDS)
        planning = planning_rpc.PlanningAPI(transport, patience.SECONDS)
        ranking = ranking_rpc.RankingAPI(transport, patience.SECONDS)
        self._called: dict[str, Any] = {
            "inventory": inventory._client,
            "planning": planning._client,
            "ranking": ranking._client,
        }
        if not by_rpc:
            inventory._client = _Direct(inventory_manager.Endpoint(self._inventory))
            planning._client = _Direct(planning_manager.Endpoint(self._planner))
            ranking._client = _Direct(ranking_manager.Endpoint(self._ranking))
        services = backend.Services(inventory, planning, ranking, planning)
        self.app = app.build_app(conf, services, self.clock)

    def stop(self) -> None:
        """End what still runs."""
        for name in list(self._servers):
            self.stop_service(name)

    def stop_service(self, name: str) -> None:
        """From now on nobody answers for ``inventory``, ``planning`` or ``ranking``."""
        self._servers.pop(name).stop()
        # No answer will come: there is nothing to be patient for.
        self._called[name]._client.timeout = _ABSENT_SECONDS

    def advance(self, seconds: float) -> None:
        """Let time pass, and happen what happens in it."""
        self.clock.advance(seconds)
        self._janitor.tend()

    def observe(self, seconds: float, **watts: float) -> None:
        """Let time pass, after which these are the watts of some hosts, and look at all."""
        self.clock.advance(seconds)
        self.kwapi.watts |= watts
        self._sampler.look()

    def lose_host(self, name: str) -> None:
        """Have the source of hosts forget one."""
        left = [host for host in HOSTS if host["name"] != name]
        self._hosts.write_text(yaml.safe_dump(left))
        self._worker.refresh()

    def lease(self, project_id: str, **wish: Any) -> str:
        """Return the id of a new, confirmed lease of one host from now on for an hour."""
        matching = self._inventory.match_hosts(wish.pop("host_properties", "[]"))
        now = int(self.clock.time())
        wanted = leases.Wish(now, now + 3600, 3600, 1)._replace(**wish)
        lease = self._planner.make_proposal(project_id, "u", dict(matching), wanted)
        return self._planner.confirm_proposal(lease.id).id

    def _serve_inventory(self, transport: Any) -> Any:
        store = inventory_store.Store(transaction.build(self.conf, models.SCHEMA.sqlite_file))
        self._worker = worker.Worker(
            lambda: source.load(self.conf), store, inventory_options.Pace(60, 60), self.clock
        )
        self._worker.refresh()
        self._inventory = inventory_manager.Inventory(store, inventory_options.Limits(10_000, 32))
        endpoint = inventory_manager.Endpoint(self._inventory)
        return _serve(transport, inventory_rpc.TOPIC, endpoint)

    def _serve_planning(self, transport: Any) -> Any:
        store = planning_store.Store(transaction.build(self.conf, models.SCHEMA.sqlite_file))
        self._planner = planning_manager.Planner(
            store,
            self.clock,
            planning_options.options_of(self.conf),
            np.random.default_rng(0),
        )
        self._janitor = janitor.Janitor(
            store,
            events.Sender(transport, "climate.leases", "test"),
            self.clock,
            tick_seconds=1,
            keep_ended_days=90,
        )
        endpoint = planning_manager.Endpoint(self._planner)
        return _serve(transport, planning_rpc.TOPIC, endpoint)

    def _serve_ranking(self, transport: Any) -> Any:
        store = ranking_store.Store(transaction.build(self.conf, models.SCHEMA.sqlite_file))
        options = ranking_options.options_of(self.conf)
        table = performance.packaged_table()
        self._ranking = ranking_manager.Ranking(store, options, table, self.clock)
        self.kwapi = _Kwapi(self.clock)
        inventory = inventory_rpc.InventoryAPI(transport, 10.0)
        self._sampler = sampler.Sampler(
            self._ranking, store, inventory, self.kwapi, options, self.clock
        )
        self._sampler.look()
        return _serve(transport, ranking_rpc.TOPIC, ranking_manager.Endpoint(self._ranking))


class _Kwapi(client.Client):
    """Has measured its probes just now, whenever it is asked."""

    def __init__(self, clock: conftest.FakeClock) -> None:
        self.watts = dict(WATTS)
        self._clock = clock

    def get_probes(self) -> dict[str, client.Probe]:
        now = self._clock.time()
        return {name: client.Probe(name, now, watts) for name, watts in self.watts.items()}


class _Direct:
    """Calls an endpoint as RPC does, without waiting for oslo.messaging's in-process queues."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def call(self, who: context.RequestContext, method: str, **arguments: Any) -> Any:
        carried = json.loads(json.dumps(arguments))
        try:
            answer = getattr(self._endpoint, method)(who, **carried)
        except Exception as exc:
            # oslo.messaging's wrapper of what was raised on purpose.
            failure = exc.exc_info[1] if hasattr(exc, "exc_info") else exc
        else:
            return json.loads(json.dumps(answer))
        raise failure


def make(text: str, *, by_rpc: bool = True) -> Climate:
    """Return Climate in a directory of its own.

    :param by_rpc: else the API calls the services directly, which is faster.
    """
    folder = pathlib.Path(tempfile.mkdtemp(prefix="climate-api-"))
    return Climate(configure(folder, text), by_rpc=by_rpc)


def _serve(transport: Any, topic: str, endpoint: Any) -> Any:
    server = transports.Server(transport, topic, "test", endpoint)
    server.start()
    return server
