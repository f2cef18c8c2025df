# SPDX-License-Identifier: Apache-2.0
"""Periodic work on leases: start, end, expire, notify, purge.

Owns when it is done, and that no error ends it.  It may run in every copy of the
service: one of them does what is due, in one transaction.

Notifications have a thread of their own: leases start and end while the broker is
away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from climate import exception
from climate.planning import events
from climate.planning import outbox
from climate.planning import store as stores
from energybase import clock as clocks
from energybase import exception as floor
from energybase import messaging
from energybase import outage
from energybase import repeat

LOG = logging.getLogger(__name__)

_MOST_WAIT_SECONDS = 30.0
_FORGET_SECONDS = 3600.0
_DAY_SECONDS = 86_400
#: How long nobody else sends an event that one copy has begun to send; if that
#: one is killed meanwhile, others wait for so long.
_CLAIM_SECONDS = 30


class Janitor:
    """Looks after leases, from threads of its own.

    :param tick_seconds: how often.
    :param keep_ended_days: for how long leases that are over are kept.
    """

    def __init__(
        self,
        store: stores.Store,
        sender: events.Sender,
        clock: clocks.Clock,
        *,
        tick_seconds: float,
        keep_ended_days: int,
    ) -> None:
        self._store, self._sender, self._clock = store, sender, clock
        self._tick_seconds, self.keep_ended_days = tick_seconds, keep_ended_days
        self._forget_at = clock.monotonic()
        self._database = _outage_of("The database", clock)
        self._broker = _outage_of("The broker", clock)
        self._tending = self._repeat("janitor", self.tend)
        self._telling = self._repeat("events", self.tell)

    def start(self) -> None:
        """Begin with what was missed."""
        self._tending.start()
        self._telling.start()

    def stop(self) -> None:
        """End; what is not done by then, another copy or the next run does."""
        self._telling.begin_stop()
        self._tending.stop()
        self._telling.stop()

    def reload(self) -> None:
        """Nothing to take up."""

    def tend(self) -> bool:
        """Have leases expire, start, end and be forgotten; return whether to go on as usual.

        :raises StoreUnavailable: the database is away.
        """
        now = int(self._clock.time())
        done = {
            "expired": self._store.expire(now),
            # In this order: what was missed from its start to its end does both.
            "started": self._store.start_due(now),
            "ended": self._store.end_due(now),
            "forgotten": self._forget(now),
        }
        told = ", ".join(f"{number} {what}" for what, number in done.items() if number)
        if told:
            LOG.info("Leases: %s", told)
        return True

    def tell(self) -> bool:
        """Send what happened; return whether to go on as usual.

        :raises StoreUnavailable: the database is away.
        """
        while not self._telling.stopping.is_set():
            began = self._clock.monotonic()
            event = self._store.write(outbox.claim, int(self._clock.time()), _CLAIM_SECONDS)
            if event is None:
                return True
            try:
                self._sender.send(event)
            except exception.ServiceUnavailable as exc:
                fault = exc.details["reason"]
            else:
                self._end_broker_outage()
                self._store.write(outbox.remove, event.id)
                continue
            self._broker.begin(fault, began)
            return False
        return True

    def _forget(self, now: int) -> int:
        if self._clock.monotonic() < self._forget_at:
            return 0
        forgotten = self._store.forget(now - self.keep_ended_days * _DAY_SECONDS)
        self._forget_at = self._clock.monotonic() + _FORGET_SECONDS
        return forgotten

    def _end_broker_outage(self) -> None:
        if self._broker.end():
            messaging.end_outage()

    def _repeat(self, name: str, step: Callable[[], bool]) -> repeat.Repeater:
        """Return a thread that repeats a step at every tick, later while it goes badly."""
        retry = clocks.Backoff(self._tick_seconds, _MOST_WAIT_SECONDS)
        return repeat.Repeater(name, lambda: self._try(step), retry, clock=self._clock)

    def _try(self, step: Callable[[], bool]) -> float | None:
        """Take a step; return the seconds until the next tick, None if it went badly."""
        began = self._clock.monotonic()
        try:
            went_well = step()
        except floor.StoreUnavailable as exc:
            self._database.begin(exc.details.get("reason", exc), began)
            return None
        self._database.end()
        return self._tick_seconds if went_well else None


def _outage_of(what: str, clock: clocks.Clock) -> outage.Outage:
    return outage.Outage(
        LOG,
        f"{what} is away, leases wait for it: %(reason)s",
        f"{what} is back after %(seconds).0f s",
        level=logging.ERROR,
        clock=clock,
    )
