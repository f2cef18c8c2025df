# SPDX-License-Identifier: Apache-2.0
"""Reads lines of text for the drivers ``line`` and ``command``.

Owns the parameters that say where in a line values stand, and gathering the
lines since the last reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energybase import clock as clocks
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.serial import lines
from kwapi.drivers.serial import listening
from kwapi.drivers.serial import parameters as serial_parameters
from kwapi.drivers.serial import port

_MOST_COLUMNS = 10_000


def _columns(name: str, value: Any) -> dict[int, int]:
    if not isinstance(value, list | tuple):
        raise parameters.invalid(
            f"{name} must be a list of columns by outlet, such as [2, 3, None, 4]"
        )
    return {
        outlet: _column(name, column)
        for outlet, column in enumerate(value, start=1)
        if column is not None
    }


_column = parameters.between(1, _MOST_COLUMNS)

#: The parameters of drivers for lines of text.
TAKES = (
    Parameter(
        "format", parameters.among(lines.PRESETS),
        f"a known format, in place of ``columns`` and ``pattern``: {lines.names()}",
    ),
    Parameter(
        "columns", _columns,
        "a list: the column of each outlet's watts, from 1; ``None`` for an outlet without one",
    ),
    Parameter("kwh_columns", _columns, "the same of energy counters", {}),
    Parameter(
        "separator", parameters.text, "what separates columns; a blank is any white space", ","
    ),
    Parameter(
        "fields", _column,
        "how many columns a whole line has.  Give it: so a line that lost a part is noticed",
    ),
    Parameter("time_column", _column, "the column with the time, epoch seconds"),
    Parameter(
        "pattern", parameters.text,
        "a regular expression.  Groups ``w1``, ``w2`` ... are watts by outlet, ``kwh1``, "
        "``kwh2`` ... their counters.  Where each line is about one outlet: ``outlet``, ``w`` "
        "and ``kwh``",
    ),
    Parameter("scale", parameters.number, "what values are multiplied with to make W", 1.0),
    Parameter("kwh_scale", parameters.number, "what counters are multiplied with to make kWh", 1.0),
    serial_parameters.OUTLETS,
    Parameter(
        "resolution_watts", parameters.positive,
        "the smallest step the meter can tell; published with each value",
    ),
    Parameter("timeout_seconds", parameters.positive, "how long to wait for a line", 5.0),
)  # fmt: skip


def make_format(own: Mapping[str, Any]) -> lines.Format:
    """Return the format that drivers.conf describes, in one of three ways.

    :raises ConfigurationInvalid: it names the parameter that is wrong.
    """
    ways = ("format", "pattern", "columns")
    given = [name for name in ways if own[name] is not None]
    if len(given) != 1:
        raise parameters.invalid(
            f"one of {', '.join(ways)} must say how a line is read; "
            f"given: {', '.join(given) or 'none'}"
        )
    if own["format"] is not None:
        return lines.PRESETS[own["format"]]
    if own["pattern"] is not None:
        try:
            return lines.Pattern(own["pattern"], own["scale"], own["kwh_scale"])
        except ValueError as exc:
            raise parameters.invalid(f"pattern {exc}") from exc
    return lines.Columns(
        watts=own["columns"],
        kwh=own["kwh_columns"],
        separator=own["separator"],
        scale=own["scale"],
        kwh_scale=own["kwh_scale"],
        fields=own["fields"],
        time=own["time_column"],
    )


def make_reader(of: driver.Driver, address: str) -> LineReader:
    """Return the reader that a driver's parameters describe.

    :param address: where lines come from, for messages.
    """
    return LineReader(
        address,
        make_format(of.given),
        serial_parameters.outlets(of.probes, of.given["outlets"]),
        of.given["timeout_seconds"],
        settle_seconds=of.period_seconds / 2,
    )


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
