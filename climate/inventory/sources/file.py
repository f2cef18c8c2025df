# SPDX-License-Identifier: Apache-2.0
"""A source of hosts: a YAML file, for a trial or for hosts outside Nova.

Owns the file's shape: a list of mappings, each with a ``name``, ``on`` (true if
not said; ``up`` is the same), and any further properties::

    - name: node-1
      on: true
      vcpus: 32
      cpu_info: {arch: x86_64, topology: {cores: 16}, features: [avx2, fma]}

Keys are texts, whatever YAML 1.1 thinks of ``on``, and so are values that look
like dates.  A mistake is told with its line.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from oslo_config import cfg

from climate.inventory import host
from climate.inventory.sources import file_loader
from energybase import exception

#: Either says whether a host is up.
_SWITCHES = ("on", "up")


class File:
    """The source named ``file``."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Take the file that the configuration names.

        :raises ConfigurationInvalid: it names none, or there is a mistake in it.
        """
        if not conf.inventory.file:
            raise exception.ConfigurationInvalid(
                where="[inventory] file", reason="source = file wants to know which file"
            )
        self._path: str = conf.inventory.file
        self._read_state: tuple[int, ...] = ()
        self._hosts: list[host.Host] = []
        self.list_hosts()

    def list_hosts(self) -> list[host.Host]:
        """Return the hosts of the file; reads it only if it has changed.

        :raises ConfigurationInvalid: the file, the line, and what is wrong there.
        """
        with _located(self._path), open(self._path, "rb") as opened:
            status = os.fstat(opened.fileno())
            # Thousands of hosts take seconds to parse.
            state = (status.st_ino, status.st_size, status.st_mtime_ns)
            if state != self._read_state:
                self._hosts = _parse(opened.read())
                self._read_state = state
        return self._hosts


def _parse(content: bytes) -> list[host.Host]:
    listed = file_loader.load(content)
    if not isinstance(listed, list):
        raise file_loader.Mistake(1, "a list of hosts is wanted; [] if there are none")
    hosts: dict[str, host.Host] = {}
    lines: dict[str, int] = {}
    for line, described in listed:
        made = _make(line, described)
        if made.name in hosts:
            raise file_loader.Mistake(
                line, f"host {made.name!r} is there already, in line {lines[made.name]}"
            )
        hosts[made.name], lines[made.name] = made, line
    return list(hosts.values())


def _make(line: int, described: Any) -> host.Host:
    if not isinstance(described, dict):
        raise file_loader.Mistake(line, "a host is a mapping, such as {name: node-1}")
    properties = dict(described)
    name = properties.pop("name", None)
    if not host.is_name(name):
        raise file_loader.Mistake(
            line, "a host has a name: a text of up to 255 printable characters"
        )
    switches = [properties.pop(key) for key in _SWITCHES if key in properties]
    if len(switches) > 1 or not all(isinstance(value, bool) for value in switches):
        raise file_loader.Mistake(line, f"host {name!r}: `on` is true or false, and said once")
    for key in host.RESERVED:
        if key in properties:
            raise file_loader.Mistake(line, f"host {name!r}: it is Climate that tells its {key}")
    return host.Host(name, all(switches), properties)


@contextlib.contextmanager
def _located(path: str) -> Iterator[None]:
    try:
        yield
    except file_loader.Mistake as exc:
        where, reason = f"{path}, line {exc.line}", exc.reason
    except OSError as exc:
        where, reason = path, exc.strerror or "cannot be read"
    else:
        return
    raise exception.ConfigurationInvalid(where=where, reason=reason)
