# SPDX-License-Identifier: Apache-2.0
"""Stands between a driver and its device on TCP, so that the device can misbehave.

Owns connections on loopback, and what is done to the bytes that come back.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

Spoil = Callable[[bytes], bytes]


def untouched(data: bytes) -> bytes:
    """Pass all on."""
    return data


class TcpRelay:
    """A port that leads to another one.

    :ivar port: where a driver connects to.
    :ivar spoil: what is done to each packet that comes back; b"" swallows it.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.spoil: Spoil = untouched
        self.hangs_up = False
        self._is_there = True
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def vanish(self) -> None:
        """Drop all connections, and whoever comes."""
        self._is_there = False
        self.drop()

    def come_back(self) -> None:
        """Pass everything on again."""
        self.spoil, self.hangs_up, self._is_there = untouched, False, True

    def drop(self) -> None:
        """Drop the connections that are open."""
        with self._lock:
            for held in self._open:
                with contextlib.suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)

    def count(self) -> int:
        """Return how many connections are open."""
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        """Drop all connections and free the port."""
        self._is_there = False
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        self.drop()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._is_there:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open.add(near)
            threading.Thread(target=self._forward, args=(near, far), daemon=True).start()
            threading.Thread(target=self._return, args=(near, far), daemon=True).start()

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                far.sendall(data)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)

    def _return(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                near.sendall(self.spoil(data))
                if self.hangs_up:
                    break
        with self._lock:
            self._open.discard(near)
        for end in (near, far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
