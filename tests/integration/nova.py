# SPDX-License-Identifier: Apache-2.0
"""A real Nova with make-believe hypervisors: API, conductor, scheduler, one compute per host.

Owns its configuration, its databases and its processes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from tests.integration import daemon
from tests.integration import ground as grounds

PLUGINS = pathlib.Path(__file__).with_name("plugins")
#: What a service of Nova logs when it has begun to listen on the bus.
_READY = "Join ServiceGroup membership"
# For all; nova-compute knows no more than this, and must not know the databases.
_COMMON = """\
[DEFAULT]
transport_url = {transport_url}
my_ip = 127.0.0.1
host = control
state_path = {folder}
report_interval = 5
service_down_time = 30
# A service that stops waits for nobody.
graceful_shutdown_timeout = 10
manager_shutdown_timeout = 5
# The scheduler's log says what each filter and weigher thought of each host.
default_log_levels = amqp=WARN,sqlalchemy=WARN,oslo.messaging=INFO,keystonemiddleware=WARN,\
nova.service=DEBUG,nova.scheduler=DEBUG,nova.filters=DEBUG,nova.weights=DEBUG
[conductor]
workers = 1
[scheduler]
workers = 1
[filter_scheduler]
track_instance_changes = false
[oslo_concurrency]
lock_path = {folder}/locks
[vnc]
enabled = false
[glance]
region_name = RegionOne
[placement]
{credentials}
[neutron]
{credentials}
[service_user]
send_service_user_token = true
{credentials}
{authtoken}
"""
_DATABASES = """
[api_database]
connection = {api}
[database]
connection = {cell}
"""
_COMPUTE = """\
[DEFAULT]
host = {host.name}
state_path = {folder}
compute_driver = make_believe.MakeBelieve
[make_believe]
vcpus = {host.vcpus}
memory_mb = {host.memory_mb}
cpu_info = {cpu_info}
"""
_SCHEDULER = """\
[filter_scheduler]
available_filters = nova.scheduler.filters.all_filters
{available_filters}
enabled_filters = {enabled_filters}
weight_classes = {weight_classes}
{sections}
"""


class Host(NamedTuple):
    """A hypervisor, as its virt driver tells of it."""

    name: str
    vcpus: int
    memory_mb: int
    cpu_info: dict[str, Any]


def _describe_cpu(model: str, cores: int, *features: str) -> dict[str, Any]:
    topology = {"sockets": 1, "cores": cores, "threads": 1}
    kind = {"arch": "x86_64", "vendor": "Intel", "model": model}
    return kind | {"topology": topology, "features": list(features)}


HOSTS = (
    Host("node-1", 4, 8192, _describe_cpu("Nehalem", 4, "sse4.2")),
    Host("node-2", 8, 16384, _describe_cpu("Broadwell", 8, "sse4.2", "avx2")),
    Host("node-3", 16, 32768, _describe_cpu("Icelake-Server", 16, "sse4.2", "avx2", "avx512f")),
)


@dataclasses.dataclass(frozen=True)
class Scheduling:
    """What the scheduler has beside its own.

    :ivar available_filters: their class paths.
    :ivar enabled_filters: their bare class names.
    :ivar weight_classes: class paths of weighers.
    :ivar sections: more of its configuration file, such as "[climate]...".
    :ivar python_path: folders in which it finds their modules.
    """

    available_filters: tuple[str, ...] = ()
    enabled_filters: tuple[str, ...] = ()
    weight_classes: tuple[str, ...] = ()
    sections: str = ""
    python_path: tuple[pathlib.Path, ...] = ()


class Nova:
    """Its processes, each of which may be restarted alone.

    :ivar controls: those that are there once.
    :ivar computes: nova-compute by the name of its host.
    """

    def __init__(self, ground: grounds.Ground, hosts: tuple[Host, ...] = HOSTS) -> None:
        self._ground, self.hosts = ground, hosts
        self._folder = ground.folder / "nova"
        self.api = ground.api(
            "nova-api", "nova.wsgi.osapi_compute", {"OS_NOVA_CONFIG_DIR": str(self._folder)}
        )
        self.conductor = self._control("nova-conductor", "nova.conf")
        self.scheduler = self._control("nova-scheduler", "nova.conf", "scheduler.conf")
        self.computes = {host.name: self._compute(host) for host in hosts}
        self.controls: list[daemon.Daemon] = [self.api, self.conductor, self.scheduler]

    def create(self) -> None:
        """Make configuration, account and databases."""
        self._folder.mkdir()
        shutil.copy(self._ground.venv / "etc" / "nova" / "api-paste.ini", self._folder)
        self._write_configuration()
        self._ground.add_account("nova")
        self._ground.add_endpoint("nova", "compute", f"{self.api.url}/v2.1")
        self._manage("api_db", "sync")
        nowhere = self._ground.make_database("nova_cell0")
        self._manage("cell_v2", "map_cell0", f"--database_connection={nowhere}")
        self._manage("cell_v2", "create_cell", "--name=cell1")
        self._manage("db", "sync")

    def map_hosts(self) -> None:
        """Have the scheduler know each host whose nova-compute has been started once."""
        self._manage("cell_v2", "discover_hosts")

    @contextlib.contextmanager
    def scheduling(self, scheduling: Scheduling) -> Iterator[daemon.Daemon]:
        """Have the scheduler run so for a while; gives it."""
        self.restart_scheduler(scheduling)
        try:
            yield self.scheduler
        finally:
            self.restart_scheduler(Scheduling())

    def restart_scheduler(self, scheduling: Scheduling) -> None:
        """Have the scheduler run so from now on."""
        self._configure_scheduler(scheduling)
        self.scheduler.restart()

    def _configure_scheduler(self, scheduling: Scheduling) -> None:
        enabled = ("ComputeFilter", "ComputeCapabilitiesFilter", *scheduling.enabled_filters)
        weighers = ("nova.scheduler.weights.all_weighers", *scheduling.weight_classes)
        available = (f"available_filters = {path}" for path in scheduling.available_filters)
        text = _SCHEDULER.format(
            available_filters="\n".join(available),
            enabled_filters=",".join(enabled),
            weight_classes=",".join(weighers),
            sections=scheduling.sections,
        )
        (self._folder / "scheduler.conf").write_text(text)
        self.scheduler.environ["PYTHONPATH"] = os.pathsep.join(map(str, scheduling.python_path))

    def _write_configuration(self) -> None:
        common = _COMMON.format(
            transport_url=self._ground.transport_url,
            folder=self._folder,
            credentials=self._ground.keystone.credentials("nova"),
            authtoken=self._ground.keystone.configure("nova"),
        )
        connections = _DATABASES.format(
            api=self._ground.make_database("nova_api"), cell=self._ground.make_database("nova")
        )
        (self._folder / "common.conf").write_text(common)
        (self._folder / "nova.conf").write_text(common + connections)
        self._configure_scheduler(Scheduling())
        for host in self.hosts:
            self._configure_compute(host)

    def _configure_compute(self, host: Host) -> None:
        # nova-compute keeps in there which node it is.
        folder = self._folder / host.name
        folder.mkdir()
        text = _COMPUTE.format(host=host, folder=folder, cpu_info=json.dumps(host.cpu_info))
        (folder / "compute.conf").write_text(text)

    def _control(self, name: str, *files: str) -> daemon.Daemon:
        return self._daemon(name, [self._ground.venv / "bin" / name], *files)

    def _compute(self, host: Host) -> daemon.Daemon:
        command = [self._ground.venv / "bin" / "python", PLUGINS / "nova_compute.py"]
        name = f"nova-compute-{host.name}"
        return self._daemon(name, command, "common.conf", f"{host.name}/compute.conf")

    def _daemon(self, name: str, command: list[pathlib.Path], *files: str) -> daemon.Daemon:
        options = [f"--config-file={self._folder / file}" for file in files]
        return daemon.Daemon(name, [*command, *options], self._ground.folder, ready_pattern=_READY)

    def _manage(self, *arguments: str) -> None:
        self._ground.run("nova-manage", "--config-file", self._folder / "nova.conf", *arguments)
