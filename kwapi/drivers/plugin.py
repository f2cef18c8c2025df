# SPDX-License-Identifier: Apache-2.0
"""Finds the installed driver of a name, which parameters it takes, and which are secrets.

Owns refusing parameters that a driver does not know, and missing ones, with a
hint, and what is masked where a section is shown.  The value of a parameter is
checked by the driver itself.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
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
#: A parameter that no driver declares is a secret if its name has one of these.
_WORDS = (
    "authorization",
    "community",
    "credential",
    "key",
    "passphrase",
    "password",
    "secret",
    "token",
)


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


def find_secrets(wattmeter: configuration.Wattmeter) -> list[str]:
    """Return the secrets of a section, the longest first.

    A parameter that its driver declares is a secret if it is declared so.  Of all
    others, and of what stands in a mapping, the name decides.
    """
    try:
        declared = parameters.declared(load(wattmeter))
    except exception.ConfigurationInvalid:
        declared = {}
    is_secret = {name: p.secret for p in declared.values() for name in p.names}
    found = {
        secret
        for name, value in wattmeter.parameters.items()
        for secret in _texts(value, is_secret.get(name, _sounds_secret(name)))
    }
    return sorted(found, key=len, reverse=True)


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


def _texts(value: Any, secret: bool) -> Iterator[str]:
    """Yield every text that is secret, or stands under a name such as password, at any depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, secret or _sounds_secret(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, secret)
    elif secret and isinstance(value, str) and value:
        yield value


def _sounds_secret(name: object) -> bool:
    return any(word in str(name).lower() for word in _WORDS)
