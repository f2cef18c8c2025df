# SPDX-License-Identifier: Apache-2.0
"""Requests to a BMC, and the meaning of its answers.

Owns the commands: device, sensors, readings (IPMI 2.0, chapters 20, 33, 35)
and power (DCMI 1.5, chapter 6.6).  What a sensor's bytes mean is
:mod:`kwapi.drivers.ipmi.sdr`'s, how commands travel
:mod:`kwapi.drivers.ipmi.session`'s.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from collections.abc import Iterator
from typing import NamedTuple

from kwapi import exception
from kwapi.drivers.ipmi import sdr
from kwapi.drivers.ipmi import session

#: Sends a command: netfn, command, data, lun.
Ask = Callable[[int, int, bytes, int], session.Answer]

_APPLICATION, _SENSOR, _STORAGE, _GROUP = 0x06, 0x04, 0x0A, 0x2C
_GET_DEVICE_ID, _GET_READING = 0x01, 0x2D
_GET_REPOSITORY, _RESERVE, _GET_RECORD = 0x20, 0x22, 0x23
_GET_POWER, _DCMI = 0x02, 0xDC
#: Get Power Reading: watts now, least, most, mean; time, window, state.
_POWER = struct.Struct("<BHHHHIIB")
_ACTIVE = 0x40

OK, NO_SUCH_COMMAND, BUSY, NO_PRIVILEGE = 0x00, 0xC1, 0xC0, 0xD4
#: The sensor is not there, or not in the machine's present state.
_NOT_NOW = (0xCB, 0xCD, 0xD5)
_TOO_LONG = (0xC7, 0xC8, 0xC9, 0xCA, 0xCC, 0xFF)
_RESERVATION_LOST = 0xC5
_MEANINGS = {
    BUSY: "it is busy",
    NO_SUCH_COMMAND: "it does not know this command",
    0xC3: "it took too long itself",
    NO_PRIVILEGE: "our privilege is too low; see parameter 'privilege'",
}
_WHOLE_RECORD, _LAST_RECORD, _FIRST_CHUNK, _LEAST_CHUNK = 0xFF, 0xFFFF, 32, 8
#: No machine has as many; a BMC whose chain of records is a ring has more.
_MOST_RECORDS = 4096
_MOST_RESERVATIONS = 5


class Power(NamedTuple):
    """What DCMI says: watts now, and whether it claims to measure them."""

    watts: int
    active: bool


class Repository(NamedTuple):
    """What tells one state of a BMC's sensor data records from another."""

    records: int
    added: bytes
    erased: bytes


class Bmc:
    """Asks one BMC."""

    def __init__(self, address: str, ask: Ask) -> None:
        self._address, self._ask = address, ask

    def describe(self) -> str:
        """Return what the BMC says it is."""
        data = self._data("Get Device ID", _APPLICATION, _GET_DEVICE_ID, least=11)
        manufacturer = int.from_bytes(data[6:9], "little") & 0xFFFFF
        product = int.from_bytes(data[9:11], "little")
        return (
            f"BMC of manufacturer {manufacturer}, product {product}, "
            f"firmware {data[2] & 0x7F}.{data[3]:02x}"
        )

    def read_power(self) -> Power | int:
        """Return the power by DCMI, or the completion code that refuses it."""
        answer = self._ask(_GROUP, _GET_POWER, bytes((_DCMI, 1, 0, 0)), 0)
        if answer.code:
            return answer.code
        if len(answer.data) < _POWER.size or answer.data[0] != _DCMI:
            raise self._malformed(f"{len(answer.data)} bytes for DCMI's Get Power Reading")
        _, watts, _, _, _, _, _, state = _POWER.unpack_from(answer.data)
        return Power(watts, bool(state & _ACTIVE))

    def read_sensor(self, sensor: sdr.Sensor) -> float | None:
        """Return the watts of a sensor; None when it has none just now."""
        answer = self._ask(_SENSOR, _GET_READING, bytes((sensor.number,)), sensor.lun)
        if answer.code in _NOT_NOW:
            return None
        self._require_ok(f"reading sensor {sensor.name!r}", answer)
        try:
            return sensor.read(answer.data)
        except ValueError as exc:
            raise self._malformed(f"sensor {sensor.name!r}: {exc}") from exc

    def read_repository(self) -> Repository:
        """Return the state of the sensor data records; another one means to read them anew."""
        data = self._data("Get SDR Repository Info", _STORAGE, _GET_REPOSITORY, least=13)
        return Repository(int.from_bytes(data[1:3], "little"), data[5:9], data[9:13])

    def read_sensors(self) -> list[sdr.Sensor]:
        """Return every sensor of watts; takes an exchange or more for each record."""
        try:
            parsed = [sdr.parse(record) for record in self._records()]
        except ValueError as exc:
            raise self._malformed(str(exc)) from exc
        return [sensor for sensor in parsed if sensor is not None]

    def _records(self) -> Iterator[bytes]:
        reader = _RecordReader(self._data, self._ask, self._require_ok)
        number, seen = 0, 0
        while number != _LAST_RECORD:
            seen += 1
            following, record = reader.read(number)
            if following == number or seen > _MOST_RECORDS:
                raise self._malformed("its sensor data records have no end")
            number = following
            if record:
                yield record

    def _data(self, what: str, netfn: int, command: int, least: int) -> bytes:
        answer = self._ask(netfn, command, b"", 0)
        self._require_ok(what, answer)
        if len(answer.data) < least:
            raise self._malformed(f"{len(answer.data)} bytes for {what}")
        return answer.data

    def _require_ok(self, what: str, answer: session.Answer) -> None:
        if answer.code == NO_PRIVILEGE:
            raise exception.WattmeterRefused(
                address=self._address, reason=f"{what}: {explain(answer.code)}"
            )
        if answer.code:
            raise exception.WattmeterError(
                reason=f"{self._address}, {what}: {explain(answer.code)}"
            )

    def _malformed(self, reason: str) -> exception.MalformedAnswer:
        return exception.MalformedAnswer(address=self._address, reason=reason)


class _RecordReader:
    """Reads sensor data records, in pieces where the BMC cannot send them whole."""

    def __init__(
        self,
        data: Callable[[str, int, int, int], bytes],
        ask: Ask,
        require_ok: Callable[[str, session.Answer], None],
    ) -> None:
        self._data, self._ask, self._require_ok = data, ask, require_ok
        self._chunk, self._reservation = _WHOLE_RECORD, 0

    def read(self, number: int) -> tuple[int, bytes]:
        """Return the number of the next record, and this one; nothing when it is of no use."""
        for left in range(_MOST_RESERVATIONS, -1, -1):
            answer = self._read_pieces(number)
            if answer.code != _RESERVATION_LOST or not left:
                break
            self._reserve()
        self._require_ok(f"reading sensor data record {number}", answer)
        return int.from_bytes(answer.data[:2], "little"), answer.data[2:]

    def _read_pieces(self, number: int) -> session.Answer:
        """Return the record as if it had come in one answer."""
        following, record, total = b"", b"", 5
        while len(record) < total:
            answer = self._read_piece(number, len(record), total)
            if answer.code in _TOO_LONG and self._shorten():
                continue
            if answer.code or len(answer.data) <= 2:
                code = answer.code
                return session.Answer(code, following + record if not code else b"")
            following, record = answer.data[:2], record + answer.data[2:]
            if len(record) >= 5:
                if not sdr.is_full(record):
                    return session.Answer(OK, following)
                total = sdr.record_length(record)
        return session.Answer(OK, following + record[:total])

    def _read_piece(self, number: int, offset: int, total: int) -> session.Answer:
        size = self._chunk
        if size != _WHOLE_RECORD or offset:
            size = min(size, total - offset)
            if not self._reservation:
                self._reserve()
        request = struct.pack("<HHBB", self._reservation, number, offset, size)
        return self._ask(_STORAGE, _GET_RECORD, request, 0)

    def _shorten(self) -> bool:
        """Ask for less from now on; return whether it can be less."""
        if self._chunk <= _LEAST_CHUNK:
            return False
        self._chunk = min(self._chunk // 2, _FIRST_CHUNK)
        return True

    def _reserve(self) -> None:
        data = self._data("Reserve SDR Repository", _STORAGE, _RESERVE, 2)
        self._reservation = int.from_bytes(data[:2], "little")


def explain(code: int) -> str:
    """Return what a completion code means."""
    return _MEANINGS.get(code, f"it refuses with completion code {code:02X}h")
