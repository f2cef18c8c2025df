# SPDX-License-Identifier: Apache-2.0
"""climate-ranking as an operator starts it: behind a real RabbitMQ, asking a real Kwapi API."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from oslo_config import cfg
from oslo_context import context

from climate import exception
from climate.cmd import conf as climate_conf
from climate.ranking import store as ranking_store
from climate.rpc import inventory as inventory_rpc
from climate.rpc import ranking as rpc
from climate.rpc import transport as transports
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from energybase.web import server
from kwapi.api import app
from kwapi.cmd import conf as kwapi_conf
from kwapi.store import record
from kwapi.store import snapshot
from kwapi.store import state
from kwapi.store import store as kwapi_store
from kwapi.store import tables
from tests import conftest
from tests import patience
from tests.contracts import inventory as inventory_contract
from tests.servers import rabbitmq as broker

_SECONDS = patience.SECONDS
_CPU = {
    "arch": "x86_64",
    "vendor": "Intel",
    "mhz": 2000,
    "topology": {"sockets": 1, "cores": 4, "threads": 2},
    "features": ["avx2", "fma"],
}
HOSTS = [
    {"name": f"node-{n}.example.org", "vcpus": 8, "vcpus_used": n, "cpu_info": _CPU}
    for n in (1, 2, 3)
]
NAMES = [host["name"] for host in HOSTS]
WHO = context.RequestContext(project_id="p")


class Kwapi:
    """Kwapi's own API over a database, where somebody saves what probes measure just now."""

    def __init__(self, folder: Path) -> None:
        path = folder / "kwapi.conf"
        path.write_text(f"[DEFAULT]\nstate_path = {folder}\n[api]\nauth_strategy = noauth\n")
        conf = service.prepare(
            ["--config-file", str(path)],
            "test",
            register=(kwapi_conf.register_opts,),
            project="kwapi",
        )
        migration.upgrade(
            transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine(), tables.SCHEMA
        )
        self._store = kwapi_store.open_store(conf)
        self._application = app.build_app(conf, self._store)
        self._server = server.Server(self._application)
        self.url, self._port = self._server.url, self._server.port
        self.watts = {"node-1": 100.0, "node-2": 150.0, "pdu.1": 80.0, "pdu.2": 90.0}
        self._version = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()
        self._server.start()

    def go_away(self) -> None:
        """Answer nobody."""
        self._server.stop()

    def come_back(self) -> None:
        """Answer again, at the same URL."""
        self._server = server.Server(self._application, port=self._port)
        self._server.start()

    def stop(self) -> None:
        """End all of it."""
        self._stopping.set()
        self._thread.join()
        self._server.stop()

    def _measure(self) -> None:
        while not self._stopping.wait(0.1):
            now, shown = time.time(), snapshot.Snapshot()
            records = [record.Record(name, now, watts, 1.0) for name, watts in self.watts.items()]
            shown.update(records)
            self._store.save(
                state.Changes(self._version, records=records, probes_body=shown.probes_body())
            )
            self._version = self._store.get_version()


class Deployment:
    """A folder with a configuration and a database; starts services on it."""

    def __init__(self, folder: Path, broker_url: str, kwapi_url: str) -> None:
        self.folder, self.path = folder, folder / "climate.conf"
        self.database = inventory_contract.Database(f"sqlite:///{folder}/climate.sqlite")
        self.database.upgrade()
        self.performances = folder / "performances.yaml"
        self.performances.write_text("")
        (folder / "hosts.yaml").write_text(yaml.safe_dump(HOSTS))
        self.path.write_text(
            f"[DEFAULT]\nstate_path = {folder}\ntransport_url = {broker_url}\n"
            f"[inventory]\nsource = file\nfile = {folder}/hosts.yaml\nrefresh_seconds = 1\n"
            f"[ranking]\nkwapi_url = {kwapi_url}\nsample_seconds = 1\n"
            f"max_probe_age_seconds = 5\nperformances_file = {self.performances}\n"
            "probes = node-3.example.org:pdu.1 pdu.2\n"
        )

    def load(self) -> cfg.ConfigOpts:
        """Return the configuration, as a client of the services has it."""
        return service.prepare(
            ["--config-file", str(self.path)],
            "test",
            register=(climate_conf.register_opts,),
            project="climate",
        )

    @contextlib.contextmanager
    def transport(self) -> Iterator[Any]:
        """Have what clients call by, for a while."""
        transport = transports.get_transport(self.load())
        yield transport
        transport.cleanup()

    @contextlib.contextmanager
    def running(self, name: str, log: str = "log") -> Iterator[subprocess.Popen[bytes]]:
        """Have a service for a while, which ends in order unless it was killed."""
        with open(self.folder / log, "ab") as opened:
            command = [sys.executable, "-m", f"climate.cmd.{name}", "--config-file", self.path]
            process = subprocess.Popen(command, stdout=opened, stderr=opened)
        try:
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(_SECONDS) == 0, self.log(log)
        finally:
            process.kill()
            process.wait()

    def log(self, name: str = "log") -> str:
        """Return what was logged."""
        return (self.folder / name).read_text()

    def counted(self) -> int:
        """Return how often all hosts were counted."""
        kept = ranking_store.Store(self.database.build())
        numbers = kept.sum_up(0, int(time.time()) + 7200).align(NAMES).statistics.n.tolist()
        # All of them at each moment, or none.
        assert len(set(numbers)) == 1, numbers
        return int(numbers[0])


@pytest.fixture
def kwapi(tmp_path: Path) -> Iterator[Kwapi]:
    """A running one."""
    folder = tmp_path / "kwapi"
    folder.mkdir()
    made = Kwapi(folder)
    yield made
    made.stop()


@pytest.fixture
def deployed(rabbitmq: broker.RabbitMQ, tmp_path: Path, kwapi: Kwapi) -> Deployment:
    """Three hosts in a file, each with its watts."""
    return Deployment(tmp_path, rabbitmq.url, kwapi.url)


def ranked(api: rpc.RankingAPI, **arguments: Any) -> dict[str, rpc.Ranked]:
    """Return what is told of each host, best first; nothing if nobody answers."""
    try:
        return {each["host"]: each for each in api.rank_hosts(WHO, **arguments)["hosts"]}
    except exception.ServiceUnavailable:
        return {}


def has_samples(api: rpc.RankingAPI, number: int = 1) -> bool:
    """Tell whether all hosts were observed so often."""
    told = ranked(api)
    return len(told) == 3 and all(each["samples"] >= number for each in told.values())


def test_hosts_in_order(deployed: Deployment, kwapi: Kwapi) -> None:
    """From wattmeters to an order; what the inventory makes of it; and what is recorded."""
    with contextlib.ExitStack() as stack:
        transport = stack.enter_context(deployed.transport())
        api = rpc.RankingAPI(transport, 30)
        with pytest.raises(exception.ServiceUnavailable, match="climate-ranking"):
            api.rank_hosts(WHO)
        stack.enter_context(deployed.running("inventory", "inventory.log"))
        process = stack.enter_context(deployed.running("ranking"))
        conftest.wait(lambda: has_samples(api))

        told = ranked(api, by="peak")
        assert list(told) == NAMES
        first = told[NAMES[0]]
        assert (first["flops"], first["flops_source"]) == (4 * 2e9 * 16, "cpu_info")
        assert (first["watts_now"], first["load"], first["on"]) == (100.0, 0.125, True)
        assert first["score"] == 4 * 2e9 * 16 / 100
        assert told[NAMES[2]]["watts_max"] == 170.0
        assert list(ranked(api, hosts=["none", NAMES[1]])) == [NAMES[1], "none"]
        with pytest.raises(exception.RequestInvalid, match="by: must be one of"):
            api.rank_hosts(WHO, by="price")

        inventory = inventory_rpc.InventoryAPI(transport, 30)
        conftest.wait(
            lambda: "watts" in inventory.get_host_details(WHO, NAMES[2])["properties"], 30
        )
        assert inventory.get_host_details(WHO, NAMES[2])["properties"]["watts"] == 170.0
        matching = inventory.match_hosts(WHO)
        assert (matching["names"], matching["tiers"]) == (NAMES, [0, 1, 2])

        api.set_performance(WHO, NAMES[2], 1e15, "Linpack")
        assert next(iter(ranked(api))) == NAMES[2]
        # Leases prefer it, too, from the next reading on.
        conftest.wait(lambda: inventory.match_hosts(WHO)["tiers"] == [1, 2, 0], 30)

        deployed.performances.write_text(f"{NAMES[1]}: 2e15\n")
        process.send_signal(signal.SIGHUP)
        conftest.wait(lambda: next(iter(ranked(api))) == NAMES[1], 30)
        deployed.performances.write_text(f"{NAMES[1]}: fast\n")
        process.send_signal(signal.SIGHUP)
        conftest.wait(lambda: "performances.yaml, line 1: host" in deployed.log())
        assert next(iter(ranked(api))) == NAMES[1]
        api.delete_performance(WHO, NAMES[2])
        assert ranked(api)[NAMES[2]]["flops_source"] == "cpu_info"
    assert "Traceback" not in deployed.log() + deployed.log("inventory.log")


def test_two_services_count_each_moment_once(deployed: Deployment, kwapi: Kwapi) -> None:
    """Also while one is killed, and while Kwapi is away."""
    with contextlib.ExitStack() as stack:
        api = rpc.RankingAPI(stack.enter_context(deployed.transport()), 10)
        stack.enter_context(deployed.running("inventory", "inventory.log"))
        begin = int(time.time())
        one = stack.enter_context(deployed.running("ranking", "one.log"))
        stack.enter_context(deployed.running("ranking", "other.log"))
        conftest.wait(lambda: deployed.counted() >= 5)

        def require_no_more_than_moments() -> int:
            counted = deployed.counted()
            assert counted <= int(time.time()) - begin + 1
            return counted

        before = require_no_more_than_moments()
        one.kill()
        one.wait()
        conftest.wait(lambda: deployed.counted() >= before + 3)
        require_no_more_than_moments()

        kwapi.go_away()
        conftest.wait(lambda: "Kwapi is away" in deployed.log("other.log"))
        before = deployed.counted()
        time.sleep(3)
        assert deployed.counted() == before
        kwapi.come_back()
        conftest.wait(lambda: deployed.counted() > before)
        require_no_more_than_moments()
        conftest.wait(lambda: has_samples(api, before + 1))
    log = deployed.log("other.log")
    assert log.count("Kwapi is away") == log.count("Kwapi is back") == 1
    assert "Traceback" not in log


def test_what_it_refuses_to_start_with(deployed: Deployment) -> None:
    """One line says which and where, and nothing runs."""
    deployed.performances.write_text("node-1: 1\nnode-1: 2\n")
    with open(deployed.folder / "log", "wb") as log:
        command = [sys.executable, "-m", "climate.cmd.ranking", "--config-file", deployed.path]
        ended = subprocess.run(command, stdout=log, stderr=log, timeout=_SECONDS)
    assert ended.returncode == 2
    assert deployed.log().splitlines()[-1] == (
        f"climate-ranking: {deployed.performances}, line 2: host 'node-1' is there already"
    )
