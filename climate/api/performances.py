# SPDX-License-Identifier: Apache-2.0
"""Parses the recorded performance of a host from the body of a request.

Owns the members' names and types; every mistake names its member.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from climate import exception
from climate.api import texts
from energybase import numbers

_MEMBERS = ("flops", "detail")


def parse(body: Mapping[str, Any]) -> tuple[float, str]:
    """Return flop/s, and the line that says how they were found.

    :raises RequestInvalid: a member is wrong; which, and why.
    """
    for name in body:
        if name not in _MEMBERS:
            raise _invalid(texts.quote(name), f"is no member here; known are {', '.join(_MEMBERS)}")
    return _parse_flops(body.get("flops")), _parse_detail(body.get("detail"))


def _parse_flops(value: object) -> float:
    if value is None:
        raise _invalid("flops", "is required")
    if not numbers.is_number(value) or value <= 0:
        raise _invalid("flops", "must be a number above 0: double-precision flop/s")
    return float(value)


def _parse_detail(value: object) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise _invalid("detail", "must be text")
    try:
        return texts.require_line(value)
    except ValueError as exc:
        reason = str(exc)
    raise _invalid("detail", reason)


def _invalid(where: str, reason: str) -> exception.RequestInvalid:
    return exception.RequestInvalid(where=where, reason=reason)
