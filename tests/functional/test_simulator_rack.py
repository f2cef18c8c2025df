# SPDX-License-Identifier: Apache-2.0
"""The simulated rack, measured in four ways at the same instant: they agree.

Our drivers read it, and programs and libraries of others: ipmitool, sushy.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sushy
from pyghmi.ipmi.private import session

from allinone.simulator import account
from allinone.simulator import agent
from allinone.simulator import bmc
from allinone.simulator import rack
from allinone.simulator import redfish
from allinone.simulator import sensor
from allinone.simulator import serial_meter
from kwapi import exception
from kwapi.drivers import configuration
from kwapi.drivers import driver as drivers
from kwapi.drivers.ipmi import driver as ipmi
from kwapi.drivers.redfish import driver as redfish_driver
from kwapi.drivers.serial import wattsup
from kwapi.drivers.snmp import driver as snmp
from tests import conftest
from tests import patience

_NOW = 1_700_000_000.0
_NAME = "server-1"
_DRIVERS: dict[str, type[drivers.Driver]] = {
    "snmp": snmp.Snmp,
    "ipmi": ipmi.Ipmi,
    "redfish": redfish_driver.Redfish,
    "wattsup": wattsup.Wattsup,
}


class Meters:
    """A rack whose time stands still until told otherwise, and all that measures it."""

    def __init__(self) -> None:
        self.now = _NOW
        self.rack = rack.Rack(1, _NOW)
        self.pdu = agent.Agent(self.rack, now=self.time)
        self.bmcs = bmc.Bmcs(self.rack, now=self.time)
        self.redfish = redfish.Redfish(self.rack, now=self.time)
        self.serial = serial_meter.SerialMeter(self.rack, _NAME, now=self.time)
        self.all = (self.pdu, self.bmcs, self.redfish, self.serial)
        self._opened: list[drivers.Driver] = []

    def time(self) -> float:
        return self.now

    def start(self) -> None:
        for meter in self.all:
            meter.start()

    def stop(self) -> None:
        for driver in self._opened:
            driver.close()
        for meter in self.all:
            meter.stop()

    def write_conf(self, path: Path) -> None:
        path.write_text("\n".join(meter.drivers_conf() for meter in self.all))

    def open(self, path: Path) -> list[drivers.Driver]:
        """Return the drivers of every section, open."""
        self.write_conf(path)
        for driver in make_drivers(path):
            self._opened.append(driver)
            driver.open()
        return self._opened


def make_drivers(path: Path) -> list[drivers.Driver]:
    """Return the drivers that a drivers.conf asks for."""
    found = configuration.read([str(path)])
    assert not found.mistakes
    return [
        _DRIVERS[section.driver](section.name, section.probes, print, **section.parameters)
        for section in found.wattmeters.values()
    ]


def read(opened: list[drivers.Driver]) -> dict[str, float]:
    """Return the watts of every probe."""
    return {probe: m.watts for driver in opened for probe, m in driver.read().items()}


def of_first(watts: dict[str, float]) -> set[float]:
    """Return what the meters of the first server say."""
    ways = (_NAME, *(f"{_NAME}.{way}" for way in ("bmc", "redfish", "wattsup")))
    return {watts[probe] for probe in ways}


@pytest.fixture
def meters() -> Iterator[Meters]:
    """All of them, running."""
    found = Meters()
    try:
        found.start()
        yield found
    finally:
        found.stop()


def ipmitool(port: int, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ipmitool against a BMC."""
    program = shutil.which("ipmitool", path="/usr/bin:/usr/sbin:/bin")
    if program is None:
        pytest.fail("ipmitool is not installed; it is Debian's package of this name")
    given = {"IPMITOOL_PASSWORD": account.PASSWORD, "LC_ALL": "C", **environment}
    where = ["-H", "127.0.0.1", "-p", str(port), "-U", account.USERNAME, "-E"]
    return subprocess.run(
        [program, "-I", "lanplus", *where, *arguments],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=patience.SECONDS,
    )


def test_four_ways_and_the_same_watts(meters: Meters, tmp_path: Path) -> None:
    """Of each server at each instant, not only the first one's at the first."""
    opened = meters.open(tmp_path / "drivers.conf")
    seen = set()
    for _ in range(3):
        shown = {s.name: meters.rack.show(s.name, meters.now).watts for s in rack.SERVERS}
        conftest.wait(lambda s=shown: read(opened[-1:]) == {f"{_NAME}.wattsup": s[_NAME]})
        watts = read(opened)
        assert of_first(watts) == {shown[_NAME]}
        for name, own in shown.items():
            assert (watts[name], watts[f"{name}.bmc"], watts[f"{name}.redfish"]) == (own,) * 3
        assert len(watts) == 3 * len(rack.SERVERS) + 1
        seen.add(shown[_NAME])
        meters.now += 1_000
    assert len(seen) > 1


def test_a_server_that_is_off_draws_standby_on_every_meter(meters: Meters, tmp_path: Path) -> None:
    """Switched by ipmitool, seen by all; on again it boots, then runs."""
    opened = meters.open(tmp_path / "drivers.conf")
    port = meters.bmcs.ports[_NAME]
    neighbour = meters.rack.show("server-2", meters.now).watts

    def settle(watts: float) -> None:
        meters.now += rack.REFRESH_SECONDS
        conftest.wait(lambda: of_first(read(opened)) == {watts})

    assert ipmitool(port, "chassis", "power", "off").returncode == 0
    assert "is off" in ipmitool(port, "chassis", "power", "status").stdout
    settle(rack.STANDBY_WATTS)
    assert read(opened)["server-2"] == pytest.approx(neighbour, rel=0.1)
    assert "present state" in ipmitool(port, "chassis", "power", "cycle").stderr
    assert ipmitool(port, "chassis", "power", "on").returncode == 0
    assert "is on" in ipmitool(port, "chassis", "power", "status").stdout
    meters.now += rack.REFRESH_SECONDS
    booting = meters.rack.show(_NAME, meters.now).watts
    settle(booting)
    meters.now += 60
    assert meters.rack.show(_NAME, meters.now).watts != booting


def test_ipmitool_reads_the_same_watts(meters: Meters) -> None:
    """By DCMI to the watt, by the sensor to its step."""
    for name, port in meters.bmcs.ports.items():
        watts = meters.rack.show(name, meters.now).watts
        said = ipmitool(port, "dcmi", "power", "reading").stdout
        assert f"{watts} Watts" in said
    said = ipmitool(meters.bmcs.ports[_NAME], "-c", "sensor", "reading", "Pwr Consumption").stdout
    watts = meters.rack.show(_NAME, meters.now).watts
    assert float(said.split(",")[1]) == pytest.approx(watts, abs=sensor.STEP_WATTS / 2)


def test_the_sensor_by_our_driver(meters: Meters) -> None:
    """Its record tells the step that it counts in."""
    driver = ipmi.Ipmi(
        "bmc",
        (_NAME,),
        print,
        host="127.0.0.1",
        port=meters.bmcs.ports[_NAME],
        username=account.USERNAME,
        password=account.PASSWORD,
        method="sensor",
    )
    driver.open()
    watts = driver.read()[_NAME].watts
    driver.close()
    assert driver.resolution_watts == sensor.STEP_WATTS
    shown = meters.rack.show(_NAME, meters.now).watts
    assert watts == pytest.approx(shown, abs=sensor.STEP_WATTS / 2)


def test_who_may_not(meters: Meters) -> None:
    """Wrong names and passwords, and users who are no operators, switch nothing."""
    port = meters.bmcs.ports[_NAME]
    for arguments, environment in (
        (("-U", "nobody"), {}),
        ((), {"IPMITOOL_PASSWORD": "wrong"}),
        (("-L", "USER"), {}),
        (("-C", "17"), {}),
    ):
        assert ipmitool(port, *arguments, "chassis", "power", "off", **environment).returncode
    for user in (None, "kwapi:wrong"):
        auth = sushy.auth.BasicAuth(*user.split(":")) if user else None
        service = sushy.Sushy(meters.redfish.url, auth=auth or sushy.auth.BasicAuth("", ""))
        with pytest.raises(sushy.exceptions.AccessError):
            service.get_system(f"/redfish/v1/Systems/{_NAME}")
    assert meters.rack.show(_NAME, meters.now).is_on


@pytest.mark.parametrize("auth", (sushy.auth.BasicAuth, sushy.auth.SessionAuth))
def test_sushy_switches(meters: Meters, auth: Callable[..., Any]) -> None:
    """As ironic's Redfish driver does: soft off takes a while, on is on at once."""
    login = auth(account.USERNAME, account.PASSWORD)
    service = sushy.Sushy(meters.redfish.url, auth=login)
    names = [system.identity for system in service.get_system_collection().get_members()]
    assert names == [server.name for server in rack.SERVERS]
    system = service.get_system(f"/redfish/v1/Systems/{_NAME}")
    assert system.power_state is sushy.PowerState.ON
    for reset, seconds, expected in (
        (sushy.ResetType.GRACEFUL_SHUTDOWN, 0, sushy.PowerState.ON),
        (None, 11, sushy.PowerState.OFF),
        (sushy.ResetType.ON, 0, sushy.PowerState.ON),
        (sushy.ResetType.POWER_CYCLE, 1, sushy.PowerState.OFF),
        (None, 5, sushy.PowerState.ON),
        (sushy.ResetType.FORCE_OFF, 0, sushy.PowerState.OFF),
    ):
        if reset:
            system.reset_system(reset)
        meters.now += seconds
        system.refresh()
        assert system.power_state is expected, (reset, seconds)
    # Else it tries to, again and again, when the service is gone.
    login.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    (
        ("POST", f"/redfish/v1/Systems/{_NAME}/Actions/ComputerSystem.Reset", b"{", 400),
        ("POST", f"/redfish/v1/Systems/{_NAME}/Actions/ComputerSystem.Reset", b"[]", 400),
        (
            "POST",
            f"/redfish/v1/Systems/{_NAME}/Actions/ComputerSystem.Reset",
            b'{"ResetType": {}}',
            400,
        ),
        ("POST", "/redfish/v1/Systems/server-9/Actions/ComputerSystem.Reset", b"{}", 404),
        ("GET", "/redfish/v1/Systems/server-9", b"", 404),
        ("DELETE", "/redfish/v1/SessionService/Sessions/no", b"", 404),
        ("GET", "/redfish/v1/", b"", 200),
    ),
)
def test_requests_that_cannot_be_meant(
    meters: Meters, method: str, path: str, body: bytes, status: int
) -> None:
    """Refused, and the connection can be used on."""
    url = urllib.parse.urlsplit(meters.redfish.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=patience.SECONDS)
    auth = {"Authorization": "Basic a3dhcGk6bm90LXNlY3JldA=="}
    for _ in range(2):
        connection.request(method, path, body, auth)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()
    assert meters.rack.show(_NAME, meters.now).is_on


def test_many_ask_at_once(meters: Meters, tmp_path: Path) -> None:
    """Servers' threads share the model; its counters run on meanwhile."""
    meters.write_conf(tmp_path / "drivers.conf")
    own = make_drivers(tmp_path / "drivers.conf")
    opened = [driver for driver in own if not isinstance(driver, wattsup.Wattsup)]

    def measure(driver: drivers.Driver) -> int:
        driver.open()
        try:
            for _ in range(20):
                meters.now += 7
                assert driver.read()
        finally:
            driver.close()
        return 1

    with concurrent.futures.ThreadPoolExecutor(len(opened)) as pool:
        assert sum(pool.map(measure, opened)) == len(opened)


def test_what_is_no_request_harms_nobody(meters: Meters) -> None:
    """Garbage, cut and forged datagrams, at each length; afterwards the BMC answers."""
    port = meters.bmcs.ports[_NAME]
    asks = bytes.fromhex("0600ff07000000000000000000092018c88100388e04b5")
    opens = bytes.fromhex("0600ff07061000000000000000002000") + bytes(12) + b"\x01" + bytes(19)
    says = bytes.fromhex("0600ff0706c0010000000100000020000000") + bytes(40)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for datagram in (asks, opens, says, b"GET / HTTP/1.1\r\n\r\n"):
            for length in range(len(datagram) + 1):
                client.sendto(datagram[:length], ("127.0.0.1", port))
    conftest.wait(lambda: ipmitool(port, "chassis", "power", "status").returncode == 0)


def test_stopping_frees_everything() -> None:
    """Threads, ports, what pyghmi keeps; and it can all be had again."""
    before = set(threading.enumerate())
    known = dict(session.Session.bmc_handlers)
    for _ in range(2):
        found = Meters()
        found.start()
        ports = list(found.bmcs.ports.values())
        url = urllib.parse.urlsplit(found.redfish.url)
        idle = socket.create_connection((str(url.hostname), url.port), timeout=patience.SECONDS)
        assert ipmitool(ports[0], "chassis", "power", "status").returncode == 0
        found.stop()
        assert set(threading.enumerate()) == before
        assert idle.recv(1) == b""
        idle.close()
        for port in ports:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
                listener.bind(("127.0.0.1", port))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((str(url.hostname), url.port), timeout=patience.SECONDS)
        assert not os.path.exists(found.serial.device)
    assert session.Session.bmc_handlers == known


def test_ports_that_are_taken() -> None:
    """Said in a sentence; what had been taken before is free again."""
    simulated = rack.Rack(1, _NOW)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        bmcs = bmc.Bmcs(simulated, port=port)
        with pytest.raises(exception.ConfigurationInvalid, match=f"UDP port {port}"):
            bmcs.start()
    assert not bmcs.ports
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(exception.ConfigurationInvalid, match=f"TCP port {port}"):
            redfish.Redfish(simulated, port=port).start()


def test_the_console_script(tmp_path: Path) -> None:
    """Our drivers read every section that it prints; SIGTERM ends it."""
    ports = ["--port", "0", "--bmc-port", "0", "--redfish-port", "0"]
    path = tmp_path / "drivers.conf"
    with path.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "allinone.simulator.command", *ports], stdout=output
        )
    try:
        conftest.wait(lambda: process.poll() is not None or "wattsup" in path.read_text())
        opened = make_drivers(path)
        for driver in opened:
            driver.open()
        watts = read(opened)
        for driver in opened:
            driver.close()
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    assert status == 0
    assert len(watts) == 3 * len(rack.SERVERS) + 1
    assert max(of_first(watts)) > 50
    assert account.PASSWORD in path.read_text()
