# SPDX-License-Identifier: Apache-2.0
"""The sensor of watts that a simulated BMC has beside DCMI.

Pure: IPMI's storage and sensor commands in, answers out (IPMI 2.0, chapters
33, 35 and 43).  One byte holds the reading, so it counts in steps.
"""

from __future__ import annotations

import struct

#: What the byte is multiplied with; 255 of them are more than a server draws.
STEP_WATTS = 4

_GET_REPOSITORY, _RESERVE, _GET_RECORD = (0x0A, 0x20), (0x0A, 0x22), (0x0A, 0x23)
_GET_READING = (0x04, 0x2D)
_NAME = b"Pwr Consumption"
_NUMBER, _LAST = 1, 0xFFFF
_WATTS_UNIT, _OTHER_UNITS, _SYSTEM_BOARD = 6, 0x0B, 7
_SCANNED = 0xC0
_OK, _NO_SUCH_COMMAND, _BAD_LENGTH, _NOT_THERE, _TOO_LONG = 0x00, 0xC1, 0xC7, 0xCB, 0xCA
_REQUEST = struct.Struct("<HHBB")


class Sensors:
    """Answers what is asked about sensors."""

    def __init__(self) -> None:
        self._record = _full_record()

    def answer(self, netfn: int, command: int, data: bytes, watts: int) -> tuple[int, bytes]:
        """Return completion code and data."""
        asked = (netfn, command)
        if asked == _GET_REPOSITORY:
            # Version 1.5, one record, no room, never changed; can be reserved.
            return _OK, struct.pack("<BHHIIB", 0x51, 1, 0, 0, 0, 0x02)
        if asked == _RESERVE:
            return _OK, b"\x01\x00"
        if asked == _GET_RECORD:
            return self._read(data)
        if asked == _GET_READING:
            return _reading(data, watts)
        return _NO_SUCH_COMMAND, b""

    def _read(self, data: bytes) -> tuple[int, bytes]:
        if len(data) != _REQUEST.size:
            return _BAD_LENGTH, b""
        _, number, offset, size = _REQUEST.unpack(data)
        if number not in (0, _NUMBER, _LAST):
            return _NOT_THERE, b""
        if offset >= len(self._record):
            return _TOO_LONG, b""
        return _OK, struct.pack("<H", _LAST) + self._record[offset : offset + size]


def _reading(data: bytes, watts: int) -> tuple[int, bytes]:
    if data != bytes((_NUMBER,)):
        return _NOT_THERE, b""
    return _OK, bytes((min(255, round(watts / STEP_WATTS)), _SCANNED, 0xC0, 0x00))


def _full_record() -> bytes:
    """Return the sensor's record: unsigned, linear, watts = byte times the step."""
    key = bytes((0x20, 0, _NUMBER))
    kind = bytes((_SYSTEM_BOARD, 1, 0x7F, 0x48, _OTHER_UNITS, 1)) + bytes(6)
    units = bytes((0, _WATTS_UNIT, 0, 0))
    factors = bytes((STEP_WATTS, 0, 0, 0, 0, 0))
    # No nominal values; least and most the byte can hold; no thresholds; no OEM byte.
    limits = bytes((0, 0, 0, 0, 0xFF, 0)) + bytes(11)
    body = key + kind + units + factors + limits + bytes((0xC0 | len(_NAME),)) + _NAME
    return struct.pack("<HBBB", _NUMBER, 0x51, 0x01, len(body)) + body
