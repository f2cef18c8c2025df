# SPDX-License-Identifier: Apache-2.0
"""What the drivers for lines of text have in common, wherever lines come from.

Owns the parameters that say where in a line values stand, and gathering the
lines since the last reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energybase import clock as clocks
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import parameters
from kwapi.drivers.serial import lines
from kwapi.drivers.serial import listening
from kwapi.drivers.serial import parameters as serial_parameters
from kwapi.drivers.serial import port

_MOST_COLUMNS = 10_000


def make_format(
    *,
    preset: Any = None,
    pattern: Any = None,
    columns: Any = None,
    kwh_columns: Any = None,
    separator: Any = ",",
    fields: Any = None,
    time_column: Any = None,
    scale: Any = 1.0,
    kwh_scale: Any = 1.0,
) -> lines.Format:
    """Return the format that drivers.conf describes, in one of three ways.

    :raises ConfigurationInvalid: it names the parameter that is wrong.
    """
    given = {"format": preset, "pattern": pattern, "columns": columns}
    ways = [name for name, value in given.items() if value is not None]
    if len(ways) != 1:
        raise parameters.invalid(
            f"one of {', '.join(given)} must say how a line is read; "
            f"given: {', '.join(ways) or 'none'}"
        )
    if preset is not None:
        return lines.PRESETS[parameters.one_of("format", preset, tuple(lines.PRESETS))]
    factors = parameters.number("scale", scale), parameters.number("kwh_scale", kwh_scale)
    if pattern is not None:
        try:
            return lines.Pattern(parameters.text("pattern", pattern), *factors)
        except ValueError as exc:
            raise parameters.invalid(f"pattern {exc}") from exc
    return lines.Columns(
        _columns("columns", columns),
        _columns("kwh_columns", kwh_columns or []),
        separator=parameters.text("separator", separator),
        scale=factors[0],
        kwh_scale=factors[1],
        fields=None if fields is None else _column("fields", fields),
        time=None if time_column is None else _column("time_column", time_column),
    )


def _columns(name: str, value: Any) -> dict[int, int]:
    if not isinstance(value, list | tuple):
        raise parameters.invalid(f"{name} must be a list of columns by outlet, as [2, 3, None, 4]")
    return {
        outlet: _column(name, column)
        for outlet, column in enumerate(value, start=1)
        if column is not None
    }


def _column(name: str, value: Any) -> int:
    return parameters.whole(name, value, 1, _MOST_COLUMNS)


class LineReader:
    """Gathers samples for some probes."""

    def __init__(
        self,
        address: str,
        format_: lines.Format,
        outlets_of: Mapping[str, tuple[int, ...]],
        timeout_seconds: float,
        settle_seconds: float,
    ) -> None:
        """Prepare.

        :param timeout_seconds: how long to wait for a first sample.
        :param settle_seconds: how long then to wait for the other outlets, when
            a line is about one.
        """
        self._address, self._format, self._outlets_of = address, format_, outlets_of
        self._timeout_seconds, self._settle_seconds = timeout_seconds, settle_seconds
        self._wanted = {outlet for own in outlets_of.values() for outlet in own}
        self._listener: listening.Listener[lines.Sample] | None = None

    def start(
        self, name: str, read: Any, terminator: bytes, skip_first: bool, clock: clocks.Clock
    ) -> None:
        """Begin to listen to what ``read`` returns."""
        splitter = lines.Splitter(self._format, terminator, skip_first)
        self._listener = listening.Listener(name, read, splitter.feed, clock)
        self._listener.start()

    def stop(self) -> None:
        """Listen no more."""
        heard, self._listener = self._listener, None
        if heard is not None:
            heard.stop()

    def forget(self) -> None:
        """Forget what was heard so far."""
        self._opened().take(0)

    def read(self) -> dict[str, measurement.Measurement]:
        """Return what each probe measures by the lines since last time.

        :raises WattmeterError: there are none, and none come.
        """
        heard = self._opened().take(self._timeout_seconds)
        if not heard:
            raise self._opened().nothing(self._address, self._timeout_seconds)
        settled = port.Deadline(self._settle_seconds if self._format.one_outlet else 0)
        while settled.seconds and not self._wanted <= {o for _, s in heard for o in s.watts}:
            heard += self._opened().take(settled.seconds)
        merged = lines.merge(sample for _, sample in heard)
        return serial_parameters.add_up(
            self._outlets_of, merged.watts, merged.kwh, merged.timestamp or heard[-1].at
        )

    def _opened(self) -> listening.Listener[lines.Sample]:
        if self._listener is None:
            raise exception.WattmeterError(reason=f"{self._address} is not open")
        return self._listener
