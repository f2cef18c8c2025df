# SPDX-License-Identifier: Apache-2.0
"""A serial line, with a time-out on each read and write.

Owns pyserial, its settings and its failures, which become ours.  What the
bytes mean is each driver's codec's; reading on while the driver waits is
:mod:`kwapi.drivers.serial.listening`'s.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import termios
import time
from typing import Any
from typing import NamedTuple

import serial

from kwapi import exception

LOG = logging.getLogger(__name__)

#: How long one read waits for the first byte: what a stop has to wait for.
POLL_SECONDS = 0.1
_WRITE_SECONDS = 2.0
_HINTS = {
    errno.ENOENT: "there is no such device; is it plugged in?",
    errno.EACCES: "may not be opened; is Kwapi's user in the device's group?",
    errno.EBUSY: "is in use by another program",
    errno.EAGAIN: "is in use by another program",
}
_FAILURES = (OSError, ValueError, termios.error)


class Settings(NamedTuple):
    """How a line is set; 9600 8N1 without flow control, if nothing else is said.

    :ivar parity: N, E, O, M or S.
    :ivar flow: none, rtscts or xonxoff.
    """

    device: str
    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop_bits: int = 1
    flow: str = "none"


class Deadline:
    """What is left of so many seconds of the machine's own time."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def seconds(self) -> float:
        """Seconds left; 0 when it has passed."""
        return max(0.0, self._at - time.monotonic())


class Port:
    """A serial line that one thread at a time reads; another may write."""

    def __init__(self, how: Settings) -> None:
        self.settings = how
        self._serial: Any = None

    def __str__(self) -> str:
        return self.settings.device

    def open(self) -> None:
        """Take the line for ourselves; what it said before is forgotten.

        :raises WattmeterUnreachable: it cannot be opened; the reason says why.
        """
        how = self.settings
        try:
            self._serial = serial.Serial(
                how.device,
                how.baud,
                bytesize=how.bits,
                parity=how.parity,
                stopbits=how.stop_bits,
                rtscts=how.flow == "rtscts",
                xonxoff=how.flow == "xonxoff",
                timeout=POLL_SECONDS,
                write_timeout=_WRITE_SECONDS,
                exclusive=True,
            )
            self._serial.reset_input_buffer()
        except _FAILURES as exc:
            self.close()
            raise self._unreachable("cannot be opened", exc) from exc

    def read(self) -> bytes:
        """Return what has come; nothing if nothing comes for a moment.

        :raises WattmeterUnreachable: the line is gone.
        """
        try:
            first = self._opened().read(1)
            return bytes(first + self._opened().read(self._opened().in_waiting) if first else b"")
        except _FAILURES as exc:
            raise self._unreachable("the line is gone, is it unplugged?", exc) from exc

    def write(self, data: bytes) -> None:
        """Send bytes.

        :raises WattmeterUnreachable: the line is gone, or takes nothing.
        """
        try:
            self._opened().write(data)
        except serial.SerialTimeoutException as exc:
            raise self.unreachable("the line takes nothing; check its flow control") from exc
        except _FAILURES as exc:
            raise self._unreachable("the line is gone, is it unplugged?", exc) from exc

    def discard(self) -> None:
        """Forget what has come so far."""
        try:
            self._opened().reset_input_buffer()
        except _FAILURES as exc:
            raise self._unreachable("the line is gone, is it unplugged?", exc) from exc

    def farewell(self, data: bytes) -> None:
        """Send the last bytes, if the line still takes any, and free it; never raises."""
        if self._serial is not None and data:
            with contextlib.suppress(exception.WattmeterError):
                self.write(data)
        self.close()

    def close(self) -> None:
        """Free the line; never raises."""
        held, self._serial = self._serial, None
        if held is not None:
            with contextlib.suppress(*_FAILURES):
                held.close()

    def unreachable(self, reason: str) -> exception.WattmeterUnreachable:
        """Return the failure of a device that is not there."""
        return exception.WattmeterUnreachable(address=self.settings.device, reason=reason)

    def malformed(self, reason: str) -> exception.MalformedAnswer:
        """Return the failure of a device that says what nobody understands."""
        return exception.MalformedAnswer(address=self.settings.device, reason=reason)

    def _opened(self) -> Any:
        if self._serial is None:
            raise self.unreachable("the line is not open")
        return self._serial

    def _unreachable(self, what: str, exc: Exception) -> exception.WattmeterUnreachable:
        number = getattr(exc, "errno", None)
        # pyserial says in a sentence of its own what the system said in a number.
        LOG.debug("%s: %s: %s", self.settings.device, what, exc)
        return self.unreachable(_HINTS.get(number or 0, f"{what} ({type(exc).__name__})"))
