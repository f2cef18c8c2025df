# SPDX-License-Identifier: Apache-2.0
"""IPMI: the contract against ipmi_sim and against a BMC with DCMI; ipmitool agrees.

All through a relay that takes as long as a network does, and can spoil answers.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.ipmi import driver as ipmi
from kwapi.drivers.ipmi import session as ipmi_session
from kwapi.drivers.ipmi import tool as ipmi_tool
from tests import conftest
from tests.contracts import driver as driver_contract
from tests.servers import bmcs

_TIMEOUT_SECONDS = 1.0


class _Bmc(driver_contract.Device):
    """A BMC behind a relay."""

    secrets = (bmcs.PASSWORD, "no-such-secret")
    period_seconds = 5.0

    def __init__(self, port: int) -> None:
        self._relay = bmcs.Relay(port)
        self.parameters: dict[str, Any] = {
            # As the first Kwapi's files have it, and what tests need.
            "interface": "lanplus",
            "host": "127.0.0.1",
            "username": bmcs.USERNAME,
            "password": bmcs.PASSWORD,
            "port": self._relay.port,
            "timeout_seconds": _TIMEOUT_SECONDS,
        }

    def stop(self) -> None:
        self._relay.stop()

    def vanish(self) -> None:
        self._relay.fault = bmcs.Fault.SILENT

    def come_back(self) -> None:
        self._relay.fault = bmcs.Fault.NONE
        self.parameters["password"] = bmcs.PASSWORD

    def garble(self) -> None:
        self._relay.fault = bmcs.Fault.GARBLE

    def cut(self) -> None:
        self._relay.fault = bmcs.Fault.CUT

    def refuse(self) -> None:
        self.parameters["password"] = "no-such-secret"


class SensorBmc(_Bmc):
    """ipmi_sim: an iDRAC6 with a supply that says nothing."""

    probes = ("server-1", "server-1.supply")
    expected = {"server-1": measurement.Measurement(245.0)}
    resolution_watts = 7.0

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._port = port
        self.parameters["sensors"] = {"server-1": "System Level", "server-1.supply": "PSU1 Power"}

    def count_sessions(self) -> int:
        # Its own is one of them.
        found = ipmitool(self._port, "session", "info", "active")
        return int(re.findall(r"active sessions\s+: (\d+)", found)[0]) - 1


class PowerBmc(_Bmc):
    """A BMC that speaks DCMI."""

    probes = ("server-1",)
    expected = {"server-1": measurement.Measurement(231.0)}
    resolution_watts = 1.0

    def __init__(self, bmc: bmcs.DcmiBmc) -> None:
        super().__init__(bmc.port)
        self.bmc = bmc

    def count_sessions(self) -> int:
        return self.bmc.count_sessions()


class ToolBmc(SensorBmc):
    """The same as ipmitool reads it; it knows no M."""

    resolution_watts = None

    def __init__(self, port: int) -> None:
        super().__init__(port)
        # It takes whole seconds.
        self.parameters.update(method="ipmitool", timeout_seconds=1, retries=0, cipher_suite=3)


def ipmitool(port: int, *arguments: str) -> str:
    """Return what ipmitool prints."""
    done = subprocess.run(
        [bmcs.program("ipmitool"), "-I", "lanplus", "-C", "3", "-H", "127.0.0.1"]
        + ["-p", str(port), "-U", bmcs.USERNAME, "-E", *arguments],
        env={**os.environ, "IPMITOOL_PASSWORD": bmcs.PASSWORD},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bmcs.IpmiSim]:
    """A running ipmi_sim; its watts stay as they are."""
    found = bmcs.IpmiSim(tmp_path_factory.mktemp("ipmi_sim"))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def dcmi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bmcs.DcmiBmc]:
    """A running BMC with DCMI."""
    found = bmcs.DcmiBmc(tmp_path_factory.mktemp("dcmi"))
    found.start()
    yield found
    found.stop()


class TestSensors(driver_contract.DriverContract):
    """By the sensors of OpenIPMI's ipmi_sim."""

    driver_name = "ipmi"

    @pytest.fixture
    def device(self, tmp_path: Path) -> Iterator[SensorBmc]:
        # Of the test's own: one that was left in the lurch keeps sessions for a minute.
        bmc = bmcs.IpmiSim(tmp_path)
        bmc.start()
        found = SensorBmc(bmc.port)
        try:
            conftest.wait(lambda: "245" in ipmitool(bmc.port, "sensor", "reading", "System Level"))
            yield found
        finally:
            found.stop()
            bmc.stop()


class TestDcmi(driver_contract.DriverContract):
    """By DCMI, on pyghmi's server."""

    driver_name = "ipmi"

    @pytest.fixture
    def device(self, dcmi: bmcs.DcmiBmc) -> Iterator[PowerBmc]:
        dcmi.show()
        found = PowerBmc(dcmi)
        yield found
        found.stop()

    def test_what_is_missing_is_absent_and_never_zero(self, device: driver_contract.Device) -> None:
        """A machine that is off: 0 W, and it says that it does not measure."""
        assert isinstance(device, PowerBmc)
        with self.opened(device) as made:
            device.bmc.show(watts=0, active=False)
            assert made.read() == {}


class TestTool(driver_contract.DriverContract):
    """By ipmitool, a process for each reading."""

    driver_name = "ipmi"
    # It does not tell garbage from silence.
    garbage_is = half_is = (exception.WattmeterUnreachable,)

    @pytest.fixture
    def device(self, simulator: bmcs.IpmiSim) -> Iterator[ToolBmc]:
        found = ToolBmc(simulator.port)
        yield found
        found.stop()


MakeDriver = Callable[..., ipmi.Ipmi]


@pytest.fixture
def make() -> Iterator[MakeDriver]:
    """Makes drivers that are closed at the end."""
    made: list[ipmi.Ipmi] = []

    def make_driver(port: int, probes: Any = ("server-1",), **parameters: Any) -> ipmi.Ipmi:
        settings = {
            "host": "127.0.0.1",
            "username": bmcs.USERNAME,
            "password": bmcs.PASSWORD,
            "timeout_seconds": 2.0,
            **parameters,
        }
        made.append(ipmi.Ipmi("bmc", probes, print, port=port, **settings))
        return made[-1]

    yield make_driver
    for driver in made:
        driver.close()


def test_the_first_kwapis_parameters(make: MakeDriver, simulator: bmcs.IpmiSim) -> None:
    """No sensor named: DCMI is not there, of two in watts the system board's is meant."""
    made = make(simulator.port, interface="lanplus")
    made.open()
    assert made.read() == {"server-1": measurement.Measurement(245.0)}
    assert made.resolution_watts == 7.0
    assert made.device == "BMC of manufacturer 674, product 256, firmware 2.90"


def test_ipmitool_agrees(make: MakeDriver, simulator: bmcs.IpmiSim, dcmi: bmcs.DcmiBmc) -> None:
    """Both ways, against a client of others."""
    dcmi.show(watts=417)
    printed = (
        ipmitool(simulator.port, "-c", "sensor", "reading", "System Level").strip().split(",")[1],
        re.findall(
            r"Instantaneous power reading:\s+(\d+)", ipmitool(dcmi.port, "dcmi", "power", "reading")
        )[0],
    )
    for port, text in zip((simulator.port, dcmi.port), printed):
        made = make(port)
        made.open()
        assert made.read()["server-1"].watts == float(text)


def test_it_follows_the_machine(make: MakeDriver, tmp_path: Path) -> None:
    """In steps of 7 W, over one session; and over a BMC that starts anew meanwhile."""
    bmc = bmcs.IpmiSim(tmp_path, watts=700)
    bmc.start()
    try:
        made = make(bmc.port, timeout_seconds=0.5)
        made.open()
        bmc.set_watts(161)
        conftest.wait(lambda: made.read()["server-1"].watts == 161)
        bmc.stop()
        with pytest.raises(exception.WattmeterUnreachable):
            made.read()
        bmc.start()
        made.close()
        made.open()
        conftest.wait(lambda: made.read()["server-1"].watts == 161)
    finally:
        bmc.stop()


def test_a_bmc_that_forgets_us_is_a_new_session(make: MakeDriver, tmp_path: Path) -> None:
    """It starts anew between two readings: it knows no session, and is silent."""
    bmc = bmcs.IpmiSim(tmp_path)
    bmc.start()
    try:
        made = make(bmc.port, timeout_seconds=0.5)
        made.open()
        bmc.stop()
        bmc.start()
        with pytest.raises(exception.WattmeterError):
            made.read()
        made.close()
        made.open()
        conftest.wait(lambda: made.read() == {"server-1": measurement.Measurement(245.0)})
    finally:
        bmc.stop()


def test_a_machine_that_was_off_at_the_start(make: MakeDriver, dcmi: bmcs.DcmiBmc) -> None:
    """0 W without measuring, and no sensor either: DCMI is asked on."""
    dcmi.show(watts=0, active=False)
    made = make(dcmi.port)
    made.open()
    assert made.read() == {}
    dcmi.show(watts=180)
    assert made.read() == {"server-1": measurement.Measurement(180.0)}


def test_watts_that_are_said_not_to_be_measured_are_kept(
    make: MakeDriver, dcmi: bmcs.DcmiBmc, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenBMC has answered so; it is said once."""
    caplog.set_level("INFO")
    dcmi.show(watts=230, active=False)
    made = make(dcmi.port)
    made.open()
    for _ in range(3):
        assert made.read()["server-1"].watts == 230
    assert len([r for r in caplog.records if "does not measure" in r.getMessage()]) == 1


def test_a_bmc_without_dcmi_when_dcmi_is_asked_for(make: MakeDriver, dcmi: bmcs.DcmiBmc) -> None:
    dcmi.show(code=0xC1)
    made = make(dcmi.port, method="dcmi")
    with pytest.raises(exception.WattmeterError, match="does not know this command"):
        made.open()


def test_several_sensors_are_the_operators_choice(make: MakeDriver, tmp_path: Path) -> None:
    """Two supplies and no system board: named in the complaint; their sum can be had."""
    bmc = bmcs.IpmiSim(
        tmp_path,
        (
            ("PS1 Input", 1, "power_supply 1", 10, 0, 0, "Watts", True),
            ("PS2 Input", 2, "power_supply 2", 5, 0, 0, "Watts", True),
        ),
        watts=200,
    )
    bmc.start()
    try:
        for method in ("auto", "ipmitool"):
            made = make(bmc.port, method=method, cipher_suite=3)
            with pytest.raises(exception.ConfigurationInvalid, match="'PS1 Input', 'PS2 Input'"):
                made.open()
            made.close()
        made = make(bmc.port, sensors={"server-1": ["PS1 Input", "PS2 Input"]})
        made.open()
        conftest.wait(lambda: made.read() == {"server-1": measurement.Measurement(400.0)})
        assert made.resolution_watts == 10.0
        made.close()
        made = make(bmc.port, sensor="PS3 Input")
        with pytest.raises(exception.ConfigurationInvalid, match="'PS3 Input' is not one"):
            made.open()
        made.close()
    finally:
        bmc.stop()


def test_an_idle_session_is_renewed(dcmi: bmcs.DcmiBmc) -> None:
    """BMCs forget who says nothing for a minute; with a long period we log in again."""
    account = ipmi_session.Account("127.0.0.1", dcmi.port, bmcs.USERNAME, bmcs.PASSWORD)
    session = ipmi_session.Session(account, ipmi_session.Patience(2.0, 2), idle_seconds=0.0)
    before = dcmi.count_sessions()
    session.open()
    for _ in range(3):
        assert session.ask(0x06, 0x01).code == 0
    session.close()
    conftest.wait(lambda: dcmi.count_sessions() == before)


def test_no_password_among_the_arguments(tmp_path: Path) -> None:
    """What ipmitool is run with, told by a program in its place."""
    bin_path = tmp_path / "bin"
    bin_path.mkdir()
    fake = bin_path / "ipmitool"
    fake.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\nexit 1\n')
    fake.chmod(0o755)
    account = ipmi_session.Account("127.0.0.1", 1, bmcs.USERNAME, bmcs.PASSWORD)
    tool = ipmi_tool.Tool(account, ipmi_session.Patience(), "lanplus", 3, str(fake))
    with pytest.raises(exception.WattmeterError):
        tool.open()
    tool.close()
    said = (tmp_path / "said").read_text()
    assert "-U kwapi -L USER -E -C 3" in said
    assert bmcs.PASSWORD not in said


@pytest.mark.parametrize(
    ("wrong", "said"),
    (
        ({"password": "x" * 21}, "password is longer than the 20 bytes"),
        ({"username": "x" * 17}, "username is longer than the 16 bytes"),
        ({"method": "snmp"}, "method must be one of auto, dcmi, sensor, ipmitool, not 'snmp'"),
        ({"privilege": "root"}, "privilege must be one of .*, not 'root'"),
        ({"cipher_suite": 99}, "cipher_suite must be a whole number from 0 to 17, not 99"),
        ({"interface": "open"}, "interface must be one of lanplus, lan, not 'open'"),
        ({"method": "dcmi", "sensor": "System Level"}, "of no use with method 'dcmi'"),
        ({"sensor": "a", "sensors": {"server-1": "b"}}, "give one of them"),
        ({"sensors": {"server-2": "b"}}, "'server-2', which is not in probes"),
        ({"sensors": {"server-1": ["a", "a"]}}, "named 2 times"),
        ({"probes": ("server-1", "server-2")}, "a BMC measures one machine"),
    ),
)
def test_what_cannot_be_meant_is_refused(
    make: MakeDriver, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match=said) as caught:
        make(1, **wrong)
    assert "x" * 17 not in str(caught.value)
