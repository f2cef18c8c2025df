# SPDX-License-Identifier: Apache-2.0
"""The performances file: flop/s by host, as an operator recorded them.

Owns its YAML format::

    node-1: 1.2e12
    node-2: 950e9
"""

from __future__ import annotations

import math
from typing import NoReturn

import yaml

from climate.ranking import performance
from energybase import exception
from energybase import numbers

#: What hosts are believed to compute at most, flop/s: more than any cloud does.
MOST_FLOPS = 1e21


def read(path: str) -> dict[str, performance.Performance]:
    """Return what a file says hosts can compute, by name.

    :raises ConfigurationInvalid: it cannot be read; the line, and what is wrong there.
    """
    try:
        with open(path, encoding="utf-8") as opened:
            text = opened.read()
    except OSError as exc:
        reason = exc.strerror or "cannot be read"
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    else:
        return parse(text, path)
    raise exception.ConfigurationInvalid(where=path, reason=reason)


def parse(text: str, name: str) -> dict[str, performance.Performance]:
    """Return what a text says hosts can compute.

    :param name: of the file, for mistakes and for what is told of where figures are from.
    :raises ConfigurationInvalid: the line, and what is wrong there.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        _refuse(name, mark, getattr(exc, "problem", None) or "is no YAML")
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        _refuse(name, root.start_mark, "a mapping is wanted, of host to flop/s")
    recorded: dict[str, performance.Performance] = {}
    for key, value in root.value:
        host, flops = _parse_pair(key, value, name)
        if host in recorded:
            _refuse(name, key.start_mark, f"host {host!r} is there already")
        detail = f"recorded in {name}"
        recorded[host] = performance.Performance(flops, performance.BENCHMARK, detail)
    return recorded


def is_flops(value: object) -> bool:
    """Return whether something can be what a host computes, in flop/s."""
    if not numbers.is_number(value):
        return False
    return 0 < value <= MOST_FLOPS


def _parse_pair(key: yaml.Node, value: yaml.Node, name: str) -> tuple[str, float]:
    if not isinstance(key, yaml.ScalarNode):
        _refuse(name, key.start_mark, "a host's name is a text")
    flops = _parse_flops(value)
    if not is_flops(flops):
        _refuse(name, value.start_mark, f"host {key.value!r}: flop/s is a number, such as 1.2e12")
    return key.value, flops


def _parse_flops(value: yaml.Node) -> float:
    # YAML 1.1 takes 1.2e12 for a text.
    try:
        return float(value.value)
    except (TypeError, ValueError):
        return math.nan


def _refuse(name: str, mark: yaml.Mark | None, reason: str) -> NoReturn:
    where = f"{name}, line {mark.line + 1}" if mark else name
    raise exception.ConfigurationInvalid(where=where, reason=reason)
