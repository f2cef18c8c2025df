# SPDX-License-Identifier: Apache-2.0
"""The simulated rack as others see it: net-snmp's tools, and our own driver."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from allinone.simulator import agent
from allinone.simulator import rack
from kwapi.drivers import configuration
from kwapi.drivers.snmp import driver as snmp
from tests import patience
from tests.servers import snmp_peers

_EATON = ".1.3.6.1.4.1.534.6.6.7"
_V3 = ["-v3", "-l", "authPriv", "-u", "ann", "-a", "SHA", "-x", "AES"]
_V3 += ["-A", "auth-password", "-X", "priv-password"]
_NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def pdu() -> Iterator[agent.Agent]:
    """A rack's PDU whose time stands still, running."""
    found = agent.Agent(
        rack.Rack(1, _NOW),
        user=agent.User("ann", "auth-password", "priv-password"),
        now=lambda: _NOW,
    )
    found.start()
    yield found
    found.stop()


def run(tool: str, pdu: agent.Agent, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of net-snmp's tools against the PDU."""
    program = shutil.which(tool)
    if program is None:
        pytest.fail(f"{tool} is not installed; it is in Debian's package snmp")
    *options, oid = arguments
    return subprocess.run(
        [program, *options, "-t", "5", "-On", f"127.0.0.1:{pdu.port}", oid],
        capture_output=True,
        text=True,
        timeout=patience.SECONDS,
        env={**os.environ, "MIBS": ""},
    )


@pytest.mark.parametrize(
    ("tool", "options"),
    (
        ("snmpwalk", ["-v1", "-c", "public"]),
        ("snmpwalk", ["-v2c", "-c", "public"]),
        ("snmpbulkwalk", ["-v2c", "-c", "public"]),
        ("snmpbulkwalk", _V3),
    ),
)
def test_walks(pdu: agent.Agent, tool: str, options: list[str]) -> None:
    """GETNEXT and GETBULK go through every object once, in order, and end."""
    walk = run(tool, pdu, *options, _EATON)
    assert walk.returncode == 0, walk.stderr
    objects = [line.split(" = ") for line in walk.stdout.splitlines() if " = " in line]
    # How net-snmp shows that the walk came to the end of everything.
    oids = [oid for oid, value in objects if "No more variables" not in value]
    numbers = [tuple(map(int, oid.strip(".").split("."))) for oid in oids]
    assert numbers == sorted(set(numbers))
    watts = [oid for oid in oids if oid.startswith(f"{_EATON}.6.5.1.3.0.")]
    assert watts == [f"{_EATON}.6.5.1.3.0.{n}" for n in range(1, 25) if n != rack.NOT_FITTED]


def test_an_outlet_that_is_not_fitted(pdu: agent.Agent) -> None:
    """SNMPv1 fails the request, later versions say it of the object."""
    oid = f"{_EATON}.6.5.1.3.0.{rack.NOT_FITTED}"
    assert "noSuchName" in run("snmpget", pdu, "-v1", "-c", "public", oid).stderr
    assert "No Such Instance" in run("snmpget", pdu, "-v2c", "-c", "public", oid).stdout


def test_the_level_of_security_is_enforced(pdu: agent.Agent) -> None:
    """Who knows only the user's name reads nothing."""
    answer = run("snmpget", pdu, "-v3", "-l", "noAuthNoPriv", "-u", "ann", f"{_EATON}.6.5.1.3.0.1")
    assert answer.returncode != 0 or "INTEGER" not in answer.stdout


def test_the_console_script(tmp_path: Path) -> None:
    """The section it prints is read, opened and measured by our driver; SIGTERM ends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "allinone.simulator.command", "--port", "0", "--speed", "3600"]
        + ["--no-bmc", "--no-redfish", "--no-serial"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        lines: list[str] = []
        while not lines or not lines[-1].startswith("parameters"):
            lines.append(process.stdout.readline())
            assert lines[-1], "the simulator ended"
        (tmp_path / "drivers.conf").write_text("".join(lines))
        found = configuration.read([str(tmp_path / "drivers.conf")])
        assert not found.mistakes
        section = found.wattmeters["rack-1-pdu"]
        driver = snmp.Snmp(section.name, section.probes, print, **section.parameters)
        driver.open()
        first, second = driver.read(), driver.read()
        driver.close()
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    assert status == 0
    assert set(first) == {server.name for server in rack.SERVERS}
    for probe, measured in first.items():
        later = second[probe].kwh
        assert measured.watts > 0
        assert measured.kwh is not None and later is not None and later >= measured.kwh


def test_a_port_that_is_taken() -> None:
    """Said in a sentence, not in a traceback."""
    with snmp_peers.SilentPort() as taken:
        process = subprocess.run(
            [sys.executable, "-m", "allinone.simulator.command", "--port", str(taken)],
            capture_output=True,
            text=True,
            timeout=patience.SECONDS,
        )
    assert process.returncode == 1
    assert f"UDP port {taken}" in process.stderr and "Traceback" not in process.stderr
