# SPDX-License-Identifier: Apache-2.0
"""Parses what the console of an Eaton ePDU G3 prints.

Whether it prints watts or tenths of watts is in doubt: the manual's columns say dW, mA
and cV, users take what is printed as W.  The rule: a decimal point means watts,
whole numbers are tenths.  The check: by the input's volts and amperes, whose
unit shows in how large a mains voltage is, the outlets' power factor must be
one that a power supply can have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

WATTS_RULE = {True: 1.0, False: 0.1}

PROMPT = re.compile(rb"pdu#\d+>\s*\Z")
LOGIN = re.compile(rb"in:\s*\Z")
PASSWORD = re.compile(rb"word:\s*\Z")
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_VOLTS = (80.0, 500.0)
#: What power supplies have, and room for both meters' errors.  The most is less
#: than ten times the least, so that never both units pass.
_POWER_FACTORS = (0.2, 1.2)
_LEAST_VOLTAMPERES = 20.0


def parse_answer(text: bytes, command: str) -> str | None:
    """Return the value between a command's echo and the prompt; None until both are there."""
    if not PROMPT.search(text):
        return None
    lines = [line.strip() for line in re.split(r"[\r\n]+", text.decode("latin-1"))]
    echoes = [i for i, line in enumerate(lines) if line == command or line.endswith(f">{command}")]
    if not echoes:
        return None
    return "".join(line for line in lines[echoes[-1] + 1 : -1])


def parse_model(answer: str) -> str | None:
    """Return a part number; None for what is none, such as an error in words."""
    return answer if re.fullmatch(r"[A-Z0-9.-]{3,32}", answer) else None


def parse_values(answer: str) -> list[str]:
    """Return what the wildcard answers, a text for each outlet."""
    return [value.strip() for value in answer.split("|")]


def number(value: str) -> float | None:
    """Return a value as printed; None if it is none, or negative: not available."""
    if not _NUMBER.fullmatch(value):
        return None
    found = float(value)
    return found if found >= 0 else None


def numbers(values: Sequence[str], scale: float = 1.0) -> dict[int, float]:
    """Return the values that are numbers, times scale, by their place from 1."""
    found = ((place, number(value)) for place, value in enumerate(values, start=1))
    return {place: value * scale for place, value in found if value is not None}


def find_scale(values: Sequence[str]) -> float:
    """Return what printed powers are multiplied with to make W, by how they are printed."""
    return WATTS_RULE[any("." in value for value in values if number(value) is not None)]


def find_voltamperes(volts: Sequence[str], amperes: Sequence[str]) -> float | None:
    """Return what the input's phases take together, VA; None if it cannot be told.

    Volts that are no mains voltage unless divided by a hundred are cV, and
    then currents are mA.
    """
    phases, currents = numbers(volts), numbers(amperes)
    if not phases or phases.keys() != currents.keys():
        return None
    for volt_scale, ampere_scale in ((1.0, 1.0), (0.01, 0.001)):
        if all(_VOLTS[0] <= v * volt_scale <= _VOLTS[1] for v in phases.values()):
            return sum(v * volt_scale * currents[n] * ampere_scale for n, v in phases.items())
    return None


def is_proved(watts: float, voltamperes: float | None) -> bool | None:
    """Tell whether outlets can take so much of an input; None if that cannot be told."""
    if voltamperes is None or voltamperes < _LEAST_VOLTAMPERES:
        return None
    least, most = _POWER_FACTORS
    return least <= watts / voltamperes <= most
