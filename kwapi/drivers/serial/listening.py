# SPDX-License-Identifier: Apache-2.0
"""Reads a device continuously on a thread of its own, until the driver asks.

A serial line's buffer holds 4 kB, a tenth of a second of some meters: who
reads it once a period reads old and broken news.  Owns the thread that reads
on, and what was understood since the driver last asked.  Where bytes come
from and what they mean is told to it.
"""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable
from collections.abc import Iterable
from typing import Generic
from typing import NamedTuple
from typing import TypeVar

from energybase import clock as clocks
from energybase import repeat
from kwapi import exception

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: More than a minute of the most talkative meter; older news is forgotten.
_MOST_ITEMS = 10_000


class Heard(NamedTuple, Generic[T]):
    """Something that was understood, and when it had arrived, epoch seconds."""

    at: float
    what: T


class Listener(Generic[T]):
    """Reads a device until stopped, or until it is gone."""

    def __init__(
        self,
        name: str,
        read: Callable[[], bytes],
        decode: Callable[[bytes], Iterable[T]],
        clock: clocks.Clock,
    ) -> None:
        """Prepare.

        :param read: returns what has come, b"" if nothing comes for a moment;
            raises WattmeterError when nothing will come any more.
        :param decode: takes the bytes as they come, returns what they complete.
        """
        self._read, self._decode, self._clock = read, decode, clock
        self._items: collections.deque[Heard[T]] = collections.deque(maxlen=_MOST_ITEMS)
        self._bytes = 0
        self._failure: Exception | None = None
        self._news = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"listener-{name}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is read any more when this returns."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(repeat.STOP_SECONDS)

    def take(self, seconds: float) -> list[Heard[T]]:
        """Return what was understood since last time; wait so long for the first of it.

        What was understood before the device went comes before its failure.

        :raises WattmeterError: the device is gone.
        """
        with self._news:
            self._news.wait_for(lambda: self._items or self._failure, seconds)
            items = list(self._items)
            self._items.clear()
            if items:
                self._bytes = 0
            elif self._failure is not None:
                raise self._failure
            return items

    def nothing(self, address: str, seconds: float) -> exception.WattmeterError:
        """Return what it means that nothing was understood for so long."""
        if self._bytes:
            return exception.MalformedAnswer(
                address=address,
                reason=f"nothing whole in the {self._bytes} bytes of {seconds:g} s; "
                "check the model and the line's settings",
            )
        return exception.WattmeterUnreachable(
            address=address, reason=f"it says nothing for {seconds:g} s"
        )

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._hear(self._read())
        except Exception as exc:  # whatever it is, the driver raises it
            with self._news:
                self._failure = exc
                self._news.notify_all()

    def _hear(self, data: bytes) -> None:
        if data:
            now = self._clock.time()
            understood = [Heard(now, what) for what in self._decode(data)]
            with self._news:
                self._bytes += len(data)
                self._items.extend(understood)
                self._news.notify_all()
