# SPDX-License-Identifier: Apache-2.0
"""Redfish: what sushy-tools' emulator serves, and the contract with a service that misbehaves."""

from __future__ import annotations

import socket
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.redfish import driver as redfish
from tests.contracts import driver as driver_contract
from tests.servers import redfish_peers as peers

_CHASSIS = {"server-1": "old", "server-2": "new", "server-3": "sensed", "server-4": "off"}
_EXPECTED = {
    "server-1": measurement.Measurement(231.0),
    "server-2": measurement.Measurement(231.0, 1234.5),
    "server-3": measurement.Measurement(231.0),
}


class Bmc(driver_contract.Device):
    """Four chassis, one of them off, behind a certificate of its own making."""

    probes = tuple(_CHASSIS)
    expected = _EXPECTED
    secrets = (peers.PASSWORD, "no-such-secret")
    period_seconds = 5.0

    def __init__(self, service: peers.Service, ca_file: Path) -> None:
        self._service = service
        self.parameters: dict[str, Any] = {
            "url": service.url,
            "username": peers.USERNAME,
            "password": peers.PASSWORD,
            "ca_file": str(ca_file),
            "chassis": _CHASSIS,
            "timeout_seconds": 1.5,
        }

    def vanish(self) -> None:
        self._service.fault = peers.Fault.SILENT

    def come_back(self) -> None:
        self._service.fault = peers.Fault.NONE
        self.parameters["password"] = peers.PASSWORD

    def garble(self) -> None:
        self._service.fault = peers.Fault.GARBLE

    def cut(self) -> None:
        self._service.fault = peers.Fault.CUT

    def refuse(self) -> None:
        self.parameters["password"] = "no-such-secret"

    def count_sessions(self) -> int:
        return len(self._service.sessions)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key."""
    return peers.make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def service(certificate: Path) -> Iterator[peers.Service]:
    """A service of the test's own."""
    found = peers.Service(peers.rack(), certificate)
    yield found
    found.stop()


class TestRedfish(driver_contract.DriverContract):
    driver_name = "redfish"

    @pytest.fixture
    def device(self, service: peers.Service, certificate: Path) -> Bmc:
        return Bmc(service, certificate.with_name("public.pem"))


MakeDriver = Callable[..., redfish.Redfish]


@pytest.fixture
def make(certificate: Path) -> Iterator[MakeDriver]:
    """Makes drivers that are closed at the end."""
    made: list[redfish.Redfish] = []

    def make_driver(url: str, probes: Any = ("server-1",), **parameters: Any) -> redfish.Redfish:
        settings = {
            "username": peers.USERNAME,
            "password": peers.PASSWORD,
            "timeout_seconds": 5.0,
            **parameters,
        }
        if url.startswith("https") and "verify" not in settings:
            settings.setdefault("ca_file", str(certificate.with_name("public.pem")))
        made.append(redfish.Redfish("bmc", probes, print, url=url, **settings))
        return made[-1]

    yield make_driver
    for driver in made:
        driver.close()


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[peers.SushyStatic]:
    """A running sushy-static."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = peers.SushyStatic(tmp_path / "mockup", peers.rack(), port)
    found.start()
    yield found
    found.stop()


def test_the_emulator_of_others(make: MakeDriver, emulator: peers.SushyStatic) -> None:
    """Every kind of chassis; it knows no sessions, so log-in falls back to each request's own."""
    made = make(emulator.url, tuple(_CHASSIS), chassis=_CHASSIS)
    made.open()
    assert made.read() == _EXPECTED
    assert made.device == "Contoso BMC 9, Redfish 1.15.0"
    for path, document in peers.rack(99.5).items():
        emulator.put(path, document)
    assert {m.watts for m in made.read().values()} == {99.5}


def test_a_server_that_is_switched_on(make: MakeDriver, service: peers.Service) -> None:
    """null is missing, not 0; what it says later is read."""
    made = make(service.url, chassis="off")
    made.open()
    assert made.read() == {}
    service.documents["/Chassis/off/Power"] = service.documents["/Chassis/old/Power"]
    assert made.read() == {"server-1": measurement.Measurement(231.0)}


def test_the_place_is_remembered(make: MakeDriver, service: peers.Service) -> None:
    """One request a reading, once it is known where the power is."""
    service.documents["/Chassis/old"]["EnvironmentMetrics"] = {
        "@odata.id": f"{peers.ROOT}/Chassis/new/EnvironmentMetrics"
    }
    made = make(service.url, chassis="old")
    made.open()
    service.requests.clear()
    for _ in range(3):
        made.read()
    assert service.requests == ["/Chassis/old/Power"] * 3


def test_power_that_has_moved(make: MakeDriver, service: peers.Service) -> None:
    """Null in one place, watts in the next one."""
    service.documents["/Chassis/off"]["EnvironmentMetrics"] = {
        "@odata.id": f"{peers.ROOT}/Chassis/new/EnvironmentMetrics"
    }
    made = make(service.url, chassis="off")
    made.open()
    assert made.read() == {"server-1": measurement.Measurement(231.0, 1234.5)}


def test_several_chassis_are_the_operators_choice(make: MakeDriver, service: peers.Service) -> None:
    made = make(service.url)
    with pytest.raises(exception.ConfigurationInvalid, match="'new', 'off', 'old', 'sensed'"):
        made.open()
    made = make(service.url, chassis={"server-1": ["old", "new"]})
    made.open()
    assert made.read() == {"server-1": measurement.Measurement(462.0)}
    made = make(service.url, chassis="shelf")
    with pytest.raises(exception.ConfigurationInvalid, match="'shelf' of .* has no power"):
        made.open()


def test_a_sum_lacks_what_a_part_lacks(make: MakeDriver, service: peers.Service) -> None:
    made = make(service.url, chassis={"server-1": ["old", "off"]})
    made.open()
    assert made.read() == {}


def test_several_sensors_are_the_operators_choice(make: MakeDriver, service: peers.Service) -> None:
    for name in ("PS1", "PS2"):
        service.documents[f"/Chassis/sensed/Sensors/{name}"] = {"Reading": 1, "ReadingUnits": "W"}
        service.documents["/Chassis/sensed/Sensors"]["Members"].append(
            {"@odata.id": f"{peers.ROOT}/Chassis/sensed/Sensors/{name}"}
        )
    made = make(service.url, chassis="sensed")
    with pytest.raises(exception.ConfigurationInvalid, match="'PS1', 'PS2', 'Total'"):
        made.open()
    made = make(service.url, chassis="sensed", sensor="Total")
    made.open()
    assert made.read() == {"server-1": measurement.Measurement(231.0)}


def test_the_only_chassis_with_power_needs_no_name(
    make: MakeDriver, service: peers.Service
) -> None:
    service.documents["/Chassis"]["Members"] = [
        {"@odata.id": f"{peers.ROOT}/Chassis/{name}"} for name in ("shelf", "old", "gone")
    ]
    made = make(service.url)
    made.open()
    assert made.read() == {"server-1": measurement.Measurement(231.0)}


def test_a_session_that_has_ended_is_opened_again(make: MakeDriver, service: peers.Service) -> None:
    """BMCs end them after some minutes, or when they start anew."""
    made = make(service.url, chassis="old")
    made.open()
    service.sessions.clear()
    assert made.read() == {"server-1": measurement.Measurement(231.0)}
    service.sessions.clear()
    service.password = "changed-meanwhile"
    with pytest.raises(exception.WattmeterRefused, match="user 'kwapi'"):
        made.read()


def test_a_certificate_that_is_not_trusted(
    make: MakeDriver, service: peers.Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is sent; to trust anybody must be asked for, and is said."""
    made = make(service.url, verify=True, chassis="old")
    with pytest.raises(exception.WattmeterError, match="ca_file"):
        made.open()
    assert not service.requests
    made = make(service.url, verify=False, chassis="old")
    assert "is not checked" in caplog.text
    made.open()
    assert made.read() == {"server-1": measurement.Measurement(231.0)}


def test_a_bmc_that_is_restarting(make: MakeDriver, service: peers.Service) -> None:
    made = make(service.url, chassis="old")
    made.open()
    service.fault = peers.Fault.BROKEN
    with pytest.raises(exception.WattmeterError, match="HTTP status 503"):
        made.read()


def test_nobody_is_there(make: MakeDriver, service: peers.Service) -> None:
    service.stop()
    with pytest.raises(exception.WattmeterUnreachable):
        make(service.url, chassis="old").open()
    with pytest.raises(exception.WattmeterUnreachable):
        make("https://bmc.invalid", chassis="old").open()


@pytest.mark.parametrize(
    ("path", "document"),
    (
        ("/Chassis/old/Power", {"PowerControl": [{"PowerConsumedWatts": "231"}]}),
        ("/Chassis/old/Power", ["PowerControl"]),
        ("/Chassis/old", {"Power": {"@odata.id": "https://attacker.example/"}}),
        ("/Chassis/old", {"Power": {"@odata.id": "//attacker.example/"}}),
        ("", {"Name": "no chassis"}),
        ("", ["no root"]),
    ),
)
def test_documents_that_are_none(
    make: MakeDriver, service: peers.Service, path: str, document: Any
) -> None:
    service.documents[path] = document
    made = make(service.url, chassis="old")
    with pytest.raises(exception.MalformedAnswer):
        made.open()


@pytest.mark.parametrize(
    ("wrong", "said"),
    (
        ({"url": "192.0.2.7"}, "url must be"),
        ({"url": "https://kwapi:hidden@192.0.2.7"}, "without a user in it"),
        ({"url": "https://192.0.2.7:port"}, "url must be"),
        ({"verify": "no"}, "verify must be True or False, not 'no'"),
        ({"verify": False, "ca_file": "/etc/hosts"}, "ca_file is of no use"),
        ({"ca_file": "/no/such/file"}, "is not there"),
        ({"chassis": {"server-9": "1"}}, "'server-9', which is not in probes"),
        ({"chassis": {"server-1": 7}}, "not the id of a chassis"),
        ({"probes": ("server-1", "server-2")}, "chassis must say which"),
        ({"probes": ("server-1", "server-2"), "chassis": "1"}, "chassis must say which"),
    ),
)
def test_what_cannot_be_meant_is_refused(
    make: MakeDriver, wrong: dict[str, Any], said: str
) -> None:
    settings = {"url": "http://192.0.2.7", **wrong}
    with pytest.raises(exception.ConfigurationInvalid, match=said) as caught:
        make(**settings)
    assert "hidden" not in str(caught.value)
