# SPDX-License-Identifier: Apache-2.0
"""The parameters of a driver: declared once, and checked when it is made.

Owns :class:`Parameter` and the checks that are about no device in particular.
From what a driver declares come its checking, what is masked as a secret, the
hints of ``kwapi-drivers --check`` and the tables of the documentation.
Complaints name the parameter, say what would be right, and repeat no secret.
"""

from __future__ import annotations

import collections
import functools
import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Final
from typing import NamedTuple
from typing import TypeVar

from energybase import numbers
from energybase import packaged
from kwapi import exception

_T = TypeVar("_T")

#: The default of a parameter that must be given.
REQUIRED: Final = object()

#: Takes a parameter's name as written and its value, returns what the driver works with.
Check = Callable[[str, Any], Any]


class Parameter(NamedTuple):
    """A parameter as drivers.conf may give it.

    :ivar check: raises ConfigurationInvalid if the value is wrong.
    :ivar help: for the documentation, in reStructuredText.
    :ivar default: what the driver works with if nothing is given.
    :ivar secret: whether every text in the value is masked where it would be shown.
    :ivar aliases: earlier names, accepted for ever.
    """

    name: str
    check: Check
    help: str
    default: Any = None
    secret: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name, and all earlier ones."""
        return (self.name, *self.aliases)


def declared(kind: type) -> dict[str, Parameter]:
    """Return what a class and those it descends from declare in ``takes``, by name."""
    line = (vars(c).get("takes", ()) for c in reversed(kind.__mro__))
    return {parameter.name: parameter for own in line for parameter in own}


def take(known: Iterable[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked value of each parameter; its default where None or nothing is given.

    :raises ConfigurationInvalid: it names the parameter that is wrong.
    """
    return {parameter.name: _take(parameter, given) for parameter in known}


def _take(parameter: Parameter, given: Mapping[str, Any]) -> Any:
    written = [name for name in parameter.names if given.get(name) is not None]
    if len(written) > 1:
        raise invalid(
            f"{written[0]} and {written[1]} are names of the same parameter; give one of them"
        )
    if written:
        return parameter.check(written[0], given[written[0]])
    if parameter.default is REQUIRED:
        raise invalid(f"{parameter.name} is missing")
    return parameter.default


def invalid(reason: str) -> exception.ConfigurationInvalid:
    """Return the complaint; the manager adds which section it is about."""
    return exception.ConfigurationInvalid(where="parameters", reason=reason)


def anything(_name: str, value: Any) -> Any:
    """Return the value: it is checked elsewhere, or any will do."""
    return value


def text(name: str, value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise invalid(f"{name} must be a text that is not empty")
    return value


def optional_text(name: str, value: Any) -> str | None:
    """Return a text that is not empty, or None."""
    return None if value is None else text(name, value)


def one_of(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return the choice that is meant, in whatever case it is written."""
    known = tuple(choices)
    wanted = text(name, value).lower()
    for choice in known:
        if choice.lower() == wanted:
            return choice
    raise invalid(f"{name} must be one of {', '.join(known)}, not {value!r}")


def among(choices: Iterable[str]) -> Check:
    """Return a check for one of some choices."""
    return lambda name, value: one_of(name, value, choices)


@functools.cache
def presets(package: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the presets of a family, by name: what devices and programs call their values."""
    return packaged.read(package, "presets.yaml")


def preset(package: str) -> Check:
    """Return a check for the name of a preset of a family, which returns the preset."""

    def find(name: str, value: Any) -> Mapping[str, Any]:
        known = presets(package)
        return known[one_of(name, value, sorted(known))]

    return find


def preset_names(package: str) -> str:
    """Return the names of a family's presets, for messages."""
    return f"presets are {', '.join(sorted(presets(package)))}"


def whole(name: str, value: Any, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    if not numbers.is_whole(value) or not least <= value <= most:
        raise invalid(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return value


def between(least: int, most: int) -> Check:
    """Return a check for a whole number within bounds."""
    return lambda name, value: whole(name, value, least, most)


port: Final = between(1, 65535)


def number(name: str, value: Any) -> float:
    """Return a number that is not 0: a scale."""
    if not numbers.is_number(value) or not math.isfinite(value) or not value:
        raise invalid(f"{name} must be a number other than 0, not {value!r}")
    return float(value)


def positive(name: str, value: Any) -> float:
    """Return a number above 0."""
    if not numbers.is_number(value) or not 0 < value < math.inf:
        raise invalid(f"{name} must be a number above 0, not {value!r}")
    return float(value)


def truth(name: str, value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise invalid(f"{name} must be True or False, not {value!r}")
    return value


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Return a mapping by texts; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise invalid(f"{name} must be a mapping, such as {{'server-1': 'this'}}")
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
    :raises ConfigurationInvalid: a part is named twice, or for a probe that is not there.
    """
    own = mapping(name, given)
    planned: dict[str, tuple[_T, ...]] = {}
    for position, probe in enumerate(probes, start=1):
        if probe is not None and probe not in own:
            planned[probe] = (*planned.get(probe, ()), default(position, probe))
    if strangers := sorted(own.keys() - set(probes)):
        raise invalid(f"{name} names {strangers[0]!r}, which is not in probes")
    planned.update({probe: _part_list(name, probe, value, parse) for probe, value in own.items()})
    uses = collections.Counter(str(part) for found in planned.values() for part in found)
    for part, times in uses.items():
        if times > 1:
            raise invalid(f"{name}: {part} is named {times} times, and would be counted as often")
    return planned


def _part_list(name: str, probe: str, given: Any, parse: Callable[[Any], _T]) -> tuple[_T, ...]:
    found = given if isinstance(given, list | tuple) else [given]
    if not found:
        raise invalid(f"{name} of {probe!r} is empty")
    try:
        return tuple(parse(value) for value in found)
    except (TypeError, ValueError) as exc:
        raise invalid(f"{name} of {probe!r}: {exc}") from exc
