# SPDX-License-Identifier: Apache-2.0
"""The clock, an argument of whatever needs the time: tests set it and need not wait.

Wall-clock time stamps measurements; monotonic time paces loops and times
them out, since a wall clock may be set while we wait.
"""

from __future__ import annotations

import threading
import time


class Clock:
    """The machine's clock."""

    def time(self) -> float:
        """Return epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since an arbitrary instant; never set back."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set, at most so long; return whether it is."""
        return event.wait(max(0.0, seconds))


class Backoff:
    """How long to wait before the next try: doubling, from first to most seconds."""

    def __init__(self, first_seconds: float, most_seconds: float) -> None:
        self._first_seconds, self._most_seconds = first_seconds, most_seconds
        self._next_seconds = first_seconds

    def next(self) -> float:
        """Return the seconds to wait now; the next wait is twice as long."""
        seconds = self._next_seconds
        self._next_seconds = min(2 * seconds, self._most_seconds)
        return seconds

    def reset(self) -> None:
        """Start again from the first wait: a try went well."""
        self._next_seconds = self._first_seconds
