# SPDX-License-Identifier: Apache-2.0
"""Speaks to rrdcached over its socket: many updates at a time, files made current.

Owns the connection, which is made when first needed and made anew after it
broke.  What is sent is the caller's.
"""

from __future__ import annotations

import io
import logging
import re
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from energybase import exception

LOG = logging.getLogger(__name__)

_HUNG_SECONDS = 60.0
_UNSAFE = re.compile(r"([\\ \t])")
_ERROR = re.compile(rb"(\d+) (.*)\n")


class Client:
    """One connection; threads take turns."""

    def __init__(self, path: str, *, hung_after_seconds: float = _HUNG_SECONDS) -> None:
        """Connect to nothing yet.

        :param path: of the socket.
        """
        self._path, self._hung_after_seconds = path, hung_after_seconds
        self._lock = threading.Lock()
        self._stream: io.BufferedRWPair | None = None

    def batch(self, lines: Sequence[str]) -> dict[int, str]:
        """Have the commands carried out; return why some failed, by their place.

        rrdcached has those that did not fail when this returns: in its memory,
        and in its journal if it keeps one.

        :raises StoreUnavailable: it is away; some may have been carried out.
        """
        with self._lock:
            try:
                return self._batch(lines)
            except OSError as exc:
                self._close()
                fault = exc.strerror or str(exc) or type(exc).__name__
                raise exception.StoreUnavailable(
                    reason=f"rrdcached at {self._path}: {fault}"
                ) from exc

    def close(self) -> None:
        """Give the connection up; the next command makes a new one."""
        with self._lock:
            self._close()

    def _batch(self, lines: Sequence[str]) -> dict[int, str]:
        stream = self._stream or self._connect()
        stream.write(b"BATCH\n")
        stream.flush()
        _read_status(stream)
        # It says nothing before the end, so there is nothing to read meanwhile.
        stream.write("".join(f"{line}\n" for line in lines).encode() + b".\n")
        stream.flush()
        return dict(_read_error(stream) for _ in range(_read_status(stream)))

    def _connect(self) -> io.BufferedRWPair:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(self._hung_after_seconds)
        try:
            link.connect(self._path)
            stream = self._stream = link.makefile("rwb")
        finally:
            # The stream keeps it open.
            link.close()
        return stream

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError as exc:
                # What was not sent yet cannot be.
                LOG.debug("%s", exc)


def path_in(directory: Path) -> str:
    """Return what stands before a file's name in a command: its directory, absolute and escaped."""
    return _UNSAFE.sub(r"\\\1", f"{directory.absolute()}/")


def _read_status(stream: io.BufferedRWPair) -> int:
    """Return the number with which an answer begins: how many lines follow, or that it failed.

    :raises ConnectionError: this is no answer of rrdcached's.
    """
    line = stream.readline()
    number = line.partition(b" ")[0]
    if not line.endswith(b"\n") or not number.isdigit():
        raise ConnectionError(f"answers {line[:200]!r}" if line else "closed the connection")
    return int(number)


def _read_error(stream: io.BufferedRWPair) -> tuple[int, str]:
    found = _ERROR.fullmatch(stream.readline())
    if found is None:
        raise ConnectionError("ended in the midst of an answer")
    return int(found[1]) - 1, found[2].decode(errors="replace")
