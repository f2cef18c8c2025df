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
import re
import select
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from energybase import outage
from kwapi import exception

LOG = logging.getLogger(__name__)

#: So much is said at a time; what follows a crash is said again.
_MOST_BYTES = 60_000
_READ_BYTES = 1 << 16
_HUNG_SECONDS = 60.0
_END_SECONDS = 5.0
#: A reader's rrdtool gives no memory back: a new one takes its place from time to time.
_MOST_COMMANDS = 2000
_VERDICT = rb"(?:OK u:\S+ s:\S+ r:\S+|ERROR: ([^\n]*))\n"
_END = re.compile(rb"^" + _VERDICT, re.MULTILINE)
_AFTER_PICTURE = re.compile(_VERDICT)
_PICTURE = re.compile(rb"^image = BLOB_SIZE:(\d+)\n", re.MULTILINE)


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
        self._process: _Process | None = None

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
        except _Gone as exc:
            reason = f"rrdtool {exc}"
        else:
            return answers
        self._end()
        raise exception.StoreUnavailable(reason=reason)

    def close(self) -> None:
        """End rrdtool, if it runs; the next command starts it anew."""
        self._end()

    def _start(self) -> _Process:
        """Start rrdtool, and see that it answers."""
        environment = os.environ | {"LC_ALL": "C", "TZ": "UTC"}
        process = self._process = _Process(
            self._program, self._directory, environment, self._hung_after_seconds, hears_all=True
        )
        if not process.ask([b"pwd\n"]):
            said = process.said.decode(errors="replace").strip()
            raise _Gone(f"{self._program} does not work, {self._end()}: {said[-500:]}")
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
        self._idle: list[_Process] = []
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
        except _Gone as exc:
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
            with contextlib.suppress(_Gone):
                return self._exchange(process, lines)
        return self._exchange(self._start(), lines)

    def _exchange(self, process: _Process, lines: Sequence[bytes]) -> list[bytes]:
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
        directory = self._directory if self._directory.is_dir() else _NOWHERE
        return _Process(self._program, directory, self._environment, self._hung_after_seconds)


_NOWHERE = Path("/")


class _Gone(Exception):
    """rrdtool itself is at fault, whatever the command."""


class _Said(NamedTuple):
    """What rrdtool said to a command: the picture, if it is one, else the text; or an error."""

    content: bytes
    error: bytes | None


class _Process:
    """One ``rrdtool -``, for one thread at a time.

    :ivar said: what it said that is no answer yet.
    :ivar asked: how many commands it was told.
    """

    def __init__(
        self,
        program: str,
        directory: Path,
        environment: dict[str, str],
        hung_after_seconds: float,
        *,
        hears_all: bool = False,
    ) -> None:
        """Start it.

        :param hears_all: also what it says on its standard error, where libraries
            warn: it would get into pictures.
        :raises _Gone: it cannot be started.
        """
        self.directory, self._hung_after_seconds = directory, hung_after_seconds
        self.said, self._unsaid, self.asked = b"", b"", 0
        try:
            child = subprocess.Popen(  # noqa: S603 - the configured program, and no shell
                [program, "-"],
                cwd=directory,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if hears_all else subprocess.DEVNULL,
                bufsize=0,
                # Who ends us from a terminal would end it too, in the midst of a file.
                start_new_session=True,
            )
        except OSError as exc:
            raise _Gone(f"cannot be started, {exc.filename}: {exc.strerror}") from exc
        assert child.stdin is not None and child.stdout is not None  # noqa: S101 for mypy
        self._child, self._input, self._output = child, child.stdin, child.stdout
        os.set_blocking(self._input.fileno(), False)

    def ask(self, lines: Sequence[bytes]) -> list[_Said]:
        """Return the answers to these lines, fewer if it ended before.

        :raises _Gone: it says nothing for long.
        """
        self._unsaid = b"".join(lines)
        self.asked += len(lines)
        answers: list[_Said] = []
        while len(answers) < len(lines):
            answer = self._next_answer()
            if answer is not None:
                answers.append(answer)
            elif not self._exchange():
                break
        return answers

    def end(self, patience_seconds: float = 0.0) -> int:
        """Have it ended; return its status.

        :param patience_seconds: for what it was told and has not carried out yet.
        """
        # What was not said yet goes nowhere.
        with contextlib.suppress(OSError):
            self._input.close()
        try:
            self._child.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self._output.close()
        return self._child.wait()

    def _next_answer(self) -> _Said | None:
        """Return the next answer of what was heard; None if it is not whole yet."""
        end = _END.search(self.said)
        start, stop = 0, len(self.said) if end is None else end.start()
        # A picture ends where its size says: what looks like an end may be part of it.
        if stop and (picture := _PICTURE.search(self.said, 0, stop)):
            start = picture.end()
            stop = start + int(picture[1])
            end = _AFTER_PICTURE.match(self.said, stop)
        if end is None:
            return None
        answer = _Said(self.said[start:stop], end[1])
        self.said = self.said[end.end() :]
        return answer

    def _exchange(self) -> bool:
        """Say and hear some more; return False when it has ended and all it said is heard.

        Both at a time: each end may wait for the other.

        :raises _Gone: it says nothing for long.
        """
        ready = select.poll()
        ready.register(self._output, select.POLLIN)
        if self._unsaid:
            ready.register(self._input, select.POLLOUT)
        streams = {stream for stream, _ in ready.poll(1000 * self._hung_after_seconds)}
        if not streams:
            self._child.kill()
            raise _Gone(f"did not answer for {self._hung_after_seconds:g} s")
        if self._output.fileno() in streams:
            data = self._output.read(_READ_BYTES)
            self.said += data
            return bool(data)
        try:
            self._unsaid = self._unsaid[self._input.write(self._unsaid) :]
        except BrokenPipeError:
            self._unsaid = b""
        return True


def _require(process: _Process, line: bytes) -> bytes:
    """Return what rrdtool says to a command.

    :raises Failed: it refuses it.
    :raises _Gone: it ends, or does not answer.
    """
    answers = process.ask([line])
    if not answers:
        raise _Gone(f"ended: {process.said[-500:].decode(errors='replace')}")
    [(content, error)] = answers
    if error is not None:
        raise Failed(error.decode(errors="replace"))
    return content


def _decode(said: _Said) -> Answer:
    error = None if said.error is None else said.error.decode(errors="replace")
    return Answer(said.content.decode(errors="replace"), error)


def _take(lines: Sequence[bytes], first: int) -> Sequence[bytes]:
    """Return as many of the lines as may be said at a time, at least one."""
    end, size = first + 1, len(lines[first])
    while end < len(lines) and size + len(lines[end]) <= _MOST_BYTES:
        size += len(lines[end])
        end += 1
    return lines[first:end]
