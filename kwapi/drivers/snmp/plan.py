# SPDX-License-Identifier: Apache-2.0
"""Plans which objects an SNMP device is asked for, and makes watts of their values.

Pure: a layout and rows in, OIDs out; values in, measurements out.  What a
layout says is :mod:`kwapi.drivers.snmp.profile`'s, asking for the objects
:mod:`kwapi.drivers.snmp.client`'s.

A probe with several outlets, such as a server with two supplies, is their sum,
watts and kWh; when one part is missing the sum is missing, not smaller.  When
the counter of one part falls, by a reset or a wrap, so does the sum: the
collector sees it as the reset it is, and measures that interval by watts.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from kwapi import measurement
from kwapi.drivers import parameters
from kwapi.drivers.snmp import client
from kwapi.drivers.snmp import parameters as snmp_parameters
from kwapi.drivers.snmp import profile

_AVAILABLE = 1
_MOST_DIGITS = 9


class Cell(NamedTuple):
    """The objects that hold one row's value in a column.

    :ivar raw: the value; further ones are multiplied with it.
    :ivar available: 1 where there is a value.
    :ivar digits: how many decimals it has.
    """

    raw: tuple[str, ...]
    available: str | None = None
    digits: str | None = None


class Parts(NamedTuple):
    """What makes up one probe: a cell for each of its outlets.

    :ivar kwh: of their energy counters; empty where there are none.
    """

    watts: tuple[Cell, ...]
    kwh: tuple[Cell, ...]


class Plan(NamedTuple):
    """What to read from a device, and for whom.

    :ivar watts: the objects with the watts.
    :ivar counters: those with the energy.
    :ivar constants: those that do not change: decimals.
    """

    layout: profile.Layout
    probes: Mapping[str, Parts]
    watts: tuple[str, ...]
    counters: tuple[str, ...]
    constants: tuple[str, ...]


def make_plan(
    layout: profile.Layout,
    rows: Mapping[str, Sequence[snmp_parameters.Row]],
    strapping: int = 0,
) -> Plan:
    """Return what to read so that each probe gets its rows.

    :raises ConfigurationInvalid: two rows are the same object.
    """

    def index(row: snmp_parameters.Row) -> str:
        if isinstance(row, str):
            return row
        return layout.suffix.format(strapping=strapping, outlet=row)

    probes = {
        probe: Parts(
            tuple(_cell(layout.watts, index(row)) for row in own),
            tuple(_cell(layout.kwh, index(row)) for row in own) if layout.kwh else (),
        )
        for probe, own in rows.items()
    }
    watts = [cell for parts in probes.values() for cell in parts.watts]
    kwh = [cell for parts in probes.values() for cell in parts.kwh]
    _require_own_rows(watts)
    constants = tuple(cell.digits for cell in (*watts, *kwh) if cell.digits)
    return Plan(layout, probes, tuple(_objects(watts)), tuple(_objects(kwh)), constants)


def has_watts(plan: Plan, values: Mapping[str, client.Value]) -> bool:
    """Tell whether any row has a number where this plan expects one."""
    column = plan.layout.watts
    cells = (cell for parts in plan.probes.values() for cell in parts.watts)
    return any(column.number(values.get(oid)) is not None for cell in cells for oid in cell.raw)


def measure(
    plan: Plan,
    values: Mapping[str, client.Value],
    constants: Mapping[str, client.Value],
) -> dict[str, measurement.Measurement]:
    """Return what each probe measures; one of which a part is missing is left out."""
    layout, measured = plan.layout, {}
    for probe, parts in plan.probes.items():
        watts = _total(layout.watts, parts.watts, values, constants)
        if watts is not None:
            kwh = _total(layout.kwh, parts.kwh, values, constants) if layout.kwh else None
            measured[probe] = measurement.Measurement(watts, kwh)
    return measured


def resolution_watts(
    plan: Plan, constants: Mapping[str, client.Value], otherwise: float | None
) -> float | None:
    """Return the smallest step that every row can tell.

    :param otherwise: the profile's, where neither layout nor decimals say.
    """
    cells = (cell for parts in plan.probes.values() for cell in parts.watts)
    found = [_decimals(constants.get(cell.digits)) for cell in cells if cell.digits]
    digits = [number for number in found if number is not None]
    if digits:
        return plan.layout.watts.convert(10.0 ** -min(digits))
    return plan.layout.resolution_watts or otherwise


def _cell(column: profile.Column, index: str) -> Cell:
    index = f"{index}.{column.tail}" if column.tail else index
    return Cell(
        tuple(f"{oid}.{index}" for oid in (column.oid, *column.times)),
        column.available and f"{column.available}.{index}",
        column.digits and f"{column.digits}.{index}",
    )


def _objects(cells: Iterable[Cell]) -> Iterator[str]:
    for cell in cells:
        yield from cell.raw
        if cell.available:
            yield cell.available


def _require_own_rows(cells: Iterable[Cell]) -> None:
    for cell, times in collections.Counter(cells).items():
        if times > 1:
            raise parameters.invalid(
                f"{times} outlets are the same object {cell.raw[0]}: "
                "its energy would be counted as often"
            )


def _total(
    column: profile.Column,
    cells: Iterable[Cell],
    values: Mapping[str, client.Value],
    constants: Mapping[str, client.Value],
) -> float | None:
    total: float = 0
    for cell in cells:
        raw = _value(column, cell, values, constants)
        if raw is None:
            return None
        total += raw
    return column.convert(total)


def _value(
    column: profile.Column,
    cell: Cell,
    values: Mapping[str, client.Value],
    constants: Mapping[str, client.Value],
) -> float | None:
    if cell.available and values.get(cell.available) != _AVAILABLE:
        return None
    product = 1
    for oid in cell.raw:
        raw = column.number(values.get(oid))
        if raw is None:
            return None
        product *= raw
    if cell.digits is None:
        return product
    digits = _decimals(constants.get(cell.digits))
    return None if digits is None else product / 10**digits


def _decimals(value: client.Value | None) -> int | None:
    return value if isinstance(value, int) and 0 <= value <= _MOST_DIGITS else None
