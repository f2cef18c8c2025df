# SPDX-License-Identifier: Apache-2.0
"""A serial line whose far end is a thread of the test.

Owns the pseudo-terminal, its plug, and the time that bytes take on a real
line.  What the device says is its subclass's.
"""

from __future__ import annotations

import abc
import contextlib
import os
import pty
import select
import threading
import time
import tty
from pathlib import Path
from typing import Any

from tests.contracts import driver as driver_contract

_BITS_PER_BYTE = 10  # 8N1
_CHUNK_SECONDS = 0.01


class Terminal(driver_contract.Device):
    """A device on a serial line; ``path`` is what /dev/ttyUSB0 would be.

    :cvar baud: bytes take as long as at this speed.
    :cvar interval_seconds: how often :meth:`tick` is called.
    """

    baud = 115200
    interval_seconds = 0.05

    def __init__(self, directory: Path) -> None:
        self.path = directory / "ttyUSB0"
        self.fault = ""
        self._ends: tuple[int, int] | None = None
        self._saying = threading.RLock()
        self._unplugged = threading.Event()
        self._thread: threading.Thread | None = None

    def plug(self) -> None:
        """Connect the line, and begin to play."""
        master, slave = pty.openpty()
        tty.setraw(master)
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends = master, slave
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        self._unplugged.clear()
        self.start_anew()
        self._thread = threading.Thread(target=self._play, args=(master,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the plug: whoever has the line open is hung up, and its name is gone."""
        if self._ends is None or self._thread is None:
            return
        self._unplugged.set()
        self._thread.join()
        ends, self._ends = self._ends, None
        self.path.unlink()
        for end in ends:
            os.close(end)

    def start_anew(self) -> None:
        """Forget all sessions, as a device that was powered off."""

    @abc.abstractmethod
    def hear(self, data: bytes) -> None:
        """Take what the driver sent."""

    def tick(self) -> None:
        """Say what is said unasked."""

    def change(self, **attributes: Any) -> None:
        """Behave otherwise, beginning with what is said next: what is on its way is over."""
        with self._saying:
            for name, value in attributes.items():
                setattr(self, name, value)
        time.sleep(0.02)  # the kernel hands over what we wrote in its own time

    def say(self, data: bytes, seconds_before: float = 0.0) -> None:
        """Send at the line's speed, spoiled as the fault wants it."""
        if self._ends is None or self.fault == "silence":
            return
        if self.fault == "garbage":
            data = bytes(b | 0x80 for b in data[::-1])
        if self.fault == "half":
            data = data[: len(data) // 2]
        time.sleep(seconds_before)
        size = max(1, int(self.baud / _BITS_PER_BYTE * _CHUNK_SECONDS))
        for start in range(0, len(data), size):
            chunk = data[start : start + size]
            time.sleep(len(chunk) * _BITS_PER_BYTE / self.baud)
            # When nobody reads, a UART drops bytes as well.
            with contextlib.suppress(BlockingIOError):
                os.write(self._ends[0], chunk)

    def _play(self, master: int) -> None:
        due = time.monotonic()
        while not self._unplugged.is_set():
            wait = max(0.0, min(due - time.monotonic(), 0.02))
            readable, _, _ = select.select([master], [], [], wait)
            if readable:
                with contextlib.suppress(BlockingIOError):
                    self.hear(os.read(master, 4096))
            if time.monotonic() >= due:
                due = time.monotonic() + self.interval_seconds
                with self._saying:
                    self.tick()

    # ----------------------------------------------------- the contract's device

    def vanish(self) -> None:
        self.unplug()

    def come_back(self) -> None:
        self.change(fault="")
        if self._ends is None:
            self.plug()

    def garble(self) -> None:
        self.change(fault="garbage")

    def cut(self) -> None:
        self.change(fault="half")

    def count_sessions(self) -> int | None:
        """Return how many others in this process have the line open."""
        assert self._ends is not None
        name = os.ttyname(self._ends[1])
        held = 0
        for entry in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                held += os.readlink(f"/proc/self/fd/{entry}") == name
        return held - 1
