# SPDX-License-Identifier: Apache-2.0
"""Sends samples to Ceilometer's notification agent, and waits while it accepts none.

Owns that the broker confirms what is sent, how many messages may wait for
Ceilometer, and how it is told that none can be sent.  Nothing is kept here:
whoever delivers waits, and so does what comes after.
"""

from __future__ import annotations

import itertools
import logging
import threading
import uuid
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from energybase import clock as clocks
from energybase import messaging
from energybase import outage
from kwapi.bus import batch as batches
from kwapi.ceilometer import publisher_options as options
from kwapi.ceilometer import samples
from kwapi.ceilometer import transport as transports

LOG = logging.getLogger(__name__)

_AWAY, _FULL, _OTHER = "away", "full", "other"
#: What is told of each obstacle when it comes, and when it is gone.
_TOLD = {
    _AWAY: (
        "Ceilometer's broker takes no samples, measurements wait on the bus: %(reason)s",
        "Ceilometer's broker is back after %(seconds).0f s",
    ),
    _FULL: (
        "Ceilometer's notification agent is away or behind, measurements wait on the bus: "
        "%(reason)s",
        "Ceilometer's notification agent takes samples again after %(seconds).0f s",
    ),
    _OTHER: (
        "Ceilometer's exchange or queue has other properties than ours, measurements wait on the "
        "bus; [ceilometer] durable_queues must be what [oslo_messaging_rabbit] "
        "amqp_durable_queues is in ceilometer.conf, and is taken up at a start: %(reason)s",
        "Ceilometer's exchange and queue have our properties after %(seconds).0f s",
    ),
}
#: A connection may have been lost since it was last used, and only then show it.
_RETRIES = 1


_ADDRESS, _LIMITS = transports.Address(), options.Limits()


class Outlet:
    """Sends samples, each batch until the broker has confirmed it."""

    def __init__(
        self,
        transport: Any,
        address: transports.Address = _ADDRESS,
        limits: options.Limits = _LIMITS,
        clock: clocks.Clock | None = None,
    ) -> None:
        """Prepare.

        :param transport: what :func:`kwapi.ceilometer.transport.open_transport` returned.
        """
        self._transport, self._address, self.limits = transport, address, limits
        self._clock = clock or clocks.Clock()
        self._stopping = threading.Event()
        self._outages = _Outages(self._clock)
        self._dropped = _Dropped()
        self._room = 0
        self._is_full = False

    def start(self) -> None:
        """Nothing is needed before the first sample."""
        messaging.quiet_driver_log()

    def stop(self) -> None:
        """Wait no more for anybody."""
        self._stopping.set()
        self._dropped.tell()

    def reload(self) -> None:
        """Nothing of its own; ``limits`` may be set."""

    def deliver(self, wanted: Sequence[samples.Sample]) -> None:
        """Return when the broker has all samples but those that are too old by then.

        :raises batches.Stopping: the process ends before it takes them.
        """
        # Others fill the queue too.
        self._room = 0
        dropped_before = self._dropped.count
        chunks = iter(wanted)
        while chunk := list(itertools.islice(chunks, self.limits.max_samples)):
            self._deliver(chunk)
        if self._dropped.count == dropped_before:
            self._dropped.tell()

    def _deliver(self, chunk: list[samples.Sample]) -> None:
        backoff = clocks.Backoff(0.5, 10.0)
        while fresh := self._drop_old(chunk):
            obstacle = self._look() or self._send(fresh)
            self._outages.note(obstacle)
            if obstacle is None:
                return
            if self._clock.wait(self._stopping, backoff.next()):
                raise batches.Stopping

    def _drop_old(self, chunk: list[samples.Sample]) -> list[samples.Sample]:
        """Return those that are not too old; take note of the others, once."""
        oldest = self._clock.time() - self.limits.max_behind_seconds
        old = [sample for sample in chunk if sample.timestamp < oldest]
        if old:
            self._dropped.add(old)
            chunk[:] = [sample for sample in chunk if sample.timestamp >= oldest]
        return chunk

    def _look(self) -> _Obstacle | None:
        """Return why nothing may be sent now: Ceilometer has enough to do."""
        if self._room > 0:
            return None
        try:
            waiting = messaging.count_messages(self._transport, self._address.queue, _RETRIES)
        except Exception as exc:  # any transport has errors of its own kind
            return _obstacle_of(exc)
        most = self.limits.max_queued
        # Once it is full, not before it is half empty: else it would be told at each message.
        self._is_full = (waiting or 0) >= (most // 2 + 1 if self._is_full else most)
        if self._is_full:
            return _Obstacle(_FULL, f"{waiting} messages wait in {self._address.queue}")
        self._room = most - (waiting or 0)
        return None

    def _send(self, chunk: Iterable[samples.Sample]) -> _Obstacle | None:
        """Return None when the broker has them, else why not."""
        notification = {
            "message_id": uuid.uuid4().hex,
            "publisher_id": self._address.publisher_id,
            "event_type": self._address.event_type,
            "priority": transports.PRIORITY.upper(),
            "payload": {"samples": [samples.document(sample) for sample in chunk]},
            "timestamp": samples.to_iso(self._clock.time()),
        }
        try:
            address = self._address
            messaging.notify(
                self._transport,
                address.queue,
                notification,
                exchange=address.exchange,
                retry=_RETRIES,
            )
        except Exception as exc:  # any transport has errors of its own kind
            return _obstacle_of(exc)
        self._room -= 1
        return None


class _Obstacle(NamedTuple):
    """Why samples are not sent; ``kind`` is one of ``_TOLD``."""

    kind: str
    reason: str


class _Outages:
    """Tells of each kind of obstacle once when it comes and once when it is gone."""

    def __init__(self, clock: clocks.Clock) -> None:
        self._outages = {
            kind: outage.Outage(LOG, *texts, level=logging.ERROR, clock=clock)
            for kind, texts in _TOLD.items()
        }

    def note(self, obstacle: _Obstacle | None) -> None:
        """Note what is in the way now; None when nothing is."""
        kind = None if obstacle is None else obstacle.kind
        # Of a broker that is away nothing else is known.
        gone = [other for other in self._outages if kind != _AWAY and other != kind]
        for other in gone:
            if self._outages[other].end():
                messaging.end_outage()
        if obstacle is not None:
            self._outages[obstacle.kind].begin(obstacle.reason)


class _Dropped:
    """Samples that were too old to be sent, until they are told of.

    :ivar count: how many.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0
        self._resources: set[str] = set()
        self._times = (0.0, 0.0)

    def add(self, dropped: Sequence[samples.Sample]) -> None:
        times = [sample.timestamp for sample in dropped]
        with self._lock:
            known = self._times if self.count else ()
            self._times = min((*known, *times)), max((*known, *times))
            self.count += len(dropped)
            self._resources.update(sample.resource_id for sample in dropped)

    def tell(self) -> None:
        if not self.count:
            return
        with self._lock:
            count, resources = self.count, len(self._resources)
            first, last = map(samples.to_iso, self._times)
            self.count = 0
            self._resources.clear()
        LOG.error(
            "%d samples of %d resources between %s and %s were dropped: older than [ceilometer] "
            "max_behind_seconds when they could be sent; their energy is in later samples",
            count,
            resources,
            first,
            last,
        )


def _obstacle_of(exc: Exception) -> _Obstacle:
    """Return what an error of the transport means."""
    text = str(exc) or type(exc).__name__
    return _Obstacle(_OTHER if "PRECONDITION_FAILED" in text else _AWAY, text)
