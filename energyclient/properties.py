# SPDX-License-Identifier: Apache-2.0
"""Parses conditions on hosts that people write, to Climate's expressions.

Owns the grammar of one comparison: ``vcpus>=16``, ``cpu_info.vendor=Intel``,
``avx2 in cpu_info.features``.  Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_NAME = r"\$?(?P<name>[A-Za-z_][\w.:-]*)"
_COMPARISON = re.compile(
    rf"{_NAME}\s*(?P<operator>[=!<>]=|[=<>])\s*(?P<value>[^=<>\s].*)", re.ASCII
)
_MEMBERSHIP = re.compile(rf"(?P<value>\S.*?)\s+in\s+{_NAME}", re.ASCII)


def parse_property(text: str) -> list[Any]:
    """Return the expression of one comparison.

    :raises ValueError: it is none; what would be.
    """
    told = text.strip()
    if found := _COMPARISON.fullmatch(told):
        return [found["operator"], f"${found['name']}", _parse_value(found["value"].strip())]
    if found := _MEMBERSHIP.fullmatch(told):
        return ["in", _parse_value(found["value"]), f"${found['name']}"]
    raise ValueError(
        f"{ascii(text[:60])} is no comparison: write for example 'vcpus>=16', "
        "'cpu_info.vendor=Intel' or 'avx2 in cpu_info.features'"
    )


def parse_expression(text: str) -> list[Any]:
    """Return a whole expression, which is a JSON array.

    :raises ValueError: it is none; why.
    """
    try:
        expression = json.loads(text)
    except (ValueError, RecursionError) as exc:
        reason = str(exc)
    else:
        if isinstance(expression, list):
            return expression
        reason = "it is something else"
    raise ValueError(f'must be a JSON array such as \'[">=", "$vcpus", 16]\': {reason}')


def combine(expressions: Sequence[list[Any]]) -> list[Any] | None:
    """Return the expression that is true where all are; None if there is none."""
    told = [each for each in expressions if each]
    if len(told) < 2:
        return told[0] if told else None
    return ["and", *told]


def _parse_value(text: str) -> Any:
    """Return a number or a truth value as such, anything else as text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    # What is quoted is text, be it a number.
    return value if isinstance(value, str | int | float) else text
