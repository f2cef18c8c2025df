# SPDX-License-Identifier: Apache-2.0
"""The driver for Watts Up? PRO meters on USB, which is a serial line inside.

Owns the conversation.  What the packets hold is :mod:`kwapi.drivers.serial.wattsup_codec`'s.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.serial import listening
from kwapi.drivers.serial import parameters as serial_parameters
from kwapi.drivers.serial import port
from kwapi.drivers.serial import wattsup_codec

LOG = logging.getLogger(__name__)

_BAUD = 115200
_HEADER, _CLEAR, _STOP = b"#H,R,0;", b"#R,W,0;", b"#L,R,0;"
# Both spellings of the reserved field are in use; a meter that hears nothing in
# the one gets the other.
_START = ("#L,W,3,E,,{};", "#L,W,3,E,1,{};")
_SILENT_INTERVALS = 2

_Heard = listening.Heard[wattsup_codec.Packet]


class Wattsup(driver.Driver):
    """Reads the one outlet of a meter that is told to report by itself."""

    takes = (
        serial_parameters.DEVICE._replace(default="/dev/ttyUSB0"),
        Parameter(
            "clear_memory", parameters.truth,
            "``True`` erases the meter's own log at each start, as the first Kwapi did", False,
        ),
        Parameter(
            "timeout_seconds", parameters.positive,
            "how long silence is waited for before the meter is asked again to report, and once "
            "more before it counts as unreachable; two intervals if not given",
        ),
    )  # fmt: skip
    resolution_watts = 0.1

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        self._port = port.Port(port.Settings(own["device"], _BAUD))
        # The meter counts whole seconds; more than an hour is not worth a line.
        self._interval = min(3600, max(1, math.ceil(self.period_seconds)))
        self._timeout_seconds = float(own["timeout_seconds"] or _SILENT_INTERVALS * self._interval)
        self._decoder = wattsup_codec.Decoder()
        self._fields = wattsup_codec.Fields()
        self._listener: listening.Listener[wattsup_codec.Packet] | None = None
        self._told = False

    def open(self) -> None:
        """Open the line, ask what the fields are, and have the meter report."""
        self._tell_once()
        self._port.open()
        self._decoder = wattsup_codec.Decoder()
        self._listener = listening.Listener(
            self.wattmeter, self._port.read, self._decoder.feed, self._clock
        )
        self._listener.start()
        # Ends what the meter may have been left with in the middle of.
        self._port.write(b";" + _HEADER)
        self._fields = self._await_header(self._listener)
        if self.given["clear_memory"]:
            self._port.write(_CLEAR)
        self._request(_START[0])

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return the newest sample; after two silent intervals, ask once more."""
        samples = self._await_samples()
        if not samples:
            LOG.info("%s: the meter is silent, asking again", self.wattmeter)
            self._request(_START[1])
            samples = self._await_samples()
        if not samples:
            raise self._opened().nothing(str(self._port), 2 * self._timeout_seconds)
        return self._measure(samples[-1])

    def close(self) -> None:
        """Let the meter be, and free the line."""
        heard, self._listener = self._listener, None
        if heard is not None:
            heard.stop()
        self._port.farewell(_STOP)

    def _tell_once(self) -> None:
        if not self._told:
            LOG.info(
                "%s: the Watts Up driver follows the vendor's protocol, and was not yet "
                "tried on a real meter",
                self.wattmeter,
            )
            if len(self.probes) > 1:
                LOG.warning(
                    "%s: the meter has one outlet; only the first probe is measured", self.wattmeter
                )
        self._told = True

    def _opened(self) -> listening.Listener[wattsup_codec.Packet]:
        if self._listener is None:
            raise exception.WattmeterError(reason=f"{self._port} is not open")
        return self._listener

    def _request(self, start: str) -> None:
        self._port.write(start.format(self._interval).encode("ascii"))

    def _await_header(
        self, heard: listening.Listener[wattsup_codec.Packet]
    ) -> wattsup_codec.Fields:
        """Return where the fields stand; where they usually do if the meter does not say."""
        deadline = port.Deadline(self._timeout_seconds)
        while deadline.seconds > 0:
            for _, packet in heard.take(deadline.seconds):
                if packet.command == "h":
                    return self._found(wattsup_codec.find_fields(packet.arguments))
        LOG.info("%s: the meter names no fields, taking the usual ones", self.wattmeter)
        return wattsup_codec.Fields()

    def _found(self, fields: wattsup_codec.Fields) -> wattsup_codec.Fields:
        if fields == (None, None):
            LOG.info(
                "%s: the meter's field names are new to us, taking the usual places", self.wattmeter
            )
            return wattsup_codec.Fields()
        if fields.watts is None:
            LOG.warning("%s: the meter does not report watts; switch them on in it", self.wattmeter)
        return fields

    def _await_samples(self) -> Sequence[_Heard]:
        heard = self._opened()
        deadline = port.Deadline(self._timeout_seconds)
        samples: list[_Heard] = []
        while not samples and deadline.seconds > 0:
            samples = [h for h in heard.take(deadline.seconds) if h.what.command == "d"]
        return samples

    def _measure(self, sample: _Heard) -> Mapping[str, measurement.Measurement]:
        watts = wattsup_codec.watts(sample.what.arguments, self._fields)
        probe = self.probes[0] if self.probes else None
        if watts is None or probe is None:
            return {}
        kwh = wattsup_codec.kwh(sample.what.arguments, self._fields)
        self.device = "Watts Up?"
        return {probe: measurement.Measurement(watts, kwh, sample.at)}
