# SPDX-License-Identifier: Apache-2.0
"""The parameters that meters on serial lines and behind commands have in common.

Owns their checks, and outlets by number; the rest is
:mod:`kwapi.drivers.parameters`'s.  Complaints name the parameter and repeat no
text that may be a secret.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from energybase import numbers
from kwapi import measurement
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter

DEVICE = Parameter(
    "device",
    parameters.text,
    "the serial line, such as ``/dev/ttyUSB0``; its name in ``/dev/serial/by-id`` stays the "
    "same when others are plugged in",
    parameters.REQUIRED,
)
OUTLETS = Parameter(
    "outlets",
    parameters.mapping,
    "the outlets of a probe where its position does not say: ``{'node-1': [1, 4], 'node-2': 7}``",
)


def baud(default: int) -> Parameter:
    """Return the parameter for the speed of a line."""
    return Parameter(
        "baud", parameters.between(50, 4_000_000), "its speed", default, aliases=("baudrate",)
    )


def raw(name: str, value: Any) -> bytes:
    """Return the bytes to send that a text or a list of texts stands for."""
    parts = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(part, str) for part in parts):
        raise parameters.invalid(f"{name} must be a text, such as 'READ\\r\\n', or a list of texts")
    try:
        return "".join(parts).encode("latin-1")
    except UnicodeEncodeError:
        raise parameters.invalid(f"{name} has characters of more than one byte") from None


def printable(name: str, value: Any) -> str:
    """Return a text that can be typed at a console."""
    found = parameters.text(name, value)
    if not (found.isprintable() and found.isascii()):
        raise parameters.invalid(f"{name} must be printable ASCII")
    return found


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Return a list of texts, of which the first is not empty."""
    if (
        not isinstance(value, list | tuple)
        or not value
        or not all(isinstance(part, str) and "\0" not in part for part in value)
        or not value[0]
    ):
        raise parameters.invalid(f"{name} must be a list of texts, the first of them not empty")
    return tuple(value)


def variables(name: str, value: Any) -> dict[str, str]:
    """Return environment variables."""
    given = parameters.mapping(name, value)
    for key, own in given.items():
        if not key or "=" in key or "\0" in key:
            raise parameters.invalid(f"{name} has a key that cannot be a variable's name")
        if not isinstance(own, str) or "\0" in own:
            raise parameters.invalid(f"{name}: the value of {key} must be a text")
    return given


def outlets(probes: Sequence[str | None], given: Any) -> dict[str, tuple[int, ...]]:
    """Return the outlets of each probe: where it stands in ``probes``, or as ``given`` says."""
    return parameters.parts("outlets", probes, given, _outlet, lambda position, _probe: position)


def _outlet(value: Any) -> int:
    if not numbers.is_whole(value) or value < 1:
        raise ValueError(f"{value!r} is not an outlet's number, which count from 1")
    return value


def add_up(
    outlets_of: Mapping[str, Sequence[int]],
    watts: Mapping[int, float],
    kwh: Mapping[int, float],
    at: float | None = None,
) -> dict[str, measurement.Measurement]:
    """Return what each probe's outlets measure together.

    A sum of which a part is missing is missing, not smaller.

    :param watts: by outlet, those that measured something.
    :param kwh: their counters.
    :param at: when, epoch seconds; None means now.
    """
    return {
        probe: measurement.Measurement(total, _total(own, kwh), at)
        for probe, own in outlets_of.items()
        if (total := _total(own, watts)) is not None
    }


def _total(outlets_: Sequence[int], values: Mapping[int, float]) -> float | None:
    parts = [values.get(outlet) for outlet in outlets_]
    return None if None in parts else math.fsum(part for part in parts if part is not None)
