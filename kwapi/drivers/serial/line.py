# SPDX-License-Identifier: Apache-2.0
"""The driver for meters that print lines of text on a serial line.

It is for meters without a driver of their own: what to send, and where in a
line values stand, is configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.serial import line_reader
from kwapi.drivers.serial import parameters as serial_parameters
from kwapi.drivers.serial import port

_FLOWS = ("none", "rtscts", "xonxoff")


def _terminator(name: str, value: Any) -> bytes:
    return serial_parameters.raw(name, parameters.text(name, value))


_LINE = (
    serial_parameters.DEVICE,
    serial_parameters.baud(9600),
    Parameter("bits", parameters.between(5, 8), "data bits of a character", 8),
    Parameter(
        "parity", parameters.among("NEOMS"), "``'N'``, ``'E'``, ``'O'``, ``'M'`` or ``'S'``", "N"
    ),
    Parameter(
        "stop_bits", parameters.between(1, 2), "stop bits of a character", 1, aliases=("stopbits",)
    ),
    Parameter(
        "flow", parameters.among(_FLOWS), "``'none'``, ``'rtscts'`` or ``'xonxoff'``", "none"
    ),
    Parameter(
        "init", serial_parameters.raw, "what to send once at the start, a text or a list of texts",
        b"",
    ),
    Parameter(
        "ask", serial_parameters.raw,
        "what to send before each reading; without it the meter speaks by itself", b"",
    ),
    Parameter("bye", serial_parameters.raw, "what to send at the end", b""),
    Parameter("terminator", _terminator, "what ends a line", b"\n"),
)  # fmt: skip


class Line(driver.Driver):
    """Reads what a meter prints, as it is told to.

    A position in ``probes`` is an outlet, the first is 1.  When several lines
    come between two readings, watts are their mean.
    """

    takes = (*_LINE, *line_reader.TAKES)

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        self._port = port.Port(
            port.Settings(
                own["device"], own["baud"], own["bits"], own["parity"], own["stop_bits"],
                own["flow"],
            )
        )  # fmt: skip
        if own["resolution_watts"] is not None:
            self.resolution_watts = own["resolution_watts"]
        self._reader = line_reader.make_reader(self, own["device"])

    def open(self) -> None:
        """Open the line, send what starts the meter, and listen."""
        self._port.open()
        self._port.write(self.given["init"])
        # One that is asked says whole lines; one that speaks by itself was interrupted.
        is_cut = not self.given["ask"]
        self._reader.start(
            self.wattmeter, self._port.read, self.given["terminator"], is_cut, self._clock
        )

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what the lines since last time say, or what is answered."""
        question = self.given["ask"]
        if question:
            self._reader.forget()
            self._port.write(question)
        return self._reader.read()

    def close(self) -> None:
        """Send what ends it, and free the line."""
        self._reader.stop()
        self._port.farewell(self.given["bye"])
