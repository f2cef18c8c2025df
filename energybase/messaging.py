# SPDX-License-Identifier: Apache-2.0
"""Sets up oslo.messaging for every service: threads, a clear error, a quiet log.

Owns what a broker's URL may be, how an outage of it is told, and all that we use
of oslo.messaging beyond its public interface; a test fails when a release
changes it.  What travels is the affair of whoever sends it.
"""

from __future__ import annotations

import collections
import contextlib
import importlib
import logging
import warnings
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from kombu import exceptions as kombu_exceptions
from oslo_config import cfg
from oslo_service import backend

from energybase import exception

# Before oslo.messaging is imported: that loads oslo.service's default backend,
# and it is eventlet unless said before; other libraries try whether eventlet
# is there.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
backend.register_backend_default_hook(lambda: backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402
from oslo_messaging import dispatcher  # noqa: E402
from oslo_messaging import opts as messaging_opts  # noqa: E402
from oslo_messaging._drivers import common as drivers  # noqa: E402
from oslo_messaging.notify import listener as notify_listener  # noqa: E402

#: What oslo.messaging lets through when it wants one more connection, and gets none.
NO_CONNECTION = (kombu_exceptions.OperationalError, OSError)
#: AMQP's code of that name.
_NOT_FOUND = 404


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register oslo.messaging's options."""
    for group, opts in messaging_opts.list_opts():
        conf.register_opts(opts, group=group)


def register_opts_of_calls(conf: cfg.ConfigOpts) -> None:
    """Register what every call reads, but oslo.messaging registers on the global CONF alone."""
    for name in ("metrics", "tracing"):
        # Older releases lack one or both.
        with contextlib.suppress(ImportError):
            module = importlib.import_module(f"oslo_messaging._{name}.client")
            group = f"oslo_messaging_{name}"
            conf.register_opts(getattr(module, group), group=group)


def open_notifications(conf: cfg.ConfigOpts, default_url: str) -> Any:
    """Return the transport of notifications that the configuration names.

    :raises ConfigurationInvalid: there is no such transport.
    """
    return open_transport(oslo_messaging.get_notification_transport, conf, default_url)


def open_transport(
    get_transport: Callable[[cfg.ConfigOpts], Any], conf: cfg.ConfigOpts, default_url: str
) -> Any:
    """Return the transport that the configuration names; connects to nothing yet.

    :param get_transport: oslo.messaging's, for notifications or for RPC.
    :param default_url: where ``[DEFAULT] transport_url`` is not set.
    :raises ConfigurationInvalid: there is no such transport.
    """
    conf.set_default("transport_url", default_url)
    try:
        return get_transport(conf)
    except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure):
        # Not from exc: it quotes the URL, password and all.
        kind = (conf.transport_url or default_url).partition(":")[0]
        reason = f"{kind} is no transport; a URL looks like rabbit://user:password@host:5672/"
        raise exception.ConfigurationInvalid(
            where="[DEFAULT] transport_url", reason=reason
        ) from None


def notify(
    transport: Any,
    queue: str,
    notification: dict[str, Any],
    *,
    exchange: str | None = None,
    retry: int = 0,
) -> None:
    """Send a notification as it is; return when the broker has confirmed it.

    :param queue: where it goes, such as ``topic.info``; made if it is not there.
    :param exchange: None is that of the configuration.
    :param retry: how many more tries there are.
    :raises Exception: it is not sent; any transport has errors of its own kind.
    """
    # Not oslo.messaging's Notifier: it logs and forgets what it cannot send, and
    # gives each message an id of its own.
    target = oslo_messaging.Target(exchange=exchange, topic=queue)
    transport._send_notification(target, {}, notification, version=2.0, retry=retry)


def count_messages(transport: Any, queue: str, retry: int) -> int | None:
    """Return how many messages wait in a queue; None where the transport cannot tell.

    :raises Exception: it does not answer; any transport has errors of its own kind.
    """
    connect = getattr(transport._driver, "_get_connection", None)
    if connect is None:
        return None
    found: list[int] = []
    with connect(drivers.PURPOSE_SEND, retry=retry) as pooled, pooled._connection_lock:
        pooled.ensure(lambda: found.append(_count(pooled.connection.connection, queue)), retry)
    return found[-1]


def _count(link: Any, queue: str) -> int:
    """Return how many messages wait in a queue, by AMQP; 0 if there is none yet."""
    # The broker closes the channel of whoever asks for what is not there: one of its own.
    channel = link.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except link.channel_errors as exc:
        if exc.code != _NOT_FOUND:
            raise
        return 0
    finally:
        link.maybe_close_channel(channel)


def make_reply_queue(transport: Any) -> None:
    """Make the queue in which answers to calls arrive, however long the broker is away.

    oslo.messaging makes it in the first call, and tries for ever, whatever the
    call's timeout.
    """
    # A transport without a broker has none.
    getattr(transport._driver, "_get_reply_q", lambda: None)()


class BatchServer:
    """Hands notifications to a function, in batches, in the order they came."""

    def __init__(
        self,
        transport: Any,
        topic: str,
        priority: str,
        dispatch: Callable[[Sequence[Any]], set[Any]],
        **how: Any,
    ) -> None:
        """Prepare; connects to nothing yet.

        :param dispatch: takes messages, each with its notification as ``message``,
            and returns those that are to be sent again; all others are acknowledged.
        :param how: ``pool``, ``batch_size`` and ``batch_timeout`` of oslo.messaging's
            own listener.
        """
        self._server = _Server(
            transport,
            [oslo_messaging.Target(topic=topic)],
            _Dispatcher(priority, dispatch),
            allow_requeue=True,
            **how,
        )

    def start(self) -> None:
        """Listen; return when connected, however long the broker is away."""
        # One worker: batches are handled in the order they came.
        self._server.start(override_pool_size=1)

    def stop(self) -> None:
        """End; return when the batch under way is handled."""
        self._server.stop()
        self._server.wait()


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
    """Passes batches on.

    Not oslo.messaging's own: there one malformed notification makes a whole
    batch fail.
    """

    def __init__(self, priority: str, dispatch: Callable[[Sequence[Any]], set[Any]]) -> None:
        self.supported_priorities = [priority]
        self._dispatch = dispatch

    def dispatch(self, incoming: Sequence[Any]) -> set[Any]:
        return self._dispatch(incoming)


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


def end_outage() -> None:
    """Let oslo.messaging complain again: the broker is back."""
    _once_per_outage.forget()
