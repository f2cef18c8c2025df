# SPDX-License-Identifier: Apache-2.0
"""What the tests share: a real Keystone, kwapi-api that asks it, a whole cloud around it.

Each is made once, when the first test asks for it.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration import cloud as clouds
from tests.integration import ground
from tests.integration import keystone as keystones
from tests.integration import telemetry as telemetries
from tests.servers import databases
from tests.servers import processes
from tests.servers import rabbitmq as broker

_RUN = pathlib.Path(__file__).with_name("run")
#: The first test pays for all that it stands on.
_TIMEOUT_SECONDS = {"cloud": 900, "telemetry": 600}
# A Keystone that is away shall be noticed at once.
_IMPATIENCE = """
http_connect_timeout = 2
http_request_max_retries = 0
"""


@pytest.fixture(scope="session", autouse=True)
def end_in_order() -> Iterator[None]:
    """Told to end, as ``timeout`` does, the tests end what they started first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def venv() -> pathlib.Path:
    """Where OpenStack is installed."""
    folder = pathlib.Path(os.environ.get("KWAPI_INTEGRATION_DIR", "/tmp/kwapi-integration"))
    environ = {**os.environ, "KWAPI_INTEGRATION_DIR": str(folder)}
    subprocess.run(["bash", _RUN, "--install"], check=True, env=environ)
    return folder / "venv"


@pytest.fixture(scope="session")
def keystone(
    venv: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[keystones.Keystone]:
    """A running Keystone; a test that stops it starts it again."""
    folder = tmp_path_factory.mktemp("keystone")
    server = keystones.Keystone(venv, folder)
    server.bootstrap()
    try:
        server.start()
        accounts = keystones.Accounts(server)
        for user, role, project in (
            ("kwapi", "service", "service"),
            ("ceilometer", "service", "service"),
            ("alice", "member", "alice"),
            ("bob", "reader", "alice"),
            ("auditor", "reader", None),
        ):
            accounts.add(user, role, project)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def hasty_keystone(
    venv: pathlib.Path, keystone: keystones.Keystone
) -> Iterator[keystones.Keystone]:
    """The same Keystone again, whose tokens expire at once."""
    server = keystones.Keystone(venv, keystone.folder, expiration_seconds=2)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def api(
    keystone: keystones.Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[processes.ApiProcess]:
    """kwapi-api in two processes."""
    text = f"[api]\nport = 0\nworkers = 2\n{keystone.configure()}{_IMPATIENCE}"
    process = processes.ApiProcess(tmp_path_factory.mktemp("api"), text)
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[broker.RabbitMQ]:
    """A running RabbitMQ."""
    server = broker.RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[databases.Server]:
    """A running MariaDB."""
    with databases.running("mariadb") as server:
        yield server


@pytest.fixture(scope="session")
def cloud(
    venv: pathlib.Path,
    keystone: keystones.Keystone,
    rabbitmq: broker.RabbitMQ,
    mariadb: databases.Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[clouds.Cloud]:
    """A running OpenStack with hosts, a flavor and an image; a test removes its servers."""
    folder = tmp_path_factory.mktemp("cloud")
    made = clouds.Cloud(ground.Ground(venv, folder, keystone, rabbitmq, mariadb))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def telemetry(
    venv: pathlib.Path,
    keystone: keystones.Keystone,
    rabbitmq: broker.RabbitMQ,
    mariadb: databases.Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[telemetries.Telemetry]:
    """A running Gnocchi, and a Ceilometer that takes samples."""
    folder = tmp_path_factory.mktemp("telemetry")
    made = telemetries.Telemetry(ground.Ground(venv, folder, keystone, rabbitmq, mariadb))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have patience with the first test that needs much, whichever that is."""
    for item in items:
        for name, seconds in _TIMEOUT_SECONDS.items():
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.timeout(seconds))
