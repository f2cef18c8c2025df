# SPDX-License-Identifier: Apache-2.0
"""Sensor data records: bytes in, watts out."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from kwapi.drivers.ipmi import sdr

_SAMPLE = Path(__file__).parent / "samples" / "ipmi_sim_idrac6.sdr"
_LINES = [line for line in _SAMPLE.read_text().splitlines() if not line.startswith("#")]
RECORDS = [bytes.fromhex(line) for line in _LINES]


def test_a_recorded_bmc() -> None:
    """Of three sensors two are in watts; the system board's is the machine."""
    found = [sensor for sensor in map(sdr.parse, RECORDS) if sensor]
    assert [(s.name, s.number, s.entity, s.m) for s in found] == [
        ("System Level", 1, (7, 1), 7),
        ("PSU1 Power", 3, (10, 1), 4),
    ]
    assert [sensor.name for sensor in sdr.choose(found)] == ["System Level"]
    assert found[0].resolution_watts == 7.0
    assert found[0].read(bytes.fromhex("23c00000")) == 245.0
    assert sdr.find(found, " system level ") == found[0]


@pytest.mark.parametrize("state", ("20", "60", "00", "e0"))
def test_a_sensor_that_says_nothing(state: str) -> None:
    """Unavailable, or not scanned: no number, whatever the byte is."""
    sensor = sdr.Sensor("x", 1, 0, (7, 1), 7)
    assert sensor.read(bytes.fromhex("23" + state)) is None


def test_a_reading_that_is_cut() -> None:
    with pytest.raises(ValueError, match="1 bytes instead of 2"):
        sdr.Sensor("x", 1, 0, (7, 1), 7).read(b"\x23")


@pytest.mark.parametrize(
    ("sensor", "raw", "watts"),
    (
        (sdr.Sensor("plain", 1, 0, (7, 1), 2), 100, 200.0),
        (sdr.Sensor("tenths", 1, 0, (7, 1), 1, r_exponent=-1), 253, 25.3),
        (sdr.Sensor("tens", 1, 0, (7, 1), 3, r_exponent=1), 7, 210.0),
        (sdr.Sensor("offset", 1, 0, (7, 1), 2, b=5, b_exponent=1), 10, 70.0),
        (sdr.Sensor("two's", 1, 0, (7, 1), 2, signed=2), 0xFF, -2.0),
        (sdr.Sensor("one's", 1, 0, (7, 1), 2, signed=1), 0xFE, -2.0),
    ),
)
def test_the_formula(sensor: sdr.Sensor, raw: int, watts: float) -> None:
    assert sensor.convert(raw) == pytest.approx(watts)


@hypothesis.given(st.integers(-512, 511), st.integers(-512, 511), st.data())
def test_factors_survive_their_packing(m: int, b: int, data: st.DataObject) -> None:
    """Ten bits in two's complement over two bytes, exponents of four in one."""
    exponents = st.integers(-8, 7)
    r_exponent, b_exponent = data.draw(exponents), data.draw(exponents)
    record = bytearray(RECORDS[0])
    record[24], record[25] = m & 0xFF, m >> 2 & 0xC0
    record[26], record[27] = b & 0xFF, b >> 2 & 0xC0
    record[29] = (r_exponent & 15) << 4 | b_exponent & 15
    sensor = sdr.parse(bytes(record))
    assert sensor is not None
    assert (sensor.m, sensor.b) == (m, b)
    assert (sensor.r_exponent, sensor.b_exponent) == (r_exponent, b_exponent)


@pytest.mark.parametrize(
    ("offset", "value"),
    ((3, 2), (5, 0x2C), (20, 0xC0), (20, 1), (20, 0x18), (21, 1), (23, 7), (23, 0x70)),
)
def test_what_is_no_sensor_of_ours(offset: int, value: int) -> None:
    """Compact, another controller's, not analog, percent, per second, not watts, not linear."""
    record = bytearray(RECORDS[0])
    record[offset] = value
    assert sdr.parse(bytes(record)) is None


def test_names_in_six_bits() -> None:
    """Three letters in two bytes and a quarter; "IPMI" is the specification's own example."""
    record = RECORDS[0][:47] + bytes((0x83,)) + bytes.fromhex("29dca6")
    record = record[:4] + bytes((len(record) - 5,)) + record[5:]
    sensor = sdr.parse(record)
    assert sensor is not None
    assert sensor.name == "IPMI"


@hypothesis.given(st.binary(max_size=80))
def test_garbage_is_nothing_or_said_to_be_cut(record: bytes) -> None:
    for candidate in (record, RECORDS[0][:20] + record):
        try:
            sdr.parse(candidate)
        except ValueError as exc:
            assert "cut" in str(exc)


def test_supplies_only_where_there_is_nothing_better() -> None:
    def sensor(name: str, *entity: int) -> sdr.Sensor:
        return sdr.Sensor(name, 1, 0, (entity[0], entity[1]), 1)

    supplies = [sensor("PS1", 10, 1), sensor("PS2", 10, 2)]
    board, other = sensor("System", 7, 1), sensor("Tray", 23, 1)
    assert sdr.choose([]) == []
    assert sdr.choose(supplies) == supplies
    assert sdr.choose([*supplies, other]) == [other]
    assert sdr.choose([*supplies, other, board]) == [board]
