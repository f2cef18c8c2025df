# SPDX-License-Identifier: Apache-2.0
"""What every OpenStack service stands on here: programs, files, accounts, databases, broker.

Owns none of their processes.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Mapping

import sqlalchemy as sa

from tests.integration import daemon
from tests.integration import keystone as keystones
from tests.servers import databases
from tests.servers import ports
from tests.servers import rabbitmq


class Ground:
    """The same for all services of a cloud.

    :param folder: everything that the services write is in it.
    """

    def __init__(
        self,
        venv: pathlib.Path,
        folder: pathlib.Path,
        keystone: keystones.Keystone,
        broker: rabbitmq.RabbitMQ,
        database_server: databases.Server,
    ) -> None:
        self.venv, self.folder = venv, folder
        self.keystone, self.transport_url = keystone, broker.url
        self._database_server = database_server
        self._accounts = keystones.Accounts(keystone)

    def make_database(self, name: str) -> str:
        """Make an empty database; return its URL."""
        engine = sa.create_engine(self._database_server.admin_url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        engine.dispose()
        return self._database_server.url(name)

    def add_account(self, user: str) -> None:
        """Make a service's account."""
        for role in ("admin", "service"):
            self._accounts.add(user, role, "service")

    def add_endpoint(self, name: str, kind: str, url: str) -> None:
        """Have the catalog tell where a service is."""
        self._accounts.add_endpoint(name, kind, url)

    def api(self, name: str, module: str, environ: Mapping[str, str]) -> daemon.Api:
        """Return a WSGI application of the environment, not started."""
        (port,) = ports.find_tcp(1)
        return daemon.Api(name, self.venv, module, port, self.folder, environ)

    def run(
        self,
        program: str,
        *arguments: str | pathlib.Path,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Run one of the environment's programs to its end.

        :param environ: what its environment has beside the tests' own.
        """
        done = subprocess.run(
            [self.venv / "bin" / program, *arguments],
            cwd=self.folder,
            env={**os.environ, **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"
