# SPDX-License-Identifier: Apache-2.0
"""The driver for meters that print lines of text on a serial line.

For the many that have no driver of their own: what to send, and where in a
line values stand, is configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.serial import line_reader
from kwapi.drivers.serial import parameters as serial_parameters
from kwapi.drivers.serial import port


class Line(driver.Driver):
    """Reads what a meter prints, as it is told to.

    A position in ``probes`` is an outlet, the first is 1.  When several lines
    come between two readings, watts are their mean.

    :param device: the line, as ``/dev/ttyUSB0``.
    :param baud: the line's speed; with ``bits``, ``parity`` (N, E, O, M or S), ``stop_bits`` and
        ``flow`` (none, rtscts or xonxoff): 9600 8N1 if not given.
    :param bits: of a character.
    :param parity: of a character.
    :param stop_bits: of a character.
    :param flow: control.
    :param init: what to send once, a text or a list of texts.
    :param ask: what to send before each reading; without it the meter speaks by itself.
    :param bye: what to send at the end.
    :param terminator: what ends a line.
    :param format: one of the known formats, in place of pattern and columns.
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
        device: str,
        baud: int = 9600,
        bits: int = 8,
        parity: str = "N",
        stop_bits: int = 1,
        flow: str = "none",
        init: str | Sequence[str] | None = None,
        ask: str | Sequence[str] | None = None,
        bye: str | Sequence[str] | None = None,
        terminator: str = "\n",
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
        how = port.settings(device, baud, bits, parity, stop_bits, flow)
        self._port = port.Port(how)
        self._init = serial_parameters.raw("init", init)
        self._question = serial_parameters.raw("ask", ask)
        self._bye = serial_parameters.raw("bye", bye)
        parameters.text("terminator", terminator)
        self._terminator = serial_parameters.raw("terminator", terminator)
        if resolution_watts is not None:
            self.resolution_watts = parameters.positive("resolution_watts", resolution_watts)
        self._reader = line_reader.LineReader(
            device,
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
        """Open the line, send what starts the meter, and listen."""
        self._port.open()
        self._port.write(self._init)
        # One that is asked says whole lines; one that speaks by itself was interrupted.
        self._reader.start(
            self.wattmeter, self._port.read, self._terminator, not self._question, self._clock
        )

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what the lines since last time say, or what is answered."""
        if self._question:
            self._reader.forget()
            self._port.write(self._question)
        return self._reader.read()

    def close(self) -> None:
        """Send what ends it, and free the line."""
        self._reader.stop()
        self._port.farewell(self._bye)
