# SPDX-License-Identifier: Apache-2.0
"""Checks for numbers, in configuration files and in what devices and clients send.

A bool is no number, although Python's is an int; infinity and NaN are none either.
"""

from __future__ import annotations

import math
from typing import TypeGuard

#: A tuple: int | float would be built anew at each call, for every value that is read.
_KINDS = (int, float)


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a number, finite or not."""
    return isinstance(value, _KINDS) and not isinstance(value, bool)


def finite(text: str) -> float | None:
    """Return the finite number that a text is; None if it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
