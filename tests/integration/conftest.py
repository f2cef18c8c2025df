# SPDX-License-Identifier: Apache-2.0
"""A real Keystone with accounts, and kwapi-api that asks it; made once for all tests."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

from tests.functional import processes
from tests.integration import keystone as keystones

_RUN = pathlib.Path(__file__).with_name("run")


@pytest.fixture(scope="session")
def venv() -> pathlib.Path:
    """Where Keystone is installed."""
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
    text = f"[api]\nport = 0\nworkers = 2\n{keystone.configure()}"
    process = processes.ApiProcess(tmp_path_factory.mktemp("api"), text)
    try:
        yield process
    finally:
        process.stop()
