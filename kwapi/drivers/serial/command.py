# SPDX-License-Identifier: Apache-2.0
"""The driver for programs that print what a meter measures, line by line.

``wattmetre-read`` for OmegaWatt boxes is one.  Owns its parameters; running
the program is :mod:`kwapi.drivers.serial.child`'s, reading lines
:mod:`kwapi.drivers.serial.line_reader`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.serial import child
from kwapi.drivers.serial import line_reader
from kwapi.drivers.serial import parameters as serial_parameters

LOG = logging.getLogger(__name__)


class Command(driver.Driver):
    """Reads what a program prints; it is started anew when it ends.

    A position in ``probes`` is an outlet, the first is 1.  When several lines
    come between two readings, watts are their mean.
    """

    takes = (
        Parameter(
            "command", serial_parameters.texts,
            "the program and its arguments, a list; no shell is involved.  Every user of the "
            "host can see them: no secrets here", parameters.REQUIRED,
        ),
        Parameter(
            "environment", serial_parameters.variables,
            "variables for it: ``{'TOKEN': 'secret'}``.  Of Kwapi's own it gets ``HOME``, "
            "``LANG``, ``LC_ALL``, ``PATH`` and ``TZ`` only", {},
        ),
        *line_reader.TAKES,
    )  # fmt: skip

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        self._child = child.Child(own["command"], own["environment"])
        if own["resolution_watts"] is not None:
            self.resolution_watts = own["resolution_watts"]
        self._preset: str | None = own["format"]
        self._reader = line_reader.make_reader(self, str(self._child))

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
