# SPDX-License-Identifier: Apache-2.0
"""A thread that does one thing again and again until the process stops.

Owns the thread: its pace, how it outlives errors, how it is woken, and how long
its end is waited for.  What it does is the affair of whoever starts it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from energybase import clock as clocks

LOG = logging.getLogger(__name__)

#: How long any thread of ours may take to end; one that hangs is left behind.
STOP_SECONDS = 5.0


class Repeater:
    """Repeats a step in a thread of its own, whatever the step meets.

    :ivar stopping: set when the thread is to end; a step that waits watches it.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        retry: clocks.Backoff,
        *,
        clock: clocks.Clock | None = None,
        first_seconds: float = 0.0,
    ) -> None:
        """Prepare; nothing runs yet.

        :param name: of the thread, and in the log when a step fails.
        :param step: does it once, and returns the seconds until the next time; None
            if it went badly, which it has told itself.
        :param retry: the seconds until the next time after a step that went badly.
        :param first_seconds: until the first time.
        """
        self.name, self._step, self._retry = name, step, retry
        self._clock, self._first_seconds = clock or clocks.Clock(), first_seconds
        self._wake = threading.Event()
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Repeat from now on."""
        self._thread.start()

    def wake(self) -> None:
        """Take the next step at once; one under way is followed by another."""
        self._wake.set()

    def stop(self) -> None:
        """End; a step that hangs is left behind."""
        self.begin_stop()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def begin_stop(self) -> None:
        """Begin to end; return at once."""
        self.stopping.set()
        self._wake.set()

    def _run(self) -> None:
        self._clock.wait(self._wake, self._first_seconds)
        while True:
            # Before the step: whoever wakes us during it wants another one.
            self._wake.clear()
            if self.stopping.is_set():
                return
            self._clock.wait(self._wake, self._take_step())

    def _take_step(self) -> float:
        """Take one step; return the seconds until the next."""
        try:
            seconds = self._step()
        except Exception:  # the thread outlives whatever a step meets
            again = self._retry.next()
            LOG.exception("Thread %s: a step failed; the next is in %.0f s", self.name, again)
            return again
        if seconds is None:
            return self._retry.next()
        self._retry.reset()
        return seconds
