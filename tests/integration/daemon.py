# SPDX-License-Identifier: Apache-2.0
"""One process of an OpenStack service, which tests may stop, start again and read the log of.

Owns the process; what it runs, and with which configuration, is the service's own.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from collections.abc import Sequence

import requests

#: For a machine that has much else to do; who waits for nothing is told at once.
_START_SECONDS = 240.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.2


class Daemon:
    """A process that is ready when its log says so; all its runs write one log.

    :ivar environ: what its environment has beside the tests' own.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | pathlib.Path],
        folder: pathlib.Path,
        environ: Mapping[str, str] | None = None,
        ready_pattern: str = "",
    ) -> None:
        self.name, self._command, self._folder = name, list(command), folder
        # Services talk to each other: by no proxy.
        self.environ = {"no_proxy": "127.0.0.1", **(environ or {})}
        self._ready_pattern = ready_pattern
        self.log_path = folder / f"{name}.log"
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it wrote since it was last started."""
        with contextlib.suppress(FileNotFoundError):
            return self.log_path.read_bytes()[self._log_start :].decode(errors="replace")
        return ""

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and return when it is ready."""
        self.spawn()
        self.wait_ready()

    def spawn(self) -> None:
        """Start it, and return at once."""
        assert not self.is_running, f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self.environ},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Return when it is ready; fail with its log if it never is."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            assert self.is_running, f"{self.name} died:\n{self.log[-4000:]}"
            assert time.monotonic() < deadline, f"{self.name} is not ready:\n{self.log[-4000:]}"
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it in order, with its children."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it as a power cut does, with its children."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start it."""
        self.stop()
        self.start()

    def _is_ready(self) -> bool:
        return re.search(self._ready_pattern, self.log) is not None


class Api(Daemon):
    """A service's WSGI application in a process of its own, on a port of its own.

    These releases have no command that serves it.
    """

    def __init__(
        self,
        name: str,
        venv: pathlib.Path,
        module: str,
        port: int,
        folder: pathlib.Path,
        environ: Mapping[str, str],
    ) -> None:
        # Services take the command line for their own, so that must be empty.
        text = (
            f"import waitress, {module} as api; "
            f"waitress.serve(api.application, listen='127.0.0.1:{port}', threads=6)"
        )
        super().__init__(name, [venv / "bin" / "python", "-c", text], folder, environ)
        self.url = f"http://127.0.0.1:{port}"

    def _is_ready(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).status_code < 500
        except requests.RequestException:
            return False


def start_all(daemons: Sequence[Daemon]) -> None:
    """Start several at the same time, and return when all are ready."""
    for daemon in daemons:
        daemon.spawn()
    for daemon in daemons:
        daemon.wait_ready()
