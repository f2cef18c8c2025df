# SPDX-License-Identifier: Apache-2.0
"""A Watts Up? PRO between one simulated server and the PDU, on a pseudo-terminal.

Owns the terminal, a thread, and the meter's side of the conversation, by the
vendor's protocol 4.4.  The watts are :mod:`allinone.simulator.rack`'s.
"""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import threading
import time
import tty
from collections.abc import Callable

from allinone.simulator import rack as racks
from kwapi import exception

_JOIN_SECONDS = 60.0
_COMMAND = re.compile(rb"#([A-Z]),([A-Z]),\d+(?:,([^;#]*))?;")
#: Longer than any command; what is before has lost its end.
_LONGEST = 256
_FIELDS = (
    *("W", "V", "A", "WH", "Cost", "Mo. kWH", "Mo. Cost"),
    *("Max W", "Max V", "Max A", "Min W", "Min V", "Min A"),
    *("PF", "Duty Cyc", "Pwr Cyc", "Hz", "VA"),
)
_NOT_MEASURED = "_"
_VOLTS, _POWER_FACTOR, _HERTZ = 230, 0.95, 50


class SerialMeter:
    """Measures one server."""

    def __init__(
        self, rack: racks.Rack, server: str, *, now: Callable[[], float] = time.time
    ) -> None:
        """Prepare.

        :param now: returns the rack's time, epoch seconds; reports are paced by
            the machine's own.
        """
        self._rack, self._server, self._now = rack, server, now
        self._counted_from = rack.show(server, now()).watt_hours
        self._interval_seconds: float | None = None
        self._rest = b""
        self.device = ""
        self._ends: tuple[int, int] | None = None
        self._waker: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the line; ``device`` is its name then.

        :raises ConfigurationInvalid: there is no terminal to be had.
        """
        try:
            ours, theirs = self._ends = pty.openpty()
        except OSError as exc:
            raise exception.ConfigurationInvalid(
                where="simulator", reason=f"no pseudo-terminal for the meter: {exc}"
            ) from exc
        # Both ends stay open: clients come and go, and what is sent to nobody is dropped.
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        self.device = os.ttyname(theirs)
        self._waker, woken = socket.socketpair()
        self._thread = threading.Thread(
            target=self._serve, args=(ours, woken), name="simulator-meter", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the line; return when it is closed."""
        waker, thread, ends = self._waker, self._thread, self._ends
        self._waker = self._thread = self._ends = None
        if waker is not None and thread is not None:
            waker.close()
            thread.join(_JOIN_SECONDS)
        for end in ends or ():
            os.close(end)

    def reload(self) -> None:
        """Nothing can change."""

    def drivers_conf(self) -> str:
        """Return the section of drivers.conf that reads this meter."""
        return (
            f"[{self._server}-meter]\ndriver = wattsup\n"
            f"probes = {[f'{self._server}.wattsup']!r}\n"
            f"parameters = {{'device': {self.device!r}}}\n"
        )

    def _serve(self, line: int, woken: socket.socket) -> None:
        due = time.monotonic()
        with woken:
            while True:
                interval = self._interval_seconds
                wait = None if interval is None else max(0.0, due - time.monotonic())
                ready, _, _ = select.select([line, woken.fileno()], [], [], wait)
                if woken.fileno() in ready:
                    return
                if line in ready and self._take(line):
                    due = time.monotonic() + (self._interval_seconds or 0.0)
                if self._interval_seconds is not None and time.monotonic() >= due:
                    _say(line, "d", self._sample())
                    due = max(due + self._interval_seconds, time.monotonic())

    def _take(self, line: int) -> bool:
        """Do what a client says; return whether the meter begins to report."""
        try:
            self._rest = (self._rest + os.read(line, 4096))[-_LONGEST:]
        except BlockingIOError:
            return False
        begins, end = False, 0
        for command in _COMMAND.finditer(self._rest):
            end = command.end()
            begins |= self._obey(line, command[1] + command[2], command[3] or b"")
        self._rest = self._rest[end:]
        return begins

    def _obey(self, line: int, command: bytes, arguments: bytes) -> bool:
        if command == b"HR":
            _say(line, "h", _FIELDS)
        elif command == b"RW":
            self._counted_from = self._rack.show(self._server, self._now()).watt_hours
        elif command == b"LR":
            self._interval_seconds = None
        elif command == b"LW":
            mode, *_, interval = arguments.split(b",")
            external = mode == b"E" and interval.isdigit() and 0 < int(interval) <= 3600
            self._interval_seconds = float(interval) if external else None
            return external
        return False

    def _sample(self) -> tuple[str, ...]:
        shown = self._rack.show(self._server, self._now())
        volt_amperes = shown.watts / _POWER_FACTOR
        known = {
            "W": shown.watts * 10,
            "V": _VOLTS * 10,
            "A": round(volt_amperes / _VOLTS * 1000),
            "WH": int((shown.watt_hours - self._counted_from) * 10),
            "PF": round(_POWER_FACTOR * 100),
            "Hz": _HERTZ * 10,
            "VA": round(volt_amperes * 10),
        }
        return tuple(str(known.get(field, _NOT_MEASURED)) for field in _FIELDS)


def _say(line: int, command: str, arguments: tuple[str, ...]) -> None:
    """Send a packet, whole or not at all, as far as the line has room."""
    packet = f"#{command},-,{len(arguments)},{','.join(arguments)};\r\n".encode("ascii")
    try:
        os.write(line, packet)
    except BlockingIOError:
        return  # nobody reads
