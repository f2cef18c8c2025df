# SPDX-License-Identifier: Apache-2.0
"""The ``openstack`` command, many times in one process: its imports take seconds.

Owns that process, in which each command finds everything as at the first time.
It is not the tests' own: OpenStackClient changes logging and warnings for all.
Run as a program, it is that process: a line of JSON for each command, likewise
for what came of it.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

from tests import patience

_PATIENCE_SECONDS = patience.SECONDS
_TOP = Path(__file__).resolve().parents[2]


class Result(NamedTuple):
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it says in JSON; it must have worked."""
        assert self.status == 0, self
        return json.loads(self.out)


def make_environ(**variables: str) -> dict[str, str]:
    """Return the environment for a command: of OpenStack's variables these alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return {**kept, "COLUMNS": "200", "TZ": "Europe/Paris", **variables}


class Shell:
    """Runs commands until it is closed."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._log = folder / "openstack_shell.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env={**environ, "PYTHONPATH": str(_TOP)},
            )

    def run(self, *words: str) -> Result:
        """Return what came of ``openstack`` with these words."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        assert told, self._log.read_text()
        return Result(*json.loads(told))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()


def _run(words: list[str]) -> Result:
    from openstackclient import shell
    from osc_lib import clientmanager

    from energyclient.osc import plugin

    # It keeps its clients for good: a process has but one command.
    cache = clientmanager.ClientCache(plugin.make_client)
    setattr(clientmanager.ClientManager, plugin.API_NAME, cache)
    logging.getLogger().handlers.clear()
    sys.argv[0] = "openstack"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = shell.main(words)
        except SystemExit as exc:
            status = exc.code if isinstance(exc.code, int) else 1
    return Result(status, out.getvalue(), err.getvalue())


if __name__ == "__main__":
    # This folder has modules whose names are others' too.
    sys.path.pop(0)
    for _line in sys.stdin:
        print(json.dumps(_run(json.loads(_line))), flush=True)
