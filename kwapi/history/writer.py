# SPDX-License-Identifier: Apache-2.0
"""Writes every batch into the files before it is acknowledged, and the index of probes.

Owns the order of things, the index, and when files of silent probes go.  What
comes twice is skipped by the store, so a batch may be given back at any moment.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from energybase import clock as clocks
from energybase import exception
from energybase import outage
from energybase import repeat
from kwapi import measurement
from kwapi.bus import batch as batches
from kwapi.history import index as indexes
from kwapi.history import store as stores

LOG = logging.getLogger(__name__)

_DAY_SECONDS = 86_400
#: How often pages are told what is new; they look every few seconds.
_INDEX_SECONDS = 2.0
_TIDY_SECONDS = 3600.0


class Rules(NamedTuple):
    """What is written, and for how long it is kept.

    :ivar max_skew_seconds: nothing is measured further in the future.
    :ivar max_age_seconds: nor longer ago.
    :ivar max_watts: more than this no probe measures.
    :ivar keep_days: what was not written to for so long is removed; 0 keeps all.
    """

    max_skew_seconds: float = 300.0
    max_age_seconds: float = 14 * 86400.0
    max_watts: float = measurement.MAX_WATTS
    keep_days: int = 400


DEFAULT_RULES = Rules()


class Writer:
    """Writes what is heard, one batch at a time; a component."""

    def __init__(
        self,
        store: stores.Store,
        directory: Path,
        rules: Rules = DEFAULT_RULES,
        clock: clocks.Clock | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        :param directory: the store's.
        """
        self._store, self._directory, self._rules = store, directory, rules
        self._clock = clock or clocks.Clock()
        self._outage = outage.Outage(
            LOG,
            "The graphs' files cannot be written, messages wait: %(reason)s",
            "The graphs' files are written again after %(seconds).0f s",
            level=logging.ERROR,
            clock=self._clock,
        )
        self._index = indexes.Index(directory)
        self._states: dict[str, indexes.ProbeState] | None = None
        self._is_told, self._told_at = True, -math.inf
        self._tidied_at = -math.inf
        self._lock, self._telling = threading.Lock(), threading.Lock()
        self._teller = repeat.Repeater(
            "teller",
            self._take_turn,
            clocks.Backoff(_INDEX_SECONDS, _INDEX_SECONDS),
            clock=self._clock,
            first_seconds=_INDEX_SECONDS,
        )

    def start(self) -> None:
        """Begin to tell pages what is new, and to tidy up."""
        self._teller.start()

    def reload(self) -> None:
        """Nothing to take up."""

    def stop(self) -> None:
        """Begin to end: a batch that waits for the files is given back."""
        self._teller.stop()

    def close(self) -> None:
        """End, after the last batch: let others write."""
        self.tell()
        with self._lock:
            self._store.close()

    def handle(self, batch: batches.Batch) -> None:
        """Write what a batch measures; return when it is written.

        :raises batches.Stopping: the process ends before it can be.
        """
        now = self._clock.time()
        oldest, latest = now - self._rules.max_age_seconds, now + self._rules.max_skew_seconds
        readings = [
            reading
            for message in batch.messages
            for reading in message.body.readings
            if oldest <= reading.timestamp <= latest
        ]
        self._write(readings)
        with self._lock:
            self._note(readings)
        # What was noted later than that, the teller tells.
        if self._clock.monotonic() - self._told_at >= _INDEX_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Write the index, if anything is new."""
        with self._telling:
            with self._lock:
                if self._is_told or self._states is None:
                    return
                states, self._is_told = list(self._states.values()), True
            self._told_at = self._clock.monotonic()
            try:
                self._index.write(states, self._clock.time())
            except OSError as exc:
                # Not told as an outage of its own: the files have the same.
                LOG.debug("The index cannot be written: %s", exc)
                self._is_told = False

    def tidy(self) -> None:
        """Remove what was not written to for long, and take what is gone off the index.

        :raises StoreUnavailable: the directory cannot be changed.
        """
        before = self._clock.time() - self._rules.keep_days * _DAY_SECONDS
        with self._lock:
            if self._rules.keep_days:
                self._store.remove(before)
            states = self._get_states()
            gone = [probe_id for probe_id in states if not self._has_file(probe_id)]
            for probe_id in gone:
                del states[probe_id]
            self._is_told = self._is_told and not gone

    def _write(self, readings: Sequence[measurement.Reading]) -> None:
        """Write, again and again until it is written."""
        backoff = clocks.Backoff(0.2, 10.0)
        while (fault := self._try(readings)) is not None:
            self._outage.begin(fault)
            if self._clock.wait(self._teller.stopping, backoff.next()):
                raise batches.Stopping
        self._outage.end()

    def _try(self, readings: Sequence[measurement.Reading]) -> object:
        """Return None when it is written, else why not."""
        try:
            with self._lock:
                self._store.update(readings)
        except exception.StoreUnavailable as exc:
            return exc.details["reason"]
        return None

    def _note(self, readings: Iterable[measurement.Reading]) -> None:
        """Keep what each probe said last."""
        states, has, max_watts = self._get_states(), self._store.has, self._rules.max_watts
        for reading in readings:
            wattmeter, timestamp = reading.wattmeter, reading.timestamp
            for probe_id, watts in zip(reading.probes, reading.watts):
                known = states.get(probe_id)
                is_new = known is None or known.timestamp < timestamp
                if is_new and 0.0 <= watts <= max_watts and has(probe_id):
                    states[probe_id] = indexes.ProbeState(
                        probe_id,
                        timestamp,
                        watts,
                        wattmeter=wattmeter,
                        period_seconds=reading.period_seconds,
                    )
                    self._is_told = False

    def _get_states(self) -> dict[str, indexes.ProbeState]:
        """Return what is known, also from before this process."""
        if self._states is None:
            self._states = dict(self._index.read())
        return self._states

    def _has_file(self, probe_id: str) -> bool:
        return os.path.lexists(stores.path_of(self._directory, probe_id))

    def _take_turn(self) -> float:
        """Tidy up if it is time, tell what is new; return the seconds until the next turn."""
        now = self._clock.monotonic()
        if now - self._tidied_at >= _TIDY_SECONDS:
            self._tidied_at = now
            try:
                self.tidy()
            except exception.StoreUnavailable as exc:
                reason = exc.details["reason"]
                LOG.warning("Old files of %s are not removed: %s", self._directory, reason)
        self.tell()
        return _INDEX_SECONDS
