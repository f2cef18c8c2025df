# SPDX-License-Identifier: Apache-2.0
"""Has every batch counted and stored before it is acknowledged.

Owns the order of things: a batch is applied in memory, stored in one
transaction, and only then given back as handled.  Whatever goes wrong in
between, the state is read anew from the store and the batch is applied again:
what the store has taken already is known by its sequence numbers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kwapi import clock as clocks
from kwapi import exception
from kwapi.bus import batch as batches
from kwapi.collector import ledger
from kwapi.collector import store as stores

LOG = logging.getLogger(__name__)

_TIDY_SECONDS = 10.0
_STOP_SECONDS = 5.0


class Collector:
    """Counts the energy of all probes, one batch at a time."""

    def __init__(
        self,
        store: stores.Store,
        rules: ledger.Rules = ledger.Rules(),
        clock: clocks.Clock | None = None,
    ) -> None:
        self._store, self._rules, self._clock = store, rules, clock or clocks.Clock()
        self._ledger: ledger.Ledger | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._tidier = threading.Thread(target=self._tidy_on, name="tidier", daemon=True)

    def start(self) -> None:
        """Begin to tidy up; what was counted before is read when first needed."""
        self._tidier.start()

    def reload(self) -> None:
        """Nothing to take up."""

    def stop(self) -> None:
        """End; a batch that waits for the store is given back."""
        self._stopping.set()
        self._tidier.join(_STOP_SECONDS)

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
        away_since: float | None = None
        with self._lock:
            while (failure := self._try(step)) is not None:
                if away_since is None and isinstance(failure, exception.StoreUnavailable):
                    away_since = self._clock.monotonic()
                    reason = failure.details.get("reason", failure)
                    LOG.error("The store takes nothing, messages wait for it: %s", reason)
                if self._clock.wait(self._stopping, backoff.next()):
                    raise batches.Stopping
        if away_since is not None:
            seconds = self._clock.monotonic() - away_since
            LOG.info("The store takes records again after %.0f s", seconds)

    def _try(self, step: Callable[[ledger.Ledger], None]) -> Exception | None:
        """Return None when it is stored, else why not."""
        books, self._ledger = self._ledger, None
        try:
            if books is None:
                books = ledger.Ledger(
                    self._store.load(),
                    self._rules,
                    self._clock.time(),
                    self._store.list_drivers(),
                )
            step(books)
            changes = books.changes()
            if changes is not None:
                self._store.save(changes)
                books.stored()
        except (exception.ConcurrentUpdate, exception.StoreUnavailable) as exc:
            LOG.debug("Reading the state anew: %s", exc)
            return exc
        # Only now: after any other fault, too, memory may be ahead of the store.
        self._ledger = books
        return None

    def _tidy_on(self) -> None:
        while not self._clock.wait(self._stopping, _TIDY_SECONDS):
            try:
                self.tidy()
            except batches.Stopping:
                return
            except Exception:  # tidying must outlive whatever it meets
                LOG.exception("Tidying up failed; going on")
