# SPDX-License-Identifier: Apache-2.0
"""The interface to SNMP libraries, and the reading of lists of objects.

Owns the interface that :mod:`kwapi.drivers.snmp.with_pysnmp` and
:mod:`kwapi.drivers.snmp.with_gufo` implement, the credentials they take, and how a
list of objects is read from a device that refuses parts of it.  What the
objects mean is :mod:`kwapi.drivers.snmp.profile`'s.

Reading is by multi-object GET in every version: it asks for exactly the
objects wanted, never runs into the next column, and each value comes back
under its own name.  GETBULK would save pysnmp an eighth and cost gufo-snmp a
quarter more (benchmarks/snmp_polling.py).
"""

from __future__ import annotations

import abc
import dataclasses
import importlib
import importlib.util
import socket
from collections.abc import Sequence
from typing import NamedTuple

from kwapi import exception

#: What an object holds: a number, octets, or an OID in dotted form.
Value = int | bytes | str

VERSIONS = ("1", "2c", "3")
AUTH_PROTOCOLS = ("MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512")
#: AES192 and AES256 extend the key as Blumenthal's draft says (net-snmp's
#: AES192 and AES256), AES192C and AES256C as Reeder's, which Cisco took.
PRIV_PROTOCOLS = ("DES", "AES", "AES192", "AES256", "AES192C", "AES256C")

#: A wrong secret is answered with silence, so a time-out has to say so.
SILENT_REFUSAL = {
    "1": "; a wrong community is answered with silence too",
    "2c": "; a wrong community is answered with silence too",
    "3": "; a wrong privacy password or protocol is answered with silence too",
}


@dataclasses.dataclass(frozen=True)
class Credentials:
    """Who we say we are.  Only what is no secret shows in its repr.

    :ivar version: ``1``, ``2c`` or ``3``.
    :ivar auth_protocol: one of AUTH_PROTOCOLS; used when there is an auth_password.
    :ivar priv_protocol: one of PRIV_PROTOCOLS; used when there is a priv_password.
    """

    version: str = "2c"
    community: str | None = dataclasses.field(default=None, repr=False)
    user: str | None = None
    auth_protocol: str = "SHA"
    auth_password: str | None = dataclasses.field(default=None, repr=False)
    priv_protocol: str = "AES"
    priv_password: str | None = dataclasses.field(default=None, repr=False)


class Endpoint(NamedTuple):
    """Where the device is, and how long to wait for it.

    :ivar timeout_seconds: for one answer.
    :ivar retries: how often a request is sent again.
    """

    host: str
    port: int = 161
    timeout_seconds: float = 2.0
    retries: int = 1

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def resolve(self) -> tuple[socket.AddressFamily, str]:
        """Return the address family and the numeric address of the host.

        :raises WattmeterUnreachable: its name has no address.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        except OSError as exc:
            reason = f"its name cannot be resolved ({exc.strerror or exc})"
            raise exception.WattmeterUnreachable(address=str(self), reason=reason) from exc
        family, *_, address = found[0]
        return family, str(address[0])


class AnswerTooBig(exception.MalformedAnswer):
    """The answer would not fit into a message of the device's."""


class ObjectsAbsent(exception.MalformedAnswer):
    """A request failed as a whole for an object that the device does not have.

    :ivar oid: which; None if the answer, or the library, does not tell.
    """

    def __init__(self, address: str, oid: str | None) -> None:
        reason = f"it has no object {oid}" if oid else "it returned none of the objects asked for"
        super().__init__(address=address, reason=reason)
        self.oid = oid


class SnmpClient(abc.ABC):
    """A session with one device; used by one thread at a time."""

    def __init__(self, endpoint: Endpoint, credentials: Credentials) -> None:
        self._endpoint, self._credentials = endpoint, credentials
        self._is_aborted = False

    @abc.abstractmethod
    def open(self) -> None:
        """Prepare; whether the device answers may only show with the first get.

        :raises WattmeterError: it cannot be had.
        """

    @abc.abstractmethod
    def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """Return the values of the objects in one exchange; an absent one is left out.

        :raises WattmeterUnreachable: no answer in time.
        :raises WattmeterRefused: the device does not take our credentials.
        :raises ObjectsAbsent: the request failed because of an absent object.
        :raises AnswerTooBig: ask for less.
        :raises MalformedAnswer: anything else.
        """

    def abort(self) -> None:
        """Let a get that waits end soon, and no other begin; from any thread."""
        self._is_aborted = True

    @abc.abstractmethod
    def close(self) -> None:
        """Free the session; may be called twice."""

    def _unreachable(self) -> exception.WattmeterUnreachable:
        endpoint = self._endpoint
        reason = (
            f"nothing within {endpoint.timeout_seconds:g} s, asked {endpoint.retries + 1} times"
            f"{SILENT_REFUSAL[self._credentials.version]}"
        )
        return exception.WattmeterUnreachable(address=str(endpoint), reason=reason)

    def _refused(self, reason: str) -> exception.WattmeterRefused:
        return exception.WattmeterRefused(address=str(self._endpoint), reason=reason)

    def _malformed(self, reason: str) -> exception.MalformedAnswer:
        return exception.MalformedAnswer(address=str(self._endpoint), reason=reason)


class ObjectReader:
    """Reads any list of objects through a client, whatever the device refuses.

    SNMPv1 fails a whole request for one absent object: that one is remembered
    and left out, and asked for again after ``forget_after`` reads, since an
    outlet may be fitted later.  A request that is too big is halved, and the
    size that went through is kept.
    """

    def __init__(self, client: SnmpClient, max_objects: int, forget_after: int = 120) -> None:
        """:param max_objects: how many to ask for in one request, at first."""
        self._client = client
        self._max_objects = max_objects
        self._forget_after = forget_after
        self._reads = 0
        self._absent: set[str] = set()

    def read(self, oids: Sequence[str]) -> dict[str, Value]:
        """Return the values of the objects by OID; an absent one is left out.

        :raises WattmeterError: an exchange failed for another reason; nothing
            is returned then, not even what came before.
        """
        self._forget_absent()
        wanted = [oid for oid in oids if oid not in self._absent] if self._absent else list(oids)
        found: dict[str, Value] = {}
        size = max(1, self._max_objects)
        pending = [wanted[at : at + size] for at in range(0, len(wanted), size)]
        known = len(self._absent)
        largest, unexplained = 0, False
        while pending:
            part = pending.pop()
            try:
                found.update(self._client.get(part))
                largest = max(largest, len(part))
            except AnswerTooBig:
                if len(part) == 1:
                    raise
                self._max_objects = (len(part) + 1) // 2
                pending += _halves(part)
            except ObjectsAbsent as exc:
                unexplained |= exc.oid not in part and len(part) > 1
                pending += self._without(part, exc.oid)
        if unexplained and largest and len(self._absent) == known:
            # Refused without a reason though nothing is absent: it was too big.
            self._max_objects = largest
        return found

    def _forget_absent(self) -> None:
        self._reads += 1
        if self._reads % self._forget_after == 0:
            self._absent.clear()

    def _without(self, part: list[str], oid: str | None) -> list[list[str]]:
        """Return what to ask for instead of a part that failed for an absent object."""
        if oid not in part and len(part) > 1:
            return _halves(part)
        absent = oid if oid in part else part[0]
        self._absent.add(absent)
        rest = [other for other in part if other != absent]
        return [rest] if rest else []


def _halves(part: list[str]) -> list[list[str]]:
    middle = (len(part) + 1) // 2
    return [part[:middle], part[middle:]]


def create_client(choice: str, endpoint: Endpoint, credentials: Credentials) -> SnmpClient:
    """Return a client, not opened.

    :param choice: ``pysnmp``, ``gufo``, or ``auto`` for gufo where it is installed.
    :raises ConfigurationInvalid: that library is not installed.
    """
    if choice == "auto":
        choice = "gufo" if _is_installed("gufo", "gufo.snmp") else "pysnmp"
    try:
        # Each library only when used: importing pysnmp alone costs a quarter of a second.
        module = importlib.import_module(f"kwapi.drivers.snmp.with_{choice}")
    except ImportError as exc:
        extra = "fast" if choice == "gufo" else "kwapi"
        reason = f"client {choice!r} is not installed ({exc}): pip install kwapi-climate[{extra}]"
        raise exception.ConfigurationInvalid(where="parameters", reason=reason) from exc
    client: SnmpClient = module.Client(endpoint, credentials)
    return client


def _is_installed(*packages: str) -> bool:
    # Outermost first: to look for a package imports the one around it.
    return all(importlib.util.find_spec(package) for package in packages)
