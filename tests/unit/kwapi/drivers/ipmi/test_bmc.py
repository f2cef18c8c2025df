# SPDX-License-Identifier: Apache-2.0
"""What is asked of a BMC that has its own ways: short answers, lost reservations, refusals."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from kwapi import exception
from kwapi.drivers.ipmi import bmc
from kwapi.drivers.ipmi import session
from tests.unit.kwapi.drivers.ipmi import test_sdr

_RECORDS = test_sdr.RECORDS


class Repository:
    """A BMC's storage of records.

    :param most: bytes it can send at once.
    :param losing: how many reservations it loses.
    """

    def __init__(self, records: Sequence[bytes], most: int = 255, losing: int = 0) -> None:
        self._records, self._most, self._losing = records, most, losing
        self._reservation = 0
        self.asked = 0

    def ask(self, netfn: int, command: int, data: bytes, lun: int) -> session.Answer:
        """Answer as chapter 33 has it."""
        self.asked += 1
        if (netfn, command) == (0x0A, 0x22):
            self._reservation += 1
            return session.Answer(0, struct.pack("<H", self._reservation))
        if (netfn, command) != (0x0A, 0x23):
            return session.Answer(0xC1, b"")
        reservation, number, offset, size = struct.unpack("<HHBB", data)
        if offset and self._losing:
            self._losing -= 1
            self._reservation += 1
        if offset and reservation != self._reservation:
            return session.Answer(0xC5, b"")
        piece = self._records[number][offset:]
        if min(size, len(piece)) > self._most or (size != 0xFF and size > len(piece)):
            return session.Answer(0xCA, b"")
        following = number + 1 if number + 1 < len(self._records) else 0xFFFF
        return session.Answer(0, struct.pack("<H", following) + piece[:size])


@pytest.mark.parametrize("most", (255, 40, 32, 22, 16, 10))
@pytest.mark.parametrize("losing", (0, 2))
def test_records_come_in_what_pieces_there_are(most: int, losing: int) -> None:
    repository = Repository(_RECORDS, most, losing)
    found = bmc.Bmc("bmc", repository.ask).read_sensors()
    assert [sensor.name for sensor in found] == ["System Level", "PSU1 Power"]


def test_records_without_end_are_refused() -> None:
    def ask(netfn: int, command: int, data: bytes, lun: int) -> session.Answer:
        number = struct.unpack("<HHBB", data)[1] if command == 0x23 else 0
        return session.Answer(0, struct.pack("<H", (number + 1) % 7) + _RECORDS[0])

    with pytest.raises(exception.MalformedAnswer, match="no end"):
        bmc.Bmc("bmc", ask).read_sensors()


@pytest.mark.parametrize("losing", (6, 1000))
def test_a_repository_that_never_rests(losing: int) -> None:
    """It says so, and does not ask for ever."""
    repository = Repository(_RECORDS, 32, losing)
    with pytest.raises(exception.WattmeterError, match="completion code C5h"):
        bmc.Bmc("bmc", repository.ask).read_sensors()
    assert repository.asked < 100


def answering(code: int, data: str = "") -> bmc.Bmc:
    """A BMC that always answers the same."""
    return bmc.Bmc("bmc", lambda *_: session.Answer(code, bytes.fromhex(data)))


def test_power_by_dcmi() -> None:
    """Laid out as DCMI has it: 231 W now, 230 at least, 420 at most, 231 in the mean, active."""
    answer = "dce700e600a401e7000060215ce8030000" + "40"
    assert answering(0, answer).read_power() == bmc.Power(231, True)
    assert answering(0, answer[:-2] + "00").read_power() == bmc.Power(231, False)
    assert answering(0xC1).read_power() == 0xC1
    for cut in (answer[:-2], "", "00" + answer[2:]):
        with pytest.raises(exception.MalformedAnswer, match="Get Power Reading"):
            answering(0, cut).read_power()


def test_sensors_that_are_not_there_just_now() -> None:
    sensor = test_sdr.sdr.Sensor("x", 1, 0, (7, 1), 7)
    for code in (0xCB, 0xCD, 0xD5):
        assert answering(code).read_sensor(sensor) is None
    with pytest.raises(exception.WattmeterRefused, match="'privilege'"):
        answering(0xD4).read_sensor(sensor)
    with pytest.raises(exception.WattmeterError, match="busy"):
        answering(0xC0).read_sensor(sensor)
    with pytest.raises(exception.MalformedAnswer, match="'x': a reading of 1 bytes"):
        answering(0, "23").read_sensor(sensor)
