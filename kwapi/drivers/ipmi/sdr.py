# SPDX-License-Identifier: Apache-2.0
"""Decodes a BMC's sensor records, and finds the sensor of the machine's power.

Owns the bytes of IPMI's sensor data records (IPMI 2.0, chapter 43.1) and of
readings (chapter 35.14), all functions of bytes.  Fetching them is
:mod:`kwapi.drivers.ipmi.bmc`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

_FULL_RECORD, _VERSION = 1, 0x51
_HEADER_BYTES, _LEAST_BYTES = 5, 48
_WATTS = 6
#: The BMC itself; sensors of other controllers are behind a bridge.
_BMC = 0x20
_SYSTEM_BOARD, _POWER_SUPPLY = 7, 10
_UNAVAILABLE, _SCANNED = 0x20, 0x40
_SIX_BIT_SPACE = 0x20


class Sensor(NamedTuple):
    """A sensor of watts: W = (m x raw + b x 10^b_exponent) x 10^r_exponent.

    :ivar entity: what it is about, and which of them: (7, 1) is the first system board.
    :ivar signed: how a raw byte is read: 0 unsigned, 1 one's, 2 two's complement.
    """

    name: str
    number: int
    lun: int
    entity: tuple[int, int]
    m: int
    b: int = 0
    b_exponent: int = 0
    r_exponent: int = 0
    signed: int = 0

    @property
    def resolution_watts(self) -> float:
        """The step between a raw value and the next, W."""
        return abs(self.m) * _power_of_ten(self.r_exponent)

    def convert(self, raw: int) -> float:
        """Return the watts of a raw byte."""
        if self.signed and raw > 0x7F:
            raw -= 0x100 if self.signed == 2 else 0xFF
        return (self.m * raw + self.b * _power_of_ten(self.b_exponent)) * _power_of_ten(
            self.r_exponent
        )

    def read(self, data: bytes) -> float | None:
        """Return the watts in the answer to Get Sensor Reading; None when it has none.

        :raises ValueError: the answer is too short.
        """
        if len(data) < 2:
            raise ValueError(f"a reading of {len(data)} bytes instead of 2 or more")
        if data[1] & _UNAVAILABLE or not data[1] & _SCANNED:
            return None
        return self.convert(data[0])


def record_length(head: bytes) -> int:
    """Return how long the record is whose first five bytes these are."""
    return _HEADER_BYTES + head[4]


def is_full(head: bytes) -> bool:
    """Tell whether a record may describe an analog sensor, by its first five bytes."""
    return head[2] == _VERSION and head[3] == _FULL_RECORD


def parse(record: bytes) -> Sensor | None:
    """Return the sensor of watts that a record describes; None when it describes none.

    :raises ValueError: the record is cut.
    """
    if len(record) < _HEADER_BYTES or len(record) < record_length(record):
        raise ValueError(f"a sensor data record is cut after {len(record)} bytes")
    if not is_full(record) or len(record) < _LEAST_BYTES or not _measures_watts(record):
        return None
    return Sensor(
        _name(record[47], record[48:]),
        record[7],
        record[6] & 0x03,
        (record[8], record[9] & 0x7F),
        _signed(record[24] | (record[25] & 0xC0) << 2, 10),
        _signed(record[26] | (record[27] & 0xC0) << 2, 10),
        _signed(record[29] & 0x0F, 4),
        _signed(record[29] >> 4, 4),
        record[20] >> 6,
    )


def _measures_watts(record: bytes) -> bool:
    """Tell whether it is the BMC's own, linear, and in watts, not W/s, W h or percent."""
    linear = record[23] & 0x7F == 0
    analog = record[20] >> 6 != 3
    plain = record[20] & 0x3F == 0
    return record[5] == _BMC and linear and analog and plain and record[21] == _WATTS


def choose(sensors: Iterable[Sensor]) -> list[Sensor]:
    """Return those that may be the whole machine's power: the system board's before supplies'."""
    ranked: dict[int, list[Sensor]] = {}
    for sensor in sensors:
        ranked.setdefault(_rank(sensor.entity), []).append(sensor)
    return ranked[min(ranked)] if ranked else []


def _rank(entity: tuple[int, int]) -> int:
    if entity == (_SYSTEM_BOARD, 1):
        return 0
    return 2 if entity[0] == _POWER_SUPPLY else 1


def find(sensors: Sequence[Sensor], name: str) -> Sensor | None:
    """Return the sensor of a name; case and blanks around it do not matter."""
    wanted = name.strip().casefold()
    return next((s for s in sensors if s.name.strip().casefold() == wanted), None)


def _power_of_ten(exponent: int) -> float:
    # 10 ** -1 is not a tenth exactly, dividing rounds once only; whole stays whole.
    return 10.0**exponent if exponent >= 0 else 1 / 10.0**-exponent


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _name(kind: int, data: bytes) -> str:
    """Return an id string (chapter 43.15): Latin-1, six bits a letter, BCD, or UTF-8."""
    data = data[: kind & 0x1F]
    coding = kind >> 6
    if coding == 3:
        return data.decode("latin-1").rstrip("\0 ")
    if coding == 2:
        bits = int.from_bytes(data, "little")
        letters = (bits >> 6 * n & 0x3F for n in range(len(data) * 8 // 6))
        return "".join(chr(letter + _SIX_BIT_SPACE) for letter in letters).rstrip()
    if coding == 1:
        return "".join("0123456789 -.:,_"[n] for byte in data for n in (byte >> 4, byte & 15))
    return data.decode("utf-8", "replace").rstrip("\0 ")
