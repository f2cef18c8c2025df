# SPDX-License-Identifier: Apache-2.0
"""A lasting IPMI session with a BMC, with a time-out on each request.

Owns the session's life, its deadlines, and telling silence, refusal and
garbage apart.  pyghmi speaks the protocol; what is asked, and what an answer
means, is :mod:`kwapi.drivers.ipmi.bmc`'s.

pyghmi has two sessions.  The usual one shares sockets, a thread and time-outs
among all BMCs of a process: it can block for half a minute, and what is left
of a dead session can take the next one's answers.  The simple one has a socket
of its own and no thread, but waits for ever.  We take the simple one, and do
the waiting ourselves.
"""

from __future__ import annotations

import contextlib
import struct
import time
from typing import Any
from typing import NamedTuple

from pyghmi import exceptions as pyghmi_exceptions
from pyghmi.ipmi.private import simplesession

from kwapi import exception

PRIVILEGES = {"user": 2, "operator": 3, "administrator": 4}
#: BMCs end a session that says nothing for a minute.
_IDLE_SECONDS = 45.0
_CLOSE_SECONDS = 1.0
_RMCP = b"\xff\x07"
_APPLICATION, _CLOSE_SESSION = 0x06, 0x3C
#: What pyghmi says where names, passwords or privileges are not taken.
_REFUSALS = (
    "incorrect password",
    "unauthorized",
    "invalid role",
    "integrity check",
    "integrity code",
)
_UNREADABLE, _UNRESOLVED = "unrecognized", "unable to transmit"
#: What parsing an answer raises that is cut or none at all.
_UNPARSABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError, struct.error)


class Account(NamedTuple):
    """Where a BMC is, and who we are to it."""

    host: str
    port: int
    username: str
    password: str
    privilege: str = "user"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"<Account at {self}>"


class Patience(NamedTuple):
    """How long to wait for an answer, and how often to ask again."""

    timeout_seconds: float = 2.0
    retries: int = 1


class Answer(NamedTuple):
    """What a BMC answers: its completion code, 0 when all is well, and data."""

    code: int
    data: bytes


class Session:
    """Sends commands to one BMC; all from one thread."""

    def __init__(
        self, account: Account, patience: Patience, idle_seconds: float = _IDLE_SECONDS
    ) -> None:
        """Prepare.

        :param idle_seconds: a session that was not used for as long is not relied on.
        """
        self._account, self._patience = account, patience
        self._idle_seconds = idle_seconds
        self._session: _Session | None = None
        self._used = 0.0

    def open(self) -> None:
        """Log in.

        :raises WattmeterUnreachable: nobody answers.
        :raises WattmeterRefused: name, password or privilege are not taken.
        :raises MalformedAnswer: what answers speaks no IPMI.
        """
        for left in range(self._patience.retries, -1, -1):
            try:
                # Each try has a port of its own: late answers to the one before are nobody's.
                self._session = _Session(self._account, self._patience)
                self._used = time.monotonic()
                return
            except _Silence as exc:
                if not left:
                    raise self._silent(exc) from None
            except pyghmi_exceptions.IpmiException as exc:
                raise self._translate(exc) from None
            except OSError as exc:
                raise self._lost(exc) from exc

    def ask(self, netfn: int, command: int, data: bytes = b"", lun: int = 0) -> Answer:
        """Return the answer to a command, whatever its completion code.

        :raises WattmeterError: as :meth:`open` does; then the session is of no use.
        """
        if time.monotonic() - self._used > self._idle_seconds:
            self.close()
        if self._session is None:
            self.open()
        try:
            answer = _send(self._session, netfn, command, data, lun)
        except _Silence as exc:
            self._drop()
            raise self._silent(exc) from None
        except pyghmi_exceptions.IpmiException as exc:
            self._drop()
            raise self._translate(exc) from None
        except OSError as exc:
            self._drop()
            raise self._lost(exc) from exc
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        """Log out, so that the BMC need not remember us; never raises."""
        session = self._session
        if session is not None:
            session.hurry()
            # If it cannot be told, it forgets us by itself after a minute.
            with contextlib.suppress(_Silence, pyghmi_exceptions.IpmiException, OSError):
                _send(session, _APPLICATION, _CLOSE_SESSION, struct.pack("<I", session.sessionid))
            self._drop()

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.shut()

    def _silent(self, silence: _Silence) -> exception.WattmeterError:
        if silence.unread:
            return exception.MalformedAnswer(
                address=str(self._account), reason="it does not answer in IPMI over LAN"
            )
        return exception.WattmeterUnreachable(
            address=str(self._account),
            reason=f"no answer within {self._patience.timeout_seconds:g} s, "
            f"asked {self._patience.retries + 1} times",
        )

    def _translate(self, exc: pyghmi_exceptions.IpmiException) -> exception.WattmeterError:
        said = " ".join(str(exc).split()) or "it ended the session"
        if any(word in said.lower() for word in _REFUSALS):
            return exception.WattmeterRefused(
                address=str(self._account),
                reason=f"{said}; user {self._account.username!r}, "
                f"privilege {self._account.privilege}",
            )
        if _UNRESOLVED in said.lower():
            return exception.WattmeterUnreachable(
                address=str(self._account), reason="its name cannot be resolved"
            )
        if _UNREADABLE in said.lower():
            return exception.MalformedAnswer(address=str(self._account), reason=said)
        return exception.WattmeterError(reason=f"{self._account}: {said}")

    def _lost(self, exc: OSError) -> exception.WattmeterUnreachable:
        return exception.WattmeterUnreachable(
            address=str(self._account), reason=exc.strerror or str(exc)
        )


def _send(session: Any, netfn: int, command: int, data: bytes, lun: int = 0) -> Answer:
    found = session.raw_command(netfn, command, data=bytearray(data), rslun=lun)
    return Answer(found["code"], bytes(found["data"]))


class _Silence(Exception):
    """No answer in time.

    :ivar unread: how many datagrams came instead.
    """

    def __init__(self, unread: int) -> None:
        super().__init__("no answer in time")
        self.unread = unread


class _Session(simplesession.Session):  # type: ignore[misc]
    """pyghmi's simple session, with deadlines and repetitions."""

    def __init__(self, account: Account, patience: Patience) -> None:
        self._patience = patience
        self._sent, self._unread = 0.0, 0
        self.allsockaddrs: list[Any] = []
        try:
            super().__init__(
                account.host,
                account.username,
                account.password,
                port=account.port,
                privlevel=PRIVILEGES[account.privilege],
            )
        except BaseException:
            self.shut()
            raise

    def __repr__(self) -> str:
        return f"<session with {self.bmc}>"

    def hurry(self) -> None:
        """Ask once from now on, and wait a second at most."""
        self._patience = Patience(min(_CLOSE_SECONDS, self._patience.timeout_seconds), 0)

    def shut(self) -> None:
        """Free the socket; the BMC is not told."""
        self.logged, self.logging, self.broken = 0, False, True
        if self.socket is not None:
            self.socket.close()

    def wait_for_rsp(self, timeout: float | None = None, callout: bool = True) -> None:
        """Take in one datagram, or raise _Silence when none comes in time."""
        left = self._sent + self._patience.timeout_seconds - time.monotonic()
        if left <= 0:
            raise _Silence(self._unread)
        self.socket.settimeout(left)
        try:
            datagram, sender = self.socket.recvfrom(4096)
        except TimeoutError:
            raise _Silence(self._unread) from None
        if sender[:2] not in [address[:2] for address in self.allsockaddrs]:
            return
        # Until it has moved us on, it said nothing that we understood.
        self._unread += 1
        if datagram[:1] == b"\x06" and datagram[2:4] == _RMCP:
            # A cut one may be a stray one: the right one may still come.
            with contextlib.suppress(*_UNPARSABLE):
                self._handle_ipmi_packet(bytearray(datagram), sockaddr=sender)

    def awaitresponse(self, retry: bool) -> None:
        """Wait for the answer to the command that was sent, sending it again if need be."""
        left = self._patience.retries
        while retry and self.lastresponse is None and self.logged:
            try:
                self.wait_for_rsp()
            except _Silence:
                if not left or not self.lastpayload:
                    raise
                left -= 1
                unread = self._unread
                self.send_payload()
                self._unread = unread

    def _xmit_packet(self, *args: Any, **kwargs: Any) -> None:
        self._sent, self._unread = time.monotonic(), 0
        super()._xmit_packet(*args, **kwargs)
