# SPDX-License-Identifier: Apache-2.0
"""Profiles: in which objects an SNMP device keeps its watts.

They are read from ``profiles/*.yaml``.  Owns the shape of a profile and how one
is found: by name, by sysObjectID or by the OID of a column.  A new device is a
new file, no code::

    name: eaton                      # as in the parameter ``profile``
    source: EATON-EPDU-MIB, ...      # where all this is written
    sys_object_id: "1.3.6.1..."      # prefix of what the device says it is
    period_seconds: 5                # how often it has new values
    resolution_watts: 1
    max_objects: 48                  # most objects to ask for in one request
    not_available: [-1]              # raw values that mean none; negative ones always do
    strapping: 1                     # first number of a chain of devices; 0 if not said
    strapping_oid: "1.3.6.1..."      # or the object that holds it
    tables:
      outlets:                       # as in the parameter ``table``
        size: "1.3.6.1...{strapping}"      # object with the number of rows
        layouts:                     # the first one that answers is taken
          - suffix: "{strapping}.{outlet}" # what follows a column's OID: the row's index
            watts: {oid: "1.3.6.1...", scale: 1}      # W = raw value x scale
            kwh: {oid: "1.3.6.1...", scale: 0.001, bits: 32}   # kWh = raw x scale
            resolution_watts: 2.3    # where it differs from the profile's
            note: ...                # what is told once, at start
            refuse: ...              # why such a device cannot be read; ``watts``
                                     # is then any column that tells it is one

A column may also have::

    times: ["1.3.6.1..."]            # further columns to multiply with: A x V x PF
    unit: A                          # a current: the parameter ``volts`` makes it watts
    tail: "5"                        # what follows the row's index
    digits: "1.3.6.1..."             # column with the number of decimals of a raw value
    available: "1.3.6.1..."          # column that is 1 where there is a value
    not_available: [0]               # as above, for this column only

``bits`` says where the counter wraps.  A wrap looks like a reset, and the
collector treats it as one.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from energybase import packaged

_OID = re.compile(r"\.?(\d+(?:\.\d+)+)")
_TAIL = re.compile(r"(\d+(?:\.\d+)*)?")


class Column(NamedTuple):
    """A column of numbers.

    :ivar scale: what a raw value is multiplied with to make W or kWh.
    :ivar bits: width of a counter, after which it starts from 0.
    :ivar times: columns whose raw values this one's is multiplied with.
    :ivar unit: ``A`` for a current, which becomes watts by :meth:`at_volts`.
    :ivar tail: what follows the row's index.
    :ivar digits: column with the number of decimals of the raw value.
    :ivar available: column that is 1 where there is a value.
    :ivar not_available: raw values that mean none; negative ones always do.
    """

    oid: str
    scale: float = 1.0
    bits: int | None = None
    times: tuple[str, ...] = ()
    unit: str = ""
    tail: str = ""
    digits: str | None = None
    available: str | None = None
    not_available: frozenset[int] = frozenset()

    def number(self, raw: object) -> int | None:
        """Return a raw value, None if it means that the device has none."""
        if not isinstance(raw, int) or raw < 0 or raw in self.not_available:
            return None
        return raw

    def convert(self, raw: float) -> float:
        """Return W or kWh."""
        # 1 / 0.001 is 1000 exactly, and dividing by it rounds once only:
        # 12345 Wh are 12.345 kWh, not 12.345000000000001.
        return raw * self.scale if self.scale >= 1 else raw / (1 / self.scale)


class Layout(NamedTuple):
    """Where the watts and the energy of a row are.

    :ivar suffix: template of the row's index, which follows a column's OID.
    :ivar resolution_watts: None for the profile's.
    :ivar note: what an operator should know of it; told once.
    :ivar refuse: why a device with this layout cannot be read.
    """

    watts: Column
    kwh: Column | None = None
    suffix: str = "{outlet}"
    resolution_watts: float | None = None
    note: str = ""
    refuse: str = ""

    def at_volts(self, volts: float) -> Layout:
        """Return the layout with currents made watts, at this voltage."""
        if self.watts.unit != "A":
            return self
        watts = self.watts._replace(scale=self.watts.scale * volts, unit="")
        note = f"it tells currents only; watts are computed at {volts:g} V and power factor 1"
        return self._replace(watts=watts, resolution_watts=watts.scale, note=note)


class Table(NamedTuple):
    """Rows that can be measured: outlets, groups of them, or inputs.

    :ivar layouts: ways in which firmwares arrange them, best first.
    :ivar size: template of the object that has their number.
    """

    layouts: tuple[Layout, ...]
    size: str | None = None

    def at_volts(self, volts: float) -> Table:
        """Return the table with currents made watts, at this voltage."""
        return self._replace(layouts=tuple(layout.at_volts(volts) for layout in self.layouts))


class Profile(NamedTuple):
    """A family of devices.

    :ivar strapping: number of a chain's first device.
    :ivar strapping_oid: object that holds it, where that differs.
    """

    name: str
    tables: Mapping[str, Table]
    source: str = ""
    sys_object_id: str | None = None
    period_seconds: float = 1.0
    resolution_watts: float | None = None
    max_objects: int = 24
    strapping: int = 0
    strapping_oid: str | None = None


class Match(NamedTuple):
    """The table that a column belongs to, and the strapping index its OID held."""

    profile: Profile
    table: str
    strapping: int | None


def parse_oid(text: object) -> str:
    """Return an OID in dotted form, without the dot that some put before it.

    :raises ValueError: it is none.
    """
    match = _OID.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"oid must be an OID in numbers, such as '1.3.6.1.4.1.534', not {text!r}")
    return match[1]


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
    return packaged.parse(text, f"SNMP profile {where}", _profile)


@functools.cache
def generic(oid: str, scale: float = 1.0) -> Profile:
    """Return a profile for a column of watts of which nothing else is known."""
    column = Column(oid, scale)
    layouts = (Layout(column), Layout(column, suffix="{strapping}.{outlet}"))
    return Profile("generic", {"outlets": Table(layouts)}, "the oid of the configuration")


def find_by_sys_object_id(profiles: Iterable[Profile], oid: str) -> Profile | None:
    """Return the profile with the longest prefix of what a device says it is."""
    matching = [p for p in profiles if p.sys_object_id and _is_under(oid, p.sys_object_id)]
    return max(matching, key=lambda p: len(p.sys_object_id or ""), default=None)


def find_by_column(profiles: Iterable[Profile], oid: str) -> Match | None:
    """Return the table whose watts are in this column.

    The OID may end in the strapping index, as the first Kwapi's users wrote it
    for daisy-chained devices.
    """
    for profile in profiles:
        for name, table in profile.tables.items():
            layout = table.layouts[0]
            if oid == layout.watts.oid:
                return Match(profile, name, None)
            column, _, last = oid.rpartition(".")
            if column == layout.watts.oid and layout.suffix.startswith("{strapping}."):
                return Match(profile, name, int(last))
    return None


def _is_under(oid: str, prefix: str) -> bool:
    return f"{oid}.".startswith(f"{prefix}.")


def _profile(document: dict[str, Any]) -> Profile:
    none = frozenset(document.pop("not_available", ()))
    tables = {name: _table(dict(table), none) for name, table in document.pop("tables").items()}
    return Profile(tables=tables, **document)


def _table(document: dict[str, Any], none: frozenset[int]) -> Table:
    layouts = tuple(_layout(dict(layout), none) for layout in document.pop("layouts"))
    if not layouts:
        raise ValueError("a table has no layouts")
    return Table(layouts, **document)


def _layout(document: dict[str, Any], none: frozenset[int]) -> Layout:
    watts = _column(dict(document.pop("watts")), none)
    kwh = _column(dict(document.pop("kwh")), none) if "kwh" in document else None
    layout = Layout(watts, kwh, **document)
    layout.suffix.format(strapping=0, outlet=1)
    return layout


def _column(document: dict[str, Any], none: frozenset[int]) -> Column:
    none |= frozenset(document.pop("not_available", ()))
    column = Column(**document, not_available=none)
    if not _TAIL.fullmatch(column.tail) or column.unit not in ("", "A"):
        raise ValueError(f"tail {column.tail!r} or unit {column.unit!r} is wrong")
    for oid in (column.digits, column.available):
        if oid is not None:
            parse_oid(oid)
    return column._replace(
        oid=parse_oid(column.oid),
        scale=float(column.scale),
        times=tuple(map(parse_oid, column.times)),
    )
