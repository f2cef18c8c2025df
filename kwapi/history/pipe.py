# SPDX-License-Identifier: Apache-2.0
"""One long-lived ``rrdtool -``, which takes commands line by line.

Owns that process: it is started when first needed, started anew when it ends,
and never waited for without end.  What the commands mean is the caller's.
To start rrdtool for each command would cost a hundred times as much.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from typing import NamedTuple

from kwapi import exception

#: So much is said at a time; what follows a crash is said again.
_MOST_BYTES = 60_000
_READ_BYTES = 1 << 16
_HUNG_SECONDS = 60.0
_END_SECONDS = 5.0
_END = re.compile(rb"^(?:OK u:\S+ s:\S+ r:\S+|ERROR: ([^\n]*))\n", re.MULTILINE)


class Answer(NamedTuple):
    """What rrdtool said to a command.

    :ivar text: what it printed.
    :ivar error: why the command failed; None if it did not.
    :ivar is_crash: whether rrdtool ended over it.
    """

    text: str = ""
    error: str | None = None
    is_crash: bool = False


class _Process(NamedTuple):
    child: subprocess.Popen[bytes]
    input: IO[bytes]
    output: IO[bytes]


class Pipe:
    """rrdtool in a directory, for one thread at a time.

    Commands name files of that directory, so its own path may hold anything.
    """

    def __init__(
        self, program: str, directory: Path, *, hung_after_seconds: float = _HUNG_SECONDS
    ) -> None:
        self._program, self._directory = program, directory
        self._hung_after_seconds = hung_after_seconds
        self._process: _Process | None = None
        self._unsaid, self._said = b"", b""

    def run(self, commands: Sequence[str]) -> list[Answer]:
        """Return the answer to each command; they run one after the other.

        A command over which rrdtool ends has failed, and the next have a new
        rrdtool.

        :param commands: one line of rrdtool's each.
        :raises StoreUnavailable: it cannot be started, or does not answer.
        """
        lines = [f"{command}\n".encode() for command in commands]
        answers: list[Answer] = []
        while len(answers) < len(lines):
            chunk = _take(lines, len(answers))
            got = self._tell(self._process or self._start(), chunk)
            answers += got
            if len(got) < len(chunk):
                answers.append(Answer("", f"rrdtool ended over it, {self._end()}", is_crash=True))
        return answers

    def close(self) -> None:
        """End rrdtool, if it runs; the next command starts it anew."""
        self._end()

    def _start(self) -> _Process:
        """Start rrdtool, and see that it answers.

        :raises StoreUnavailable: it does not.
        """
        try:
            child = subprocess.Popen(  # noqa: S603 - the configured program, and no shell
                [self._program, "-"],
                cwd=self._directory,
                env=os.environ | {"LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                # Who ends us from a terminal would end it too, in the midst of a file.
                start_new_session=True,
            )
        except OSError as exc:
            raise exception.StoreUnavailable(
                reason=f"rrdtool cannot be started, {exc.filename}: {exc.strerror}"
            ) from exc
        if child.stdin is None or child.stdout is None:
            raise exception.StoreUnavailable(reason="rrdtool has no input or output")
        os.set_blocking(child.stdin.fileno(), False)
        process = self._process = _Process(child, child.stdin, child.stdout)
        if not self._tell(process, [b"pwd\n"]):
            said = self._said.decode(errors="replace").strip()
            raise exception.StoreUnavailable(
                reason=f"{self._program} does not work, {self._end()}: {said[-500:]}"
            )
        return process

    def _tell(self, process: _Process, lines: Sequence[bytes]) -> list[Answer]:
        """Return the answers to these lines, fewer if it ended before."""
        self._unsaid = b"".join(lines)
        answers: list[Answer] = []
        while len(answers) < len(lines):
            found = _END.search(self._said)
            if found is None:
                if not self._exchange(process):
                    break
                continue
            text = self._said[: found.start()].decode(errors="replace")
            error = None if found[1] is None else found[1].decode(errors="replace")
            answers.append(Answer(text, error))
            self._said = self._said[found.end() :]
        return answers

    def _exchange(self, process: _Process) -> bool:
        """Say and hear some more; return False when it has ended and all it said is heard.

        Both at a time: each end may wait for the other.

        :raises StoreUnavailable: it says nothing for long.
        """
        ready = select.poll()
        ready.register(process.output, select.POLLIN)
        if self._unsaid:
            ready.register(process.input, select.POLLOUT)
        streams = {stream for stream, _ in ready.poll(1000 * self._hung_after_seconds)}
        if not streams:
            process.child.kill()
            self._end()
            raise exception.StoreUnavailable(
                reason=f"rrdtool did not answer for {self._hung_after_seconds:g} s"
            )
        if process.output.fileno() in streams:
            data = process.output.read(_READ_BYTES)
            self._said += data
            return bool(data)
        try:
            self._unsaid = self._unsaid[process.input.write(self._unsaid) :]
        except BrokenPipeError:
            self._unsaid = b""
        return True

    def _end(self) -> str:
        """Have it ended, if it runs; return how it did."""
        process, self._process, self._said = self._process, None, b""
        if process is None:
            return "status unknown"
        # It carries out what it was told before it ends.
        process.input.close()
        try:
            process.child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.child.kill()
        process.output.close()
        return f"status {process.child.wait()}"


def _take(lines: Sequence[bytes], first: int) -> Sequence[bytes]:
    """Return as many of the lines as may be said at a time, at least one."""
    end, size = first + 1, len(lines[first])
    while end < len(lines) and size + len(lines[end]) <= _MOST_BYTES:
        size += len(lines[end])
        end += 1
    return lines[first:end]
