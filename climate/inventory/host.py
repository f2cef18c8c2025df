# SPDX-License-Identifier: Apache-2.0
"""A host, as its source describes it and as it is stored.

Owns which values of a source can be stored: a plug-in may return anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from typing import NamedTuple

#: It takes servers; it is known to the source, but off or disabled; the source
#: knows it no longer.
UP, DOWN, MISSING = "up", "down", "missing"

#: Told of every host by us: no source's property has such a name.
RESERVED = ("id", "name", "status", "on")

_NAME_LENGTH = 255


class Host(NamedTuple):
    """What a source knows of a host.

    :ivar name: unique, and the same as long as it is the same host.
    :ivar up: whether it takes servers now.
    :ivar properties: values that JSON knows.
    """

    name: str
    up: bool
    properties: dict[str, Any]


class Entry(NamedTuple):
    """A host to store: ``status`` is UP or DOWN, ``properties`` JSON in ASCII."""

    name: str
    status: str
    properties: str


def is_name(name: object) -> bool:
    """Return whether something can be a host's name: up to 255 printable characters."""
    return isinstance(name, str) and 0 < len(name) <= _NAME_LENGTH and name.isprintable()


def encode(hosts: Iterable[Host]) -> tuple[list[Entry], list[str]]:
    """Return the hosts to store, and what is wrong with those that are left out."""
    entries: dict[str, Entry] = {}
    complaints = []
    for host in hosts:
        try:
            entry = _encode(host, entries)
        except (TypeError, ValueError, RecursionError) as exc:
            complaints.append(f"host {str(host.name)[:_NAME_LENGTH]!a} is left out: {exc}")
        else:
            entries[entry.name] = entry
    return list(entries.values()), complaints


def _encode(host: Host, known: dict[str, Entry]) -> Entry:
    if not is_name(host.name):
        raise ValueError(f"a name is up to {_NAME_LENGTH} printable characters")
    if host.name in known:
        raise ValueError("the source has several of this name, the first counts")
    # Sorted, so that the same is the same text.
    text = json.dumps(host.properties, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return Entry(host.name, UP if host.up else DOWN, text)
