# SPDX-License-Identifier: Apache-2.0
"""The simulated rack's PDU on the network: an SNMP agent over UDP.

Owns answering GET, GETNEXT and GETBULK in SNMPv1, v2c and v3 as an Eaton ePDU
would.  What it answers is :mod:`allinone.simulator.rack`'s.

The engine is its own, on a thread of its own: it shares nothing with a client
in the same process.
"""

from __future__ import annotations

import asyncio
import bisect
import functools
import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config
from pysnmp.entity import engine
from pysnmp.entity.rfc3413 import cmdrsp
from pysnmp.entity.rfc3413 import context
from pysnmp.proto import rfc1902
from pysnmp.proto import rfc1905
from pysnmp.smi import error as smi_error
from pysnmp.smi import instrum

from allinone.simulator import rack as racks
from kwapi import exception

_Name = tuple[int, ...]

EATON = (1, 3, 6, 1, 4, 1, 534, 6, 6, 7)
_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
_VOLTS = 230
_POWER_FACTOR = 0.95
_SECURITY_MODELS = (1, 2)
_USM = 3
_START_SECONDS = 60.0


class User(NamedTuple):
    """An SNMPv3 user of the agent, with SHA and AES.

    :ivar auth_password: and ``priv_password``: at least 8 characters.
    """

    name: str
    auth_password: str
    priv_password: str

    def __repr__(self) -> str:
        return f"<User {self.name}>"


class Agent:
    """Serves one rack on one UDP port."""

    def __init__(
        self,
        rack: racks.Rack,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        community: str = "public",
        user: User | None = None,
        now: Callable[[], float] = time.time,
        max_objects: int = 128,
    ) -> None:
        """Prepare.

        :param port: 0 takes any free one.
        :param user: who may read by SNMPv3, with authentication and privacy.
        :param now: returns the time up to which the rack has run, epoch seconds.
        :param max_objects: a request for more is too big, as with small devices.
        """
        self._address = (host, port)
        self._community, self._user = community, user
        self._objects = _Objects(rack, now, max_objects)
        self._rack = rack
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._engine: engine.SnmpEngine | None = None

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        return self._address[1]

    def start(self) -> None:
        """Listen; return when it answers.

        :raises ConfigurationInvalid: the address cannot be had.
        """
        listener = self._bind()
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
        self._thread.start()
        serving = asyncio.run_coroutine_threadsafe(self._serve(listener), loop)
        try:
            serving.result(_START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the port; return when it is closed."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), loop).result(_START_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_SECONDS)
        loop.close()

    def reload(self) -> None:
        """Nothing can change."""

    def drivers_conf(self, name: str = "rack-1-pdu") -> str:
        """Return the section of drivers.conf that reads this PDU."""
        parameters = {
            "host": self.host,
            "port": self.port,
            "protocol": "2c",
            "community": self._community,
            "profile": "eaton",
        }
        return (
            f"[{name}]\n"
            "driver = snmp\n"
            f"probes = {self._rack.probes()!r}\n"
            f"parameters = {parameters!r}\n"
        )

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listener.bind(self._address)
        except OSError as exc:
            listener.close()
            host, port = self._address
            raise exception.ConfigurationInvalid(
                where="simulator",
                reason=f"cannot listen on {host}, UDP port {port}: {exc.strerror}",
            ) from exc
        listener.setblocking(False)
        self._address = listener.getsockname()
        return listener

    async def _serve(self, listener: socket.socket) -> None:
        # The engine id stays the same at the same port, as a device's does; an
        # SNMPv3 client takes a new one for another device.
        engine_id = rfc1902.OctetString(b"\x80\x00\x1f\x88\x04kwapi" + self.port.to_bytes(2))
        snmp = self._engine = engine.SnmpEngine(snmpEngineID=engine_id)
        transport = udp.UdpAsyncioTransport().open_server_mode(sock=listener)
        config.add_transport(snmp, udp.DOMAIN_NAME, transport)
        self._admit(snmp)
        served = context.SnmpContext(snmp)
        served.unregister_context_name(b"")
        served.register_context_name(b"", self._objects)
        for responder in (
            cmdrsp.GetCommandResponder,
            cmdrsp.NextCommandResponder,
            cmdrsp.BulkCommandResponder,
        ):
            responder(snmp, served)

    def _admit(self, snmp: engine.SnmpEngine) -> None:
        config.add_v1_system(snmp, "reader", self._community)
        for model in _SECURITY_MODELS:
            config.add_vacm_user(snmp, model, "reader", "noAuthNoPriv", readSubTree=(1, 3, 6, 1))
        if self._user is not None:
            config.add_v3_user(
                snmp,
                self._user.name,
                config.USM_AUTH_HMAC96_SHA,
                self._user.auth_password,
                config.USM_PRIV_CFB128_AES,
                self._user.priv_password,
            )
            config.add_vacm_user(snmp, _USM, self._user.name, "authPriv", readSubTree=(1, 3, 6, 1))

    async def _close(self) -> None:
        if self._engine is not None:
            self._engine.close_dispatcher()
            # The transport closes its socket in the loop's next round.
            await asyncio.sleep(0)


class _Objects(instrum.AbstractMibInstrumController):  # type: ignore[misc]
    """The PDU's objects, for pysnmp's responders.

    A sorted list instead of pysnmp's tree of MIB objects: 48 objects then cost
    what encoding them costs.
    """

    def __init__(self, rack: racks.Rack, now: Callable[[], float], max_objects: int) -> None:
        self._rack, self._now, self._max_objects = rack, now, max_objects
        self._start = now()
        self._values = dict(self._every_object())
        self._names = sorted(self._values)

    def read_variables(self, *objects: Any, **request: Any) -> list[Any]:
        """Answer GET."""
        self._admit(objects, request)
        with self._rack.at(self._now()):
            return [(name, self._get(tuple(name))) for name, _ in objects]

    def read_next_variables(self, *objects: Any, **request: Any) -> list[Any]:
        """Answer GETNEXT; GETBULK is many of it."""
        self._admit(objects, request)
        with self._rack.at(self._now()):
            return [self._next(name) for name, _ in objects]

    def _admit(self, objects: Any, request: dict[str, Any]) -> None:
        if len(objects) > self._max_objects:
            raise smi_error.TooBigError()
        if objects:
            # All objects are in one view: who may read one may read all.
            request["acFun"]("read", objects[0], **request)

    def _get(self, name: _Name) -> Any:
        value = self._values.get(name)
        return rfc1905.noSuchInstance if value is None else value()

    def _next(self, name: Any) -> tuple[Any, Any]:
        at = bisect.bisect_right(self._names, tuple(name))
        if at == len(self._names):
            return name, rfc1905.endOfMibView
        following = self._names[at]
        return rfc1902.ObjectName(following), self._values[following]()

    def _every_object(self) -> Iterator[tuple[_Name, Callable[[], Any]]]:
        yield from self._system()
        yield from self._inputs()
        for number, outlet in self._rack.outlets.items():
            for column, value in _outlet_columns(number, outlet):
                yield (*EATON, 6, *column, 0, number), value

    def _system(self) -> Iterator[tuple[_Name, Callable[[], Any]]]:
        description = "Eaton ePDU MA 1P IN:L6-30P 24A OUT:20xC13, 4xC19 (simulated by Kwapi)"
        fixed = {
            (*_SYSTEM, 1, 0): rfc1902.OctetString(description),
            (*_SYSTEM, 2, 0): rfc1902.ObjectIdentifier(EATON),
            (*_SYSTEM, 5, 0): rfc1902.OctetString("rack-1-pdu"),
            (*EATON, 1, 2, 1, 2, 0): rfc1902.OctetString("EPDU MA 0U (20XC13:4XC19)"),
            (*EATON, 1, 2, 1, 20, 0): rfc1902.Integer32(1),
            (*EATON, 1, 2, 1, 22, 0): rfc1902.Integer32(racks.OUTLETS),
        }
        for name, value in fixed.items():
            yield name, functools.partial(_same, value)
        yield (*_SYSTEM, 3, 0), lambda: rfc1902.TimeTicks(_ticks(self._now() - self._start))

    def _inputs(self) -> Iterator[tuple[_Name, Callable[[], Any]]]:
        rack = self._rack
        yield (*EATON, 3, 5, 1, 4, 0, 1), lambda: rfc1902.Integer32(rack.watts)
        yield (*EATON, 3, 5, 1, 5, 0, 1), lambda: rfc1902.Unsigned32(_counter(rack.watt_hours))


def _outlet_columns(number: int, outlet: racks.Outlet) -> Iterator[tuple[_Name, Callable[[], Any]]]:
    """Yield the columns of EATON-EPDU-MIB's outlet tables, with their units."""
    yield (1, 1, 3), lambda: rfc1902.OctetString(outlet.name)
    yield (1, 1, 6), lambda: rfc1902.OctetString(f"A{number}")
    yield (3, 1, 2), lambda: rfc1902.Integer32(_VOLTS * 1000)  # mV
    yield (4, 1, 3), lambda: rfc1902.Integer32(round(_volt_amperes(outlet) / _VOLTS * 1000))  # mA
    yield (5, 1, 2), lambda: rfc1902.Integer32(round(_volt_amperes(outlet)))
    yield (5, 1, 3), lambda: rfc1902.Integer32(outlet.watts)
    yield (5, 1, 4), lambda: rfc1902.Unsigned32(_counter(outlet.watt_hours))
    yield (5, 1, 6), lambda: rfc1902.Integer32(round(_POWER_FACTOR * 1000))  # 1/1000


def _same(value: Any) -> Any:
    return value


def _volt_amperes(outlet: racks.Outlet) -> float:
    return outlet.watts / _POWER_FACTOR


def _counter(value: float) -> int:
    return int(value) % 2**32


def _ticks(seconds: float) -> int:
    return _counter(seconds * 100)
