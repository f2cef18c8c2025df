# SPDX-License-Identifier: Apache-2.0
"""Defines rrdtool's variables for a span of time, and reads the sums it makes of them.

Owns which rows are added to what, pure: it makes rrdtool's arguments and reads
what rrdtool prints.  Of probes that are grouped only the sums have names.

For section ``s``: ``a<s>_<g>`` is the power of group g, ``t<s>`` that of all.
Where all is one probe, ``l<s>`` and ``h<s>`` are the least and the most it
said within a row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

from kwapi.graphs import grouping
from kwapi.graphs import sections
from kwapi.graphs import syntax
from kwapi.graphs import tariff as tariffs
from kwapi.history import layout

_WATT_SECONDS_PER_KWH = 3_600_000
_PRINTED = re.compile(r'^print\[(\d+)\] = "(\S+)"$', re.MULTILINE)
#: What is printed of each section that is counted.
_COUNTED = ("seconds", "watt_seconds", "cost")
#: What is printed of each that is shown, before the last value of each group.
_SHOWN = ("min", "max", "last")


Values = Sequence[float | None]


class Summary(NamedTuple):
    """A span in numbers; None where nothing is known.

    :ivar average: over the time of which something is known.
    :ivar groups: last power of each group, W.
    """

    min: float | None
    average: float | None
    max: float | None
    last: float | None
    kwh: float
    cost: float
    groups: tuple[float | None, ...]


class Plot(NamedTuple):
    """What is to be shown.

    :ivar has_extremes: it is one probe, of whose least and most files tell.
    """

    span: sections.Span
    groups: tuple[grouping.Group, ...]
    has_extremes: bool = False

    def define(self) -> list[str]:
        """Return the definitions of what is shown, of which there are none without probes."""
        return self._define_all(self.span.shown)

    def _define_all(self, all_sections: Sequence[sections.Section]) -> list[str]:
        if not self.groups:
            return []
        return [
            one
            for number, section in enumerate(all_sections)
            for one in self._define(number, section)
        ]

    def _define(self, number: int, section: sections.Section) -> Iterator[str]:
        # rrdtool adds a row to what ends with a row.
        place = f"step={section.step_seconds}:start={section.start}:end={section.end - 1}"
        count = 0
        for g, group in enumerate(self.groups):
            names = []
            for probe_id in group.probe_ids:
                name = f"d{number}_{count}" if len(group.probe_ids) > 1 else f"a{number}_{g}"
                names.append(name)
                count += 1
                file = syntax.escape(layout.name_of(probe_id))
                yield f"DEF:{name}={file}:w:AVERAGE:{place}"
                if self.has_extremes:
                    yield f"DEF:l{number}={file}:w:MIN:{place}"
                    yield f"DEF:h{number}={file}:w:MAX:{place}"
            if len(names) > 1:
                yield f"CDEF:a{number}_{g}={syntax.add(names)}"
        yield f"CDEF:t{number}={syntax.add([f'a{number}_{g}' for g in range(len(self.groups))])}"

    def sum_up(self, tariff: tariffs.Tariff) -> list[str]:
        """Return what lets rrdtool define all variables, sum up and print."""
        if not self.groups:
            return []
        span = self.span
        known = list(dict.fromkeys((*span.shown, *span.counted)))
        arguments = self._define_all(known)
        for section in span.counted:
            arguments += self._count(known.index(section), section, tariff)
        for number in range(len(span.shown)):
            arguments += self._look_at(number)
        return arguments

    def _count(
        self, number: int, section: sections.Section, tariff: tariffs.Tariff
    ) -> Iterator[str]:
        rows = list(self.span.rows(section))
        step = section.step_seconds
        part = syntax.step((end, (end - start) / step) for start, end in rows)
        # A row's power is taken as the same all through it.
        cost = syntax.step(
            (end, (end - start) / step * tariff.average(start, end) / _WATT_SECONDS_PER_KWH)
            for start, end in rows
        )
        yield f"CDEF:k{number}=t{number},UN,0,{part},IF"
        yield f"CDEF:e{number}=t{number},{part},*"
        yield f"CDEF:c{number}=t{number},{cost},*"
        for variable in "kec":
            yield from _print(f"{variable}{number}", "TOTAL")

    def _look_at(self, number: int) -> Iterator[str]:
        yield from _print(f"l{number}" if self.has_extremes else f"t{number}", "MINIMUM")
        yield from _print(f"h{number}" if self.has_extremes else f"t{number}", "MAXIMUM")
        yield from _print(f"t{number}", "LAST")
        for g in range(len(self.groups)):
            yield from _print(f"a{number}_{g}", "LAST")

    def read(self, text: str) -> Summary:
        """Return what rrdtool printed.

        :raises ValueError: it printed something else.
        """
        found = [_read_number(value) for _, value in _PRINTED.findall(text)]
        counted, shown = len(self.span.counted), len(self.span.shown)
        width = len(_SHOWN) + len(self.groups)
        if not self.groups:
            counted = shown = 0
        if len(found) != counted * len(_COUNTED) + shown * width:
            raise ValueError(f"rrdtool printed {len(found)} numbers")
        split = counted * len(_COUNTED)
        return _combine(_columns(found[:split], len(_COUNTED)), _columns(found[split:], width))


def _print(variable: str, what: str) -> Iterator[str]:
    yield f"VDEF:v_{variable}_{what}={variable},{what}"
    yield f"PRINT:v_{variable}_{what}:%.9le"


def _columns(values: Values, width: int) -> list[Values]:
    """Return the columns of a table whose rows are given one after the other."""
    return [values[place::width] for place in range(width)]


def _combine(counted: Sequence[Values], shown: Sequence[Values]) -> Summary:
    """Return the summary of all sections from those of each."""
    seconds, watt_seconds, cost = (math.fsum(filter(None, column)) for column in counted)
    least, most, last = shown[: len(_SHOWN)]
    return Summary(
        min((one for one in least if one is not None), default=None),
        watt_seconds / seconds if seconds else None,
        max((one for one in most if one is not None), default=None),
        _last(last),
        watt_seconds / _WATT_SECONDS_PER_KWH,
        cost,
        tuple(_last(column) for column in shown[len(_SHOWN) :]),
    )


def _last(values: Values) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _read_number(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
