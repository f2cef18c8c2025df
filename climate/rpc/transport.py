# SPDX-License-Identifier: Apache-2.0
"""RPC between Climate's services: a server, a client, and the errors that cross.

Owns all of oslo.messaging's RPC.  What crosses it are values that JSON knows,
the request context, and the exceptions of :mod:`climate.exception`.

Client and server may be of different releases:

- A server passes over arguments that it does not know.  A call whose new
  argument must not be passed over needs a higher minor version: see
  :meth:`Client.call`.
- A server of an older minor version refuses that call with ServiceOutdated,
  which names both versions; it has done nothing.
- An exception crosses under the name of its module; see ``_SENT_AS``.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_context import context

from climate import exception
from climate.rpc import arguments
from energybase import exception as floor
from energybase import messaging
from energybase import repeat

LOG = logging.getLogger(__name__)

#: The version that a call needs unless it says another one.
FIRST = "1.0"
#: Whose exceptions are raised again where the call came from.
_OURS = ["climate.exception", "energybase.exception", "kwapi.exception"]
#: The floor's exceptions were Kwapi's one release ago, and a client of that release takes
#: them under that name alone.  The next release may send them under their own.
_SENT_AS = {"energybase.exception": "kwapi.exception"}
#: By this end of both names oslo.messaging knows an exception to be sent under another name.
_REMOTE = "_Remote"
#: How long a first call waits for a connection, if its own timeout is no shorter.
_CONNECT_SECONDS = 5.0
#: One more try: a connection may be one to the broker before its restart.
_SEND_RETRIES = 1
_BROKER_AWAY = "the broker is away"


def get_transport(conf: cfg.ConfigOpts, default_url: str = "rabbit://") -> Any:
    """Return the transport that the configuration names; connects to nothing yet.

    Durable queues are the default here, as they are Kwapi's: all who use an
    exchange must agree, and notifications of leases outlive the broker.

    :raises ConfigurationInvalid: there is no such transport.
    """
    messaging.register_opts(conf)
    messaging.register_opts_of_calls(conf)
    conf.set_default("amqp_durable_queues", True, "oslo_messaging_rabbit")
    messaging.quiet_driver_log()
    return messaging.open_transport(_get_rpc_transport, conf, default_url)


def _get_rpc_transport(conf: cfg.ConfigOpts) -> Any:
    return oslo_messaging.get_rpc_transport(conf, allowed_remote_exmods=_OURS)


class Server:
    """Answers calls from threads of its own; a component of a process.

    :param endpoint: its public methods may be called; each takes the request
        context, an ``oslo_context.context.RequestContext``, first.
    """

    def __init__(self, transport: Any, topic: str, server: str, endpoint: Any) -> None:
        target = oslo_messaging.Target(topic=topic, server=server)
        self._server = oslo_messaging.get_rpc_server(
            transport, target, [endpoint], executor="threading", serializer=_Serializer()
        )
        service, version = topic.replace(".", "-"), endpoint.target.version
        self._server.dispatcher = _Dispatcher(self._server.dispatcher, service, version)
        self._thread = threading.Thread(target=self._server.start, name="rpc", daemon=True)

    def start(self) -> None:
        """Answer as soon as the broker can be reached."""
        # In a thread: oslo.messaging returns when it is connected, however long that takes.
        self._thread.start()

    def stop(self) -> None:
        """Finish what was asked."""
        self._thread.join(repeat.STOP_SECONDS)
        # Else it waits for the broker still, and would have us wait too.
        if not self._thread.is_alive():
            self._server.stop()
            self._server.wait()

    def reload(self) -> None:
        """Nothing of it can change."""


class _Dispatcher:
    """Answers so that clients of other releases understand.

    One that wants more than there is is told what there is; oslo.messaging does not.
    """

    def __init__(self, dispatcher: Any, service: str, offered: str) -> None:
        self._dispatcher, self._service, self._offered = dispatcher, service, offered
        expected_of = oslo_messaging.expected_exceptions(exception.ServiceOutdated)
        #: What oslo.messaging's server calls.
        self.dispatch = expected_of(self._dispatch)

    def _dispatch(self, incoming: Any) -> Any:
        try:
            return self._dispatcher.dispatch(incoming)
        except oslo_messaging.UnsupportedVersion as exc:
            wanted = exc.version
        except oslo_messaging.ExpectedException as exc:
            _rename(exc.exc_info[1])
            raise
        raise exception.ServiceOutdated(service=self._service, found=self._offered, wanted=wanted)


class Client:
    """Calls one service.

    :param version: the lowest that has all calls, but for those that need a higher one.
    :param service: its name, for errors.
    """

    def __init__(
        self, transport: Any, topic: str, version: str, service: str, timeout_seconds: float
    ) -> None:
        target = oslo_messaging.Target(topic=topic, version=version)
        self._client = oslo_messaging.get_rpc_client(
            transport,
            target,
            timeout=timeout_seconds,
            retry=_SEND_RETRIES,
            serializer=_Serializer(),
            # Told at once if there is nobody to take it.
            transport_options=oslo_messaging.TransportOptions(at_least_once=True),
        )
        self._service, self._version = service, version
        self._replies = _ReplyQueue(transport)
        self._connect_seconds = min(timeout_seconds, _CONNECT_SECONDS)

    def call(
        self,
        who: context.RequestContext,
        method: str,
        /,
        *,
        needs_version: str | None = None,
        **arguments: Any,
    ) -> Any:
        """Return what the service answers.

        :param needs_version: of a method, or of an argument that must not be passed over,
            that came later than the client's version.
        :raises ServiceOutdated: the service is of a release without that version.
        :raises ServiceUnavailable: it does not, or the broker is away.
        :raises EnergyException: what the service raised, if it is one of ours.
        """
        if not self._replies.wait(self._connect_seconds):
            raise self._unavailable(_BROKER_AWAY)
        try:
            return self._prepare(needs_version).call(who, method, **arguments)
        except floor.EnergyException as exc:
            failure: Exception = _restore(exc)
        except oslo_messaging.MessagingTimeout:
            failure = self._unavailable("no answer in time")
        except oslo_messaging.MessageUndeliverable:
            failure = self._unavailable("it was never started")
        except (oslo_messaging.MessageDeliveryFailure, *messaging.NO_CONNECTION):
            failure = self._unavailable(_BROKER_AWAY)
        except oslo_messaging.RemoteError as exc:
            failure = self._translate(exc, method, needs_version)
        except oslo_messaging.MessagingException as exc:
            # Its text may hold a trace of the other side: for the log.
            LOG.error("%s failed at %s: %s", self._service, method, exc)
            failure = self._unavailable(type(exc).__name__)
        # Out of the handlers: what is told is ours alone.
        raise failure

    def _prepare(self, version: str | None) -> Any:
        return self._client if version is None else self._client.prepare(version=version)

    def _translate(
        self, exc: Any, method: str, needs_version: str | None
    ) -> exception.ServiceUnavailable:
        """Return the error for what the service raised, and what is none of ours."""
        if exc.exc_type == oslo_messaging.UnsupportedVersion.__name__:
            # A service of before 1.1 names no version of its own.
            wanted = needs_version or self._version
            return exception.ServiceOutdated(service=self._service, found="1.0", wanted=wanted)
        # Its text may hold a trace of the other side: for the log.
        LOG.error("%s failed at %s: %s", self._service, method, exc)
        return self._unavailable(f"it failed with {exc.exc_type}")

    def _unavailable(self, reason: str) -> exception.ServiceUnavailable:
        return exception.ServiceUnavailable(service=self._service, reason=reason)


class _ReplyQueue:
    """Where answers arrive, made in the background.

    oslo.messaging makes it in the first call, and tries for ever, whatever the
    call's timeout: a caller told 503 long ago would have its request carried
    out when the broker is back.
    """

    def __init__(self, transport: Any) -> None:
        make = functools.partial(messaging.make_reply_queue, transport)
        self._thread = threading.Thread(target=make, name="replies", daemon=True)
        self._lock = threading.Lock()
        self._started = False

    def wait(self, seconds: float) -> bool:
        """Return whether it is there, or will be in so many seconds."""
        with self._lock:
            if not self._started:
                self._thread.start()
                self._started = True
        self._thread.join(seconds)
        return not self._thread.is_alive()


def notify(transport: Any, topic: str, notification: dict[str, Any]) -> None:
    """Send a notification, whole as it is; return when the broker has it.

    :param topic: it goes to this queue, which is made if it is not there.
    :raises ServiceUnavailable: the broker does not take it.
    """
    try:
        messaging.notify(transport, topic, notification)
    except Exception as exc:  # any transport has errors of its own kind
        reason = f"{type(exc).__name__}: {exc}"
    else:
        return
    raise exception.ServiceUnavailable(service="The broker", reason=reason)


def endpoint_target(version: str) -> Any:
    """Return the ``target`` of an endpoint: which version of its methods these are."""
    return oslo_messaging.Target(version=version)


def expected(method: Any) -> Any:
    """Decorate a method of an endpoint, which takes the request context first.

    Arguments that it does not know are passed over, one that it misses is the
    caller's mistake; what is raised on purpose is no fault to be logged.
    """

    @functools.wraps(method)
    def answer(endpoint: Any, who: context.RequestContext, /, *values: Any, **named: Any) -> Any:
        return arguments.call(method, endpoint, who, *values, **named)

    return oslo_messaging.expected_exceptions(floor.EnergyException)(answer)


def _rename(exc: floor.EnergyException) -> None:
    """Have an exception cross under a name that a client of the release before knows."""
    kind = type(exc)
    module = _SENT_AS.get(kind.__module__)
    if module is not None:
        members = {"__module__": module + _REMOTE}
        exc.__class__ = type(kind.__name__ + _REMOTE, (kind,), members)


class _Serializer(oslo_messaging.JsonPayloadSerializer):  # type: ignore[misc]  # comes without types
    """Arguments as JSON; the request context as its dictionary."""

    def serialize_context(self, ctxt: context.RequestContext) -> dict[str, Any]:
        who: dict[str, Any] = ctxt.to_dict()
        # Nobody behind the API needs the token itself.
        who.pop("auth_token", None)
        return who

    def deserialize_context(self, ctxt: dict[str, Any]) -> context.RequestContext:
        return context.RequestContext.from_dict(ctxt)


def _restore(exc: floor.EnergyException) -> floor.EnergyException:
    """Return what was raised at the other side, without the trace oslo.messaging adds to it."""
    # oslo.messaging makes a subclass of its own, named .._Remote.
    kind = next(kind for kind in type(exc).__mro__ if not kind.__name__.endswith(_REMOTE))
    restored = kind(exc.args[0].partition("\n")[0] if exc.args else None, **exc.details)
    assert isinstance(restored, floor.EnergyException)  # noqa: S101
    return restored
