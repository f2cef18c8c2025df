# SPDX-License-Identifier: Apache-2.0
"""A connection to an MQTT broker through paho.

Owns the connection, its time-outs and its thread.  What messages mean is
:mod:`kwapi.drivers.mqtt.driver`'s.  It does not connect again by itself: the
driver's loop does, and everybody can see that it must.
"""

from __future__ import annotations

import dataclasses
import ssl
import threading
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from paho.mqtt import client as paho
from paho.mqtt import enums

from kwapi import exception
from kwapi.drivers import parameters

#: How often the connection is proved while nobody publishes.
_KEEPALIVE_SECONDS = 30
#: A payload that is longer is no plug's.
_MOST_BYTES = 1 << 16


class Message(NamedTuple):
    """What came.

    :ivar retained: whether the broker had it from before we came.
    """

    topic: str
    payload: bytes
    retained: bool


@dataclasses.dataclass(frozen=True)
class Broker:
    """A broker and who we are for it."""

    host: str
    port: int
    username: str | None
    password: str | None = dataclasses.field(repr=False)
    tls: ssl.SSLContext | None
    timeout_seconds: float

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def find_broker(own: Mapping[str, Any]) -> Broker:
    """Return the broker that parameters describe."""
    if own["password"] is not None and own["username"] is None:
        raise parameters.invalid("password needs a username beside it")
    context = _tls(own)
    default = 8883 if context else 1883
    return Broker(
        own["host"],
        own["port"] or default,
        own["username"],
        own["password"],
        context,
        own["timeout_seconds"],
    )


def _tls(own: Mapping[str, Any]) -> ssl.SSLContext | None:
    ca, cert, key = (own[name] for name in ("ca_file", "cert_file", "key_file"))
    if not own["tls"]:
        if ca or cert or key:
            raise parameters.invalid("ca_file, cert_file and key_file need tls, which is False")
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert:
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as exc:
        raise parameters.invalid(
            f"ca_file, cert_file or key_file cannot be used: {exc.strerror or type(exc).__name__}"
        ) from exc
    return context


class Session:
    """A connection; its callbacks come from a thread of its own."""

    def __init__(
        self, target: Broker, take: Callable[[Message], None], wake: Callable[[], None]
    ) -> None:
        """Prepare.

        :param take: is given each message.
        :param wake: is called when the connection is lost.
        """
        self._target, self._take, self._wake = target, take, wake
        self._answered = threading.Event()
        self._reason: Any = None
        self._lost: str | None = "the session is closed"
        self._client = self._make()

    @property
    def is_connected(self) -> bool:
        """Whether messages can come."""
        return self._lost is None

    def open(self, topics: Sequence[str]) -> None:
        """Connect and subscribe.

        :raises WattmeterUnreachable: it does not answer.
        :raises WattmeterRefused: it does not take our credentials, or lets us read nothing.
        """
        target = self._target
        try:
            self._client.connect(target.host, target.port, _KEEPALIVE_SECONDS)
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or type(exc).__name__
            raise self._unreachable(reason) from exc
        self._client.loop_start()
        self._require(self._await_answer("to our greeting"))
        self._answered.clear()
        self._client.subscribe([(topic, 0) for topic in topics] or [("kwapi/nothing", 0)])
        for reason in self._await_answer("to our subscription"):
            self._require(reason)

    def require_connected(self) -> None:
        """Return if the connection holds.

        :raises WattmeterUnreachable: it is lost.
        """
        if self._lost is not None:
            raise self._unreachable(self._lost)

    def close(self) -> None:
        """Disconnect, and end the thread; may be called twice."""
        self._client.disconnect()
        self._client.loop_stop()

    def _make(self) -> paho.Client:
        target = self._target
        client = paho.Client(
            enums.CallbackAPIVersion.VERSION2,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = target.timeout_seconds
        if target.username is not None:
            client.username_pw_set(target.username, target.password)
        if target.tls is not None:
            client.tls_set_context(target.tls)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _await_answer(self, to: str) -> Any:
        if not self._answered.wait(self._target.timeout_seconds):
            raise self._unreachable(f"no answer {to} within {self._target.timeout_seconds:g} s")
        if self._reason is None:
            raise self._unreachable(f"it hung up instead of answering {to.removeprefix('to ')}")
        return self._reason

    def _require(self, reason: Any) -> None:
        if reason.is_failure:
            said = str(reason)
            if "unavailable" in said.lower():
                raise self._unreachable(said)
            raise exception.WattmeterRefused(address=self._target.address, reason=said)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        self._reason = reason
        if not reason.is_failure:
            self._lost = None
        self._answered.set()

    def _on_subscribe(
        self, _client: Any, _data: Any, _id: Any, reasons: Sequence[Any], _more: Any
    ) -> None:
        self._reason = reasons
        self._answered.set()

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any
    ) -> None:
        self._lost = f"the connection is lost: {reason}"
        if not self._answered.is_set():
            self._reason = None
            self._answered.set()
        self._wake()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        if len(message.payload) <= _MOST_BYTES:
            self._take(Message(message.topic, message.payload, message.retain))

    def _unreachable(self, reason: str) -> exception.WattmeterUnreachable:
        return exception.WattmeterUnreachable(address=self._target.address, reason=reason)
