# SPDX-License-Identifier: Apache-2.0
"""The process's pysnmp engine, and its thread.

An engine of pysnmp costs half a second and 5 MB to make and must be used by
one thread only.  So the process has one, made when first needed, on an
asyncio loop of its own thread; clients hand their requests over and wait.

Below pysnmp's high-level functions on purpose: those resolve every object
through the MIBs, which costs five times the exchange itself.

An exchange costs this thread some ten milliseconds.  So when very many
drivers ask at once, at start, their requests queue here before they are sent:
sent all together, most answers would lie unread until their time is over.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import threading
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Sequence
from concurrent import futures
from typing import Any
from typing import NamedTuple
from typing import TypeVar

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.carrier.asyncio.dgram import udp6
from pysnmp.entity import config
from pysnmp.entity import engine
from pysnmp.entity.rfc3413 import cmdgen
from pysnmp.proto import rfc1902

from kwapi.drivers.snmp import client

_T = TypeVar("_T")

#: Requests that are out at a time; a device that has not answered after so
#: long does not keep others waiting any more.
_AT_ONCE = 16
_HOLD_SECONDS = 0.25

_AUTH_PROTOCOLS = {
    "MD5": config.USM_AUTH_HMAC96_MD5,
    "SHA": config.USM_AUTH_HMAC96_SHA,
    "SHA224": config.USM_AUTH_HMAC128_SHA224,
    "SHA256": config.USM_AUTH_HMAC192_SHA256,
    "SHA384": config.USM_AUTH_HMAC256_SHA384,
    "SHA512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIV_PROTOCOLS = {
    "DES": config.USM_PRIV_CBC56_DES,
    "AES": config.USM_PRIV_CFB128_AES,
    "AES192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "AES256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "AES192C": config.USM_PRIV_CFB192_AES,
    "AES256C": config.USM_PRIV_CFB256_AES,
}
_MESSAGE_MODELS = {"1": 0, "2c": 1, "3": 3}
_TRANSPORTS = {
    socket.AF_INET: (udp.DOMAIN_NAME, udp.UdpAsyncioTransport),
    socket.AF_INET6: (udp6.DOMAIN_NAME, udp6.Udp6AsyncioTransport),
}


class Answer(NamedTuple):
    """How an exchange ended.

    :ivar indication: pysnmp's reason for having no answer; None with one.
    :ivar error_status: and ``error_index``: as in the answer, RFC 3416.
    """

    indication: object
    error_status: int
    error_index: int
    objects: Sequence[tuple[rfc1902.ObjectName, Any]]


class Target(NamedTuple):
    """A device as an engine knows it."""

    engine: _Engine
    address_name: str

    async def get(self, names: Sequence[rfc1902.ObjectName]) -> Answer:
        """Send one GET and wait for its end; to be run by the worker."""
        return await self.engine.get(self.address_name, names)


class Worker:
    """The thread with the loop, and the engines on it.

    There is one engine, unless two devices know the same user by different
    keys: an engine keeps one set of keys for a user, so those get another.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._engines: list[_Engine] = []
        threading.Thread(target=self._loop.run_forever, name="pysnmp", daemon=True).start()

    def call(self, coroutine: Coroutine[Any, Any, _T], deadline_seconds: float) -> _T:
        """Run a coroutine on the loop and return its result.

        :raises TimeoutError: it did not end in time; it is cancelled.
        """
        future = self.submit(coroutine)
        try:
            return future.result(deadline_seconds)
        except futures.TimeoutError:
            future.cancel()
            raise

    def submit(self, coroutine: Coroutine[Any, Any, _T]) -> futures.Future[_T]:
        """Run a coroutine on the loop; the future may be cancelled."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def add_target(
        self,
        endpoint: client.Endpoint,
        credentials: client.Credentials,
        family: socket.AddressFamily,
        address: str,
    ) -> Target:
        """Register a device with an engine that takes its credentials."""
        for candidate in self._engines:
            if candidate.takes(credentials):
                break
        else:
            candidate = _Engine()
            self._engines.append(candidate)
        return Target(candidate, candidate.add(endpoint, credentials, family, address))

    async def remove_target(self, target: Target, credentials: client.Credentials) -> None:
        """Forget a device's user, if no other has it; see :class:`_Engine` for the rest."""
        target.engine.remove(credentials)


class _Engine:
    """An SNMP engine, and who uses which of its entries; on the loop's thread only.

    A device's address stays in it: to add and remove one costs five
    milliseconds each time, to keep it a few hundred bytes.
    """

    def __init__(self) -> None:
        self._engine = engine.SnmpEngine()
        self._numbers = itertools.count(1)
        self._get = cmdgen.GetCommandGenerator()
        self._nothing = rfc1902.Null("")
        self._gate = _Gate()
        self._domains: set[tuple[int, ...]] = set()
        self._addresses: dict[tuple[Any, ...], str] = {}
        self._communities: dict[str | None, str] = {}
        self._parameters: dict[tuple[str, str, int], str] = {}
        #: user -> credentials, and how many targets use them
        self._users: dict[str | None, tuple[client.Credentials, int]] = {}

    def takes(self, credentials: client.Credentials) -> bool:
        """Tell whether this engine has no other keys for the user."""
        if credentials.version != "3":
            return True
        return self._users.get(credentials.user, (credentials, 0))[0] == credentials

    def add(
        self,
        endpoint: client.Endpoint,
        credentials: client.Credentials,
        family: socket.AddressFamily,
        address: str,
    ) -> str:
        """Register a device; return the name of its address entry."""
        domain, transport = _TRANSPORTS[family]
        if domain not in self._domains:
            config.add_transport(self._engine, domain, transport().open_client_mode())
            self._domains.add(domain)
        entry = (
            domain,
            (address, endpoint.port),
            self._parameters_for(credentials),
            endpoint.timeout_seconds * 100,  # in 0.01 s, RFC 3413
            endpoint.retries,
        )
        if entry not in self._addresses:
            name = f"device-{next(self._numbers)}"
            config.add_target_address(self._engine, name, *entry)
            self._addresses[entry] = name
        return self._addresses[entry]

    def remove(self, credentials: client.Credentials) -> None:
        """Forget a device's user when no other device has it."""
        if credentials.version == "3":
            _, uses = self._users[credentials.user]
            if uses > 1:
                self._users[credentials.user] = (credentials, uses - 1)
            else:
                del self._users[credentials.user]
                config.delete_v3_user(self._engine, credentials.user)

    async def get(self, address_name: str, names: Sequence[rfc1902.ObjectName]) -> Answer:
        """Send one GET and wait for its end."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        leave = await self._gate.enter()
        try:
            self._get.send_varbinds(
                self._engine,
                address_name,
                None,
                "",
                [(name, self._nothing) for name in names],
                _take_answer,
                answered,
            )
            return await answered
        finally:
            leave()

    def _parameters_for(self, credentials: client.Credentials) -> str:
        """Return the name of the parameters entry for these credentials."""
        security_name = (
            self._user(credentials) if credentials.version == "3" else self._community(credentials)
        )
        key = (security_name, _level(credentials), _MESSAGE_MODELS[credentials.version])
        if key not in self._parameters:
            self._parameters[key] = f"parameters-{next(self._numbers)}"
            config.add_target_parameters(self._engine, self._parameters[key], *key)
        return self._parameters[key]

    def _community(self, credentials: client.Credentials) -> str:
        community = credentials.community
        if community not in self._communities:
            index = f"community-{next(self._numbers)}"
            config.add_v1_system(self._engine, index, community or "", securityName=index)
            self._communities[community] = index
        return self._communities[community]

    def _user(self, credentials: client.Credentials) -> str:
        user = credentials.user or ""
        _, uses = self._users.get(credentials.user, (credentials, 0))
        if not uses:
            keys: dict[str, Any] = {}
            if credentials.auth_password is not None:
                keys["authProtocol"] = _AUTH_PROTOCOLS[credentials.auth_protocol]
                keys["authKey"] = credentials.auth_password
            if credentials.priv_password is not None:
                keys["privProtocol"] = _PRIV_PROTOCOLS[credentials.priv_protocol]
                keys["privKey"] = credentials.priv_password
            config.add_v3_user(self._engine, user, **keys)
        self._users[credentials.user] = (credentials, uses + 1)
        return user


class _Gate:
    """Lets some requests out at a time, in the order they came."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def enter(self) -> Callable[[], None]:
        """Wait for a place; return what gives it back, which happens by itself, too."""
        await self._places.acquire()
        taken = True

        def leave() -> None:
            nonlocal taken
            timer.cancel()
            if taken:
                taken = False
                self._places.release()

        timer = asyncio.get_running_loop().call_later(_HOLD_SECONDS, leave)
        return leave


def _level(credentials: client.Credentials) -> str:
    if credentials.version != "3" or credentials.auth_password is None:
        return "noAuthNoPriv"
    return "authNoPriv" if credentials.priv_password is None else "authPriv"


def _take_answer(*told: Any) -> None:
    """Pass on what pysnmp calls back with."""
    _engine, _handle, indication, error_status, error_index, objects, answered = told
    if not answered.done():
        answered.set_result(Answer(indication, int(error_status), int(error_index), objects))


_current: Worker | None = None
_lock = threading.Lock()


def get_worker() -> Worker:
    """Return the process's worker; a forked child gets one of its own."""
    global _current
    with _lock:
        if _current is None or _current.pid != os.getpid():
            _current = Worker()
        return _current
