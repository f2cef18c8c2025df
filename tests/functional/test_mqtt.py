# SPDX-License-Identifier: Apache-2.0
"""The driver mqtt with a real Mosquitto; the plugs are ours, their payloads their makers'."""

from __future__ import annotations

import datetime
import ipaddress
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import oid

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.mqtt import driver as mqtt
from tests import conftest
from tests.contracts import driver as driver_contract
from tests.fakes import tcp_relay
from tests.servers import mosquitto

PASSWORD = mosquitto.PASSWORDS[mosquitto.READER]


def sensor(watts: float, kwh: float) -> bytes:
    """Return what Tasmota publishes every TelePeriod."""
    return (
        f'{{"Time":"2026-11-21T14:00:00","ENERGY":{{"TotalStartTime":"2025-01-01T00:00:00",'
        f'"Total":{kwh},"Yesterday":1.2,"Today":0.3,"Period":0,"Power":{watts},'
        f'"ApparentPower":82,"Factor":0.91,"Voltage":231,"Current":0.357}}}}'
    ).encode()


PAYLOADS = {
    "tele/plug1/SENSOR": sensor(75, 12.345),
    "tele/left/SENSOR": sensor(80, 1.5),
    "tele/right/SENSOR": sensor(81, 2.5),
    # It says so, and its broker says that it is away: the broker knows better.
    "tele/away/SENSOR": sensor(99, 9.9),
}


class Plugs(driver_contract.Device):
    """Tasmota plugs on the broker."""

    probes = ("one", None, "both", "away")
    expected = {
        "one": measurement.Measurement(75.0, 12.345),
        "both": measurement.Measurement(161.0, 4.0),
    }
    secrets = (PASSWORD,)
    period_seconds = 10.0

    def __init__(
        self, broker: mosquitto.Mosquitto, relay: tcp_relay.TcpRelay, plugs: mosquitto.Publisher
    ) -> None:
        self.broker, self.relay, self.plugs = broker, relay, plugs
        self.parameters = {
            "ip": "127.0.0.1",
            "port": relay.port,
            "user": mosquitto.READER,
            "password": PASSWORD,
            "preset": "tasmota",
            "plugs": {"one": "plug1", "both": ["left", "right"]},
        }
        self._is_refused = False

    def vanish(self) -> None:
        self.relay.vanish()

    def come_back(self) -> None:
        self.relay.come_back()
        self.plugs.payloads = dict(PAYLOADS)
        if self._is_refused:
            self._is_refused = False
            self.broker.set_password(mosquitto.READER, PASSWORD)

    def garble(self) -> None:
        self.plugs.payloads = dict.fromkeys(PAYLOADS, b"\x00\xff{")

    def cut(self) -> None:
        self.plugs.payloads = {t: p[: len(p) // 2] for t, p in PAYLOADS.items()}

    def refuse(self) -> None:
        self._is_refused = True
        self.broker.set_password(mosquitto.READER, "another-one")

    def count_sessions(self) -> int:
        return self.relay.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mosquitto.Mosquitto]:
    """A running Mosquitto."""
    found = mosquitto.Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield found
    found.stop()


@pytest.fixture
def relay(broker: mosquitto.Mosquitto) -> Iterator[tcp_relay.TcpRelay]:
    """The way there."""
    found = tcp_relay.TcpRelay(broker.port)
    yield found
    found.close()


@pytest.fixture
def plugs(broker: mosquitto.Mosquitto) -> Iterator[mosquitto.Publisher]:
    """Plugs that publish."""
    with mosquitto.publishing(broker.port, PAYLOADS) as found:
        found.retain("tele/away/LWT", b"Offline")
        found.retain("tele/plug1/LWT", b"Online")
        yield found


class TestMqtt(driver_contract.DriverContract):
    """The contract, through a real broker."""

    driver_name = "mqtt"

    @pytest.fixture
    def device(
        self,
        broker: mosquitto.Mosquitto,
        relay: tcp_relay.TcpRelay,
        plugs: mosquitto.Publisher,
    ) -> Iterator[Plugs]:
        found = Plugs(broker, relay, plugs)
        yield found
        found.come_back()


def make(broker: mosquitto.Mosquitto, probes: Any = ("plug1",), **parameters: Any) -> mqtt.Mqtt:
    """Return a driver that was opened."""
    given = {"preset": "tasmota", "timeout_seconds": 1.0, **parameters}
    driver = mqtt.Mqtt("m", probes, lambda _: None, ip="127.0.0.1", port=broker.port,
                       user=mosquitto.READER, password=PASSWORD, **given)  # fmt: skip
    driver.open()
    return driver


def test_a_retained_value_says_nothing(
    broker: mosquitto.Mosquitto, plugs: mosquitto.Publisher
) -> None:
    """Its plug may have been dead for a year."""
    plugs.retain("tele/dead/SENSOR", sensor(70, 1))
    driver = make(broker, ("dead", "plug1"))
    assert driver.read().keys() == {"plug1"}
    driver.close()


def test_a_plug_that_leaves_is_missing_until_it_is_back(
    broker: mosquitto.Mosquitto, plugs: mosquitto.Publisher
) -> None:
    """By its last will, at once."""
    driver = make(broker)
    assert driver.read().keys() == {"plug1"}
    plugs.retain("tele/plug1/LWT", b"Offline")
    conftest.wait(lambda: not driver.read())
    plugs.retain("tele/plug1/LWT", b"Online")
    conftest.wait(lambda: driver.read().keys() == {"plug1"})
    driver.close()


def test_a_silent_plug_is_missing_in_the_end(
    broker: mosquitto.Mosquitto, plugs: mosquitto.Publisher, fake_clock: conftest.FakeClock
) -> None:
    """Three of its periods later."""
    driver = make(broker, clock=fake_clock, timeout_seconds=0.5)
    measured = driver.read()["plug1"]
    assert measured.timestamp == fake_clock.time()
    plugs.payloads = {}
    # What is on its way arrives.
    conftest.wait(
        lambda: driver._board.wait(driver._heard, 0.3) == driver._heard or not driver.read()
    )
    for seconds, keys in ((29.0, {"plug1"}), (2.0, set())):
        fake_clock.advance(seconds)
        assert driver.read().keys() == keys
    driver.close()


def test_one_garbled_plug_does_not_take_the_others_along(
    broker: mosquitto.Mosquitto, plugs: mosquitto.Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    """It is missing, and told once."""
    plugs.payloads["tele/left/SENSOR"] = b"{"
    driver = make(broker, ("left", "plug1"))
    for _ in range(3):
        assert driver.read().keys() == {"plug1"}
    driver.close()
    assert caplog.text.count("tele/left/SENSOR") == 1


def test_topics_of_ones_own(broker: mosquitto.Mosquitto, plugs: mosquitto.Publisher) -> None:
    """As zigbee2mqtt has them."""
    plugs.payloads["zigbee2mqtt/plug3"] = b'{"state":"ON","power":75,"energy":3.21}'
    topic = "zigbee2mqtt/{device}"
    driver = make(broker, ("plug3",), preset=None, watts={"topic": topic, "path": "power"},
                  kwh={"topic": topic, "path": "energy"})  # fmt: skip
    (measured,) = driver.read().values()
    assert measured[:2] == (75.0, 3.21)
    driver.close()


def test_stopping_ends_the_wait_for_news(broker: mosquitto.Mosquitto) -> None:
    """Whatever the time-out: nobody publishes here."""
    driver = make(broker, ("nobody",), timeout_seconds=250.0)
    reader = threading.Thread(target=driver.read)
    reader.start()
    driver.stop()
    reader.join(60)
    assert not reader.is_alive()
    driver.close()


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """Return files with a certificate for loopback, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, "broker")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "broker.crt", directory / "broker.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def test_tls_is_for_whom_we_trust(tmp_path: Path) -> None:
    """With the authority it connects; without, it says what is wrong."""
    certificate, key = make_certificate(tmp_path)
    server = mosquitto.Mosquitto(tmp_path, (certificate, key))
    try:
        make(server, tls=True, ca_file=str(certificate)).close()
        with pytest.raises(exception.WattmeterUnreachable, match="(?i)certificate"):
            make(server, tls=True)
        with pytest.raises(exception.WattmeterUnreachable):
            make(server)
    finally:
        server.stop()
