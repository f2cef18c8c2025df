# SPDX-License-Identifier: Apache-2.0
"""Reads Modbus registers through pymodbus, and explains failures.

Owns the connection, its time-outs, and what each way of failing means.  Which
registers are read is :mod:`kwapi.drivers.modbus.driver`'s.

We connect by ourselves and hand pymodbus the socket: it would log why it
cannot connect instead of saying so.  It never asks twice: on a serial line a
late answer to the first request would pass for that to the next one.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
import socket
import struct
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import pymodbus
import serial
from pymodbus import client as modbus_client

from kwapi import exception
from kwapi.drivers import parameters

FRAMINGS = {"tcp": pymodbus.FramerType.SOCKET, "rtu": pymodbus.FramerType.RTU}

#: Exception codes that mean that this device has no such registers.
_WRONG_MAP = {1: "illegal function", 2: "illegal data address", 3: "illegal data value"}
#: Those of a device, or a gateway before it, that cannot reach the unit.
_NO_UNIT = {
    4: "device failure",
    5: "acknowledged, but not answered",
    6: "device busy",
    10: "gateway path unavailable",
    11: "the unit behind the gateway does not respond",
}


_Client = modbus_client.ModbusTcpClient | modbus_client.ModbusSerialClient


class ConnectionLost(exception.WattmeterUnreachable):
    """Not one unit, but the way to all of them is gone."""


class Line(abc.ABC):
    """A way to the units.

    :ivar address: what it is called in messages.
    """

    address: str

    @abc.abstractmethod
    def connect(
        self, note: Any
    ) -> modbus_client.ModbusTcpClient | modbus_client.ModbusSerialClient:
        """Return a client that is connected.

        :param note: is given each packet that is sent or received, and returns it.
        :raises ConnectionLost: it cannot be.
        """


@dataclasses.dataclass(frozen=True)
class NetworkLine(Line):
    """A TCP connection; the unit, or a gateway to it, is at its end."""

    host: str
    port: int
    framing: pymodbus.FramerType
    timeout_seconds: float

    @property
    def address(self) -> str:  # type: ignore[override]
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def connect(self, note: Any) -> modbus_client.ModbusTcpClient:
        """Return a client that is connected."""
        client = modbus_client.ModbusTcpClient(
            self.host,
            port=self.port,
            framer=self.framing,
            timeout=self.timeout_seconds,
            retries=0,
            trace_packet=note,
        )
        try:
            client.socket = socket.create_connection(
                (self.host, self.port), timeout=self.timeout_seconds
            )
        except OSError as exc:
            reason = exc.strerror or str(exc)
            raise ConnectionLost(address=self.address, reason=reason) from exc
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client


@dataclasses.dataclass(frozen=True)
class SerialLine(Line):
    """A serial line; ours alone while it is open."""

    address: str
    baud: int
    parity: str
    stop_bits: int
    timeout_seconds: float

    def connect(self, note: Any) -> modbus_client.ModbusSerialClient:
        """Return a client that is connected."""
        client = modbus_client.ModbusSerialClient(
            self.address,
            baudrate=self.baud,
            parity=self.parity,
            stopbits=self.stop_bits,
            timeout=self.timeout_seconds,
            retries=0,
            trace_packet=note,
        )
        try:
            client.socket = serial.Serial(
                self.address,
                baudrate=self.baud,
                parity=self.parity,
                stopbits=self.stop_bits,
                timeout=self.timeout_seconds,
                write_timeout=self.timeout_seconds,
                exclusive=True,
            )
        except (OSError, ValueError) as exc:
            errno = getattr(exc, "errno", None)
            reason = os.strerror(errno) if errno else str(exc)
            raise ConnectionLost(address=self.address, reason=reason) from exc
        client.socket.reset_input_buffer()
        return client


def find_line(own: Mapping[str, Any]) -> Line:
    """Return the line that parameters describe."""
    if own["host"] is not None and own["device"] is not None:
        raise parameters.invalid(
            "host and device both say where the wattmeter is; give one of them"
        )
    if own["host"] is not None:
        framing = FRAMINGS[own["framing"]]
        return NetworkLine(own["host"], own["port"], framing, own["timeout_seconds"])
    if own["device"] is None:
        raise parameters.invalid("host or device must say where the wattmeter is; one is needed")
    return SerialLine(
        own["device"], own["baud"], own["parity"], own["stop_bits"], own["timeout_seconds"]
    )


class Session:
    """A connection to one or several units; used by one thread."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._client: Any = None
        self._heard = b""
        self._is_dirty = False

    def open(self) -> None:
        """Connect.

        :raises ConnectionLost: it cannot be.
        """
        self._client = self._line.connect(self._note)

    def close(self) -> None:
        """Disconnect; may be called twice."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def read(self, unit: int, function: int, address: int, count: int) -> Sequence[int]:
        """Return the contents of some registers; at most 125 of them.

        :raises ConnectionLost: the connection is gone.
        :raises WattmeterUnreachable: the unit does not answer.
        :raises MalformedAnswer: what it answers is not what was asked for.
        """
        client = self._client
        if client is None or not client.connected:
            raise ConnectionLost(address=self._line.address, reason="the session is closed")
        if self._is_dirty:
            self._drain()
        self._is_dirty = True
        answer = self._exchange(unit, function, address, count)
        self._is_dirty = False
        if answer.isError():
            raise self._exception(unit, function, address, count, answer.exception_code)
        registers: list[int] = getattr(answer, "registers", [])
        if answer.function_code != function or len(registers) != count:
            raise self._malformed(unit, f"{len(registers)} registers, where {count} were asked for")
        return registers

    def _exchange(self, unit: int, function: int, address: int, count: int) -> Any:
        client = self._client
        ask = client.read_holding_registers if function == 3 else client.read_input_registers
        try:
            return ask(address, count=count, device_id=unit)
        except pymodbus.exceptions.ConnectionException as exc:
            raise ConnectionLost(address=self._line.address, reason="it hung up") from exc
        except pymodbus.exceptions.ModbusException as exc:
            raise self._unanswered(unit) from exc
        except OSError as exc:
            raise ConnectionLost(
                address=self._line.address, reason=exc.strerror or "the line failed"
            ) from exc
        except (IndexError, ValueError, struct.error) as exc:  # pymodbus on odd bytes
            raise self._malformed(unit, f"{type(exc).__name__} on {self._said()}") from exc

    def _drain(self) -> None:
        """Throw away what came too late: it would pass for the answer to the next request."""
        line = self._client.socket
        if isinstance(line, socket.socket):
            line.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while line.recv(4096):
                    pass
        # pymodbus does so itself on a serial line.

    def _note(self, sending: bool, packet: bytes) -> bytes:
        """Keep what was heard since the last request: is it silence, or no Modbus?"""
        self._heard = b"" if sending else packet
        return packet

    def _said(self) -> str:
        shown = self._heard[:16].hex(" ")
        return f"{len(self._heard)} bytes, {shown}{' ...' if len(self._heard) > 16 else ''}"

    def _unanswered(self, unit: int) -> exception.WattmeterError:
        if self._heard:
            return self._malformed(unit, f"{self._said()}, are not a whole Modbus answer")
        return exception.WattmeterUnreachable(
            address=self._name(unit), reason=f"nothing within {self._line_timeout():g} s"
        )

    def _exception(
        self, unit: int, function: int, address: int, count: int, code: int
    ) -> exception.WattmeterError:
        if code in _NO_UNIT:
            return exception.WattmeterUnreachable(
                address=self._name(unit),
                reason=f"Modbus exception {code}, {_NO_UNIT[code]}; check the parameter unit",
            )
        kind = "holding" if function == 3 else "input"
        return self._malformed(
            unit,
            f"Modbus exception {code}, {_WRONG_MAP.get(code, 'unknown')}, for {kind} registers "
            f"{address} to {address + count - 1}: the register map is not this device's, "
            "or it has fewer outlets",
        )

    def _malformed(self, unit: int, reason: str) -> exception.MalformedAnswer:
        return exception.MalformedAnswer(address=self._name(unit), reason=reason)

    def _name(self, unit: int) -> str:
        return f"{self._line.address} unit {unit}"

    def _line_timeout(self) -> float:
        seconds: float = getattr(self._line, "timeout_seconds", 0.0)
        return seconds
