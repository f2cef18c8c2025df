# SPDX-License-Identifier: Apache-2.0
"""A private rrdcached that a test may kill and start again.

Owns its process, socket and journal; it writes late, so that what is lost with
it shows.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.servers import scripts


class RRDCached:
    """It, not started; with a journal, as an operator should have it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._journal = directory / "journal"
        self._journal.mkdir()
        # A socket's path must be short, and pytest's directories are not.
        self._run = Path(tempfile.mkdtemp(prefix="rrdcached-"))
        self.socket = str(self._run / "socket")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        program = shutil.which("rrdcached", path="/usr/sbin:/usr/bin:/usr/local/bin")
        assert program, "rrdcached is missing; `make functional` installs it"
        with open(self._directory / "rrdcached.log", "ab") as log:
            self._process = subprocess.Popen(
                [program, "-g", "-l", f"unix:{self.socket}", "-p", str(self._run / "pid")]
                + ["-b", str(self._directory), "-j", str(self._journal), "-F"]
                + ["-w", "3600", "-f", "7200"],
                stdout=log,
                stderr=log,
            )
        scripts.wait_until(self._answers, "rrdcached answers")

    def stop(self) -> None:
        """Have it write all it has, and end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it, and leave nothing."""
        self.kill()
        shutil.rmtree(self._run)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "rrdcached.log").read_text()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
            link.connect(self.socket)
            return True
        return False
