# SPDX-License-Identifier: Apache-2.0
"""Signs messages of the bus, and verifies them.

Owns the envelope: sender, time, sequence number and signature of a message.
What the text inside means is :mod:`kwapi.measurement`'s.

The signature is HMAC-SHA256 (RFC 2104) over the envelope's members and the
text, each on a line of its own.  Only the text may hold a line break and it
comes last, so no two messages have the same bytes to sign; it is signed as
text, and verified before it is parsed.

A member that the receiver does not know is passed over: the signature does not
cover it, so nothing may depend on it.  Whatever must be believed belongs into
the text, or comes with another ``version``, which older receivers refuse.

Keys have ids.  A sender signs with one key, a receiver takes any it knows: to
rotate, give the new key to the receivers, then to the senders, then take the
old one away.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from kwapi import exception

VERSION = 1
#: Bytes below which a key could be guessed (RFC 2104, section 3: the hash's length).
KEY_BYTES = 32
_NAME = re.compile(r"[\x21-\x7e]{1,255}")
_MEMBERS = {
    "version": int,
    "key_id": str,
    "sender": str,
    "instance": str,
    "sequence": int,
    "timestamp": float,
    "body": str,
    "signature": str,
}


class Envelope(NamedTuple):
    """A verified message, its text not parsed yet.

    :ivar sender: name of the process that sent it.
    :ivar instance: that process's run; a new one each time it starts.
    :ivar sequence: counts the messages of a run, from 1.
    :ivar timestamp: when it was signed, epoch seconds, by the sender's clock.
    """

    sender: str
    instance: str
    sequence: int
    timestamp: float
    body: str


class Signer:
    """Seals messages of one run of one process; one thread at a time."""

    def __init__(self, key_id: str, key: bytes, sender: str, instance: str) -> None:
        for name in (sender, instance):
            _require_name(name)
        self._sender, self._instance = sender, instance
        self.sequence = 0
        self.use(key_id, key)

    def use(self, key_id: str, key: bytes) -> None:
        """Sign with this key from now on; safe to call from any thread."""
        _require_name(key_id)
        _require_length(key_id, key)
        self._key = key_id, key

    def seal(self, body: str, timestamp: float) -> dict[str, Any]:
        """Return the message that carries this body, as the next in sequence."""
        self.sequence += 1
        key_id, key = self._key
        message = {
            "version": VERSION,
            "key_id": key_id,
            "sender": self._sender,
            "instance": self._instance,
            "sequence": self.sequence,
            "timestamp": timestamp,
            "body": body,
        }
        return {**message, "signature": _sign(key, message).decode()}


class Verifier:
    """Opens messages sealed with any of its keys."""

    def __init__(
        self, keys: Mapping[str, bytes], max_age_seconds: float, max_skew_seconds: float
    ) -> None:
        for key_id, key in keys.items():
            _require_length(key_id, key)
        self._keys = dict(keys)
        self._max_age_seconds = max_age_seconds
        self._max_skew_seconds = max_skew_seconds

    def open(self, message: object, now: float) -> Envelope:
        """Return what a message carries.

        :param now: epoch seconds, by the receiver's clock.
        :raises MalformedMessage, BadSignature, StaleMessage: not to be taken.
        """
        sealed = _require_members(message)
        self._require_signature(sealed)
        self._require_fresh(sealed["timestamp"], now)
        return Envelope(
            sealed["sender"],
            sealed["instance"],
            sealed["sequence"],
            sealed["timestamp"],
            sealed["body"],
        )

    def _require_signature(self, message: dict[str, Any]) -> None:
        key = self._keys.get(message["key_id"])
        if key is None:
            raise exception.BadSignature(reason=f"key {message['key_id']!r} is not known here")
        if not hmac.compare_digest(_sign(key, message), _bytes(message["signature"])):
            raise exception.BadSignature(reason=f"message of {message['sender']!r} was altered")

    def _require_fresh(self, timestamp: float, now: float) -> None:
        age_seconds = now - timestamp
        if age_seconds > self._max_age_seconds:
            raise exception.StaleMessage(reason=f"signed {age_seconds:.0f} s ago")
        if age_seconds < -self._max_skew_seconds:
            raise exception.StaleMessage(reason=f"signed {-age_seconds:.0f} s in the future")


def _sign(key: bytes, message: Mapping[str, Any]) -> bytes:
    signed = "\n".join(
        (
            f"kwapi {message['version']}",
            message["key_id"],
            message["sender"],
            message["instance"],
            str(message["sequence"]),
            repr(message["timestamp"]),
            message["body"],
        )
    )
    return hmac.new(key, _bytes(signed), hashlib.sha256).hexdigest().encode()


def _bytes(text: str) -> bytes:
    # JSON may hold half a surrogate pair, which plain UTF-8 cannot.
    return text.encode("utf-8", "surrogatepass")


def _require_members(message: object) -> dict[str, Any]:
    if not isinstance(message, dict) or not message.keys() >= _MEMBERS.keys():
        raise exception.MalformedMessage(reason=f"it must have the members {', '.join(_MEMBERS)}")
    for name, kind in _MEMBERS.items():
        if type(message[name]) is not kind:
            raise exception.MalformedMessage(reason=f"{name} must be {kind.__name__}")
    if message["version"] != VERSION:
        raise exception.MalformedMessage(reason=f"version {message['version']} is not known here")
    if not 0 < message["sequence"] < 2**63 or not math.isfinite(message["timestamp"]):
        raise exception.MalformedMessage(reason="sequence or timestamp out of range")
    for name in ("key_id", "sender", "instance"):
        _require_name(message[name])
    return message


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise exception.MalformedMessage(
            reason=f"a name has 1 to 255 visible ASCII characters, unlike {name!r}"
        )


def _require_length(key_id: str, key: bytes) -> None:
    if len(key) < KEY_BYTES:
        raise exception.ConfigurationInvalid(
            where=f"[bus] signing_keys, key {key_id!r}", reason=f"shorter than {KEY_BYTES} bytes"
        )
