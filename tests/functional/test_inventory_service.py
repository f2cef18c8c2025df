# SPDX-License-Identifier: Apache-2.0
"""climate-inventory as an operator starts it, behind a real RabbitMQ."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_context import context

from climate import exception
from climate.cmd import conf as climate_conf
from climate.rpc import inventory as rpc
from climate.rpc import transport as transports
from energybase import service
from tests import conftest
from tests import patience
from tests.contracts import inventory
from tests.fakes import nova as fake_nova
from tests.servers import rabbitmq as broker

_SECONDS = patience.SECONDS
WHO = context.RequestContext(project_id="p")


class Deployment:
    """A folder with a configuration and a database; starts services on it."""

    def __init__(self, folder: Path, broker_url: str) -> None:
        self.path, self.hosts = folder / "climate.conf", folder / "hosts.yaml"
        self.database = inventory.Database(f"sqlite:///{folder}/climate.sqlite")
        self.database.upgrade()
        self.log = folder / "log"
        self._folder, self._broker_url = folder, broker_url
        self.configure(f"[inventory]\nsource = file\nfile = {self.hosts}\n")

    def configure(self, text: str) -> None:
        """Write the configuration; ``text`` says where hosts come from."""
        default = f"[DEFAULT]\nstate_path = {self._folder}\ntransport_url = {self._broker_url}\n"
        self.path.write_text(default + text)

    def load(self) -> cfg.ConfigOpts:
        """Return the configuration, as a client of the service has it."""
        return service.prepare(
            ["--config-file", str(self.path)],
            "test",
            register=(climate_conf.register_opts,),
            project="climate",
        )

    @contextlib.contextmanager
    def api(self, timeout_seconds: float = 30) -> Iterator[rpc.InventoryAPI]:
        """Have a client for a while."""
        transport = transports.get_transport(self.load())
        yield rpc.InventoryAPI(transport, timeout_seconds)
        transport.cleanup()

    def start(self) -> subprocess.Popen[bytes]:
        """Start a service."""
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "climate.cmd.inventory", "--config-file", str(self.path)],
                stdout=log,
                stderr=log,
            )

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Have a service for a while, which ends in order."""
        process = self.start()
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(_SECONDS) == 0, self.log.read_text()
        finally:
            process.kill()
            process.wait()

    def names(self) -> set[str]:
        """Return the names of the hosts in the database that are not missing."""
        statuses = inventory.statuses_of(self.database.open())
        return {name for name, status in statuses.items() if status != "missing"}


@pytest.fixture
def deployed(rabbitmq: broker.RabbitMQ, tmp_path: Path) -> Deployment:
    """A configuration that reads hosts from a file."""
    return Deployment(tmp_path, rabbitmq.url)


def answered(api: rpc.InventoryAPI) -> bool:
    """Tell whether the service answers."""
    try:
        api.list_names(WHO)
    except exception.ServiceUnavailable:
        return False
    return True


def test_hosts_of_a_file(deployed: Deployment, rabbitmq: broker.RabbitMQ) -> None:
    """Read at the start and upon SIGHUP; a mistake changes nothing; the broker may go."""
    deployed.hosts.write_text("- {name: a, vcpus: 4}\n- {name: b, vcpus: 8}\n")
    with deployed.running() as process, deployed.api() as api:
        conftest.wait(lambda: deployed.names() == {"a", "b"})
        # It reads before it listens.
        conftest.wait(lambda: answered(api))
        assert api.get_hosts(WHO, '[">", "$vcpus", "4"]') == [2]
        assert api.match_hosts(WHO)["names"] == ["a", "b"]
        with pytest.raises(exception.PropertiesInvalid) as caught:
            api.get_hosts(WHO, '["nor"]')
        assert caught.value.meta == {"member": "host_properties", "position": 1}

        deployed.hosts.write_text("- {name: b, vcpus: 8}\n- {name: c}\n")
        process.send_signal(signal.SIGHUP)
        conftest.wait(lambda: deployed.names() == {"b", "c"})
        assert api.list_names(WHO) == [
            {"id": 1, "name": "a", "status": "missing"},
            {"id": 2, "name": "b", "status": "up"},
            {"id": 3, "name": "c", "status": "up"},
        ]

        deployed.hosts.write_text("- {name: b}\n- {nam: c}\n")
        process.send_signal(signal.SIGHUP)
        conftest.wait(lambda: "hosts.yaml, line 2: a host has a name" in deployed.log.read_text())
        assert deployed.names() == {"b", "c"}

        rabbitmq.restart()
        conftest.wait(lambda: answered(api), 120)
        assert api.get_host_details(WHO, "b")["properties"] == {"vcpus": 8}


def test_a_mistake_at_the_start(deployed: Deployment) -> None:
    """One line says which and where, and nothing runs."""
    deployed.hosts.write_text("- name: a\n- name: a\n")
    assert deployed.start().wait(_SECONDS) == 2
    assert deployed.log.read_text().splitlines()[-1] == (
        f"climate-inventory: {deployed.hosts}, line 2: host 'a' is there already, in line 1"
    )


def test_hosts_of_nova_that_comes_late(deployed: Deployment) -> None:
    """Two services, and a Nova that is not there yet when they start."""
    nova = fake_nova.FakeNova(5)
    deployed.configure(f"[inventory]\nrefresh_seconds = 1\n{nova.section()}timeout = 1\n")
    with deployed.running(), deployed.running(), deployed.api() as api:
        conftest.wait(lambda: "Hosts cannot be read" in deployed.log.read_text())
        conftest.wait(lambda: answered(api))
        assert api.get_hosts(WHO) == []
        nova.start()
        try:
            conftest.wait(lambda: len(deployed.names()) == 5)
            conftest.wait(lambda: "read and stored again" in deployed.log.read_text())
            assert api.get_hosts(WHO, '["=", "$cpu_info.topology.cores", 16]') == [1, 3, 5]
            # Of two services that read it one says so.
            nova.hypervisors.pop()
            conftest.wait(lambda: "Missing from the source" in deployed.log.read_text())
        finally:
            nova.stop()
    assert deployed.log.read_text().count("Missing from the source: node-5.example.org") == 1
    assert deployed.log.read_text().count("New in the source") == 1
    assert "Traceback" not in deployed.log.read_text()
    assert "secret-of-climate" not in deployed.log.read_text()
