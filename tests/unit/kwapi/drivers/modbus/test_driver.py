# SPDX-License-Identifier: Apache-2.0
"""Registers become probes, over each kind of line; the peer is pymodbus' own server."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.modbus import driver as modbus
from kwapi.drivers.modbus import plan as modbus_plan
from kwapi.drivers.modbus import profile as modbus_profile
from kwapi.drivers.modbus import session
from tests import conftest
from tests.contracts import driver as driver_contract
from tests.fakes import tcp_relay
from tests.unit.kwapi.drivers.modbus import peer

PROFILES = modbus_profile.load_profiles()
SPDM = "schleifenbauer-spdm-1to1"
#: Of samples/schleifenbauer_spdm.yaml; outlet 7 has none.
WATTS = {1: 0.0, 2: 130.0, 3: 230.0, 4: 100.0, 5: 310.0, 6: 80.0, 8: 140.0}


class Unit(driver_contract.Device):
    """A Schleifenbauer unit behind a relay."""

    probes = ("a", "b", None, "c", "d", "e", "absent", "f")
    expected = {
        probe: measurement.Measurement(WATTS[outlet])
        for outlet, probe in enumerate(probes, 1)
        if probe and outlet in WATTS
    }
    period_seconds = 3.0
    resolution_watts = 10.0

    def __init__(self, relay: Any, **where: Any) -> None:
        self.relay = relay
        self.parameters = {
            "unit": peer.SPDM,
            "profile": SPDM,
            "timeout_seconds": 0.4,
            **where,
        }

    def vanish(self) -> None:
        self.relay.vanish()

    def come_back(self) -> None:
        self.relay.come_back()

    def garble(self) -> None:
        self.relay.spoil = lambda data: bytes(byte ^ 0x5A for byte in data)

    def cut(self) -> None:
        self.relay.spoil = lambda data: data[: len(data) // 2]

    def count_sessions(self) -> int | None:
        return self.relay.count() if isinstance(self.relay, tcp_relay.TcpRelay) else None


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[peer.Server]:
    """Modbus TCP."""
    found = peer.Server()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def rtu_over_tcp_server() -> Iterator[peer.Server]:
    """Modbus RTU over TCP."""
    found = peer.Server("rtu")
    yield found
    found.stop()


@pytest.fixture
def terminal() -> Iterator[peer.TerminalRelay]:
    """Modbus RTU on a pseudo-terminal."""
    relay = peer.TerminalRelay()
    server = peer.Server("rtu", relay.far)
    yield relay
    server.stop()
    relay.close()


@pytest.fixture
def relay(tcp_server: peer.Server) -> Iterator[tcp_relay.TcpRelay]:
    """The way to the TCP server."""
    found = tcp_relay.TcpRelay(tcp_server.port)
    yield found
    found.close()


class TestTcp(driver_contract.DriverContract):
    """The contract, over Modbus TCP."""

    driver_name = "modbus"

    @pytest.fixture
    def device(self, relay: tcp_relay.TcpRelay) -> Unit:
        return Unit(relay, ip="127.0.0.1", port=relay.port)


class TestRtuOverTcp(driver_contract.DriverContract):
    """The contract, over RTU frames in TCP."""

    driver_name = "modbus"

    @pytest.fixture
    def device(self, rtu_over_tcp_server: peer.Server) -> Iterator[Unit]:
        relay = tcp_relay.TcpRelay(rtu_over_tcp_server.port)
        yield Unit(relay, host="127.0.0.1", port=relay.port, framing="rtu")
        relay.close()


class TestRtu(driver_contract.DriverContract):
    """The contract, on a serial line."""

    driver_name = "modbus"

    @pytest.fixture
    def device(self, terminal: peer.TerminalRelay) -> Unit:
        return Unit(terminal, device=terminal.near, baudrate=115200)


Make = Callable[..., modbus.Modbus]


@pytest.fixture
def make(relay: tcp_relay.TcpRelay, fake_clock: conftest.FakeClock) -> Iterator[Make]:
    """Makes drivers that are closed at the end."""
    made: list[modbus.Modbus] = []

    def make(probes: Any = ("a", "b"), **parameters: Any) -> modbus.Modbus:
        where = {"ip": "127.0.0.1", "port": relay.port, "timeout_seconds": 0.5, **parameters}
        made.append(modbus.Modbus("meter", probes, lambda _: None, clock=fake_clock, **where))
        return made[-1]

    yield make
    for driver in made:
        driver.close()


def test_floats_over_two_tables(make: Make) -> None:
    """A three-phase meter: phases one by one, and as a whole, with its counters."""
    driver = make(("one", "two", "none"), unit=peer.SDM, profile="eastron-sdm",
                  table="phases")  # fmt: skip
    driver.open()
    assert driver.read() == {
        "one": measurement.Measurement(101.5, 411.5),
        "two": measurement.Measurement(96.25, 410.25),
    }
    driver = make(("whole",), unit=peer.SDM, profile="eastron-sdm")
    driver.open()
    assert driver.read() == {"whole": measurement.Measurement(295.25, 1234.5)}


def test_a_sum_is_whole_or_missing(make: Make) -> None:
    """Over outlets and units alike."""
    outlets = {"a": [2, 4], "b": [3, 7]}
    driver = make(unit=peer.SPDM, profile=SPDM, outlets=outlets)
    driver.open()
    assert driver.read() == {"a": measurement.Measurement(230.0)}


def test_amperes_by_volts_by_power_factor(make: Make) -> None:
    """The finer table of the same device."""
    driver = make(unit=peer.SPDM, profile=SPDM, table="product", outlets={"a": 2, "b": 8})
    driver.open()
    watts = {probe: measured.watts for probe, measured in driver.read().items()}
    assert watts == {"a": pytest.approx(128.3545), "b": pytest.approx(143.583)}
    assert driver.resolution_watts == 2.3


def test_the_start_says_that_a_map_is_unproved_and_checks_it_once(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, modbus.__name__)
    driver = make(unit=peer.SPDM, profile=SPDM, outlets={"a": 2, "b": 8})
    for _ in range(2):
        driver.open()
        driver.close()
    assert caplog.text.count("not proved on a real device") == 1
    assert caplog.text.count("watts of 2 rows agree") == 1


def test_the_start_says_that_watts_contradict_volts_and_amperes(
    make: Make, relay: tcp_relay.TcpRelay, caplog: pytest.LogCaptureFixture
) -> None:
    """As with the map of another device."""
    answers = iter(range(100))

    def spoil(data: bytes) -> bytes:
        # The first answers are amperes, volts and power factors; the last is watts.
        return data[:-4] + b"\x00\x63\x00\x00" if next(answers) == 3 else data

    relay.spoil = spoil
    make(unit=peer.SPDM, profile=SPDM, outlets={"a": 2, "b": 8}).open()
    assert "registers of 1 of 2 rows contradict each other" in caplog.text


def test_the_wrong_map_is_said_to_be_one(make: Make) -> None:
    """Modbus exception 2, with the registers that are not there."""
    driver = make(unit=peer.SPDM, watts={"address": 5000, "stride": 2})
    driver.open()
    with pytest.raises(exception.MalformedAnswer, match="exception 2.*5000 to 5002.*map"):
        driver.read()


def test_an_absent_unit_is_said_to_be_one(make: Make) -> None:
    """The server here answers exception 11, as a gateway does."""
    driver = make(unit=9, watts={"address": 9012})
    driver.open()
    with pytest.raises(exception.WattmeterUnreachable, match="unit 9 .*check the parameter unit"):
        driver.read()


def test_an_absent_unit_does_not_take_the_others_along(
    make: Make,
    tcp_server: peer.Server,
    fake_clock: conftest.FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is left alone for ever longer; it is told once."""
    outlets = {"a": f"{peer.SPDM}.2", "b": "9.1"}
    driver = make(watts={"address": 9012, "stride": 2, "decode": "fd", "scale": 1000},
                  outlets=outlets)  # fmt: skip
    driver.open()
    before = tcp_server.requests
    for _ in range(60):
        assert driver.read() == {"a": measurement.Measurement(130.0)}
        fake_clock.advance(1.0)
    # 60 of the unit that answers; the other was asked at 0, 10, 30 s.
    assert tcp_server.requests - before == 63
    assert caplog.text.count("the other units are read on") == 1


def test_one_request_for_all_outlets(make: Make, tcp_server: peer.Server) -> None:
    """Also with a gap between them."""
    driver = make(("a", None, None, "b"), unit=peer.SPDM, watts={"address": 9012})
    driver.open()
    before = tcp_server.requests
    driver.read()
    assert tcp_server.requests - before == 1


def test_a_closed_port_says_what_it_is() -> None:
    driver = modbus.Modbus("m", ["a"], print, ip="127.0.0.1", port=1, watts={"address": 1})
    with pytest.raises(exception.WattmeterUnreachable, match="127.0.0.1:1 .*refused"):
        driver.open()
    driver = modbus.Modbus("m", ["a"], print, device="/dev/nosuch", watts={"address": 1})
    with pytest.raises(exception.WattmeterUnreachable, match="/dev/nosuch .*No such file"):
        driver.open()


def test_a_line_in_use_is_said_to_be(terminal: peer.TerminalRelay) -> None:
    """Two sections for one line would take each other's answers."""
    first, second = (
        modbus.Modbus("m", ["a"], print, device=terminal.near, watts={"address": 1})
        for _ in range(2)
    )
    first.open()
    with pytest.raises(session.ConnectionLost):
        second.open()
    first.close()
    second.open()
    second.close()


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    (
        ({"ip": None}, "host or device must say where the wattmeter is; one is needed"),
        ({"host": "also"}, "host and ip are names of the same parameter; give one of them"),
        (
            {"device": "/dev/ttyS0"},
            "host and device both say where the wattmeter is; give one of them",
        ),
        (
            {"ip": None, "device": "/dev/ttyS0", "baudrate": 1},
            "baudrate must be a whole number from 50 to 4000000, not 1",
        ),
        (
            {"ip": None, "device": "/dev/ttyS0", "parity": "X"},
            "parity must be one of N, E, O, not 'X'",
        ),
        (
            {"ip": None, "device": "/dev/ttyS0", "stopbits": 3},
            "stopbits must be a whole number from 1 to 2, not 3",
        ),
        ({"port": 0}, "port must be a whole number from 1 to 65535, not 0"),
        ({"framing": "ascii"}, "framing must be one of tcp, rtu, not 'ascii'"),
        ({"unit": 256}, "unit must be a whole number from 0 to 255, not 256"),
        (
            {"profile": "nobody"},
            "profile must be one of eastron-sdm, schleifenbauer-spdm-1to1, not 'nobody'",
        ),
        ({"profile": None}, "profile or watts must say where the watts are; give one of them"),
        (
            {"watts": {"address": 1}},
            "profile or watts must say where the watts are; give one of them",
        ),
        ({"kwh": {"address": 1}}, "kwh goes with watts"),
        ({"profile": None, "watts": {}}, "watts"),
        ({"profile": None, "watts": 7}, "watts"),
        (
            {"profile": None, "watts": {"address": -1}},
            "address must be a whole number from 0 to 65535, not -1",
        ),
        (
            {"profile": None, "watts": {"address": True}},
            "address must be a whole number from 0 to 65535, not True",
        ),
        ({"profile": None, "watts": {"address": 65535}}, "beyond the last register"),
        (
            {"profile": None, "watts": {"address": 1, "type": "u8"}},
            "type must be one of u16, s16, u32, s32, f32, f64, not 'u8'",
        ),
        (
            {"profile": None, "watts": {"address": 1, "words": "middle"}},
            "words must be one of big, little, not 'middle'",
        ),
        (
            {"profile": None, "watts": {"address": 1, "function": 1}},
            "function must be one of 3, 4, not 1",
        ),
        (
            {"profile": None, "watts": {"address": 1, "decode": "bcd"}},
            "decode must be one of None, fd, not 'bcd'",
        ),
        (
            {"profile": None, "watts": {"address": 1, "scale": 0}},
            "scale must be a number other than 0, not 0",
        ),
        ({"profile": None, "watts": {"address": 1, "size": 0}}, "size"),
        ({"table": "plugs"}, "table must be one of outlets, product, not 'plugs'"),
        ({"outlets": {"a": 0}}, "outlets of 'a'"),
        ({"outlets": {"a": "256.1"}}, "outlets of 'a'"),
        ({"outlets": {"a": []}}, "outlets of 'a' is empty"),
        ({"outlets": {"x": 1}}, "'x', which is not in probes"),
        ({"outlets": {"a": 2}}, "1.2 is named 2 times"),
        ({"outlets": {"a": 28}}, "row 28 is beyond the 27"),
        ({"timeout_seconds": 0}, "timeout_seconds must be a number above 0, not 0"),
    ),
)
def test_wrong_parameters_are_told(parameters: dict[str, Any], complaint: str) -> None:
    """Each complaint names the parameter."""
    right = {"ip": "192.0.2.1", "profile": SPDM}
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        modbus.Modbus("meter", ("a", "b"), lambda _: None, **{**right, **parameters})
    assert complaint in str(caught.value)


rows = st.integers(1, 60)
columns = st.builds(
    modbus_profile.Column,
    address=st.integers(0, 300),
    function=st.sampled_from((3, 4)),
    stride=st.integers(4, 9),
    type=st.sampled_from(("u16", "s32", "f64")),
)


@given(
    watts=st.lists(columns, min_size=1, max_size=3),
    parts=st.sets(st.builds(modbus_plan.Part, st.integers(1, 3), rows), min_size=1, max_size=20),
    most=st.integers(4, 125),
)
def test_every_number_is_read_from_where_it_is(
    watts: list[modbus_profile.Column], parts: set[modbus_plan.Part], most: int
) -> None:
    """However requests are cut: each register is its own address, so is what is found."""
    probes = {str(part): (part,) for part in parts}
    plan = modbus_plan.make_plan(tuple(watts), (), probes, most)
    for blocks in plan.blocks.values():
        assert all(0 < block.length <= most for block in blocks)
    for part in parts:
        (product,), _ = plan.probes[str(part)]
        for cell, column in zip(product, watts, strict=True):
            assert cell.block in plan.blocks[part.unit]
            assert cell.block.unit == part.unit
            assert cell.block.function == column.function
            assert cell.block.address + cell.start == column.at(part.row)
            assert cell.end - cell.start == column.width
            assert cell.end <= cell.block.length


TYPES = {"u16": "H", "s16": "h", "u32": "I", "s32": "i", "f32": "f", "f64": "d"}


@given(
    kind=st.sampled_from(sorted(TYPES)), raw=st.binary(min_size=8, max_size=8),
    words=st.sampled_from(("big", "little")),
)  # fmt: skip
def test_every_type_in_both_orders(kind: str, raw: bytes, words: str) -> None:
    """As struct reads the bytes on the wire, words swapped or not; NaN and infinity are none."""
    column = modbus_profile.Column(0, type=kind, words=words)
    raw = raw[: 2 * column.width]
    registers = list(struct.unpack(f">{column.width}H", raw))
    ordered = registers if words == "big" else registers[::-1]
    (number,) = struct.unpack(f">{TYPES[kind]}", struct.pack(f">{column.width}H", *ordered))
    is_number = number == number and abs(number) != float("inf")
    assert column.value(registers) == (number if is_number else None)


def test_values_that_mean_none() -> None:
    """They are bits, before sign, scale and coding."""
    column = modbus_profile.Column(0, type="s16", scale=0.1, not_available=frozenset({0x8000}))
    assert column.value([0x8000]) is None
    assert column.value([0xFFFF]) == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("raw", "value"), ((0, 0.0), (13, 0.13), (32767, 327.67), (36044, 327.7), (65535, 3276.8))
)
def test_fixed_decimal(raw: int, value: float) -> None:
    assert modbus_profile.fixed_decimal(raw) == pytest.approx(value)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_profiles_say_where_they_are_from(profile: modbus_profile.Profile) -> None:
    assert profile.source
    assert profile.period_seconds > 0
    for table in profile.tables.values():
        assert table.watts
        assert table.size


@pytest.mark.parametrize(
    ("text", "complaint"),
    (
        ("{", "Modbus profile x.yaml"),
        ("[]", "Modbus profile x.yaml"),
        ("name: x", "no 'tables'"),
        ("{name: x, tables: {}}", "no tables"),
        ("{name: x, tables: {t: {}}}", "no watts"),
        ("{name: x, max_registers: 126, tables: {t: {watts: {address: 1}}}}", "max_registers"),
        (
            "{name: x, tables: {t: {watts: {address: 70000}}}}",
            "Modbus profile x.yaml: address must be a whole number from 0 to 65535, not 70000",
        ),
        ("{name: x, nosuch: 1, tables: {t: {watts: {address: 7}}}}", "nosuch"),
    ),
)
def test_a_wrong_profile_is_told(text: str, complaint: str) -> None:
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        modbus_profile.parse(text, "x.yaml")
    assert complaint in str(caught.value)


def test_reading_before_opening_is_an_error() -> None:
    """One that the driver's loop understands."""
    driver = modbus.Modbus("m", ["a"], print, ip="192.0.2.1", watts={"address": 1})
    with pytest.raises(exception.WattmeterError, match="not open"):
        driver.read()
