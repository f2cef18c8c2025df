# SPDX-License-Identifier: Apache-2.0
"""Ports of loopback for the servers that tests start.

Owns which worker of pytest-xdist gives which ports: no two give the same one, and
none gives one twice, so that a server that is stopped finds its port free when it
starts again.  All are below the range from which the kernel takes outgoing ports.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Iterator
from collections.abc import Sequence

_PORTS = range(20_000, 32_000)
#: More workers than this share ports; they are rarely given the same one.
_WORKERS = 8


def find_tcp(count: int) -> list[int]:
    """Return TCP ports on which nothing listens."""
    return [_find(socket.SOCK_STREAM) for _ in range(count)]


def find_udp() -> int:
    """Return a UDP port that is free."""
    return _find(socket.SOCK_DGRAM)


def of_worker(name: str) -> range:
    """Return the ports of a worker, by its name: ``gw0``, or nothing without xdist."""
    number = int(name.removeprefix("gw") or 0) % _WORKERS
    return _PORTS[number::_WORKERS]


def _find(kind: socket.SocketKind) -> int:
    for port in _unused:
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def _shuffle_again(ports: Sequence[int]) -> Iterator[int]:
    """Give each port once in random order, then all of them anew."""
    while True:
        yield from random.sample(ports, len(ports))


_unused = _shuffle_again(of_worker(os.environ.get("PYTEST_XDIST_WORKER", "")))
