# SPDX-License-Identifier: Apache-2.0
"""Runs a child process, reads its output, and kills it reliably.

Owns starting, reading and killing it.  It is started from a list of
arguments, never by a shell, with little of our own environment.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Mapping
from collections.abc import Sequence
from typing import IO
from typing import NamedTuple

from kwapi import exception

_POLL_SECONDS = 0.1
_END_SECONDS = 2.0
_CHUNK = 65_536
_MOST_COMPLAINT = 120
#: What a child may know of our environment, which may hold secrets.
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")


class _Process(NamedTuple):
    child: subprocess.Popen[bytes]
    output: IO[bytes]
    complaints: IO[bytes]


class Child:
    """A program that prints what we read."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._arguments, self._own = tuple(arguments), dict(environment)
        self._process: _Process | None = None
        self._complaint = b""

    def __str__(self) -> str:
        # Arguments are not told: somebody may have put a secret there all the same.
        return os.path.basename(self._arguments[0])

    def start(self) -> None:
        """Start it.

        :raises WattmeterUnreachable: it cannot be started.
        """
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        try:
            child = subprocess.Popen(  # noqa: S603 - the operator's own program, and no shell
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment | self._own,
                start_new_session=True,
            )
        except OSError as exc:
            raise self._unreachable(f"it cannot be started: {exc.strerror}") from exc
        if child.stdout is None or child.stderr is None:
            raise self._unreachable("it has no output")
        self._complaint = b""
        self._process = _Process(child, child.stdout, child.stderr)

    def read(self) -> bytes:
        """Return what it printed; nothing if it prints nothing for a moment.

        :raises WattmeterUnreachable: it ended.
        """
        process = self._process
        if process is None:
            raise self._unreachable("it is not started")
        ready, _, _ = select.select([process.output, process.complaints], [], [], _POLL_SECONDS)
        if process.complaints in ready:
            said = os.read(process.complaints.fileno(), _CHUNK)
            self._complaint = (self._complaint + said)[-_CHUNK:]
            if not said and process.output not in ready:
                # It closed that end only; do not spin on it.
                select.select([process.output], [], [], _POLL_SECONDS)
        if process.output not in ready:
            return b""
        data = os.read(process.output.fileno(), _CHUNK)
        if not data:
            raise self._ended(process)
        return data

    def stop(self) -> None:
        """End it and all that it started; never raises."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.child.wait(_END_SECONDS)
        process.output.close()
        process.complaints.close()

    def _ended(self, process: _Process) -> exception.WattmeterError:
        self._complaint += _drain(process.complaints)
        try:
            status = process.child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return self._unreachable("it closed its output")
        reason = f"it ended with status {status}{self._say_complaint()}"
        if status == os.EX_NOPERM:
            return exception.WattmeterRefused(address=str(self), reason=reason)
        return self._unreachable(reason)

    def _say_complaint(self) -> str:
        """Return the last line of its complaints, printable and without our secrets."""
        said = self._complaint.decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        for value in [*self._own.values(), *self._arguments[1:]]:
            if len(value) > 1:
                last = last.replace(value, "***")
        last = "".join(c if c.isprintable() else "?" for c in last)[:_MOST_COMPLAINT]
        return f": {last}" if last else ""

    def _unreachable(self, reason: str) -> exception.WattmeterUnreachable:
        return exception.WattmeterUnreachable(address=str(self), reason=reason)


def _drain(pipe: IO[bytes]) -> bytes:
    os.set_blocking(pipe.fileno(), False)
    with contextlib.suppress(BlockingIOError):
        return os.read(pipe.fileno(), _CHUNK)
    return b""
