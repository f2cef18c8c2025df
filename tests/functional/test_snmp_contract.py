# SPDX-License-Identifier: Apache-2.0
"""The SNMP driver keeps the contract of every driver, with either library.

The device is the simulated rack's PDU behind a relay that spoils its answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from allinone.simulator import agent
from allinone.simulator import rack
from kwapi import exception
from kwapi import measurement
from tests.contracts import driver as driver_contract
from tests.servers import ports
from tests.servers import snmp_peers

pytestmark = pytest.mark.pairwise("library", "version")

_NOW = 1_700_000_000.0
_OUTLETS = tuple(f"outlet-{number}" for number in range(1, 25))


def _agent(port: int, auth_password: str, priv_password: str) -> agent.Agent:
    user = agent.User(snmp_peers.USER, auth_password, priv_password)
    return agent.Agent(
        rack.Rack(1, _NOW), port=port, community=snmp_peers.COMMUNITY, user=user, now=lambda: _NOW
    )


class Pdu(driver_contract.Device):
    """A PDU that reads well until told otherwise."""

    probes = _OUTLETS
    period_seconds = 5
    resolution_watts = 1

    def __init__(self, library: str, version: str) -> None:
        """Prepare; :meth:`start` starts it."""
        # At the same port it is the same device, as SNMPv3 sees it.
        port = ports.find_udp()
        self._right = _agent(port, snmp_peers.AUTH_PASSWORD, snmp_peers.PRIV_PASSWORD)
        self._other = _agent(port, "another-auth-password", "another-priv-password")
        self._serving = self._right
        self._spoil = self._leave
        self._relay = snmp_peers.Relay(port, lambda answer, _: self._spoil(answer))
        self.parameters = {
            "ip": "127.0.0.1",
            "protocol": version,
            "timeout_seconds": 1.0,
            "retries": 0,
            "client": library,
        }
        if version == "3":
            self.parameters |= {
                "user": snmp_peers.USER,
                "auth_password": snmp_peers.AUTH_PASSWORD,
                "priv_password": snmp_peers.PRIV_PASSWORD,
            }
            self.secrets = (snmp_peers.AUTH_PASSWORD, snmp_peers.PRIV_PASSWORD)
        else:
            self.parameters["community"] = snmp_peers.COMMUNITY

    def start(self) -> None:
        self._serving.start()
        self.parameters = {**self.parameters, "port": self._relay.__enter__()}
        outlets = self._right._rack.outlets
        self.expected = {
            f"outlet-{number}": measurement.Measurement(outlet.watts, int(outlet.watt_hours) / 1000)
            for number, outlet in outlets.items()
        }

    def stop(self) -> None:
        self._relay.__exit__()
        self._serving.stop()

    def vanish(self) -> None:
        self._spoil = lambda _answer: []

    def come_back(self) -> None:
        self._spoil = self._leave
        self._serve(self._right)

    def garble(self) -> None:
        self._spoil = lambda _answer: [b"\x30\x82\xff\xffnot SNMP at all"]

    def cut(self) -> None:
        self._spoil = lambda answer: [answer[: len(answer) // 2]]

    def refuse(self) -> None:
        self._serve(self._other)

    def count_sessions(self) -> int:
        """Return how many sockets this process has open."""
        return sum(
            os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
            for number in os.listdir("/proc/self/fd")
            if os.path.islink(f"/proc/self/fd/{number}")
        )

    def _serve(self, wanted: agent.Agent) -> None:
        if self._serving is not wanted:
            self._serving.stop()
            self._serving = wanted
            wanted.start()

    @staticmethod
    def _leave(answer: bytes) -> list[bytes]:
        return [answer]


class TestSnmp(driver_contract.DriverContract):
    """With both libraries, by SNMPv3 and v2c."""

    driver_name = "snmp"
    # pysnmp drops what it cannot read, and what is left is silence.
    garbage_is = (exception.MalformedAnswer, exception.WattmeterUnreachable)
    half_is = garbage_is

    @pytest.fixture(params=("pysnmp", "gufo"))
    def library(self, request: pytest.FixtureRequest) -> str:
        """Each of the libraries."""
        name: str = request.param
        return name

    @pytest.fixture(params=("3", "2c"))
    def version(self, request: pytest.FixtureRequest) -> str:
        """The newest version, and the one most in use."""
        name: str = request.param
        return name

    @pytest.fixture
    def device(self, library: str, version: str) -> Iterator[Pdu]:
        """A PDU of the test's own."""
        pdu = Pdu(library, version)
        pdu.start()
        try:
            # pysnmp's engine is made when first needed, and keeps its socket.
            with self.opened(pdu) as made:
                made.read()
            yield pdu
        finally:
            pdu.stop()

    @pytest.mark.pairwise()
    def test_wrong_credentials_are_told_apart(self, device: Pdu) -> None:
        """With each library: version 2c, which knows no credentials, would be the other's only."""
        super().test_wrong_credentials_are_told_apart(device)
