# SPDX-License-Identifier: Apache-2.0
"""Kwapi's console scripts as an operator runs them: processes, configuration files, logs.

Owns starting, signalling and waiting for them, and the secrets they are given.
Broker and databases are :mod:`tests.servers.rabbitmq`'s and
:mod:`tests.servers.databases`'s.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from oslo_config import cfg

from energybase import service
from kwapi.cmd import conf as options
from kwapi.store import store
from tests import patience

#: No test asserts how long something takes; this only ends one that never would.
PATIENCE_SECONDS = patience.SECONDS
_POLL_SECONDS = 0.05

_T = TypeVar("_T")


def wait_until(check: Callable[[], _T | None], what: str, seconds: float = PATIENCE_SECONDS) -> _T:
    """Return the first true value of ``check``; fail when there is none in time."""
    give_up = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < give_up, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(_POLL_SECONDS)
    return found


class Script:
    """One console script, started any number of times with the same arguments and log."""

    def __init__(
        self, name: str, arguments: list[str], log: Path, environment: dict[str, str] | None = None
    ) -> None:
        """Prepare.

        :param environment: its variables, if not ours.
        """
        self.name, self._arguments, self._log = name, arguments, log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """All that it wrote, of all its runs."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start it and return at once."""
        assert not self.is_running, f"{self.name} runs already"
        # Beside the interpreter: that is the one whose packages are tested.
        program = Path(sys.executable).with_name(self.name)
        with open(self._log, "ab") as output:
            self._process = subprocess.Popen(
                [program, *self._arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self) -> int:
        """Start it and return its exit status when it ends by itself."""
        self.start()
        return self.wait()

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None, f"{self.name} was never started"
        self._process.send_signal(number)

    def wait(self) -> int:
        """Return its exit status when it has ended."""
        assert self._process is not None, f"{self.name} was never started"
        try:
            return self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end:\n{self.log[-4000:]}") from None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Have it end in order, and return its exit status."""
        self.send(number)
        return self.wait()

    def kill(self) -> None:
        """End it as the kernel does when memory runs out: without a last word."""
        if self.is_running:
            self.stop(signal.SIGKILL)

    def clear(self) -> None:
        """Leave none of its processes behind: its workers', which outlive it for a moment."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait_for_log(self, pattern: str, count: int = 1) -> re.Match[str]:
        """Return the count-th match in its log as soon as it is there."""

        def find() -> re.Match[str] | None:
            found = list(re.finditer(pattern, self.log))
            if len(found) >= count:
                return found[count - 1]
            assert self.is_running, f"{self.name} ended:\n{self.log[-4000:]}"
            return None

        return wait_until(find, f"{pattern!r} in the log of {self.name}")


class Site:
    """One installation in a directory: its configuration, database and processes.

    :ivar key: what its messages are signed with; a secret.
    :ivar topic: its own, so that several sites may share a broker.
    """

    def __init__(self, folder: Path, transport_url: str, connection: str | None = None) -> None:
        """Prepare.

        :param connection: URL of an empty database; None makes it SQLite.
        """
        self.folder = folder
        self.key, self.community = secrets.token_hex(32), f"community-{secrets.token_hex(8)}"
        self.topic = f"site-{uuid.uuid4().hex}"
        self._secrets = [self.key, self.community]
        self.transport_url, self._connection = transport_url, connection
        self._scripts: list[Script] = []
        self.drivers_conf = folder / "drivers.conf"
        self.drivers_conf.write_text("")
        self.configure()

    @property
    def conf_path(self) -> Path:
        """The file with everything but the wattmeters."""
        return self.folder / "kwapi.conf"

    @property
    def queue(self) -> str:
        """Name of the collector's queue."""
        return f"{self.topic}.info"

    def add_secret(self, secret: str) -> None:
        """Have it looked for in the logs at the end."""
        self._secrets.append(secret)

    def configure(self, text: str = "", keys: str | None = None, *, debug: bool = True) -> None:
        """Write kwapi.conf; what ``text`` says in further sections is added.

        :param keys: the lines of [bus] about keys; by default one key.
        :param debug: most is logged then, hence most secrets could be.
        """
        keys = keys or f"signing_keys = first:{self.key}"
        database = f"[database]\nconnection = {self._connection}" if self._connection else ""
        self.conf_path.write_text(
            f"[DEFAULT]\nstate_path = {self.folder}\ntransport_url = {self.transport_url}\n"
            f"debug = {debug}\n"
            f"[bus]\n{keys}\nsender = here\ntopic = {self.topic}\n"
            f"{database}\n{textwrap.dedent(text)}"
        )

    def script(self, name: str, *arguments: str, log: str | None = None) -> Script:
        """Return one of the console scripts, not started."""
        files = [self.conf_path] + [self.drivers_conf] * (name == "kwapi-drivers")
        command = [text for path in files for text in ("--config-file", str(path))]
        made = Script(name, command + list(arguments), self.folder / f"{log or name}.log")
        self._scripts.append(made)
        return made

    def upgrade(self) -> None:
        """Bring the database's schema up to date."""
        manage = self.script("kwapi-manage", "db", "upgrade")
        assert manage.run() == 0, manage.log

    def conf(self) -> cfg.ConfigOpts:
        """Return the configuration as a process would read it now."""
        # This is the test's own process.
        text = self.conf_path.read_text().replace("debug = True", "debug = False")
        path = self.folder / "test.conf"
        path.write_text(text)
        return service.prepare(
            ["--config-file", str(path)], "test", register=(options.register_opts,), project="kwapi"
        )

    def store(self) -> store.Store:
        """Return what the collector stores into."""
        return store.open_store(self.conf())

    def close(self) -> None:
        """End every process; fail if one told a secret."""
        for script in self._scripts:
            script.kill()
        told = {
            path.name
            for path in self.folder.glob("*.log")
            if any(secret in path.read_text(errors="replace") for secret in self._secrets)
        }
        assert not told, f"a secret stands in {', '.join(sorted(told))}"
