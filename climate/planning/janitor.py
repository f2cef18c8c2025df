# SPDX-License-Identifier: Apache-2.0
"""What happens to leases without anybody asking: they start, end, expire, are told of, forgotten.

Owns when it is looked for, and that nothing stops it.  It may run in every
copy of the service: what is due is taken by one of them, in one transaction.

Telling has a thread of its own: leases start and end while the broker is away.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from climate import exception
from climate.planning import events
from climate.planning import store as stores
from energybase import clock as clocks
from energybase import exception as floor
from energybase import messaging
from energybase import outage

LOG = logging.getLogger(__name__)

_STOP_SECONDS = 5.0
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
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(step,), name=name, daemon=True)
            for name, step in (("janitor", self.tend), ("events", self.tell))
        ]

    def start(self) -> None:
        """Begin with what was missed."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what is not done by then, another copy or the next run does."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_STOP_SECONDS)

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
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            event = self._store.claim_event(int(self._clock.time()), _CLAIM_SECONDS)
            if event is None:
                return True
            try:
                self._sender.send(event)
            except exception.ServiceUnavailable as exc:
                fault = exc.details["reason"]
            else:
                self._end_broker_outage()
                self._store.forget_event(event.id)
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

    def _repeat(self, step: Callable[[], bool]) -> None:
        backoff = clocks.Backoff(self._tick_seconds, _MOST_WAIT_SECONDS)
        seconds = 0.0
        while not self._clock.wait(self._stopping, seconds):
            if self._try(step):
                backoff.reset()
                seconds = self._tick_seconds
            else:
                seconds = backoff.next()

    def _try(self, step: Callable[[], bool]) -> bool:
        """Return whether to go on as usual."""
        began = self._clock.monotonic()
        try:
            went_well = step()
        except floor.StoreUnavailable as exc:
            fault = exc.details.get("reason", exc)
        except Exception:  # both threads outlive whatever they meet
            LOG.exception("Looking after leases failed; going on")
            return False
        else:
            self._database.end()
            return went_well
        self._database.begin(fault, began)
        return False


def _outage_of(what: str, clock: clocks.Clock) -> outage.Outage:
    return outage.Outage(
        LOG,
        f"{what} is away, leases wait for it: %(reason)s",
        f"{what} is back after %(seconds).0f s",
        level=logging.ERROR,
        clock=clock,
    )
