# SPDX-License-Identifier: Apache-2.0
"""The simulated servers' BMCs: IPMI 2.0 over UDP, a port for each server.

Owns sockets, one thread for all of them, and what the commands do to
:mod:`allinone.simulator.rack`: power by DCMI, a sensor of watts
(:mod:`allinone.simulator.sensor`), chassis status and control.  pyghmi's server
class speaks the protocol.  Its own input and output are not used: they share
sockets and a thread with every client of the process, and never end.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import struct
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from pyghmi.ipmi import bmc
from pyghmi.ipmi.private import serversession
from pyghmi.ipmi.private import session

from allinone.simulator import account
from allinone.simulator import power
from allinone.simulator import rack as racks
from allinone.simulator import sensor
from kwapi import exception

LOG = logging.getLogger(__name__)

#: BMCs take ten milliseconds; pyghmi's clients miss what comes at once.
_DELAY_SECONDS = 0.002
_JOIN_SECONDS = 60.0
#: Who comes when there are as many gets the place of who came first.
_MOST_SESSIONS = 32
_OPERATOR = 3

_CHASSIS, _SENSOR, _APPLICATION, _STORAGE, _GROUP = 0x00, 0x04, 0x06, 0x0A, 0x2C
_CONTROL, _GET_DEVICE_ID, _GET_POWER, _DCMI = 0x02, 0x01, 0x02, 0xDC
_NO_SUCH_COMMAND, _NO_PRIVILEGE, _NOT_NOW = 0xC1, 0xD4, 0xD5
_POWER = struct.Struct("<BHHHHIIB")
_ACTIVE = 0x40
#: Of nobody's manufacturer number, firmware 1.00, IPMI 2.0, with sensors.
_DEVICE = (0x20, 1, 1, 0, 2, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0)

_RMCPP, _OPEN, _OPENED, _RAKP = 0x06, 0x10, 0x11, (0x12, 0x14)
_NO_SUCH_SUITE, _NO_SUCH_NAME = 0x11, 0x0D
_RAKP2 = 0x13


class Bmcs:
    """Serves the BMC of each server of one rack."""

    def __init__(
        self,
        rack: racks.Rack,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare.

        :param port: of the first server; the others follow.  0 takes any free ones.
        :param now: returns the rack's time, epoch seconds.
        """
        self._rack, self._now = rack, now
        self.host, self._port = host, port
        self._bmcs: dict[str, _Bmc] = {}
        self._waker: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def ports(self) -> dict[str, int]:
        """The port of each server's BMC, once started."""
        return {name: bmc.port for name, bmc in self._bmcs.items()}

    def start(self) -> None:
        """Listen.

        :raises ConfigurationInvalid: a port cannot be had.
        """
        try:
            for number, server in enumerate(self._rack.servers):
                listener = self._bind(self._port + number if self._port else 0)
                self._bmcs[server.name] = _Bmc(listener, self._rack, server.name, self._now)
        except BaseException:
            self._close()
            raise
        self._waker, woken = socket.socketpair()
        self._thread = threading.Thread(
            target=self._serve, args=(woken,), name="simulator-bmc", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the ports; return when they are closed."""
        waker, thread = self._waker, self._thread
        self._waker = self._thread = None
        if waker is not None and thread is not None:
            waker.close()
            thread.join(_JOIN_SECONDS)
        self._close()

    def reload(self) -> None:
        """Nothing can change."""

    def drivers_conf(self) -> str:
        """Return the sections of drivers.conf that read these BMCs."""
        return "\n".join(
            f"[{name}-bmc]\ndriver = ipmi\nprobes = {[f'{name}.bmc']!r}\n"
            f"parameters = {self._parameters(port)!r}\n"
            for name, port in self.ports.items()
        )

    def _parameters(self, port: int) -> dict[str, object]:
        return {
            "host": self.host,
            "port": port,
            "username": account.USERNAME,
            "password": account.PASSWORD,
        }

    def _bind(self, port: int) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listener.bind((self.host, port))
        except (OSError, OverflowError) as exc:
            listener.close()
            raise exception.ConfigurationInvalid(
                where="simulator",
                reason=f"a BMC cannot listen on {self.host}, UDP port {port}: "
                f"{getattr(exc, 'strerror', None) or exc}",
            ) from exc
        return listener

    def _serve(self, woken: socket.socket) -> None:
        with selectors.DefaultSelector() as selector, woken:
            selector.register(woken, selectors.EVENT_READ)
            for each in self._bmcs.values():
                selector.register(each.serversocket, selectors.EVENT_READ, each)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    key.data.take()

    def _close(self) -> None:
        for each in self._bmcs.values():
            each.serversocket.close()
        self._bmcs = {}


class _Session(serversession.ServerSession):  # type: ignore[misc]
    """A client who logs in, or has."""

    clientpriv = 2

    def _got_rakp1(self, data: Any) -> None:
        if self.authdata.get(bytes(data[28:]).decode("latin-1")) is None:
            refusal = bytearray((data[0], _NO_SUCH_NAME, 0, 0)) + self.clientsessionid
            self.send_payload(refusal, _RAKP2, retry=False)
        else:
            super()._got_rakp1(data)

    def close_server_session(self) -> None:
        self.bmc.forget(self.sockaddr)


class _Bmc(bmc.Bmc):  # type: ignore[misc]
    """One server's BMC."""

    def __init__(
        self, listener: socket.socket, rack: racks.Rack, name: str, now: Callable[[], float]
    ) -> None:
        # Not pyghmi's: that one would open a socket that nobody can close.
        self.serversocket, self.port = listener, listener.getsockname()[1]
        self.authdata, self.kg = {account.USERNAME: account.PASSWORD}, None
        self.uuid = uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.simulated.invalid")
        self.pktqueue: deque[Any] = deque()
        self.authcap = bytes((0, 1, 0x80, 0x04, 0x02, 0, 0, 0, 0))  # IPMI 2.0, names, passwords
        self._rack, self._name, self._now = rack, name, now
        self._sensors = sensor.Sensors()
        self._sessions: dict[Any, _Session] = {}

    def take(self) -> None:
        """Answer a datagram."""
        try:
            data, sender = self.serversocket.recvfrom(4096, socket.MSG_DONTWAIT)
        except OSError:
            return
        time.sleep(_DELAY_SECONDS)
        try:
            self._dispatch(bytearray(data), sender)
        except Exception as exc:  # whatever a datagram may hold that pyghmi does not expect
            LOG.debug("%s: a datagram of %d bytes: %r", self._name, len(data), exc)

    def forget(self, sender: Any) -> None:
        """End a client's session."""
        self._sessions.pop(sender, None)

    def _dispatch(self, data: bytearray, sender: Any) -> None:
        if len(data) < 16 or data[0] != 6 or data[3] != 7:
            return
        kind = data[5] & 0x3F
        known = self._sessions.get(sender)
        in_session = data[4] == _RMCPP and (kind in _RAKP or any(data[6:10]))
        if data[4] == _RMCPP and kind == _OPEN:
            self._log_in(data, sender)
        elif not in_session:
            self.sessionless_data(data, sender)
        elif known is not None:
            known._handle_ipmi_packet(data, sockaddr=sender)

    def _log_in(self, data: bytearray, sender: Any) -> None:
        if data[28] != 1:
            # pyghmi would say yes to any suite, and speak the third.
            refusal = bytes((data[16], _NO_SUCH_SUITE, 0, 0)) + data[20:24]
            head = struct.pack("<BBBBBBIIH", 6, 0, 0xFF, 7, _RMCPP, _OPENED, 0, 0, len(refusal))
            self.serversocket.sendto(head + refusal, sender)
            return
        self._sessions.pop(sender, None)
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[sender] = _Session(
            self.authdata, self.kg, sender, self.serversocket, data[16:], self.uuid, bmc=self
        )
        # pyghmi keeps every session it ever had.
        with contextlib.suppress(KeyError):
            del session.Session.bmc_handlers[sender]

    # ---------------------------------------------------------- commands

    def handle_raw_request(self, request: Any, client: Any) -> None:
        """Answer a command of a client who has logged in."""
        netfn, command, data = request["netfn"], request["command"], bytes(request["data"])
        if (netfn, command) == (_CHASSIS, _CONTROL) and client.clientpriv < _OPERATOR:
            client.send_ipmi_response(code=_NO_PRIVILEGE)
        elif (netfn, command) == (_APPLICATION, _GET_DEVICE_ID):
            client.send_ipmi_response(data=_DEVICE)
        elif (netfn, command) == (_GROUP, _GET_POWER) and data[:2] == bytes((_DCMI, 1)):
            client.send_ipmi_response(data=self._power_reading())
        elif netfn in (_SENSOR, _STORAGE):
            code, answer = self._sensors.answer(netfn, command, data, self._show().watts)
            client.send_ipmi_response(code=code, data=answer)
        else:
            super().handle_raw_request(request, client)

    def get_system_guid(self) -> uuid.UUID:
        """Return what tells this server from others."""
        return self.uuid

    def get_power_state(self) -> str:
        """Return what Get Chassis Status is to say."""
        return "on" if self._show().is_on else "off"

    def power_on(self) -> int:
        """Switch on."""
        return self._switch(power.Action.ON)

    def power_off(self) -> int:
        """Switch off at once."""
        return self._switch(power.Action.OFF)

    def power_shutdown(self) -> int:
        """Ask the operating system to end."""
        return self._switch(power.Action.SOFT_OFF)

    def power_cycle(self) -> int:
        """Off, and on again."""
        return self._switch(power.Action.CYCLE) if self._show().is_on else _NOT_NOW

    def power_reset(self) -> int:
        """Boot anew, without switching off."""
        return self._switch(power.Action.RESET) if self._show().is_on else _NOT_NOW

    def _switch(self, action: power.Action) -> int:
        self._rack.switch(self._name, action, self._now())
        return 0

    def _show(self) -> racks.Shown:
        return self._rack.show(self._name, self._now())

    def _power_reading(self) -> bytes:
        watts = self._show().watts
        seconds, window = int(self._now()) & 0xFFFFFFFF, racks.REFRESH_SECONDS * 1000
        # Least, most and mean are of the window, in which the watts stand still.
        return _POWER.pack(_DCMI, watts, watts, watts, watts, seconds, window, _ACTIVE)
