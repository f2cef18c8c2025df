# SPDX-License-Identifier: Apache-2.0
"""Checks that every driver makes of what drivers.conf says.

Owns the complaints that are about no device in particular: they name the
parameter and say what would be right, and never repeat a secret.  What a
parameter means is its driver's.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

from kwapi import exception

_T = TypeVar("_T")


def invalid(reason: str) -> exception.ConfigurationInvalid:
    """Return the complaint; the manager adds which section it is about."""
    return exception.ConfigurationInvalid(where="parameters", reason=reason)


def text(name: str, value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise invalid(f"{name} must be a text that is not empty")
    return value


def optional_text(name: str, value: Any) -> str | None:
    """Return a text that is not empty, or None."""
    return None if value is None else text(name, value)


def one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return the choice that is meant, in whatever case it is written."""
    wanted = text(name, value).lower()
    for choice in choices:
        if choice.lower() == wanted:
            return choice
    raise invalid(f"{name} {value!r} is not one of {', '.join(choices)}")


def whole(name: str, value: Any, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid(f"{name} {value!r} is no whole number from {least} to {most}")
    return value


def number(name: str, value: Any) -> float:
    """Return a number that is not 0: a scale."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid(f"{name} {value!r} is no number")
    if not math.isfinite(value) or not value:
        raise invalid(f"{name} {value!r} is no number but 0")
    return float(value)


def positive(name: str, value: Any) -> float:
    """Return a number above 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise invalid(f"{name} {value!r} is no number above 0")
    return float(value)


def truth(name: str, value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise invalid(f"{name} {value!r} is neither True nor False")
    return value


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Return a mapping by texts; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise invalid(f"{name} must be a mapping, as {{'server-1': 'this'}}")
    return dict(value)


def parts(
    name: str,
    probes: Sequence[str | None],
    given: Any,
    parse: Callable[[Any], _T],
    default: Callable[[int, str], _T],
) -> dict[str, tuple[_T, ...]]:
    """Return of which parts of the device each probe is the sum.

    :param name: of the parameter that says so.
    :param given: its value: probe -> a part or a list of them.
    :param parse: returns the part that a value stands for; ValueError says what is wrong.
    :param default: returns the part of a probe that ``given`` does not name, by
        its position from 1 and its id.
    :raises ConfigurationInvalid: a part is named twice, or for nobody.
    """
    own = mapping(name, given)
    planned: dict[str, tuple[_T, ...]] = {}
    for position, probe in enumerate(probes, start=1):
        if probe is not None and probe not in own:
            planned[probe] = (*planned.get(probe, ()), default(position, probe))
    if strangers := sorted(own.keys() - set(probes)):
        raise invalid(f"{name} names {strangers[0]!r}, which is not in probes")
    planned.update({probe: _part_list(name, probe, value, parse) for probe, value in own.items()})
    uses = collections.Counter(part for found in planned.values() for part in found)
    for part, times in uses.items():
        if times > 1:
            raise invalid(f"{name}: {part} is named {times} times; its energy would be too")
    return planned


def _part_list(name: str, probe: str, given: Any, parse: Callable[[Any], _T]) -> tuple[_T, ...]:
    found = given if isinstance(given, list | tuple) else [given]
    if not found:
        raise invalid(f"{name} of {probe!r} is empty")
    try:
        return tuple(parse(value) for value in found)
    except (TypeError, ValueError) as exc:
        raise invalid(f"{name} of {probe!r}: {exc}") from exc
