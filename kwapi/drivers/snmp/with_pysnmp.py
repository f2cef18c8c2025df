# SPDX-License-Identifier: Apache-2.0
"""SNMP through pysnmp: pure Python, every version, the default.

Owns turning pysnmp's answers and failures into ours.  The engine that all
clients share is :mod:`kwapi.drivers.snmp.engine`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent import futures
from typing import Any

from pyasn1.type import univ
from pysnmp import error as pysnmp_error
from pysnmp.proto import errind
from pysnmp.proto import rfc1902

from kwapi import exception
from kwapi.drivers.snmp import client
from kwapi.drivers.snmp import engine

_TOO_BIG, _NO_SUCH_NAME = 1, 2
_NOT_ALLOWED = {6: "noAccess", 16: "authorizationError"}

_REFUSALS = {
    errind.UnknownUserName: "unknown user",
    errind.UnknownSecurityName: "unknown user",
    errind.WrongDigest: "wrong auth_password or auth_protocol",
    errind.AuthenticationFailure: "wrong auth_password or auth_protocol",
    errind.AuthenticationError: "wrong auth_password or auth_protocol",
    errind.UnsupportedSecurityLevel: "this user needs another security level: "
    "give auth_password and priv_password as the device has them",
    errind.DecryptionError: "wrong priv_password or priv_protocol",
    errind.NotInTimeWindow: "the device's engine time does not hold still",
    errind.UnknownEngineID: "the device's engine id does not hold still",
    errind.NoAccessEntry: "this user may not read",
    errind.NoGroupName: "this user may not read",
    errind.NoSuchView: "this user may not read",
}

#: Beyond pysnmp's own time-outs: to wait for others before, and in case its timers fail us.
_SLACK_SECONDS = 30.0


class Client(client.SnmpClient):
    """A target on the process's engine."""

    def __init__(self, endpoint: client.Endpoint, credentials: client.Credentials) -> None:
        super().__init__(endpoint, credentials)
        self._target: engine.Target | None = None
        self._names: dict[str, rfc1902.ObjectName] = {}
        self._pending: futures.Future[engine.Answer] | None = None

    def open(self) -> None:
        """Register with the engine; the device is not asked yet."""
        family, address = self._endpoint.resolve()
        worker = engine.get_worker()
        self._target = worker.call(
            worker.add_target(self._endpoint, self._credentials, family, address), 60.0
        )

    def get(self, oids: Sequence[str]) -> dict[str, client.Value]:
        """Return what one GET brings."""
        target = self._target
        if target is None:
            raise self._malformed("the session is closed")
        names = [self._name(oid) for oid in oids]
        patience = self._endpoint.timeout_seconds * (self._endpoint.retries + 1)
        pending = self._pending = engine.get_worker().submit(target.get(names))
        if self._is_aborted:
            pending.cancel()
        try:
            # Discovery of an SNMPv3 engine may go before, and takes as long.
            answer = pending.result(2 * patience + _SLACK_SECONDS)
        except futures.CancelledError as exc:
            reason = f"{self._endpoint}: given up, since its driver ends"
            raise exception.WattmeterError(reason=reason) from exc
        except TimeoutError as exc:
            pending.cancel()
            raise self._unreachable() from exc
        except pysnmp_error.PySnmpError as exc:
            raise self._failure(_indication_of(exc)) from exc
        return self._values(oids, names, answer)

    def abort(self) -> None:
        """Let a get that waits for its answer end now."""
        super().abort()
        if self._pending is not None:
            self._pending.cancel()

    def close(self) -> None:
        """Take the target off the engine."""
        target, self._target = self._target, None
        if target is not None:
            worker = engine.get_worker()
            worker.call(worker.remove_target(target, self._credentials), 60.0)

    def _name(self, oid: str) -> rfc1902.ObjectName:
        if oid not in self._names:
            self._names[oid] = rfc1902.ObjectName(oid)
        return self._names[oid]

    def _values(
        self, oids: Sequence[str], names: Sequence[rfc1902.ObjectName], answer: engine.Answer
    ) -> dict[str, client.Value]:
        if answer.indication is not None:
            raise self._failure(answer.indication)
        if answer.error_status:
            raise self._error(oids, answer)
        if [name for name, _ in answer.objects] != names:
            raise self._malformed("it answered for other objects than were asked for")
        values = (_value(value) for _, value in answer.objects)
        return {oid: value for oid, value in zip(oids, values, strict=True) if value is not None}

    def _error(self, oids: Sequence[str], answer: engine.Answer) -> exception.WattmeterError:
        address = str(self._endpoint)
        if answer.error_status == _TOO_BIG:
            return client.AnswerTooBig(address=address, reason="tooBig")
        if answer.error_status == _NO_SUCH_NAME:
            index = answer.error_index
            oid = oids[index - 1] if 0 < index <= len(oids) else None
            return client.ObjectsAbsent(address, oid)
        if answer.error_status in _NOT_ALLOWED:
            return self._refused(_NOT_ALLOWED[answer.error_status])
        return self._malformed(f"error-status {answer.error_status}")

    def _failure(self, indication: object) -> exception.WattmeterError:
        if isinstance(indication, errind.RequestTimedOut):
            return self._unreachable()
        for kind, reason in _REFUSALS.items():
            if isinstance(indication, kind):
                return self._refused(reason)
        return self._malformed(str(indication))


def _indication_of(exc: Exception) -> object:
    """Return pysnmp's reason for not even sending; its text may hold our secrets."""
    try:
        return exc["errorIndication"]  # type: ignore[index]
    except (TypeError, KeyError):
        return f"{type(exc).__name__} while sending"


def _value(value: Any) -> client.Value | None:
    if isinstance(value, univ.Null):  # also noSuchObject, noSuchInstance; and an OctetString!
        return None
    if isinstance(value, univ.Integer):
        return int(value)
    if isinstance(value, univ.OctetString):
        return bytes(value)
    if isinstance(value, univ.ObjectIdentifier):
        return ".".join(map(str, value))
    return None
