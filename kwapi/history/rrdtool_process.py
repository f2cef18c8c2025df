# SPDX-License-Identifier: Apache-2.0
"""One ``rrdtool -``: a process that answers commands, one line each.

Owns its pipes: what is said and heard, where an answer ends, and when it is
taken to hang.  When a process is started, and by whom it is asked, is the
affair of :mod:`kwapi.history.rrdtool`.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_READ_BYTES = 1 << 16
_VERDICT = rb"(?:OK u:\S+ s:\S+ r:\S+|ERROR: ([^\n]*))\n"
_END = re.compile(rb"^" + _VERDICT, re.MULTILINE)
_AFTER_PICTURE = re.compile(_VERDICT)
_PICTURE = re.compile(rb"^image = BLOB_SIZE:(\d+)\n", re.MULTILINE)


class Gone(Exception):
    """rrdtool itself is at fault, whatever the command."""


class Said(NamedTuple):
    """What rrdtool said to a command: the picture, if it is one, else the text; or an error."""

    content: bytes
    error: bytes | None


class Process:
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
        :raises Gone: it cannot be started.
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
            raise Gone(f"cannot be started, {exc.filename}: {exc.strerror}") from exc
        assert child.stdin is not None and child.stdout is not None  # noqa: S101 for mypy
        self._child, self._input, self._output = child, child.stdin, child.stdout
        os.set_blocking(self._input.fileno(), False)

    def ask(self, lines: Sequence[bytes]) -> list[Said]:
        """Return the answers to these lines, fewer if it ended before.

        :raises Gone: it says nothing for long.
        """
        self._unsaid = b"".join(lines)
        self.asked += len(lines)
        answers: list[Said] = []
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

    def _next_answer(self) -> Said | None:
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
        answer = Said(self.said[start:stop], end[1])
        self.said = self.said[end.end() :]
        return answer

    def _exchange(self) -> bool:
        """Say and hear some more; return False when it has ended and all it said is heard.

        Both at a time: each end may wait for the other.

        :raises Gone: it says nothing for long.
        """
        ready = select.poll()
        ready.register(self._output, select.POLLIN)
        if self._unsaid:
            ready.register(self._input, select.POLLOUT)
        streams = {stream for stream, _ in ready.poll(1000 * self._hung_after_seconds)}
        if not streams:
            self._child.kill()
            raise Gone(f"did not answer for {self._hung_after_seconds:g} s")
        if self._output.fileno() in streams:
            data = self._output.read(_READ_BYTES)
            self.said += data
            return bool(data)
        try:
            self._unsaid = self._unsaid[self._input.write(self._unsaid) :]
        except BrokenPipeError:
            self._unsaid = b""
        return True
