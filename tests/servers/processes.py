# SPDX-License-Identifier: Apache-2.0
"""kwapi-api as an operator starts it: a process with a configuration file."""

from __future__ import annotations

import pathlib
import re
import signal
import subprocess
import sys
import time

from oslo_config import cfg

from kwapi.store import store
from tests import patience
from tests.servers import apis

_SECONDS = patience.SECONDS


class ApiProcess:
    """kwapi-api on any free port, over a database that shows something."""

    def __init__(self, folder: pathlib.Path, text: str) -> None:
        self.conf: cfg.ConfigOpts = apis.configure(folder, text)
        apis.fill(store.open_store(self.conf))
        self.log = folder / "api.log"
        self.path = folder / "kwapi.conf"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kwapi.cmd.api", "--config-file", self.path],
                stdout=log,
                stderr=log,
            )
        self.url = self._wait_for(r"Serving (http://\S+/)")

    def stop(self) -> int:
        """Have it end; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_SECONDS)

    def _wait_for(self, pattern: str) -> str:
        deadline = time.monotonic() + _SECONDS
        while not (found := re.search(pattern, self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return found[1]
