# SPDX-License-Identifier: Apache-2.0
"""The driver for programs that print what a meter measures, line by line.

``wattmetre-read`` for OmegaWatt boxes is one.  Owns its parameters; running
the program is :mod:`kwapi.drivers.serial.child`'s, reading lines
:mod:`kwapi.drivers.serial.line_reader`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.serial import child
from kwapi.drivers.serial import line_reader
from kwapi.drivers.serial import parameters as serial_parameters

LOG = logging.getLogger(__name__)


class Command(driver.Driver):
    """Reads what a program prints; it is started anew when it ends.

    A position in ``probes`` is an outlet, the first is 1.  When several lines
    come between two readings, watts are their mean.

    :param command: the program and its arguments, a list; no shell is
        involved.  Every user of the host can see them: no secrets here.
    :param environment: variables for the program: the place for secrets.
    :param format: ``wattmetre-read-2`` or ``wattmetre-read-3``, in place of pattern and columns.
    :param pattern: a regular expression with groups ``w1``, ``w2`` ..., ``kwh1`` ..., or with
        ``outlet``, ``w`` and ``kwh`` when each line is about one outlet.
    :param columns: the column of each outlet's watts, from 1; None for an outlet without one.
    :param kwh_columns: the same of energy counters.
    :param separator: of columns; a blank is any white space.
    :param fields: how many columns a whole line has: others are dropped.
    :param time_column: where the line tells its time, epoch seconds.
    :param scale: what values are multiplied with to make W.
    :param kwh_scale: what counters are multiplied with to make kWh.
    :param outlets: the outlets of a probe where its position does not tell.
    :param resolution_watts: the smallest step the meter can tell.
    :param timeout_seconds: how long to wait for a line.
    """

    def __init__(
        self,
        *args: Any,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        format: str | None = None,
        pattern: str | None = None,
        columns: Sequence[int | None] | None = None,
        kwh_columns: Sequence[int | None] | None = None,
        separator: str = ",",
        fields: int | None = None,
        time_column: int | None = None,
        scale: float = 1.0,
        kwh_scale: float = 1.0,
        outlets: Mapping[str, Any] | None = None,
        resolution_watts: float | None = None,
        timeout_seconds: float = 5.0,
        **common: Any,
    ) -> None:
        super().__init__(*args, **common)
        self._child = child.Child(
            serial_parameters.texts("command", command),
            serial_parameters.variables("environment", environment),
        )
        if resolution_watts is not None:
            self.resolution_watts = parameters.positive("resolution_watts", resolution_watts)
        self._preset: str | None = format
        self._reader = line_reader.LineReader(
            str(self._child),
            line_reader.make_format(
                preset=format,
                pattern=pattern,
                columns=columns,
                kwh_columns=kwh_columns,
                separator=separator,
                fields=fields,
                time_column=time_column,
                scale=scale,
                kwh_scale=kwh_scale,
            ),
            serial_parameters.outlets(self.probes, outlets),
            parameters.positive("timeout_seconds", timeout_seconds),
            settle_seconds=self.period_seconds / 2,
        )

    def open(self) -> None:
        """Start the program and listen."""
        if self._preset is not None:
            LOG.info(
                "%s: what %s prints is read as those who use it document it; it was not yet "
                "tried with the program itself",
                self.wattmeter,
                self._preset,
            )
            self._preset = None
        self._child.start()
        self.device = str(self._child)
        self._reader.start(self.wattmeter, self._child.read, b"\n", False, self._clock)

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what the lines since last time say."""
        return self._reader.read()

    def close(self) -> None:
        """Kill the program."""
        self._reader.stop()
        self._child.stop()
