# SPDX-License-Identifier: Apache-2.0
"""Chooses a scale with round numbers, and writes watts with few digits.

Pure.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_UNITS = ((1e9, "GW"), (1e6, "MW"), (1e3, "kW"), (1.0, "W"))
#: Between so many lines, and twice as many, the eye counts easily.
_FEWEST_LINES = 4
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
#: Room above the highest value, so that it does not touch the frame.
_HEADROOM = 1.04
_SMALLEST_TOP_WATTS = 4.0


class Scale(NamedTuple):
    """The axis of power.

    :ivar top_watts: its end.
    :ivar line_watts: from one line to the next.
    :ivar unit_watts: one of the unit its labels are in.
    :ivar digits: of the labels, after the point.
    """

    top_watts: float
    line_watts: float
    unit_watts: float
    unit: str
    digits: int


def fit(most_watts: float | None) -> Scale:
    """Return the scale on which a value just fits; None is no value."""
    wanted = max((most_watts or 0.0) * _HEADROOM, _SMALLEST_TOP_WATTS)
    raw = wanted / _FEWEST_LINES
    magnitude = 10.0 ** math.floor(math.log10(raw))
    line = max(one * magnitude for one in _ROUND if one * magnitude <= raw)
    top = math.ceil(wanted / line) * line
    unit_watts, unit = _find_unit(top)
    digits = max(0, *(_count_digits(line * n / unit_watts) for n in (1, 2)))
    return Scale(top, line, unit_watts, unit, digits)


def write_power(watts: float | None) -> str:
    """Return a power with its unit and at least three digits."""
    if watts is None:
        return "\N{EN DASH}"
    size, unit = _find_unit(watts)
    return f"{write(watts / size)} {unit}"


def write_energy(kwh: float) -> str:
    """Return an energy in kWh."""
    return f"{write(kwh)} kWh"


def write_cost(cost: float, currency: str) -> str:
    """Return an amount of money; thousands of anything have no cents."""
    return f"{cost:,.{4 if cost < 0.1 else 2}f} {currency}"


def write(value: float) -> str:
    """Return a number, not negative, with at least three digits."""
    if value == 0:
        return "0"
    # Bounds are those of what is written, not of the value: 0.9996 is 1.00.
    digits = 3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 999.95 else 0
    return f"{value:,.{digits}f}"


def _find_unit(watts: float) -> tuple[float, str]:
    # Rounded first, else 999.96 W would be written 1000.0 W.
    return next(
        (size, unit) for size, unit in _UNITS if abs(watts) >= size * 0.99995 or unit == "W"
    )


def _count_digits(number: float) -> int:
    text = f"{number:.6f}".rstrip("0")
    return len(text) - text.index(".") - 1
