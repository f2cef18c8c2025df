# SPDX-License-Identifier: Apache-2.0
"""Publish what drivers measure, and listen to it, over oslo.messaging notifications.

Owns the transport, batching, and not losing anything while the broker is
away.  What a message means is :mod:`kwapi.measurement`'s, who may send one is
:mod:`kwapi.signing`'s.

Queues are durable and a message is acknowledged once whoever handles it is
done with it.  One consumer, the collector, listens without a pool; every
other must name a pool of its own, else it takes the collector's messages.
"""

from __future__ import annotations

import collections
import logging
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from oslo_config import cfg
from oslo_service import backend

# oslo.messaging loads oslo.service's default backend at import, and that is
# eventlet unless said before; other libraries try whether eventlet is there.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
backend.register_backend_default_hook(lambda: backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402 - see above
from oslo_messaging import dispatcher  # noqa: E402
from oslo_messaging import opts as messaging_opts  # noqa: E402
from oslo_messaging.notify import listener as notify_listener  # noqa: E402

from kwapi import clock as clocks  # noqa: E402
from kwapi import exception  # noqa: E402
from kwapi import measurement  # noqa: E402
from kwapi import signing  # noqa: E402

LOG = logging.getLogger(__name__)

EVENT_TYPE = "kwapi.measurements"
_PRIORITY = "info"
_STOP_SECONDS = 5.0
_REQUEUE_SECONDS = 1.0
#: What a message of a content nobody thought of makes a handler raise.
_AT_FAULT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Message(NamedTuple):
    """A verified and parsed message."""

    envelope: signing.Envelope
    body: measurement.Body


class Batch(NamedTuple):
    """Messages to be handled together.

    :ivar refused: how many were refused, by the reason's name.
    """

    messages: Sequence[Message]
    refused: collections.Counter[str]


class Stopping(Exception):
    """Raised by a handler that cannot finish before the process ends: the batch is sent again."""


def get_transport(conf: cfg.ConfigOpts, default_url: str = "rabbit://") -> Any:
    """Return the transport that the configuration names.

    Durable queues and a bounded prefetch are the default here, and may be
    set otherwise under [oslo_messaging_rabbit].

    :param default_url: where ``[DEFAULT] transport_url`` is not set.
    """
    for group, opts in messaging_opts.list_opts():
        conf.register_opts(opts, group=group)
    conf.set_default("transport_url", default_url)
    conf.set_default("amqp_durable_queues", True, "oslo_messaging_rabbit")
    conf.set_default("rabbit_qos_prefetch_count", conf.bus.prefetch, "oslo_messaging_rabbit")
    try:
        return oslo_messaging.get_notification_transport(conf)
    except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure):
        # Not from exc: it quotes the URL, password and all.
        kind = (conf.transport_url or default_url).partition(":")[0]
        reason = f"{kind} is no transport; a URL looks like rabbit://user:password@host:5672/"
        raise exception.ConfigurationInvalid(
            where="[DEFAULT] transport_url", reason=reason
        ) from None


def keys_of(conf: cfg.ConfigOpts) -> dict[str, bytes]:
    """Return the signing keys by id.

    :raises ConfigurationInvalid: there is none.
    """
    if not conf.bus.signing_keys:
        raise exception.ConfigurationInvalid(
            where="[bus] signing_keys",
            reason="no key is set; `kwapi-manage key generate` makes one",
        )
    return {key_id: key.encode() for key_id, key in conf.bus.signing_keys.items()}


def signing_key_of(conf: cfg.ConfigOpts) -> tuple[str, bytes]:
    """Return the key that signs what this process sends, after its id.

    :raises ConfigurationInvalid: no key, or it is not said which.
    """
    keys, key_id = keys_of(conf), conf.bus.signing_key_id
    if key_id is None and len(keys) == 1:
        key_id = next(iter(keys))
    if key_id not in keys:
        raise exception.ConfigurationInvalid(
            where="[bus] signing_key_id", reason=f"must be one of {', '.join(sorted(keys))}"
        )
    return key_id, keys[key_id]


def signer_of(conf: cfg.ConfigOpts) -> signing.Signer:
    """Return what signs as this run of this process.

    :raises ConfigurationInvalid: no key, or it is not said which.
    """
    return signing.Signer(*signing_key_of(conf), conf.bus.sender, uuid.uuid4().hex)


def verifier_of(conf: cfg.ConfigOpts) -> signing.Verifier:
    """Return what verifies by the configured keys.

    :raises ConfigurationInvalid: no key.
    """
    return signing.Verifier(
        keys_of(conf), conf.bus.max_message_age_seconds, conf.bus.max_clock_skew_seconds
    )


class Publisher:
    """Sends readings, a window's worth in one message, from a thread of its own.

    While the broker is away readings are kept, up to ``max_kept``
    measurements; then the oldest are dropped, and counted in what is sent.
    """

    def __init__(
        self,
        transport: Any,
        signer: signing.Signer,
        topic: str = EVENT_TYPE,
        *,
        clock: clocks.Clock | None = None,
        window_seconds: float = 0.2,
        max_measurements: int = 250,
        max_kept: int = 1_000_000,
    ) -> None:
        self._transport = transport
        self._target = oslo_messaging.Target(topic=f"{topic}.{_PRIORITY}")
        self.signer = signer
        self._clock = clock or clocks.Clock()
        self._window_seconds = window_seconds
        self._max_measurements, self._max_kept = max_measurements, max_kept
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
            while self._kept > self._max_kept and self._readings:
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
        quiet_driver_log()
        self._thread.start()

    def reload(self) -> None:
        """Nothing to take up."""

    def stop(self) -> None:
        """Send what is left, if the broker takes it within a few seconds."""
        self._stopping.set()
        self._wanted.set()
        self._thread.join(_STOP_SECONDS)
        with self._lock:
            if self._kept:
                LOG.error("%d measurements could not be sent and are lost", self._kept)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._clock.wait(self._stopping, self._window_seconds)
            self._wanted.clear()
            while body := self._take():
                self._send(body)
            if self._stopping.is_set():
                return

    def _take(self) -> measurement.Body | None:
        """Return what fits into one message; None when there is nothing."""
        with self._lock:
            readings: list[measurement.Reading] = []
            count = 0
            while self._readings and (
                not readings or count + len(self._readings[0].probes) <= self._max_measurements
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
        away_since: float | None = None
        while payload is not None and (fault := self._notify(payload)) is not None:
            if away_since is None:
                away_since = self._clock.monotonic()
                LOG.error("The broker takes no messages, keeping measurements: %s", fault)
            if self._stopping.is_set():
                return
            self._clock.wait(self._stopping, backoff.next())
        with self._lock:
            self._kept -= sum(len(reading.probes) for reading in body.readings)
        if away_since is not None:
            _once_per_outage.forget()
            LOG.info(
                "The broker takes messages again after %.0f s", self._clock.monotonic() - away_since
            )

    def _seal(self, body: measurement.Body) -> dict[str, Any] | None:
        """Return the message to send; None if a driver's reading is nothing that can be said."""
        try:
            return self.signer.seal(measurement.encode(body), self._clock.time())
        except (TypeError, ValueError):
            wattmeters = ", ".join(sorted({reading.wattmeter for reading in body.readings}))
            LOG.exception("A reading of one of %s cannot be sent, dropping them", wattmeters)
            return None

    def _notify(self, payload: dict[str, Any]) -> Exception | None:
        """Return None when the broker has it, else why not."""
        # Not oslo.messaging's Notifier: it logs and forgets what it cannot send.
        notification = {
            "message_id": uuid.uuid4().hex,
            "publisher_id": payload["sender"],
            "event_type": EVENT_TYPE,
            "priority": _PRIORITY.upper(),
            "payload": payload,
            "timestamp": str(payload["timestamp"]),
        }
        try:
            self._transport._send_notification(self._target, {}, notification, version=2.0, retry=0)
        except Exception as exc:  # any transport has errors of its own kind
            return exc
        return None


class Listener:
    """Hands verified messages to a handler, in batches, one batch at a time.

    A batch is acknowledged when the handler returns.  A message that cannot
    be taken is counted and acknowledged: no frame stops the listener.
    """

    def __init__(
        self,
        transport: Any,
        verifier: signing.Verifier,
        handle: Callable[[Batch], None],
        topic: str = EVENT_TYPE,
        *,
        clock: clocks.Clock | None = None,
        pool: str | None = None,
        batch_seconds: float = 1.0,
        max_batch: int = 200,
    ) -> None:
        """Prepare.

        :param handle: returns when the effect of the batch is stored.
        :param pool: None only for the collector.
        """
        self._transport = transport
        self._targets = [oslo_messaging.Target(topic=topic)]
        self._dispatcher = _Dispatcher(verifier, handle, clock or clocks.Clock())
        self._pool, self._batch_seconds, self._max_batch = pool, batch_seconds, max_batch
        self._server: Any = None
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to listen, as soon as the broker can be reached."""
        quiet_driver_log()
        self._thread.start()

    def set_verifier(self, verifier: signing.Verifier) -> None:
        """Verify by other keys from now on."""
        self._dispatcher.verifier = verifier

    def stop(self) -> None:
        """Stop listening and return when the batch under way is handled."""
        self._thread.join(_STOP_SECONDS)
        if self._server is not None:
            self._server.stop()
            self._server.wait()

    def _listen(self) -> None:
        server = _Server(
            self._transport,
            self._targets,
            self._dispatcher,
            allow_requeue=True,
            pool=self._pool,
            batch_size=self._max_batch,
            batch_timeout=self._batch_seconds,
        )
        # One worker: batches are handled in the order they came.
        server.start(override_pool_size=1)
        self._server = server


class _Server(notify_listener.BatchNotificationServer):  # type: ignore[misc]  # oslo has no types
    """Has messages that come a second time dispatched and acknowledged like any other."""

    def _create_listener(self) -> Any:
        listener = super()._create_listener()
        # oslo.messaging remembers the last 16 messages, and neither dispatches
        # nor acknowledges one of them that comes again after an outage: the
        # broker would hold it until the next one.  We know repeats ourselves.
        cache = getattr(getattr(listener, "_poll_style_listener", None), "msg_id_cache", None)
        if cache is not None:
            cache.prev_msgids = collections.deque(maxlen=0)
        return listener


class _Dispatcher(dispatcher.DispatcherBase):  # type: ignore[misc]  # oslo has no types
    """Opens each message by itself.

    Not oslo.messaging's own: there one malformed notification makes a whole
    batch fail.
    """

    supported_priorities = [_PRIORITY]

    def __init__(
        self, verifier: signing.Verifier, handle: Callable[[Batch], None], clock: clocks.Clock
    ) -> None:
        self.verifier = verifier
        self._handle, self._clock = handle, clock
        self._refusing: set[str] = set()

    def dispatch(self, incoming: Sequence[Any]) -> set[Any]:
        """Handle a batch; return the messages to be sent again, all or none."""
        messages: list[Message] = []
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
            self._handle_each(Batch(messages, refused))
        except Stopping:
            return set(incoming)
        except Exception:  # not the messages' fault: keep them, and give it time
            LOG.exception("Messages cannot be handled, they are asked for again")
            time.sleep(_REQUEUE_SECONDS)
            return set(incoming)
        return set()

    def _handle_each(self, batch: Batch) -> None:
        """Handle a batch, and if one of its messages is at fault, all others."""
        try:
            self._handle(batch)
        except _AT_FAULT:
            if len(batch.messages) <= 1:
                LOG.exception("A message cannot be handled and is dropped")
                return
            for message in batch.messages:
                self._handle_each(Batch([message], collections.Counter()))

    def _open(self, notification: Any) -> Message:
        payload = notification.get("payload") if isinstance(notification, dict) else None
        envelope = self.verifier.open(payload, self._clock.time())
        return Message(envelope, measurement.decode(envelope.body))

    def _log_refusal(self, exc: exception.MessageRefused) -> None:
        # Loudly once for each kind: a flood of garbage must not flood the log.
        level = logging.DEBUG if exc.counter in self._refusing else logging.WARNING
        LOG.log(level, "%s (further ones of this kind are counted and logged at debug level)", exc)
        self._refusing.add(exc.counter)


class _OncePerOutage(logging.Filter):
    """Lets the first complaint of each kind pass, until better news comes."""

    def __init__(self) -> None:
        super().__init__()
        self._made: set[tuple[str, int]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if "Reconnected" in str(record.msg):
            self.forget()
            return True
        if record.levelno < logging.INFO:
            return True
        # By where it is logged: the texts differ, and several take turns.
        kind = record.pathname, record.lineno
        repeated = kind in self._made
        self._made.add(kind)
        return not repeated

    def forget(self) -> None:
        """Let complaints pass again: the outage is over."""
        self._made.clear()


_once_per_outage = _OncePerOutage()


def quiet_driver_log() -> None:
    """Have oslo.messaging's drivers log an outage once, not at every try."""
    for package in ("oslo.messaging", "oslo_messaging"):  # oslo.log renames some loggers
        for module in ("impl_rabbit", "amqpdriver"):
            # Adding it a second time does nothing.
            logging.getLogger(f"{package}._drivers.{module}").addFilter(_once_per_outage)
