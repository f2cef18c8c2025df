# SPDX-License-Identifier: Apache-2.0
"""Counts and stores every batch before it is acknowledged.

Owns the order of things: a batch is applied in memory, its effect handed to
whoever else wants it, stored in one transaction, and only then given back as
handled.  Whatever goes wrong in between, the state is read anew from the store
and the batch is applied again: what the store has taken already is known by
its sequence numbers.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from collections.abc import Mapping
from typing import Protocol

from energybase import clock as clocks
from energybase import outage
from energybase import repeat
from kwapi import exception
from kwapi import measurement
from kwapi.bus import batch as batches
from kwapi.collector import ledger
from kwapi.store import record
from kwapi.store import store as stores

LOG = logging.getLogger(__name__)

_TIDY_SECONDS = 10.0


class Sink(Protocol):
    """Who else wants what is counted, before it is stored.

    Whatever ends the process, what is not stored is counted again and handed
    over again: the same, since it is counted from the same records.
    """

    def begin(self, records: Mapping[str, record.Record]) -> None:
        """Go on from these records, as the store has them; forget what was not handed over.

        :param records: by probe id; they change with what is counted.
        """

    def counted(self, reading: measurement.Reading) -> None:
        """Take note of a reading that the records now contain."""

    def hand_over(self) -> None:
        """Return when all that was noted is where it belongs, however long it takes.

        :raises batches.Stopping: the process ends before it is.
        """


class Collector:
    """Counts the energy of all probes, one batch at a time."""

    def __init__(
        self,
        store: stores.Store,
        rules: ledger.Rules = ledger.Rules(),
        clock: clocks.Clock | None = None,
        sink: Sink | None = None,
    ) -> None:
        self._store, self._rules, self._clock = store, rules, clock or clocks.Clock()
        self._sink = sink
        self._outage = outage.Outage(
            LOG,
            "The store takes nothing, messages wait for it: %(reason)s",
            "The store takes records again after %(seconds).0f s",
            level=logging.ERROR,
            clock=self._clock,
        )
        self._ledger: ledger.Ledger | None = None
        self._lock = threading.Lock()
        self._tidier = repeat.Repeater(
            "tidier",
            self._tidy_in_turn,
            clocks.Backoff(_TIDY_SECONDS, _TIDY_SECONDS),
            clock=self._clock,
            first_seconds=_TIDY_SECONDS,
        )

    def start(self) -> None:
        """Begin to tidy up; what was counted before is read when first needed."""
        self._tidier.start()

    def reload(self) -> None:
        """Nothing to take up."""

    def stop(self) -> None:
        """End; a batch that waits for the store is given back."""
        self._tidier.stop()

    def handle(self, batch: batches.Batch) -> None:
        """Count what a batch measures; return when it is stored.

        :raises batches.Stopping: the process ends before the store is back.
        """
        self._change(lambda books: books.apply(batch, self._clock.time()))

    def tidy(self) -> None:
        """Take silent probes off the list, and forget senders too old to be heard of again."""
        self._change(lambda books: books.tidy(self._clock.time()))

    def _change(self, step: Callable[[ledger.Ledger], None]) -> None:
        """Apply a step and store its effect, again and again until it is stored."""
        backoff = clocks.Backoff(0.2, 10.0)
        with self._lock:
            while (failure := self._try(step)) is not None:
                if isinstance(failure, exception.StoreUnavailable):
                    self._outage.begin(failure.details.get("reason", failure))
                if self._clock.wait(self._tidier.stopping, backoff.next()):
                    raise batches.Stopping
        self._outage.end()

    def _try(self, step: Callable[[ledger.Ledger], None]) -> Exception | None:
        """Return None when it is stored, else why not."""
        books, self._ledger = self._ledger, None
        try:
            if books is None:
                books = self._load()
            step(books)
            changes = books.changes()
            if changes is not None:
                if self._sink is not None:
                    self._sink.hand_over()
                self._store.save(changes)
                books.stored()
        except (exception.ConcurrentUpdate, exception.StoreUnavailable) as exc:
            LOG.debug("Reading the state anew: %s", exc)
            return exc
        # Only now: after any other fault, too, memory may be ahead of the store.
        self._ledger = books
        return None

    def _load(self) -> ledger.Ledger:
        """Return the state as the store has it."""
        state, drivers, now = self._store.load(), self._store.list_drivers(), self._clock.time()
        if self._sink is None:
            return ledger.Ledger(state, self._rules, now, drivers)
        self._sink.begin(state.records)
        return ledger.Ledger(state, self._rules, now, drivers, self._sink.counted)

    def _tidy_in_turn(self) -> float:
        with contextlib.suppress(batches.Stopping):
            self.tidy()
        return _TIDY_SECONDS
