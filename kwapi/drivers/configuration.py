# SPDX-License-Identifier: Apache-2.0
"""Reads the wattmeter sections of configuration files, and checks them.

A section with the key ``driver`` is a wattmeter; its name is the wattmeter's.
``probes`` is a list and ``parameters`` a mapping, written as Python literals,
as the first Kwapi had them::

    [pdu-1]
    driver = Snmp
    probes = ['server-1', None, 'server-3']
    parameters = {'ip': '192.0.2.1', 'community': 'private'}
"""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from oslo_config import iniparser

from kwapi import exception
from kwapi import measurement

_KEYS = {"driver", "probes", "parameters"}
#: oslo.messaging's, with a key ``driver`` of its own.
_NO_WATTMETER = "oslo_messaging_notifications"


class Wattmeter(NamedTuple):
    """One wattmeter as configured.

    :ivar driver: name in the namespace ``kwapi.drivers``, in lower case.
    :ivar probes: ids by position; None skips an outlet.
    :ivar parameters: what the driver needs to know of the device; holds secrets.
    :ivar where: file and line of the section, for messages.
    """

    name: str
    driver: str
    probes: tuple[str | None, ...]
    parameters: dict[str, Any]
    where: str

    def __repr__(self) -> str:
        return f"<Wattmeter {self.name} at {self.where}>"

    def same_as(self, other: Wattmeter) -> bool:
        """Tell whether both are configured alike, wherever they stand."""
        return self._replace(where="") == other._replace(where="")


class Configuration(NamedTuple):
    """All wattmeters that could be read, and all mistakes that were found."""

    wattmeters: dict[str, Wattmeter]
    mistakes: dict[str, exception.ConfigurationInvalid]


def read(paths: Iterable[str]) -> Configuration:
    """Return the wattmeters of some files.

    Mistakes are collected, not raised, by the section's name: the other
    wattmeters are still of use, and an operator wants to see all at once.

    :raises ConfigurationInvalid: a file cannot be read at all.
    """
    wattmeters: dict[str, Wattmeter] = {}
    mistakes: dict[str, exception.ConfigurationInvalid] = {}
    owners: dict[str, str] = {}
    for name, section in _sections(paths):
        try:
            wattmeter = _wattmeter(name, section)
            _require_own_probes(wattmeter, owners)
        except exception.ConfigurationInvalid as exc:
            mistakes[name] = exc
        else:
            wattmeters[name] = wattmeter
    return Configuration(wattmeters, mistakes)


class _Line(NamedTuple):
    text: str
    where: str


_Section = dict[str, _Line]


class _Parser(iniparser.BaseParser):
    """Keeps the values of each section with the line where they stand."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._name, self._key_where = "DEFAULT", path
        self.sections: dict[str, _Section] = collections.defaultdict(dict)

    def new_section(self, section: str) -> None:
        self._name = section
        self.sections[section].setdefault("", _Line("", self._where()))

    def assignment(self, key: str, value: list[str]) -> None:
        # Called when the next line but one is read: the key's own line was noted.
        self.sections[self._name][key] = _Line("\n".join(value), self._key_where)

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self._key_where = self._where()
        return super()._split_key_value(line)

    def _where(self) -> str:
        return f"{self._path}:{self.lineno}"


def _sections(paths: Iterable[str]) -> Iterator[tuple[str, _Section]]:
    sections: dict[str, _Section] = {}
    for path in paths:
        parser = _Parser(path)
        try:
            with open(path, encoding="utf-8") as lines:
                parser.parse(lines)
        except (OSError, UnicodeDecodeError, iniparser.ParseError) as exc:
            raise exception.ConfigurationInvalid(where=path, reason=_say(exc)) from exc
        for name, section in parser.sections.items():
            sections.setdefault(name, {}).update(section)
    return (
        (name, section)
        for name, section in sections.items()
        if "driver" in section and name != _NO_WATTMETER
    )


def _say(exc: Exception) -> str:
    # A parse error holds the whole line, which may hold a password.
    if isinstance(exc, iniparser.ParseError):
        return f"line {exc.lineno}: {exc.msg}"
    return exc.strerror or "cannot be read" if isinstance(exc, OSError) else str(exc)


def _wattmeter(name: str, section: _Section) -> Wattmeter:
    where = f"{section.get('', section['driver']).where}, section [{name}]"
    if not measurement.is_name(name):
        raise exception.ConfigurationInvalid(
            where=where, reason="a wattmeter's name is up to 255 printable characters"
        )
    unknown = section.keys() - _KEYS - {""}
    if unknown:
        raise exception.ConfigurationInvalid(
            where=section[min(unknown)].where,
            reason=f"[{name}] has no key {min(unknown)!r}; it takes driver, probes and parameters",
        )
    probes = _literal(name, section, "probes", list)
    return Wattmeter(
        name,
        section["driver"].text.strip().lower(),
        _probes(probes, f"{section['probes'].where}: [{name}] probes"),
        _literal(name, section, "parameters", dict) if "parameters" in section else {},
        where,
    )


def _literal(name: str, section: _Section, key: str, kind: type) -> Any:
    if key not in section:
        raise exception.ConfigurationInvalid(
            where=section["driver"].where, reason=f"[{name}] has no {key}"
        )
    text, where = section[key]
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, kind):
        wanted = "a list, such as ['server-1', None]"
        if kind is dict:
            wanted = "a mapping, such as {'host': '192.0.2.1'}"
        # The value is not repeated: parameters hold passwords.
        raise exception.ConfigurationInvalid(where=where, reason=f"[{name}] {key} must be {wanted}")
    return value


def _probes(probes: list[Any], where: str) -> tuple[str | None, ...]:
    for probe in probes:
        if probe is not None and not (
            isinstance(probe, str) and measurement.PROBE_ID.fullmatch(probe)
        ):
            raise exception.ConfigurationInvalid(
                where=where,
                reason="a probe id must be up to 255 letters, digits and any of "
                f". _ : @ + ~ , = -, the first a letter or digit, not {probe!r}",
            )
    return tuple(probes)


def _require_own_probes(wattmeter: Wattmeter, owners: dict[str, str]) -> None:
    """Refuse a probe that another wattmeter measures: its energy would count twice."""
    for probe in filter(None, wattmeter.probes):
        owner = owners.setdefault(probe, wattmeter.name)
        if owner != wattmeter.name:
            raise exception.ConfigurationInvalid(
                where=wattmeter.where, reason=f"probe {probe!r} is measured by [{owner}] already"
            )
