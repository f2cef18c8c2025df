# SPDX-License-Identifier: Apache-2.0
"""Logs the outage of one thing once when it begins, and once when it is over.

Owns when it is told.  What is told, and what happens meanwhile, is the affair
of whoever meets it.
"""

from __future__ import annotations

import logging
import math
import threading

from energybase import clock as clocks


class Outage:
    """One thing that may be away, such as the broker, for any number of threads."""

    def __init__(
        self,
        log: logging.Logger,
        began: str,
        ended: str,
        *,
        level: int = logging.WARNING,
        clock: clocks.Clock | None = None,
    ) -> None:
        """Take it to be there.

        :param began: what to tell first, with ``%(reason)s`` in it.
        :param ended: what to tell in the end, at level INFO; it may have
            ``%(seconds).0f``, for how long the outage was, in it.
        """
        self._log, self._began, self._ended, self._level = log, began, ended, level
        self._clock = clock or clocks.Clock()
        self._since: float | None = None
        self._ended_at = -math.inf
        self._lock = threading.Lock()

    def note(self, failure: object) -> None:
        """Note how it is now: None is well, anything else says why not."""
        if failure is None:
            self.end()
        else:
            self.begin(failure)

    def begin(self, reason: object, tried_at: float = math.inf) -> None:
        """Note that it is away.

        :param tried_at: when the try began that shows it, by the monotonic
            clock; what began before another thread found it back is old news.
        """
        with self._lock:
            begins = self._since is None and tried_at > self._ended_at
            if begins:
                self._since = self._clock.monotonic()
        if begins:
            self._log.log(self._level, self._began, {"reason": reason})

    def end(self) -> bool:
        """Note that it is there; return whether it was away."""
        with self._lock:
            since, self._since = self._since, None
            if since is None:
                return False
            self._ended_at = self._clock.monotonic()
            seconds = self._ended_at - since
        self._log.info(self._ended, {"seconds": seconds})
        return True
