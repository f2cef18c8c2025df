# SPDX-License-Identifier: Apache-2.0
"""Profiles: in which registers a Modbus device keeps its watts.

They are read from ``profiles/*.yaml``.  Owns the shape of a profile, and what a
register's bits mean.  How registers are asked for is
:mod:`kwapi.drivers.modbus.driver`'s.  A new device is a new file::

    name: eastron-sdm                # as in the parameter ``profile``
    source: the maker's register list, 2019
    unproved: why                    # where no real device was seen; logged at start
    period_seconds: 1                # how often it has new values
    resolution_watts: 0.1
    max_registers: 125               # most registers to ask for in one request
    tables:
      outlets:                       # as in the parameter ``table``; the first is the default
        size: 24                     # rows there are at most
        resolution_watts: 2.3        # where it is not the profile's
        watts: {function: 4, address: 12, stride: 2, type: f32}
        kwh: {function: 4, address: 72, stride: 2, type: f32, scale: 0.001}
        check: [{...}, {...}]        # what should come out the same as watts, once at start

A list of columns means their product, as volts by amperes by power factor.  The
keys of a column are those of :class:`Column`.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from energybase import numbers
from energybase import packaged

#: Type -> how many registers, and how struct reads them when the high word is first.
_TYPES = {
    "u16": (1, ">H"),
    "s16": (1, ">h"),
    "u32": (2, ">I"),
    "s32": (2, ">i"),
    "f32": (2, ">f"),
    "f64": (4, ">d"),
}
_WORDS = ("big", "little")
_DECODES = (None, "fd")
#: The Modbus application protocol, 6.3.
MOST_REGISTERS = 125
_LAST_REGISTER = 0xFFFF


class Column(NamedTuple):
    """Numbers of one kind, a row for each outlet.

    :ivar address: first register of row 1, counted from 0.
    :ivar function: 3 for holding, 4 for input registers.
    :ivar stride: registers from one row to the next.
    :ivar type: u16, s16, u32, s32, f32 or f64.
    :ivar words: ``big`` when the high word comes first, else ``little``.
    :ivar scale: what a number is multiplied with to make W, kWh, V or A.
    :ivar not_available: bits that mean that there is no value, as an unsigned number.
    :ivar decode: ``fd`` for Schleifenbauer's fixed decimal.
    """

    address: int
    function: int = 3
    stride: int = 1
    type: str = "u16"
    words: str = "big"
    scale: float = 1.0
    not_available: frozenset[int] = frozenset()
    decode: str | None = None

    @property
    def width(self) -> int:
        """How many registers a number takes."""
        return _TYPES[self.type][0]

    def at(self, row: int) -> int:
        """Return the first register of a row; rows count from 1."""
        return self.address + (row - 1) * self.stride

    def value(self, registers: Sequence[int]) -> float | None:
        """Return the number that its registers hold, None where they mean that there is none."""
        number: float
        if self.type == "u16":  # what nearly every PDU has; the rest is for the general case
            number = bits = registers[0]
        else:
            ordered = registers if self.words == "big" else registers[::-1]
            raw = struct.pack(f">{len(ordered)}H", *ordered)
            bits = int.from_bytes(raw)
            number = struct.unpack(_TYPES[self.type][1], raw)[0]
        if bits in self.not_available or not math.isfinite(number):
            return None
        if self.decode:
            number = fixed_decimal(number)
        # 1 / 0.001 is 1000 exactly, and dividing by it rounds once only.
        return number * self.scale if abs(self.scale) >= 1 else number / (1 / self.scale)


#: Columns whose product is wanted.
Columns = tuple[Column, ...]


class Table(NamedTuple):
    """Rows that can be measured: outlets, phases, or the meter as a whole.

    :ivar kwh: its energy counter; empty where there is none.
    :ivar check: what should equal the watts; empty where nothing does.
    :ivar size: how many rows there are at most.
    """

    watts: Columns
    kwh: Columns = ()
    check: Columns = ()
    size: int | None = None
    resolution_watts: float | None = None


class Profile(NamedTuple):
    """A family of devices.

    :ivar unproved: why this profile may be wrong; empty once a real device was read.
    """

    name: str
    tables: Mapping[str, Table]
    source: str = ""
    unproved: str = ""
    period_seconds: float = 1.0
    resolution_watts: float | None = None
    max_registers: int = MOST_REGISTERS


def fixed_decimal(raw: float) -> float:
    """Return what Schleifenbauer's fixed decimal stands for: hundredths, above 327.67 tenths."""
    return raw / 100 if raw <= 32767 else (raw - 32767) / 10


@functools.cache
def load_profiles() -> Mapping[str, Profile]:
    """Return every profile that is installed, by name.

    :raises ConfigurationInvalid: a file is wrong: which, and what in it.
    """
    return {profile.name: profile for profile in packaged.read_each(__package__, "profiles", parse)}


def parse(text: str, where: str) -> Profile:
    """Return the profile that a YAML text describes.

    :raises ConfigurationInvalid: it does not.
    """
    return packaged.parse(text, f"Modbus profile {where}", _profile)


def generic(watts: Any, kwh: Any = None) -> Profile:
    """Return a profile for columns that the configuration describes.

    :raises ValueError: it does so wrongly.
    """
    table = Table(_columns(watts), _columns(kwh))
    return Profile("generic", {"outlets": table}, "the columns of the configuration")


def _profile(document: dict[str, Any]) -> Profile:
    tables = {name: _table(dict(table)) for name, table in document.pop("tables").items()}
    profile = Profile(tables=tables, **document)
    if not tables:
        raise ValueError("there are no tables")
    if not 4 <= profile.max_registers <= MOST_REGISTERS:
        raise ValueError(f"max_registers must be from 4 to {MOST_REGISTERS}")
    return profile


def _table(document: dict[str, Any]) -> Table:
    watts, kwh, check = (_columns(document.pop(key, None)) for key in ("watts", "kwh", "check"))
    if not watts:
        raise ValueError("a table has no watts")
    return Table(watts, kwh, check, **document)


def _columns(given: Any) -> Columns:
    if given is None:
        return ()
    return tuple(_column(dict(one)) for one in (given if isinstance(given, list) else [given]))


def _column(document: dict[str, Any]) -> Column:
    document["not_available"] = frozenset(document.get("not_available", ()))
    column = Column(**document)
    if column.type not in _TYPES:
        raise ValueError(f"type must be one of {', '.join(_TYPES)}, not {column.type!r}")
    if "stride" not in document:
        column = column._replace(stride=column.width)
    for name, value, allowed in (
        ("function", column.function, (3, 4)),
        ("words", column.words, _WORDS),
        ("decode", column.decode, _DECODES),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, not {value!r}")
    _require_whole("address", column.address, 0)
    _require_whole("stride", column.stride, 1)
    scale = float(column.scale)
    if not math.isfinite(scale) or not scale:
        raise ValueError(f"scale must be a number other than 0, not {column.scale!r}")
    return column._replace(scale=scale)


def _require_whole(name: str, value: Any, least: int) -> None:
    if not numbers.is_whole(value) or not least <= value <= _LAST_REGISTER:
        raise ValueError(
            f"{name} must be a whole number from {least} to {_LAST_REGISTER}, not {value!r}"
        )
