# SPDX-License-Identifier: Apache-2.0
"""A cache of rendered graphs and JSON, keyed by content version.

Owns when an entry is made again, that it is made once however many ask, and how much
memory all of them take.  What they are is the caller's.
"""

from __future__ import annotations

import collections
import hashlib
import threading
from collections.abc import Callable
from collections.abc import Hashable
from typing import NamedTuple

from energybase import clock as clocks

#: A thing takes this share of the time at most, however slow it is to make.
_REST_PER_BUILD = 10.0
#: What failed is not tried again sooner.
_FAILURE_SECONDS = 1.0


class Entry(NamedTuple):
    """What was made.

    :ivar tag: for ``ETag``, without quotes: the same for the same bytes.
    :ivar modified: since when it is as it is, epoch seconds.
    """

    body: bytes
    tag: str
    modified: float


class _Slot:
    """One thing: as it was made last, and the lock of who makes it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entry: Entry | None = None
        self.version = ""
        self.made_at = 0.0
        self.rest_seconds = 0.0
        self.failure: Exception | None = None


class Cache:
    """Things by key; any thread may ask.

    :param max_bytes: of bodies; what was asked for longest ago goes first.
    :param stale_seconds: while a thing is made anew, others are given the last
        one if it is not older than this, and wait if it is.
    """

    def __init__(
        self,
        clock: clocks.Clock,
        *,
        max_bytes: int = 64 * 2**20,
        max_entries: int = 20_000,
        stale_seconds: float = 60.0,
    ) -> None:
        self._clock, self._max_bytes, self._max_entries = clock, max_bytes, max_entries
        self._stale_seconds = stale_seconds
        self._slots: collections.OrderedDict[Hashable, _Slot] = collections.OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(
        self, key: Hashable, version: str, min_age_seconds: float, build: Callable[[], bytes]
    ) -> Entry:
        """Return a thing: the last one made, or a new one if there may be something new in it.

        It is made again once ``version`` is another one, and the last one is
        older than ``min_age_seconds`` and than ten times as long as it took.
        A failure of ``build`` is raised to all who ask within the next second.

        :param version: of what it is made from.
        """
        slot = self._find(key)
        if (held := self._look(slot, version, min_age_seconds)) is not None:
            return held
        if not slot.lock.acquire(blocking=False):
            if slot.entry is not None and self._age(slot) <= self._stale_seconds:
                return slot.entry
            slot.lock.acquire()
        try:
            # Another thread may have made it while this one waited.
            held = self._look(slot, version, min_age_seconds)
            return held if held is not None else self._make(key, slot, version, build)
        finally:
            slot.lock.release()

    def _find(self, key: Hashable) -> _Slot:
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = _Slot()
            self._slots.move_to_end(key)
            return slot

    def _look(self, slot: _Slot, version: str, min_age_seconds: float) -> Entry | None:
        """Return what is still good; None if it is to be made.

        :raises Exception: what making it failed with a moment ago.
        """
        failure = slot.failure
        if failure is not None and self._age(slot) < _FAILURE_SECONDS:
            raise failure
        if slot.entry is None or failure is not None:
            return None
        is_young = self._age(slot) < max(min_age_seconds, slot.rest_seconds)
        return slot.entry if slot.version == version or is_young else None

    def _age(self, slot: _Slot) -> float:
        return self._clock.monotonic() - slot.made_at

    def _make(self, key: Hashable, slot: _Slot, version: str, build: Callable[[], bytes]) -> Entry:
        begun = self._clock.monotonic()
        try:
            body = build()
        except Exception as exc:
            slot.made_at, slot.failure = self._clock.monotonic(), exc
            raise
        slot.made_at = self._clock.monotonic()
        slot.rest_seconds = _REST_PER_BUILD * (slot.made_at - begun)
        slot.version, slot.failure = version, None
        tag = hashlib.blake2b(body, digest_size=12).hexdigest()
        before = slot.entry
        if before is None or before.tag != tag:
            slot.entry = Entry(body, tag, self._clock.time())
            self._account(key, slot, len(body) - (len(before.body) if before else 0))
        assert slot.entry is not None  # noqa: S101 for mypy
        return slot.entry

    def _account(self, key: Hashable, slot: _Slot, more_bytes: int) -> None:
        with self._lock:
            if self._slots.get(key) is not slot:
                return  # forgotten meanwhile
            self._bytes += more_bytes
            while self._is_full() and len(self._slots) > 1:
                oldest = next(iter(self._slots))
                if oldest == key:
                    break
                gone = self._slots.pop(oldest)
                self._bytes -= len(gone.entry.body) if gone.entry else 0

    def _is_full(self) -> bool:
        return self._bytes > self._max_bytes or len(self._slots) > self._max_entries
