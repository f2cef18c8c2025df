# SPDX-License-Identifier: Apache-2.0
"""Deduces flop/s of a host from Nova's description of its processors.

Owns the arithmetic: ``cores x frequency x flop per cycle``, in double
precision.  The last two are in :mod:`climate.ranking.processors`, by CPU model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from climate.ranking import processors
from energybase import numbers

#: Where a figure is from: an operator or ``kwapi-climate benchmark`` recorded it;
#: it was deduced, from a CPU model of the table; or from a CPU's features alone.
BENCHMARK, TABLE, CPU_INFO = "benchmark", "table", "cpu_info"

#: As Intel writes it into a processor's name.
_NAMED_FREQUENCY = re.compile(r"@\s*(\d{1,2}(?:\.\d+)?)\s*GHz", re.IGNORECASE)

_MOST_CORES = 100_000
_MOST_MHZ = 100_000.0

Table = processors.Table


class Performance(NamedTuple):
    """``flops``: flop/s, double precision; ``detail``: how it came about, for operators."""

    flops: float
    source: str
    detail: str


def packaged_table() -> Table:
    """Return the table that comes with Climate."""
    return processors.packaged()


def deduce(
    cpu_info: Mapping[str, Any], table: Table, vcpus: float | None = None
) -> Performance | None:
    """Return what a host can compute, or None if that cannot be said.

    :param cpu_info: as Nova has it of its hypervisors; anything may be missing or odd.
    :param vcpus: of the hypervisor, which tells two ways of counting sockets apart.
    """
    cores = _count_cores(cpu_info.get("topology"), vcpus)
    if cores is None:
        return None
    name, features = _text(cpu_info.get("model")), _texts(cpu_info.get("features"))
    model = table.find_model(name)
    if model:
        flops_per_cycle, source = model.flops_per_cycle, TABLE
        reason = f"{name} is such as {model.such_as}"
    else:
        rule = table.find_rule(_text(cpu_info.get("vendor")), features)
        if rule is None:
            return None
        flops_per_cycle, source = rule.flops_per_cycle, CPU_INFO
        reason = f"{name or 'the model'} is not in the table, it has {', '.join(rule.features)}"
    mhz, assumed = _find_frequency(cpu_info, model, table)
    return Performance(
        cores * mhz * 1e6 * flops_per_cycle,
        source,
        f"{cores} cores x {mhz / 1000:g} GHz x {flops_per_cycle:g} flop per cycle: "
        f"{reason}; {assumed}",
    )


def _find_frequency(
    cpu_info: Mapping[str, Any], model: processors.Model | None, table: Table
) -> tuple[float, str]:
    """Return MHz, and where they are from."""
    told = _number(cpu_info.get("mhz"))
    if 0 < told <= _MOST_MHZ:
        return told, "the host tells its frequency"
    named = _NAMED_FREQUENCY.search(_text(cpu_info.get("model")))
    if named and float(named[1]) > 0:
        return float(named[1]) * 1000, "the frequency is in its name"
    if model:
        return model.mhz, "the frequency is the table's"
    return table.unknown_mhz, "the frequency is not known, but assumed"


def _count_cores(topology: Any, vcpus: float | None) -> int | None:
    """Return how many cores a host has, whatever their threads; None if it does not say.

    libvirt counts the sockets of one NUMA cell, Nova adds how many cells there
    are.  On machines that are not built evenly libvirt counts all processors as
    cores of one cell, while Nova's number of cells remains: then those are all.
    """
    if not isinstance(topology, Mapping):
        return None
    cells, sockets, cores, threads = (
        max(_number(topology.get(key, 0 if key == "cores" else 1)), 0.0)
        for key in ("cells", "sockets", "cores", "threads")
    )
    if sockets == threads == 1 and cores == vcpus:
        cells = 1.0
    count = cells * sockets * cores
    return int(count) if 1 <= count <= _MOST_CORES and count.is_integer() else None


def _number(value: Any) -> float:
    """Return a number as such, 0 for anything else."""
    if not numbers.is_number(value):
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> frozenset[str]:
    if not isinstance(value, list | tuple | set | frozenset):
        return frozenset()
    return frozenset(item for item in value if isinstance(item, str))
