# SPDX-License-Identifier: Apache-2.0
"""The driver for OmegaWatt boxes that send frames by themselves, at 921600 baud.

Owns averaging their frames, up to a hundred a second, over the time between
two readings.  What a frame holds is :mod:`kwapi.drivers.serial.omegawatt_codec`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.serial import listening
from kwapi.drivers.serial import omegawatt_codec
from kwapi.drivers.serial import parameters as serial_parameters
from kwapi.drivers.serial import port

LOG = logging.getLogger(__name__)


class Omegawatt(driver.Driver):
    """Reads the sockets of a box; a position in ``probes`` is a socket, the first is 1."""

    takes = (
        serial_parameters.DEVICE,
        serial_parameters.baud(921600),
        serial_parameters.OUTLETS,
        Parameter("timeout_seconds", parameters.positive, "how long to wait for a frame", 2.0),
    )
    resolution_watts = 0.125

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        self._port = port.Port(port.Settings(own["device"], own["baud"]))
        self._timeout_seconds: float = own["timeout_seconds"]
        self._sockets = serial_parameters.outlets(self.probes, own["outlets"])
        self._decoder = omegawatt_codec.Decoder()
        self._listener: listening.Listener[omegawatt_codec.Frame] | None = None
        self._dropped = 0
        self._told = False

    def open(self) -> None:
        """Open the line and begin to listen."""
        if not self._told:
            LOG.info(
                "%s: the OmegaWatt driver follows the maker's own reader of the boxes since 2017, "
                "and was not yet tried on a real one",
                self.wattmeter,
            )
            self._told = True
        self._port.open()
        self._decoder, self._dropped = omegawatt_codec.Decoder(), 0
        self._listener = listening.Listener(
            self.wattmeter, self._port.read, self._decoder.feed, self._clock
        )
        self._listener.start()

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return the mean of each socket since last time."""
        if self._listener is None:
            raise exception.WattmeterError(reason=f"{self._port} is not open")
        heard = self._listener.take(self._timeout_seconds)
        self._tell_dropped()
        if not heard:
            raise self._listener.nothing(str(self._port), self._timeout_seconds)
        newest = heard[-1]
        self.device = f"OmegaWatt, {len(newest.what.powers)} sockets"
        watts = omegawatt_codec.mean_watts([frame for _, frame in heard])
        return serial_parameters.add_up(
            self._sockets, watts, {}, newest.at - newest.what.age_seconds
        )

    def close(self) -> None:
        """Free the line."""
        heard, self._listener = self._listener, None
        if heard is not None:
            heard.stop()
        self._port.close()

    def _tell_dropped(self) -> None:
        dropped = self._decoder.dropped
        # The first says that something is wrong; each tenfold how much.
        if dropped and dropped >= 10 * self._dropped:
            LOG.warning("%s: %d broken frames since the line was opened", self.wattmeter, dropped)
            self._dropped = dropped
