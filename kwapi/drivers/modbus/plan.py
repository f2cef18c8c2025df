# SPDX-License-Identifier: Apache-2.0
"""Plans requests for Modbus registers, and makes watts of their contents.

Pure.  What registers mean is :mod:`kwapi.drivers.modbus.profile`'s; asking for
them :mod:`kwapi.drivers.modbus.session`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from kwapi import measurement
from kwapi.drivers.modbus import profile


class Part(NamedTuple):
    """A row of a unit: an outlet of a PDU, a phase of a meter."""

    unit: int
    row: int

    def __str__(self) -> str:
        return f"{self.unit}.{self.row}"


class Block(NamedTuple):
    """Registers that are read in one request."""

    unit: int
    function: int
    address: int
    length: int


class Cell(NamedTuple):
    """Where a number is: in which block, from which register to which."""

    block: Block
    start: int
    end: int
    column: profile.Column


#: A product of cells.
Product = tuple[Cell, ...]


class Plan(NamedTuple):
    """What to read, and for whom.

    :ivar probes: probe -> (the watts of its parts, their counters).
    """

    blocks: Mapping[int, tuple[Block, ...]]
    probes: Mapping[str, tuple[tuple[Product, ...], tuple[Product, ...]]]


Answers = Mapping[Block, Sequence[int]]


def make_plan(
    watts: profile.Columns,
    kwh: profile.Columns,
    probes: Mapping[str, Sequence[Part]],
    most: int = profile.MOST_REGISTERS,
) -> Plan:
    """Return what to read so that each probe gets its rows, in few requests.

    :param most: registers that one request may ask for.
    """
    every = {part for parts in probes.values() for part in parts}
    blocks = _blocks((*watts, *kwh), every, most)
    cells = {
        (part, column): _cell(blocks, part, column) for part in every for column in (*watts, *kwh)
    }

    def products(columns: profile.Columns, parts: Sequence[Part]) -> tuple[Product, ...]:
        if not columns:
            return ()
        return tuple(tuple(cells[part, column] for column in columns) for part in parts)

    units = sorted({block.unit for block in blocks})
    return Plan(
        {unit: tuple(block for block in blocks if block.unit == unit) for unit in units},
        {probe: (products(watts, own), products(kwh, own)) for probe, own in probes.items()},
    )


def _blocks(columns: profile.Columns, parts: Iterable[Part], most: int) -> list[Block]:
    """Return requests that cover all cells, none of them divided."""
    # Between the rows of a column there may be registers of no use, but they
    # exist.  Between two columns they need not: those join where they touch.
    spans = {
        span
        for unit in {part.unit for part in parts}
        for column in columns
        for span in _spans(unit, column, sorted(p.row for p in parts if p.unit == unit), most)
    }
    joined: list[Block] = []
    for span in sorted(spans):
        last = joined[-1] if joined else None
        if last is not None and last[:2] == span[:2] and span.address <= last.address + last.length:
            length = max(last.address + last.length, span.address + span.length) - last.address
            if length <= most:
                joined[-1] = last._replace(length=length)
                continue
        joined.append(span)
    return joined


def _spans(unit: int, column: profile.Column, rows: Iterable[int], most: int) -> Iterator[Block]:
    start = end = 0
    for row in rows:
        first = column.at(row)
        if end and first + column.width - start > most:
            yield Block(unit, column.function, start, end - start)
            end = 0
        start = start if end else first
        end = first + column.width
    if end:
        yield Block(unit, column.function, start, end - start)


def _cell(blocks: Iterable[Block], part: Part, column: profile.Column) -> Cell:
    first = column.at(part.row)
    for block in blocks:
        start = first - block.address
        if (block.unit, block.function) == (part.unit, column.function) and (
            start >= 0 and start + column.width <= block.length
        ):
            return Cell(block, start, start + column.width, column)
    raise AssertionError(f"no request covers register {first}")


def measure(plan: Plan, answers: Answers) -> dict[str, measurement.Measurement]:
    """Return what each probe measures; one of which a part is missing is left out."""
    measured = {}
    for probe, (watts, kwh) in plan.probes.items():
        power = _total(watts, answers)
        if power is not None:
            energy = _total(kwh, answers) if kwh else None
            measured[probe] = measurement.Measurement(power, energy)
    return measured


def _total(products: Iterable[Product], answers: Answers) -> float | None:
    total = 0.0
    for product in products:
        factor = 1.0
        for block, start, end, column in product:
            registers = answers.get(block)
            value = None if registers is None else column.value(registers[start:end])
            if value is None:
                return None
            factor *= value
        total += factor
    return total


def compare(plan: Plan, answers: Answers) -> dict[str, tuple[float, float]]:
    """Return both numbers of each probe that has both: its watts, and what else was planned."""
    found = {}
    for row, (watts, check) in plan.probes.items():
        pair = _total(watts, answers), _total(check, answers)
        if pair[0] is not None and pair[1] is not None:
            found[row] = (pair[0], pair[1])
    return found
