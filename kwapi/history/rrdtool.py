# SPDX-License-Identifier: Apache-2.0
"""rrdtool as a long-lived process, which takes commands line by line.

Owns these processes: each is started when first needed, replaced when it ends,
and never waited for without end.  To start one for each command would cost a
hundred times as much.  They run in the files' directory, so that neither
commands nor errors hold its path.  What commands mean is the caller's affair.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from energybase import outage
from kwapi import exception
from kwapi.history import rrdtool_process

LOG = logging.getLogger(__name__)

#: So much is said at a time; what follows a crash is said again.
_MOST_BYTES = 60_000
_HUNG_SECONDS = 60.0
_END_SECONDS = 5.0
#: A reader's rrdtool gives no memory back: a new one takes its place from time to time.
_MOST_COMMANDS = 2000


class Failed(Exception):
    """rrdtool refuses a command; its words are for the log, not for a client."""


class Answer(NamedTuple):
    """What rrdtool said to a command.

    :ivar text: what it printed.
    :ivar error: why the command failed; None if it did not.
    :ivar is_crash: whether rrdtool ended over it.
    """

    text: str = ""
    error: str | None = None
    is_crash: bool = False


class Pipe:
    """One rrdtool in a directory, for one thread at a time; what it was told it carries out.

    Commands name files of that directory, so its own path may hold anything.
    """

    def __init__(
        self, program: str, directory: Path, *, hung_after_seconds: float = _HUNG_SECONDS
    ) -> None:
        self._program, self._directory = program, directory
        self._hung_after_seconds = hung_after_seconds
        self._process: rrdtool_process.Process | None = None

    def run(self, commands: Sequence[str]) -> list[Answer]:
        """Return the answer to each command; they run one after the other.

        A command over which rrdtool ends has failed, and the next have a new
        rrdtool.

        :param commands: one line of rrdtool's each.
        :raises StoreUnavailable: it cannot be started, or does not answer.
        """
        lines = [f"{command}\n".encode() for command in commands]
        answers: list[Answer] = []
        try:
            while len(answers) < len(lines):
                chunk = _take(lines, len(answers))
                got = (self._process or self._start()).ask(chunk)
                answers += [_decode(said) for said in got]
                if len(got) < len(chunk):
                    fault = f"rrdtool ended over it, {self._end()}"
                    answers.append(Answer("", fault, is_crash=True))
        except rrdtool_process.Gone as exc:
            reason = f"rrdtool {exc}"
        else:
            return answers
        self._end()
        raise exception.StoreUnavailable(reason=reason)

    def close(self) -> None:
        """End rrdtool, if it runs; the next command starts it anew."""
        self._end()

    def _start(self) -> rrdtool_process.Process:
        """Start rrdtool, and see that it answers."""
        environment = os.environ | {"LC_ALL": "C", "TZ": "UTC"}
        process = self._process = rrdtool_process.Process(
            self._program, self._directory, environment, self._hung_after_seconds, hears_all=True
        )
        if not process.ask([b"pwd\n"]):
            said = process.said.decode(errors="replace").strip()
            raise rrdtool_process.Gone(
                f"{self._program} does not work, {self._end()}: {said[-500:]}"
            )
        return process

    def _end(self) -> str:
        """Have it ended, if it runs; return how it did."""
        process, self._process = self._process, None
        # It carries out what it was told before it ends.
        return "status unknown" if process is None else f"status {process.end(_END_SECONDS)}"


class Reader:
    """A few processes of rrdtool, asked for numbers and pictures; any thread may ask.

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
        self._idle: list[rrdtool_process.Process] = []
        self._owner = os.getpid()
        self._outage = outage.Outage(
            LOG,
            "No graphs can be drawn: rrdtool %(reason)s",
            "Graphs are drawn again after %(seconds).0f s",
            level=logging.ERROR,
        )

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
        except rrdtool_process.Gone as exc:
            reason = str(exc)
        else:
            self._outage.end()
            return answers
        self._outage.begin(reason)
        raise exception.GraphUnavailable()

    def close(self) -> None:
        """End those that are idle; whoever asks again starts new ones."""
        while self._idle:
            self._idle.pop().end()

    def _ask(self, lines: Sequence[bytes]) -> list[bytes]:
        process = self._take()
        if process is not None:
            # It may have ended meanwhile, of which nobody need hear.
            with contextlib.suppress(rrdtool_process.Gone):
                return self._exchange(process, lines)
        return self._exchange(self._start(), lines)

    def _exchange(self, process: rrdtool_process.Process, lines: Sequence[bytes]) -> list[bytes]:
        is_sound = False
        try:
            answers = [_require(process, line) for line in lines]
            is_sound = True
            return answers
        except Failed:
            is_sound = True
            raise
        finally:
            if is_sound and process.asked < _MOST_COMMANDS and process.directory != _NOWHERE:
                self._idle.append(process)
            else:
                process.end()

    def _take(self) -> rrdtool_process.Process | None:
        if os.getpid() != self._owner:
            # The parent's; it goes on with them.
            self._owner, self._idle = os.getpid(), []
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _start(self) -> rrdtool_process.Process:
        # A writer makes the directory; before that there are no files to find in it.
        directory = self._directory if self._directory.is_dir() else _NOWHERE
        return rrdtool_process.Process(
            self._program, directory, self._environment, self._hung_after_seconds
        )


_NOWHERE = Path("/")


def _require(process: rrdtool_process.Process, line: bytes) -> bytes:
    """Return what rrdtool says to a command.

    :raises Failed: it refuses it.
    :raises rrdtool_process.Gone: it ends, or does not answer.
    """
    answers = process.ask([line])
    if not answers:
        raise rrdtool_process.Gone(f"ended: {process.said[-500:].decode(errors='replace')}")
    [(content, error)] = answers
    if error is not None:
        raise Failed(error.decode(errors="replace"))
    return content


def _decode(said: rrdtool_process.Said) -> Answer:
    error = None if said.error is None else said.error.decode(errors="replace")
    return Answer(said.content.decode(errors="replace"), error)


def _take(lines: Sequence[bytes], first: int) -> Sequence[bytes]:
    """Return as many of the lines as may be said at a time, at least one."""
    end, size = first + 1, len(lines[first])
    while end < len(lines) and size + len(lines[end]) <= _MOST_BYTES:
        size += len(lines[end])
        end += 1
    return lines[first:end]
