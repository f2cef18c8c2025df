# SPDX-License-Identifier: Apache-2.0
"""Finds the installed driver of a name, and which parameters it takes.

Owns refusing parameters that a driver does not know, and missing ones, with a
hint.  The value of a parameter is checked by the driver itself.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

from stevedore import driver as stevedore_driver
from stevedore import exception as stevedore_exception

from kwapi import exception
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import parameters

NAMESPACE = "kwapi.drivers"
#: Keyword arguments of a driver that are no parameters.
_OURS = ("clock", "retry")


def load(wattmeter: configuration.Wattmeter) -> type[driver.Driver]:
    """Return the class of a wattmeter's driver.

    :raises ConfigurationInvalid: no such driver is installed.
    """
    try:
        found: Any = stevedore_driver.DriverManager(NAMESPACE, wattmeter.driver)
    except stevedore_exception.NoMatches as exc:
        raise exception.ConfigurationInvalid(
            where=wattmeter.where, reason=f"no driver {wattmeter.driver!r} is installed: {exc}"
        ) from exc
    kind: type[driver.Driver] = found.driver
    return kind


def takes(kind: type[driver.Driver]) -> dict[str, parameters.Parameter]:
    """Return what a driver declares, and what its constructors take by keyword."""
    line = [c for c in kind.__mro__ if issubclass(c, driver.Driver)]
    own = [p for c in line for p in inspect.signature(c).parameters.values()]
    found = {p.name: _of_keyword(p) for p in own if p.kind is p.KEYWORD_ONLY}
    for name in _OURS:
        found.pop(name, None)
    return {**found, **parameters.declared(kind)}


def require_known(
    wattmeter: configuration.Wattmeter, known: Mapping[str, parameters.Parameter]
) -> None:
    """Refuse parameters that the driver does not take, and a lack of those it needs.

    :raises ConfigurationInvalid: it names them, and what the driver takes.
    """
    given = wattmeter.parameters.keys()
    names = {name for parameter in known.values() for name in parameter.names}
    if unknown := sorted(map(str, given - names)):
        raise _fault(wattmeter, "unknown", unknown, known, _hint(unknown[0], names))
    needed = [p for p in known.values() if p.default is parameters.REQUIRED]
    if missing := sorted(p.name for p in needed if not given & set(p.names)):
        raise _fault(wattmeter, "missing", missing, known)


def _of_keyword(argument: inspect.Parameter) -> parameters.Parameter:
    default = parameters.REQUIRED if argument.default is argument.empty else argument.default
    return parameters.Parameter(argument.name, parameters.anything, "", default)


def _hint(unknown: str, names: set[str]) -> str:
    close = difflib.get_close_matches(unknown, sorted(names), 1)
    return f", did you mean {close[0]!r}?" if close else ""


def _fault(
    wattmeter: configuration.Wattmeter,
    fault: str,
    names: list[str],
    known: Mapping[str, parameters.Parameter],
    hint: str = "",
) -> exception.ConfigurationInvalid:
    return exception.ConfigurationInvalid(
        where=wattmeter.where,
        reason=f"{fault} parameter {', '.join(map(repr, names))}{hint}; "
        f"{wattmeter.driver} takes {', '.join(sorted(known))}",
    )
