# SPDX-License-Identifier: Apache-2.0
"""Each profile, on a recording of its device: found by sysObjectID, read right.

Every recording has an outlet that is absent, and most have one that says it has
no value: neither shifts the others.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pytest

from kwapi import exception
from kwapi.drivers.snmp import driver as snmp
from kwapi.drivers.snmp import profile as snmp_profile
from tests.servers import snmp_peers

pytestmark = pytest.mark.pairwise("agents", "library", "protocol")

OUTLETS = ["one", "two", "three", "four", "five"]

Expected = dict[str, tuple[float, float | None]]


class Case(NamedTuple):
    """A recording, how it is configured, and what must be read from it."""

    recording: str
    parameters: dict[str, Any]
    probes: list[str | None]
    expected: Expected
    period_seconds: float
    resolution_watts: float
    note: str = ""


#: 0.52 A x 230.10 V x 94.70 % and so on, as on Schleifenbauer's older firmware.
COMPUTED: Expected = {
    "one": (113.310444, 1234),
    "two": (266.359158, 16777214),
    "four": (0, 0),
    "five": (91.846004, 77),
}

CASES = (
    Case(
        "eaton",
        {},
        OUTLETS,
        {"one": (90, 12.345), "two": (97, 24.69), "four": (111, 49.38)},
        5,
        1,
    ),
    Case(
        "eaton_revelation",
        {},
        OUTLETS,
        {"one": (61, None), "three": (63, None), "four": (64, None), "five": (65, None)},
        5,
        1,
    ),
    Case(
        "eaton_genesis2",
        {"volts": 230},
        OUTLETS,
        {"one": (115, None), "two": (276, None), "four": (0, None)},
        5,
        23,
        "computed at 230 V",
    ),
    Case(
        "schleifenbauer",
        {},
        OUTLETS,
        {"one": (113, 1234), "two": (267, 16777214), "four": (0, 0), "five": (92, 77)},
        3,
        1,
    ),
    Case(
        "schleifenbauer",
        {"strapping": 210, "table": "inputs"},
        ["in-1", "in-2", "in-3"],
        {"in-1": (34, 66), "in-2": (0, 0), "in-3": (35, 67)},
        3,
        1,
    ),
    Case(
        "schleifenbauer_2015",
        {},
        OUTLETS,
        {
            "one": (113.310444, 1234),
            "two": (266.359158, 16777214),
            "four": (0, 0),
            "five": (91.846004, 77),
        },
        3,
        2.3,
        "tells no watts; they are computed from current, voltage and power factor",
    ),
    Case(
        "schleifenbauer_2015",
        {"table": "inputs"},
        ["in-1", "in-2", "in-3"],
        {"in-1": (33.664832, 66), "in-2": (0, 0), "in-3": (34.452438, 67)},
        3,
        2.3,
        "tells no watts",
    ),
    Case(
        "schleifenbauer_sdevice",
        {},
        OUTLETS,
        {
            "one": (113.310444, 1234),
            "two": (266.359158, 16777214),
            "four": (0, 0),
            "five": (91.846004, 77),
        },
        3,
        2.3,
        "not proved on a device",
    ),
    Case(
        "apc_rpdu2",
        {},
        OUTLETS,
        {"one": (88, 120.5), "two": (0, 0), "three": (301, 9876.3)},
        5,
        1,
    ),
    Case("apc_rpdu2", {"table": "inputs"}, ["pdu"], {"pdu": (390, 9996.8)}, 5, 10),
    Case(
        "apc_rpdu",
        {"volts": 231.5},
        OUTLETS,
        {"one": (115.75, None), "two": (277.8, None), "four": (0, None)},
        5,
        23.15,
        "computed at 231.5 V",
    ),
    Case(
        "apc_rpdu",
        {"volts": 230, "table": "groups"},
        ["bank-1", "bank-2"],
        {"bank-1": (713, None), "bank-2": (667, None)},
        5,
        23,
        "computed at 230 V",
    ),
    # The device as a whole is in watts; it needs no voltage.
    Case("apc_rpdu", {"table": "inputs"}, ["pdu"], {"pdu": (1357, None)}, 5, 1),
    Case(
        "raritan_px",
        {},
        OUTLETS,
        # Outlet 5 does not count energy, it says 0; outlet 4 was never switched on.
        {"one": (83, 120.512), "three": (296, 9876.543), "four": (0, None), "five": (19, None)},
        5,
        1,
    ),
    Case(
        "raritan_px2",
        {},
        [*OUTLETS, "six"],
        # Outlets 3 and 5: absent, and not available by its flag. Decimals differ by outlet.
        {"one": (83.5, 120.512), "two": (296, 9876.543), "four": (0, 0.017), "six": (19, 0)},
        1,
        1,
    ),
    Case("raritan_px2", {}, ["one"], {"one": (83.5, 120.512)}, 1, 0.1),
    Case("raritan_px2", {"table": "inputs"}, ["in"], {"in": (138, 20.101)}, 1, 1),
    Case(
        "raritan_px2",
        {"outlets": {"a": ["1.1", 2]}},
        ["a"],
        {"a": (379.5, 9997.055)},
        1,
        1,
    ),
    Case(
        "servertech_sentry3",
        {"outlets": {"b-1": "1.2.1"}},
        [*OUTLETS, "b-1"],
        {"one": (88, 120.512), "two": (301, 9876.543), "four": (0, 0), "b-1": (170, 5.15)},
        10,
        1,
    ),
    Case(
        "servertech_sentry3_amps",
        {"volts": 120},
        OUTLETS,
        {"one": (49.2, None), "two": (158.4, None), "four": (0, None)},
        10,
        1.2,
        "computed at 120 V",
    ),
    Case(
        "servertech_sentry4",
        {"outlets": {"b-1": "1.2.1"}},
        [*OUTLETS, "b-1"],
        {"one": (88, 120.512), "two": (301, 9876.543), "four": (0, 0), "b-1": (170, 5.15)},
        5,
        1,
    ),
    Case("servertech_sentry4", {"table": "inputs"}, ["cord"], {"cord": (389, 9997)}, 5, 1),
)

#: Recordings of devices that are no wattmeters as they stand, and what is said of them.
REFUSED = (
    ("apc_rpdu", "tells currents only: give volts"),
    ("servertech_sentry3_amps", "tells currents only: give volts"),
    ("eaton_genesis2", "tells currents only: give volts"),
    ("eaton_pulizzi", "Pulizzi line, which measures volts and amperes of whole sections"),
    ("schleifenbauer_gateway", "gateway, whose columns of power are not public"),
)


def _recordings() -> list[str]:
    return sorted(path.stem for path in snmp_peers.SAMPLES.glob("*.snmprec"))


class Snmpds:
    """An snmpd for each recording, started when first asked for."""

    def __init__(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self._factory = tmp_path_factory
        self._running: dict[str, snmp_peers.Snmpd] = {}

    def where(self, recording: str) -> dict[str, Any]:
        if recording not in self._running:
            path = snmp_peers.SAMPLES / f"{recording}.snmprec"
            self._running[recording] = snmp_peers.Snmpd(self._factory.mktemp(recording), path)
            self._running[recording].start()
        return {"port": self._running[recording].port, "community": snmp_peers.COMMUNITY}

    def stop(self) -> None:
        for agent in self._running.values():
            agent.stop()


class Sims:
    """One snmpsim with every recording, each under a community of its name."""

    def __init__(self, directory: Path) -> None:
        self._agent = snmp_peers.Snmpsim(directory, snmp_peers.SAMPLES / "eaton.snmprec")
        for path in snmp_peers.SAMPLES.glob("*.snmprec"):
            shutil.copy(path, directory / "data")
        self._agent.start()

    def where(self, recording: str) -> dict[str, Any]:
        return {"port": self._agent.port, "community": recording}

    def stop(self) -> None:
        self._agent.stop()


@pytest.fixture(scope="module", params=("snmpd", "snmpsim"))
def agents(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Snmpds | Sims]:
    """Both agents, one after the other."""
    found = (
        Snmpds(tmp_path_factory)
        if request.param == "snmpd"
        else Sims(tmp_path_factory.mktemp("snmpsim"))
    )
    yield found
    found.stop()


def _driver(agents: Snmpds | Sims, recording: str, probes: Any, **parameters: Any) -> snmp.Snmp:
    where = agents.where(recording)
    return snmp.Snmp(
        "pdu", probes, print, ip="127.0.0.1", timeout_seconds=5.0, **where, **parameters
    )


@pytest.mark.parametrize("protocol", ("1", "2c"))
@pytest.mark.parametrize("library", ("pysnmp", "gufo"))
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.recording}-{len(case.expected)}")
def test_what_a_device_shows(
    agents: Snmpds | Sims,
    case: Case,
    library: str,
    protocol: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every value is its own outlet's, in W and kWh; notes are told once."""
    caplog.set_level(logging.WARNING)
    driver = _driver(
        agents, case.recording, case.probes, client=library, protocol=protocol, **case.parameters
    )
    for _ in range(2):
        driver.open()
        try:
            measured = driver.read()
        finally:
            driver.close()
    assert measured.keys() == case.expected.keys()
    for probe, (watts, kwh) in case.expected.items():
        assert measured[probe].watts == pytest.approx(watts, abs=5e-5), probe
        assert measured[probe].kwh == (None if kwh is None else pytest.approx(kwh)), probe
    assert driver.period_seconds == case.period_seconds
    assert driver.resolution_watts == pytest.approx(case.resolution_watts)
    assert driver.device
    notes = [message for message in caplog.messages if "computed" in message]
    assert len(notes) == bool(case.note)
    assert all(case.note in message for message in notes)


@pytest.mark.parametrize(("recording", "reason"), REFUSED)
def test_what_is_no_wattmeter_is_told(agents: Snmpds | Sims, recording: str, reason: str) -> None:
    """With what to do about it."""
    driver = _driver(agents, recording, OUTLETS)
    with pytest.raises(exception.WattmeterError, match=reason):
        driver.open()
    driver.close()


def test_a_wrong_unit_address_is_told(agents: Snmpds | Sims) -> None:
    """As what it is, not as another device."""
    driver = _driver(agents, "schleifenbauer", OUTLETS, strapping=7)
    with pytest.raises(exception.MalformedAnswer, match="check oid, profile and strapping"):
        driver.open()
        driver.read()
    driver.close()


def test_every_profile_has_a_recording_that_is_tried() -> None:
    """And every recording is used."""
    tried = {case.recording for case in CASES} | {recording for recording, _ in REFUSED}
    assert tried == set(_recordings())
    of_devices = {
        snmp_peers.read_recording(snmp_peers.SAMPLES / f"{name}.snmprec")["1.3.6.1.2.1.1.2.0"][1]
        for name in tried
    }
    profiles = snmp_profile.load_profiles().values()
    found = [snmp_profile.find_by_sys_object_id(profiles, oid) for oid in of_devices]
    assert {profile.name for profile in found if profile} == {p.name for p in profiles}
