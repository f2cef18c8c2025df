# SPDX-License-Identifier: Apache-2.0
"""Formats values twice: for people in a table, for programs in JSON, YAML, CSV and value.

People get their own time zone and rounded numbers, programs UTC and all digits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cliff import columns
from osc_lib.cli import format_columns

from energyclient import records
from energyclient import times

_ZONE = times.LocalZone()


class Time(columns.FormattableColumn[Any]):
    """Epoch seconds; None is shown as nothing."""

    def human_readable(self) -> str:
        """Return it in this machine's time zone."""
        return "" if self._value is None else times.format_time(self._value, _ZONE)

    def machine_readable(self) -> str | None:
        """Return it as ISO 8601 in UTC."""
        return None if self._value is None else times.format_iso(self._value)


class Duration(columns.FormattableColumn[Any]):
    """Seconds."""

    def human_readable(self) -> str:
        """Return ``2h 30m``."""
        return "" if self._value is None else times.format_duration(self._value)


class Number(columns.FormattableColumn[Any]):
    """A number; people see it to so many places, and ``-`` for None."""

    def __init__(self, value: float | None, places: int = 1) -> None:
        super().__init__(value)
        self._places = places

    def human_readable(self) -> str:
        """Return it rounded."""
        return "-" if self._value is None else f"{self._value:,.{self._places}f}"


class Large(columns.FormattableColumn[Any]):
    """A number of any size; people see three digits."""

    def human_readable(self) -> str:
        """Return ``7.42e+11``."""
        return "-" if self._value is None else f"{self._value:.3g}"


class Json(columns.FormattableColumn[Any]):
    """What JSON knows."""

    def human_readable(self) -> str:
        """Return it as it is written."""
        return json.dumps(self._value, ensure_ascii=False)


class Hosts(format_columns.ListColumn):
    """Names of hosts; people are told which of them are not up."""

    def __init__(self, hosts: Iterable[records.Host]) -> None:
        self._hosts = tuple(hosts)
        super().__init__([host.name for host in self._hosts])

    def human_readable(self) -> str:
        """Return ``node-1, node-2 (down)``."""
        return ", ".join(map(_describe, self._hosts))


def _describe(host: records.Host) -> str:
    return host.name if host.status in ("up", None) else f"{host.name} ({host.status})"
