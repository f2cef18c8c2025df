# SPDX-License-Identifier: Apache-2.0
"""The figures of a host: its watts, flop/W, virtual CPUs, tier and processor.

Owns where among a host's properties each is found, and which hosts come first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

_WATTS = (("watts",), ("aggregate_metadata", "watts"))
_FLOP_PER_WATT = (("flop_per_watt",), ("aggregate_metadata", "flop_per_watt"))
_NO_CPU: dict[str, Any] = {}
_VCPUS, _VCPUS_USED = (("vcpus",),), (("vcpus_used",),)


def find_watts(properties: dict[str, Any]) -> float | None:
    """Return the watts that a host's source, or its aggregates, say it uses."""
    return _find_number(properties, _WATTS)


def find_flop_per_watt(properties: dict[str, Any]) -> float | None:
    """Return the flop/W that a host's source, or its aggregates, say it has."""
    return _find_number(properties, _FLOP_PER_WATT)


def find_vcpus(properties: dict[str, Any]) -> float | None:
    """Return how many virtual CPUs a host has."""
    return _find_number(properties, _VCPUS)


def find_vcpus_used(properties: dict[str, Any]) -> float | None:
    """Return how many virtual CPUs of a host are in use."""
    return _find_number(properties, _VCPUS_USED)


def rank_tiers(views: list[dict[str, Any]]) -> list[int]:
    """Return which hosts are to be preferred: those on, then the best flop per watt."""
    ranks = []
    for view in views:
        flop_per_watt = find_flop_per_watt(view)
        ranks.append((not view["on"], flop_per_watt is None, -(flop_per_watt or 0.0)))
    order = {rank: tier for tier, rank in enumerate(sorted(set(ranks)))}
    return [order[rank] for rank in ranks]


def number_cpus(views: list[dict[str, Any]]) -> tuple[list[int], list[dict[str, Any]]]:
    """Return which CPU each host has, and the different ones."""
    # By identity: a snapshot keeps what is alike once.
    numbers: dict[int, int] = {}
    cpus: list[dict[str, Any]] = []
    cpu = []
    for view in views:
        info = view.get("cpu_info")
        known = info if isinstance(info, dict) else _NO_CPU
        if id(known) not in numbers:
            numbers[id(known)] = len(cpus)
            cpus.append(known)
        cpu.append(numbers[id(known)])
    return cpu, cpus


def _find_number(view: dict[str, Any], paths: Iterable[tuple[str, ...]]) -> float | None:
    """Return the first of some properties that is a number, not negative."""
    for path in paths:
        value: Any = view
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        try:
            number = float(value) if isinstance(value, int | float | str) else math.nan
        except (ValueError, OverflowError):
            continue
        if not isinstance(value, bool) and math.isfinite(number) and number >= 0:
            return number
    return None
