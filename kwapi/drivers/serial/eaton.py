# SPDX-License-Identifier: Apache-2.0
"""The driver for Eaton ePDU G3 by the console on their serial line.

Owns logging in and asking.  What the console says is
:mod:`kwapi.drivers.serial.eaton_codec`'s.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.serial import eaton_codec as codec
from kwapi.drivers.serial import parameters as serial_parameters
from kwapi.drivers.serial import port

LOG = logging.getLogger(__name__)

_COUNT = "PDU.OutletSystem.Outlet.Count"
# An x for the outlet's number makes the console answer for all of them at once.
_MODEL = "PDU.PowerSummary.iPartNumber"
_WATTS = "PDU.OutletSystem.Outlet[x].ActivePower"
_WH = "PDU.OutletSystem.Outlet[x].Statistic[5].Energy"
_VOLTS, _AMPERES = "PDU.Input[1].Phase[x].Voltage", "PDU.Input[1].Phase[x].Current"
_MOST_OUTLETS = 64
_KWH_PER_WH = 0.001
_MOST_BYTES = 16_384

_T = TypeVar("_T")


class EatonSerial(driver.Driver):
    """Reads the outlets of an ePDU; a position in ``probes`` is an outlet, the first is 1."""

    takes = (
        serial_parameters.DEVICE,
        Parameter(
            "username", serial_parameters.printable,
            "an account of the ePDU; one that may only read is enough", parameters.REQUIRED,
            aliases=("user",),
        ),
        Parameter(
            "password", serial_parameters.printable, "of that account", parameters.REQUIRED,
            secret=True,
        ),
        serial_parameters.baud(9600),
        Parameter(
            "scale", parameters.positive,
            "what printed powers are multiplied with to make W, 1 or 0.1; if not given, whole "
            "numbers are tenths of watts",
        ),
        serial_parameters.OUTLETS,
        Parameter("timeout_seconds", parameters.positive, "for one answer", 5.0),
    )  # fmt: skip
    period_seconds = 5.0
    resolution_watts = 1.0

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        self._port = port.Port(port.Settings(own["device"], own["baud"]))
        # At 9600 baud the answer of 24 outlets takes 0.3 s.
        self._timeout_seconds: float = own["timeout_seconds"]
        self._rows = serial_parameters.outlets(self.probes, own["outlets"])
        self._outlets = 0
        self._factor = 1.0
        self._counts_energy = True
        self._logged_in = False
        self._told = False

    def open(self) -> None:
        """Log in, and see how many outlets there are and in which unit they are told."""
        if not self._told:
            LOG.info(
                "%s: the console driver follows the ePDU's manual and what its users published, "
                "and was not yet tried on a real one",
                self.wattmeter,
            )
            self._told = True
        self._port.open()
        self._log_in()
        self.device = f"Eaton ePDU {codec.parse_model(self._ask(_MODEL)) or ''}".rstrip()
        self._outlets = self._ask_count()
        self._counts_energy = True
        self._find_unit()

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what each outlet measures, and its counter."""
        watts = codec.numbers(self._ask_outlets(_WATTS), self._factor)
        return serial_parameters.add_up(self._rows, watts, self._ask_counters())

    def close(self) -> None:
        """Log out, for the console has room for one, and free the line."""
        self._port.farewell(b"quit\r\n" if self._logged_in else b"")
        self._logged_in = False

    # ------------------------------------------------------------- the session

    def _log_in(self) -> None:
        first = self._say_until("", codec.LOGIN, codec.PASSWORD, codec.PROMPT)
        if first is codec.PASSWORD:
            # Somebody left in the middle of it: nobody's name, then ours.
            first = self._say_until("", codec.LOGIN)
        if first is codec.LOGIN:
            self._say_until(self.given["username"], codec.PASSWORD)
            password = self.given["password"]
            last = self._say_until(password, codec.PROMPT, codec.LOGIN, codec.PASSWORD)
            if last is not codec.PROMPT:
                raise exception.WattmeterRefused(
                    address=str(self._port), reason="check username and password"
                )
        self._logged_in = True

    def _say_until(self, line: str, *ends: re.Pattern[bytes]) -> re.Pattern[bytes]:
        """Send a line; return which of the ends the answer has."""

        def find(text: bytes) -> re.Pattern[bytes] | None:
            return next((end for end in ends if end.search(text)), None)

        return self._exchange(line, find, "no log-in, password or command prompt")

    def _ask(self, name: str) -> str:
        command = f"get {name}"
        return self._exchange(
            command, lambda text: codec.parse_answer(text, command), f"no answer to {command}"
        )

    def _exchange(self, line: str, find: Callable[[bytes], _T | None], missing: str) -> _T:
        """Send a line, and read until something is found in what comes back."""
        self._port.discard()
        self._port.write(line.encode("latin-1") + b"\r\n")
        deadline, text = port.Deadline(self._timeout_seconds), b""
        while deadline.seconds > 0 and len(text) < _MOST_BYTES:
            text += self._port.read()
            found = find(text)
            if found is not None:
                return found
        if not text:
            raise self._port.unreachable(f"it says nothing for {self._timeout_seconds:g} s")
        raise self._port.malformed(f"{missing} in {len(text)} bytes")

    # -------------------------------------------------------------- the outlets

    def _ask_count(self) -> int:
        count = codec.number(self._ask(_COUNT))
        if count is None or not 1 <= count <= _MOST_OUTLETS:
            raise self._port.malformed(f"{_COUNT} is not a number from 1 to {_MOST_OUTLETS}")
        last = max((outlet for own in self._rows.values() for outlet in own), default=0)
        if last > count:
            LOG.warning(
                "%s: has %d outlets, but number %d is configured", self.wattmeter, count, last
            )
        return int(count)

    def _ask_outlets(self, name: str) -> list[str]:
        values = codec.parse_values(self._ask(name))
        # Which value is whose is told by its place only: all must be there.
        if len(values) != self._outlets:
            raise self._port.malformed(
                f"{len(values)} values of {name} for {self._outlets} outlets"
            )
        return values

    def _ask_counters(self) -> Mapping[int, float]:
        if self._counts_energy:
            try:
                return codec.numbers(self._ask_outlets(_WH), _KWH_PER_WH)
            except exception.MalformedAnswer as exc:
                LOG.warning("%s: going on without energy counters: %s", self.wattmeter, exc)
                self._counts_energy = False
        return {}

    # ----------------------------------------------------------------- the unit

    def _find_unit(self) -> None:
        """Decide on the unit, check it against the input, and say how sure that is."""
        values = self._ask_outlets(_WATTS)
        self._factor = self.given["scale"] or codec.find_scale(values)
        watts = sum(codec.numbers(values, self._factor).values())
        voltamperes = self._ask_voltamperes()
        proved = codec.is_proved(watts, voltamperes)
        if proved:
            LOG.info(
                "%s: scale %g is right: the outlets take %.0f W of the input's %.0f VA",
                self.wattmeter,
                self._factor,
                watts,
                voltamperes or 0.0,
            )
        elif proved is None:
            LOG.warning(
                "%s: scale %g could not be checked against the input; whether this ePDU prints "
                "W or tenths of W is not proved",
                self.wattmeter,
                self._factor,
            )
        else:
            LOG.warning(
                "%s: with scale %g the outlets take %.0f W, but the input %.0f VA; "
                "the scale is likely wrong, set it to 1 or 0.1",
                self.wattmeter,
                self._factor,
                watts,
                voltamperes or 0.0,
            )

    def _ask_voltamperes(self) -> float | None:
        try:
            volts, amperes = (codec.parse_values(self._ask(n)) for n in (_VOLTS, _AMPERES))
        except exception.MalformedAnswer:
            return None
        return codec.find_voltamperes(volts, amperes)
