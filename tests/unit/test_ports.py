# SPDX-License-Identifier: Apache-2.0
"""Workers that start servers at the same time give them different ports."""

from __future__ import annotations

from tests.servers import ports


def test_no_two_workers_share_a_port() -> None:
    given = [set(ports.of_worker(name)) for name in ("", *(f"gw{n}" for n in range(1, 8)))]
    assert sum(map(len, given)) == len(set().union(*given))


def test_no_port_is_given_twice() -> None:
    found = [*ports.find_tcp(10), *(ports.find_udp() for _ in range(10))]
    assert len(set(found)) == 20
