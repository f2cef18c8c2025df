# SPDX-License-Identifier: Apache-2.0
"""SNMP through gufo-snmp, a compiled library: thirty times cheaper than pysnmp.

Optional, the extra ``fast``.  Each client has a socket of its own and blocks
its driver's thread only, since the library waits without Python's lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeVar
from typing import cast

from gufo import snmp
from gufo.snmp import sync

from kwapi import exception
from kwapi.drivers.snmp import client

_T = TypeVar("_T")

_VERSIONS = {"1": snmp.SnmpVersion.v1, "2c": snmp.SnmpVersion.v2c, "3": snmp.SnmpVersion.v3}
_AUTH_KEYS = {
    "MD5": snmp.Md5Key,
    "SHA": snmp.Sha1Key,
    "SHA224": snmp.Sha224Key,
    "SHA256": snmp.Sha256Key,
    "SHA384": snmp.Sha384Key,
    "SHA512": snmp.Sha512Key,
}
_PRIV_KEYS = {
    "DES": snmp.DesKey,
    "AES": snmp.Aes128Key,
    "AES192": snmp.Aes192Key,
    "AES256": snmp.Aes256Key,
}
#: The device's clock must be known to 150 s (RFC 3414, 2.2.3); half of it is ours.
_REFRESH_AFTER_SECONDS = 75.0


class Client(client.SnmpClient):
    """One session, one socket."""

    def __init__(
        self,
        endpoint: client.Endpoint,
        credentials: client.Credentials,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(endpoint, credentials)
        self._monotonic = monotonic
        self._session: sync.SnmpSession | None = None
        self._used_at = 0.0

    def open(self) -> None:
        """Make the session; with SNMPv3, ask the device for its engine and clock."""
        _family, address = self._endpoint.resolve()
        self._session = sync.SnmpSession(
            address,
            port=self._endpoint.port,
            community=self._credentials.community or "",
            user=_user(self._credentials),
            version=_VERSIONS[self._credentials.version],
            timeout=self._endpoint.timeout_seconds,
        )
        self._exchange(self._session.refresh)

    def get(self, oids: Sequence[str]) -> dict[str, client.Value]:
        """Return what one GET brings."""
        session = self._session
        if session is None:
            raise self._malformed("the session is closed")
        if self._monotonic() - self._used_at > _REFRESH_AFTER_SECONDS:
            self._exchange(session.refresh)
        answer = self._exchange(lambda: session.get_many(oids))
        if not answer:
            # The library keeps error-status to itself: this may be an absent
            # object (SNMPv1), an answer too big, or nothing but absent objects.
            raise client.ObjectsAbsent(str(self._endpoint), None)
        # By OID already; Null, a float or what was not asked for does no harm there.
        return cast(dict[str, client.Value], answer)

    def close(self) -> None:
        """Drop the session; its socket goes with it."""
        self._session = None

    def _exchange(self, step: Callable[[], _T]) -> _T:
        for attempts_left in range(self._endpoint.retries, -1, -1):
            try:
                result = step()
            except (TimeoutError, BlockingIOError) as exc:
                if self._is_aborted or not attempts_left:
                    raise self._unreachable() from exc
            except (snmp.SnmpError, OSError) as exc:
                raise self._failure(exc) from exc
            else:
                self._used_at = self._monotonic()
                return result
        raise AssertionError("retries are never negative")

    def _failure(self, exc: Exception) -> exception.WattmeterError:
        if isinstance(exc, snmp.SnmpAuthError):
            return self._refused("wrong user, password, protocol or security level")
        if isinstance(exc, snmp.SnmpEncodeError):
            reason = f"the request is too big ({exc})"
            return client.AnswerTooBig(address=str(self._endpoint), reason=reason)
        if isinstance(exc, snmp.SnmpError):
            return self._malformed(str(exc))
        return self._unreachable()


def _user(credentials: client.Credentials) -> snmp.User | None:
    if credentials.version != "3":
        return None
    auth = priv = None
    if credentials.auth_password is not None:
        auth = _AUTH_KEYS[credentials.auth_protocol](credentials.auth_password.encode())
    expansion = snmp.KeyExpansion.Blumenthal
    if credentials.priv_password is not None:
        protocol = credentials.priv_protocol
        if protocol.endswith("C"):
            expansion = snmp.KeyExpansion.Cisco
        priv = _PRIV_KEYS[protocol.removesuffix("C")](credentials.priv_password.encode())
    return snmp.User(credentials.user or "", auth_key=auth, priv_key=priv, key_expansion=expansion)
