# SPDX-License-Identifier: Apache-2.0
"""The BMC's sensor, read back by our own reader of sensor data records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allinone.simulator import rack
from allinone.simulator import sensor
from kwapi.drivers.ipmi import sdr


def record() -> bytes:
    """Return the only record."""
    code, data = sensor.Sensors().answer(0x0A, 0x23, b"\x01\x00\x00\x00\x00\xff", 0)
    assert (code, data[:2]) == (0, b"\xff\xff")
    return data[2:]


@given(st.integers(0, max(server.peak_watts for server in rack.SERVERS)))
def test_what_it_says_is_what_is_drawn(watts: int) -> None:
    """To half a step, for all that a server can draw."""
    found = sdr.parse(record())
    assert found is not None and found.name == "Pwr Consumption"
    code, reading = sensor.Sensors().answer(0x04, 0x2D, bytes((found.number,)), watts)
    said = found.read(reading)
    assert code == 0 and said is not None
    assert abs(said - watts) <= sensor.STEP_WATTS / 2


@given(st.binary(max_size=12), st.integers(0, 255))
def test_it_answers_whatever_is_asked(data: bytes, command: int) -> None:
    """With a completion code, and data only if that is good."""
    for netfn in (0x04, 0x0A):
        code, answer = sensor.Sensors().answer(netfn, command, data, 100)
        assert bool(answer) == (code == 0)


@pytest.mark.parametrize(
    ("asked", "code"),
    (
        (b"\x00\x00\x01\x00\x00\xff", 0x00),
        (b"\x00\x00\x09\x00\x00\xff", 0xCB),
        (b"\x00\x00\x01\x00\xfe\x10", 0xCA),
        (b"\x00", 0xC7),
    ),
)
def test_records_that_are_not_there(asked: bytes, code: int) -> None:
    assert sensor.Sensors().answer(0x0A, 0x23, asked, 0)[0] == code
