# SPDX-License-Identifier: Apache-2.0
"""Validates single arguments of RPC calls; RequestInvalid names the argument.

Owns the checks that the endpoints of several services share.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from climate import exception
from climate import lease as leases

#: The largest integer that every database holds.
_MAX_WHOLE = 2**63 - 1

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")
_signature_of = functools.cache(inspect.signature)


def call(function: Callable[..., _T], /, *values: Any, **named: Any) -> _T:
    """Return what a function returns; named arguments that it does not know are passed over.

    :raises RequestInvalid: an argument is missing.
    """
    signature = _signature_of(function)
    known = _known(signature, len(values), named)
    try:
        signature.bind(*values, **known)
    except TypeError as exc:
        mistake = invalid("arguments", str(exc))
    else:
        return function(*values, **known)
    raise mistake


def _known(signature: inspect.Signature, given: int, named: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments that a function knows beside the given ones."""
    parameters = list(signature.parameters.values())
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return named
    free = {each.name for each in parameters[given:]}
    unknown = named.keys() - free
    if unknown:
        LOG.debug("Arguments that are not known are passed over: %s", ", ".join(sorted(unknown)))
    return {name: value for name, value in named.items() if name in free}


def whole(where: str, value: Any, least: int, most: int = _MAX_WHOLE) -> int:
    """Return a whole number within limits.

    :raises RequestInvalid: it is something else.
    """
    if type(value) is not int or not least <= value <= most:
        raise invalid(where, f"must be a whole number from {least} to {most}")
    return value


def text(where: str, value: Any, most: int = leases.MAX_NAME_LENGTH) -> str:
    """Return a text that every database can hold.

    :raises RequestInvalid: it is something else.
    """
    if not isinstance(value, str):
        raise invalid(where, "must be a text")
    if len(value) > most:
        raise invalid(where, f"must not be longer than {most} characters")
    if not is_storable(value):
        raise invalid(where, "must not have a NUL, nor half of a surrogate pair")
    return value


def line(where: str, value: Any) -> str:
    """Return one printable line.

    :raises RequestInvalid: it is something else.
    """
    most = leases.MAX_NAME_LENGTH
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
        raise invalid(where, f"must be a line of 1 to {most} characters")
    return value


def texts(where: str, value: Any) -> list[str]:
    """Return a list of texts.

    :raises RequestInvalid: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise invalid(where, "must be a list of texts")
    return value


def wholes(where: str, value: Any) -> list[int]:
    """Return a list of whole numbers.

    :raises RequestInvalid: it is something else.
    """
    if not isinstance(value, list) or not all(type(each) is int for each in value):
        raise invalid(where, "must be a list of whole numbers")
    return value


def one_of(where: str, value: Any, values: Collection[str]) -> str:
    """Return one of several texts.

    :raises RequestInvalid: it is something else.
    """
    if not isinstance(value, str) or value not in values:
        raise invalid(where, f"must be one of {', '.join(values)}")
    return value


def optional(check: Callable[..., _T], where: str, value: Any, *limits: Any) -> _T | None:
    """Return None of None, else what the check returns."""
    return None if value is None else check(where, value, *limits)


def is_storable(value: str) -> bool:
    """Return whether every database can hold a text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def invalid(where: str, reason: str) -> exception.RequestInvalid:
    """Return the refusal of an argument."""
    return exception.RequestInvalid(where=where, reason=reason)
