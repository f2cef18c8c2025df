# SPDX-License-Identifier: Apache-2.0
"""Hands verified messages to a handler, and acknowledges what is handled.

Owns what becomes of a message that cannot be taken: it is counted, and stops
nobody.
"""

from __future__ import annotations

import collections
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from energybase import clock as clocks
from energybase import messaging
from energybase import repeat
from kwapi import exception
from kwapi import measurement
from kwapi import signing
from kwapi.bus import batch as batches
from kwapi.bus import transport as transports

LOG = logging.getLogger(__name__)

_REQUEUE_SECONDS = 1.0
#: What a message of a content nobody thought of makes a handler raise.
_AT_FAULT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Subscription(NamedTuple):
    """Which messages a listener gets, and in batches of what size.

    :ivar pool: None only for the collector.
    :ivar batch_seconds: for how long messages are gathered.
    :ivar max_batch: so many messages at most.
    """

    topic: str = transports.EVENT_TYPE
    pool: str | None = None
    batch_seconds: float = 1.0
    max_batch: int = 200


EVERYTHING = Subscription()


class Listener:
    """Hands verified messages to a handler, in batches, one batch at a time.

    A batch is acknowledged when the handler returns.  A message that cannot
    be taken is counted and acknowledged: no frame stops the listener.
    """

    def __init__(
        self,
        transport: Any,
        verifier: signing.Verifier,
        handle: Callable[[batches.Batch], None],
        subscription: Subscription = EVERYTHING,
        *,
        clock: clocks.Clock | None = None,
    ) -> None:
        """Prepare.

        :param handle: returns when the effect of the batch is stored.
        """
        self._transport = transport
        self._subscription = subscription
        self._dispatcher = _Dispatcher(verifier, handle, clock or clocks.Clock())
        self._server: messaging.BatchServer | None = None
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to listen, as soon as the broker can be reached."""
        messaging.quiet_driver_log()
        self._thread.start()

    def set_verifier(self, verifier: signing.Verifier) -> None:
        """Verify by other keys from now on."""
        self._dispatcher.verifier = verifier

    def stop(self) -> None:
        """Stop listening and return when the batch under way is handled."""
        self._thread.join(repeat.STOP_SECONDS)
        if self._server is not None:
            self._server.stop()

    def _listen(self) -> None:
        server = messaging.BatchServer(
            self._transport,
            self._subscription.topic,
            transports.PRIORITY,
            self._dispatcher.dispatch,
            pool=self._subscription.pool,
            batch_size=self._subscription.max_batch,
            batch_timeout=self._subscription.batch_seconds,
        )
        server.start()
        self._server = server


class _Dispatcher:
    """Opens each message by itself."""

    def __init__(
        self,
        verifier: signing.Verifier,
        handle: Callable[[batches.Batch], None],
        clock: clocks.Clock,
    ) -> None:
        self.verifier = verifier
        self._handle, self._clock = handle, clock
        self._refusing: set[str] = set()

    def dispatch(self, incoming: Sequence[Any]) -> set[Any]:
        """Handle a batch; return the messages to be sent again, all or none."""
        messages: list[batches.Message] = []
        refusals: list[exception.MessageRefused] = []
        for raw in incoming:
            try:
                messages.append(self._open(raw.message))
            except exception.MessageRefused as exc:
                refusals.append(exc)
            except _AT_FAULT as exc:
                refusals.append(exception.MalformedMessage(reason=f"{type(exc).__name__}: {exc}"))
        for refusal in refusals:
            self._log_refusal(refusal)
        refused = collections.Counter(refusal.counter for refusal in refusals)
        try:
            self._handle_each(batches.Batch(messages, refused))
        except batches.Stopping:
            return set(incoming)
        except Exception:  # not the messages' fault: keep them, and give it time
            LOG.exception("Messages cannot be handled; they stay in the queue and are tried again")
            time.sleep(_REQUEUE_SECONDS)
            return set(incoming)
        return set()

    def _handle_each(self, batch: batches.Batch) -> None:
        """Handle a batch, and if one of its messages is at fault, all others."""
        try:
            self._handle(batch)
        except _AT_FAULT:
            if len(batch.messages) <= 1:
                LOG.exception("A message cannot be handled and is dropped")
                return
            for message in batch.messages:
                self._handle_each(batches.Batch([message], collections.Counter()))

    def _open(self, notification: Any) -> batches.Message:
        payload = notification.get("payload") if isinstance(notification, dict) else None
        envelope = self.verifier.open(payload, self._clock.time())
        return batches.Message(envelope, measurement.decode(envelope.body))

    def _log_refusal(self, exc: exception.MessageRefused) -> None:
        # Loudly once for each kind: a flood of garbage must not flood the log.
        level = logging.DEBUG if exc.counter in self._refusing else logging.WARNING
        LOG.log(level, "%s (further ones of this kind are counted and logged at debug level)", exc)
        self._refusing.add(exc.counter)
