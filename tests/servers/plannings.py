# SPDX-License-Identifier: Apache-2.0
"""climate-planning as an operator runs it: processes, one database, one broker.

Owns starting and killing them, calling them, and hearing the events they send.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path
from typing import Any

import kombu
from oslo_context import context

from climate import exception
from climate import lease as leases
from climate.cmd import conf as options
from climate.db import models
from climate.planning import store as stores
from climate.rpc import planning as rpc
from climate.rpc import transport as transports
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from tests.servers import scripts

WHO = context.RequestContext(project_id="project", user_id="user")


class Process:
    """One climate-planning, started any number of times."""

    def __init__(self, conf_path: Path, log: Path) -> None:
        self._conf_path, self._log = conf_path, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """All that it wrote, of all its runs."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start it and return at once."""
        with open(self._log, "ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "climate.cmd.planning", "--config-file", self._conf_path],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Return its exit status when it has ended."""
        assert self._process is not None
        return self._process.wait(scripts.PATIENCE_SECONDS)

    def stop(self) -> int:
        """Have it end in order, and return its exit status."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it without a last word."""
        if self._process is not None and self._process.poll() is None:
            self.send(signal.SIGKILL)
            self.wait()

    def wait_for_log(self, text: str) -> None:
        """Return when it has logged something."""

        def find() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log
            return text in self.log

        scripts.wait_until(find, f"{text!r} in the log")


class Site:
    """One installation in a directory, on SQLite.

    :ivar topic: of its events, its own, so that several sites may share a broker.
    """

    def __init__(self, folder: Path, transport_url: str, text: str = "") -> None:
        self.folder, self.url = folder, transport_url
        self.topic = f"leases-{uuid.uuid4().hex}"
        self.conf_path = folder / "climate.conf"
        self.conf_path.write_text(
            f"[DEFAULT]\nstate_path = {folder}\ntransport_url = {transport_url}\n"
            f"control_exchange = {uuid.uuid4().hex}\n"
            f"[planning]\ntopic = {self.topic}\ntick_seconds = 0.1\n{textwrap.dedent(text)}"
        )
        self.conf = service.prepare(
            ["--config-file", str(self.conf_path)],
            "test",
            register=(options.register_opts,),
            project="climate",
        )
        transactions = transaction.build(self.conf, models.SCHEMA.sqlite_file)
        migration.upgrade(transactions.writer.get_engine(), schema=models.SCHEMA)
        self.store = stores.Store(transactions)
        self._processes: list[Process] = []

    def process(self) -> Process:
        """Return a climate-planning, not started."""
        log = self.folder / f"planning-{len(self._processes)}.log"
        self._processes.append(Process(self.conf_path, log))
        return self._processes[-1]

    def wait_ready(self) -> None:
        """Return when one of its processes answers."""
        api = self.api(5.0)

        def answers() -> bool:
            try:
                api.list_leases(WHO)
            except exception.ServiceUnavailable:
                return False
            return True

        scripts.wait_until(answers, "an answer")

    def api(self, timeout_seconds: float = 60.0) -> rpc.PlanningAPI:
        """Return what the API has of them."""
        return rpc.PlanningAPI(transports.get_transport(self.conf), timeout_seconds)

    def close(self) -> None:
        """End every process."""
        for process in self._processes:
            process.kill()


class Ears:
    """Hears every event of a site's topic, each time it is sent."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.heard: list[dict[str, Any]] = []

    def listen(self) -> list[dict[str, Any]]:
        """Return all that was sent until now, oldest first."""
        url = self._site.url.replace("rabbit:", "amqp:")
        with (
            kombu.Connection(url) as link,
            link.SimpleQueue(kombu.Queue(f"{self._site.topic}.info", durable=True)) as events,
        ):
            while True:
                try:
                    message = events.get(timeout=0.2)
                except events.Empty:
                    return self.heard
                self.heard.append(json.loads(message.payload["oslo.message"]))
                message.ack()

    def wait_for(self, count: int) -> list[tuple[str, str]]:
        """Return lease and type of each event when there are so many different ones."""
        scripts.wait_until(
            lambda: len({event["message_id"] for event in self.listen()}) >= count,
            f"{count} events",
        )
        # Would one come twice, it would come now.
        time.sleep(1)
        return sorted((event["payload"]["id"], event["event_type"]) for event in self.listen())


def propose(api: rpc.PlanningAPI, **changed: Any) -> leases.Lease:
    """Have a lease proposed: by default of two seconds, on one host of many."""
    now = int(time.time())
    hosts = changed.pop("hosts", list(range(1, 101)))
    return api.make_proposal(WHO, hosts, leases.Wish(now, now + 3600, 2, 1)._replace(**changed))


def lease(api: rpc.PlanningAPI, **changed: Any) -> leases.Lease:
    """Have a lease made and confirmed."""
    return api.confirm_proposal(WHO, propose(api, **changed).id)
