# SPDX-License-Identifier: Apache-2.0
"""Private MariaDB and PostgreSQL servers that a test may stop and start again.

Owns their processes, ports and files, all on loopback and under the temporary
directory.  Neither asks for a password: nobody else finds them.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from tests import patience
from tests.servers import ports

_READY_SECONDS = patience.SECONDS
_STOP_SECONDS = patience.SECONDS


class Server:
    """A database server of the tests' own."""

    #: Its name and Debian's package; where its programs are; what stops it at once but in order.
    name: str
    package: str
    programs: Path
    stop_signal: signal.Signals

    def __init__(self) -> None:
        # Not pytest's directory: that one lets no other user pass, and
        # PostgreSQL does not run as root.
        self.directory = Path(tempfile.mkdtemp(prefix=f"kwapi-{self.name}-"))
        (self.port,) = ports.find_tcp(1)
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Write the files of a new server."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        raise NotImplementedError

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        raise NotImplementedError

    @property
    def admin_url(self) -> str:
        """The URL of a database that is always there."""
        raise NotImplementedError

    @property
    def user(self) -> str | None:
        """Who runs it; None for whoever runs the tests."""
        return None

    def start(self) -> None:
        """Start it and return when it answers."""
        with open(self.directory / "output", "ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env=self._environ,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_ready()

    def stop(self) -> None:
        """Stop it, its connections with it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(self.stop_signal)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it as a power cut would, with all of its processes."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Have an empty database for a while; gives its URL."""
        name = f"kwapi_{uuid.uuid4().hex}"
        self._administrate(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._administrate(self.drop(name))

    def drop(self, database: str) -> str:
        """Return the statement that removes a database, whoever is connected to it."""
        return f"DROP DATABASE {database}"

    @property
    def _environ(self) -> dict[str, str]:
        # A MariaDB that starts empties its directory of temporary files, also
        # of those of another one that shares it.
        return {**os.environ, "TMPDIR": str(self.directory)}

    def run(self, *command: str | Path) -> None:
        """Run one of its programs to the end."""
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environ,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {command[0]} failed:\n{done.stdout}{done.stderr}")

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        path = os.pathsep.join([str(self.programs), os.environ.get("PATH", "")])
        found = shutil.which(name, path=path)
        if found is None:
            raise RuntimeError(
                f"{name} is not in {self.programs} nor on PATH: these tests need a real "
                f"{self.name}; on Debian, apt-get install {self.package}"
            )
        return found

    def _administrate(self, statement: str) -> None:
        engine = sa.create_engine(self.admin_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def _wait_ready(self) -> None:
        give_up = time.monotonic() + _READY_SECONDS
        while time.monotonic() < give_up:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended before it was ready:\n{self._output()}")
            with contextlib.suppress(sa.exc.OperationalError):
                return self._administrate("SELECT 1")
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} not ready in {_READY_SECONDS} s:\n{self._output()}")

    def _output(self) -> str:
        return (self.directory / "output").read_text(errors="replace")[-4000:]


class MariaDB(Server):
    """MariaDB; root of the database needs no password."""

    name = "mariadb"
    package = "mariadb-server"
    programs = Path("/usr/sbin")
    stop_signal = signal.SIGTERM

    def create(self) -> None:
        """Write the files of a new server."""
        self.run(
            self.program("mariadb-install-db"),
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self.directory}/data",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        return [
            self.program("mariadbd"),
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self.directory}/data",
            f"--socket={self.directory}/socket",
            f"--pid-file={self.directory}/pid",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
        ]

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}"

    @property
    def admin_url(self) -> str:
        """The URL of a database that is always there."""
        return self.url("mysql")


class PostgreSQL(Server):
    """PostgreSQL; its user postgres needs no password."""

    name = package = "postgresql"
    #: The newest, of those that Debian lets be side by side.
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql"))
    stop_signal = signal.SIGINT

    @property
    def user(self) -> str | None:
        """Who runs it: never root, which it refuses."""
        return "postgres" if os.geteuid() == 0 else None

    def create(self) -> None:
        """Write the files of a new server."""
        if self.user:
            shutil.chown(self.directory, self.user)
        data = f"{self.directory}/data"
        self.run(
            self.program("initdb"), "-D", data, "-U", "postgres", "-A", "trust",
            "-E", "UTF8", "--locale=C",
        )  # fmt: skip

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        postgres = self.program("postgres")
        data, port = f"{self.directory}/data", str(self.port)
        return [postgres, "-D", data, "-h", "127.0.0.1", "-p", port, "-k", ""]

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql+psycopg2://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def admin_url(self) -> str:
        """The URL of a database that is always there."""
        return self.url("postgres")

    def drop(self, database: str) -> str:
        """Return the statement that removes a database, whoever is connected to it."""
        return f"DROP DATABASE {database} WITH (FORCE)"


SERVERS = {server.name: server for server in (MariaDB, PostgreSQL)}


@contextlib.contextmanager
def running(name: str) -> Iterator[Server]:
    """Have a new server for a while."""
    server = SERVERS[name]()
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.close()
