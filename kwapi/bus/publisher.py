# SPDX-License-Identifier: Apache-2.0
"""Sends readings as signed messages, and keeps them while the broker is away.

Owns the window within which readings travel together.
"""

from __future__ import annotations

import collections
import logging
import threading
import uuid
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from energybase import clock as clocks
from energybase import messaging
from energybase import outage
from energybase import repeat
from kwapi import measurement
from kwapi import signing
from kwapi.bus import transport as transports

LOG = logging.getLogger(__name__)


class Limits(NamedTuple):
    """How much travels together, and how much is kept.

    :ivar window_seconds: what is measured within it travels in one message.
    :ivar max_measurements: in one message.
    :ivar max_kept: so many measurements at most while the broker is away.
    """

    window_seconds: float = 0.2
    max_measurements: int = 250
    max_kept: int = 1_000_000


_LIMITS = Limits()


class Publisher:
    """Sends readings, a window's worth in one message, from a thread of its own.

    While the broker is away readings are kept, up to ``max_kept``
    measurements; then the oldest are dropped, and counted in what is sent.
    """

    def __init__(
        self,
        transport: Any,
        signer: signing.Signer,
        topic: str = transports.EVENT_TYPE,
        *,
        clock: clocks.Clock | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        self._transport = transport
        self._queue = f"{topic}.{transports.PRIORITY}"
        self.signer = signer
        self._clock = clock or clocks.Clock()
        self._limits = limits
        self._outage = outage.Outage(
            LOG,
            "The broker takes no messages, keeping measurements: %(reason)s",
            "The broker takes messages again after %(seconds).0f s",
            level=logging.ERROR,
            clock=self._clock,
        )
        self._readings: collections.deque[measurement.Reading] = collections.deque()
        self._statuses: dict[str, measurement.DriverStatus] | None = None
        self._kept = 0
        self._dropped = 0
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    @property
    def dropped(self) -> int:
        """Measurements dropped since the start, for want of room."""
        return self._dropped

    @property
    def kept(self) -> int:
        """Measurements not sent yet."""
        return self._kept

    def publish(self, reading: measurement.Reading) -> None:
        """Take a reading to send; never blocks."""
        with self._lock:
            self._readings.append(reading)
            self._kept += len(reading.probes)
            # What is on its way cannot be taken back.
            while self._kept > self._limits.max_kept and self._readings:
                lost = len(self._readings.popleft().probes)
                self._kept -= lost
                self._dropped += lost
        self._wanted.set()

    def report(self, statuses: Sequence[measurement.DriverStatus]) -> None:
        """Take the state of all drivers to send; replaces what was not sent yet."""
        with self._lock:
            self._statuses = {status.wattmeter: status for status in statuses}
        self._wanted.set()

    def start(self) -> None:
        """Begin to send."""
        messaging.quiet_driver_log()
        self._thread.start()

    def reload(self) -> None:
        """Nothing to take up."""

    def stop(self) -> None:
        """Send what is left, if the broker takes it within a few seconds."""
        self._stopping.set()
        self._wanted.set()
        self._thread.join(repeat.STOP_SECONDS)
        with self._lock:
            if self._kept:
                LOG.error("%d measurements could not be sent and are lost", self._kept)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._clock.wait(self._stopping, self._limits.window_seconds)
            self._wanted.clear()
            while body := self._take():
                self._send(body)
            if self._stopping.is_set():
                return

    def _take(self) -> measurement.Body | None:
        """Return what fits into one message; None when there is nothing."""
        with self._lock:
            readings: list[measurement.Reading] = []
            count, most = 0, self._limits.max_measurements
            while self._readings and (
                not readings or count + len(self._readings[0].probes) <= most
            ):
                readings.append(self._readings.popleft())
                count += len(readings[-1].probes)
            statuses, self._statuses = self._statuses, None
            if not readings and statuses is None:
                return None
            return measurement.Body(
                tuple(readings), tuple((statuses or {}).values()), self._dropped
            )

    def _send(self, body: measurement.Body) -> None:
        """Send one message, however long it takes, unless the process ends meanwhile."""
        payload = self._seal(body)
        backoff = clocks.Backoff(0.5, 10.0)
        while payload is not None and (fault := self._notify(payload)) is not None:
            self._outage.begin(fault)
            if self._stopping.is_set():
                return
            self._clock.wait(self._stopping, backoff.next())
        with self._lock:
            self._kept -= sum(len(reading.probes) for reading in body.readings)
        if self._outage.end():
            messaging.end_outage()

    def _seal(self, body: measurement.Body) -> dict[str, Any] | None:
        """Return the message to send; None if a driver's reading is nothing that can be said."""
        try:
            return self.signer.seal(measurement.encode(body), self._clock.time())
        except (TypeError, ValueError):
            wattmeters = ", ".join(sorted({reading.wattmeter for reading in body.readings}))
            LOG.exception("Readings of %s are dropped: a value cannot be sent", wattmeters)
            return None

    def _notify(self, payload: dict[str, Any]) -> Exception | None:
        """Return None when the broker has it, else why not."""
        notification = {
            "message_id": uuid.uuid4().hex,
            "publisher_id": payload["sender"],
            "event_type": transports.EVENT_TYPE,
            "priority": transports.PRIORITY.upper(),
            "payload": payload,
            "timestamp": str(payload["timestamp"]),
        }
        try:
            messaging.notify(self._transport, self._queue, notification)
        except Exception as exc:  # any transport has errors of its own kind
            return exc
        return None
