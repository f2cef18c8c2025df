# SPDX-License-Identifier: Apache-2.0
"""Finds the secrets in a section of drivers.conf, to be masked where it is shown.

A parameter that its driver declares is a secret if it is declared so.  Of all
others, and of what stands in a mapping, the name decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from kwapi import exception
from kwapi.drivers import configuration
from kwapi.drivers import parameters
from kwapi.drivers import plugin

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


def find(wattmeter: configuration.Wattmeter) -> list[str]:
    """Return the secrets of a section, the longest first."""
    try:
        declared = parameters.declared(plugin.load(wattmeter))
    except exception.ConfigurationInvalid:
        declared = {}
    is_secret = {name: p.secret for p in declared.values() for name in p.names}
    found = {
        secret
        for name, value in wattmeter.parameters.items()
        for secret in _texts(value, is_secret.get(name, _sounds_secret(name)))
    }
    return sorted(found, key=len, reverse=True)


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
