# SPDX-License-Identifier: Apache-2.0
"""rrdtool, asked for numbers and pictures by many threads.

Owns the processes: a few ``rrdtool -`` which live on, since starting one and
finding its fonts takes longer than to draw.  They run in the files' directory,
so that neither commands nor errors hold its path.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from kwapi import exception

LOG = logging.getLogger(__name__)

_READ_BYTES = 1 << 16
_HUNG_SECONDS = 60.0
#: rrdtool gives no memory back: a new one takes its place from time to time.
_MOST_COMMANDS = 2000
_VERDICT = rb"(?:OK u:\S+ s:\S+ r:\S+|ERROR: (.*))\n"
_END = re.compile(rb"^" + _VERDICT, re.MULTILINE)
_AFTER_PICTURE = re.compile(_VERDICT)
_BLOB = re.compile(rb"^image = BLOB_SIZE:(\d+)\n", re.MULTILINE)


class Failed(Exception):
    """rrdtool refuses a command; its words are for the log, not for a client."""


class Reader:
    """A few processes of rrdtool; any thread may ask.

    :param program: rrdtool, by name or path.
    :param zone: name of the time zone for the axis, None for the machine's own.
    :param processes: how many may work at a time.
    """

    def __init__(
        self,
        directory: Path,
        *,
        program: str = "rrdtool",
        zone: str | None = None,
        processes: int = 2,
        hung_after_seconds: float = _HUNG_SECONDS,
    ) -> None:
        self._directory, self._program = directory, program
        self._environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        if zone is not None:
            self._environment["TZ"] = zone
        self._hung_after_seconds = hung_after_seconds
        self._free = threading.BoundedSemaphore(processes)
        self._idle: list[_Process] = []
        self._owner = os.getpid()
        self._is_gone = False

    def ask(self, commands: Sequence[str]) -> list[bytes]:
        """Return what rrdtool says to each command: the picture, if it is one, else the text.

        :param commands: one line of rrdtool's each.
        :raises Failed: it refuses one; those after it are not carried out.
        :raises GraphUnavailable: it cannot be started, ends, or does not answer.
        """
        lines = [f"{command}\n".encode() for command in commands]
        try:
            with self._free:
                answers = self._ask(lines)
        except _Gone as exc:
            reason = str(exc)
        else:
            self._say_back()
            return answers
        self._say_gone(reason)
        raise exception.GraphUnavailable()

    def close(self) -> None:
        """End those that are idle; whoever asks again starts new ones."""
        while self._idle:
            self._idle.pop().close()

    def _ask(self, lines: Sequence[bytes]) -> list[bytes]:
        process = self._take()
        if process is not None:
            # It may have ended meanwhile, of which nobody need hear.
            with contextlib.suppress(_Gone):
                return self._exchange(process, lines)
        return self._exchange(self._start(), lines)

    def _exchange(self, process: _Process, lines: Sequence[bytes]) -> list[bytes]:
        is_sound = False
        try:
            answers = [process.ask(line) for line in lines]
            is_sound = True
            return answers
        except Failed:
            is_sound = True
            raise
        finally:
            if is_sound and process.asked < _MOST_COMMANDS and process.is_at_home:
                self._idle.append(process)
            else:
                process.close()

    def _take(self) -> _Process | None:
        if os.getpid() != self._owner:
            # The parent's; it goes on with them.
            self._owner, self._idle = os.getpid(), []
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _start(self) -> _Process:
        # A writer makes the directory; before that there are no files to find in it.
        is_at_home = self._directory.is_dir()
        try:
            process = subprocess.Popen(  # noqa: S603 what it runs is configured
                [self._program, "-"],
                cwd=self._directory if is_at_home else "/",
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError as exc:
            raise _Gone(f"{self._program} cannot be started: {exc.strerror}") from exc
        return _Process(process, self._hung_after_seconds, is_at_home)

    def _say_gone(self, reason: str) -> None:
        if not self._is_gone:
            LOG.error("No graphs for now: rrdtool %s", reason)
        self._is_gone = True

    def _say_back(self) -> None:
        if self._is_gone:
            LOG.info("Graphs are back: rrdtool answers")
        self._is_gone = False


class _Gone(Exception):
    """rrdtool itself is at fault, whatever the command."""


class _Process:
    """One ``rrdtool -``, for one thread at a time."""

    def __init__(
        self, process: subprocess.Popen[bytes], hung_after_seconds: float, is_at_home: bool
    ) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 for mypy
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._hung_after_seconds = hung_after_seconds
        self._deadline = 0.0
        self._output = b""
        self.asked = 0
        self.is_at_home = is_at_home

    def ask(self, command: bytes) -> bytes:
        self.asked += 1
        self._output = b""
        self._deadline = time.monotonic() + self._hung_after_seconds
        self._write(command)
        while True:
            if blob := _BLOB.search(self._output):
                return self._read_picture(int(blob[1]), blob.end())
            if end := _END.search(self._output):
                return _judge(end, self._output[: end.start()])
            self._read()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        # What was not written goes nowhere.
        with contextlib.suppress(OSError):
            self._stdin.close()
        self._stdout.close()

    def _read_picture(self, size: int, start: int) -> bytes:
        while (end := _AFTER_PICTURE.match(self._output, start + size)) is None:
            self._read()
        return _judge(end, self._output[start : start + size])

    def _write(self, command: bytes) -> None:
        """Write all of it; rrdtool reads a line before it says anything."""
        try:
            while command:
                command = command[os.write(self._stdin.fileno(), command) :]
        except OSError as exc:
            raise _Gone(f"ended: {exc.strerror}") from exc

    def _read(self) -> None:
        seconds = self._deadline - time.monotonic()
        ready = select.poll()
        ready.register(self._stdout, select.POLLIN)
        if seconds <= 0 or not ready.poll(1000 * seconds):
            raise _Gone(f"did not answer within {self._hung_after_seconds:g} s")
        data = os.read(self._stdout.fileno(), _READ_BYTES)
        if not data:
            raise _Gone(f"ended: {self._output[-500:].decode(errors='replace')}")
        self._output += data


def _judge(end: re.Match[bytes], answer: bytes) -> bytes:
    if end[1] is not None:
        raise Failed(end[1].decode(errors="replace"))
    return answer
