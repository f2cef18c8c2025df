# SPDX-License-Identifier: Apache-2.0
"""A Modbus device of pymodbus' own: TCP, RTU over TCP, or RTU on a pseudo-terminal.

Owns the server, its registers, and the line to it.  Unit 210 has the registers
of ``samples/schleifenbauer_spdm.yaml``, unit 1 those of ``samples/eastron_sdm.yaml``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import threading
import tty
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymodbus
import yaml
from pymodbus import server as modbus_server
from pymodbus import simulator

from tests.fakes import tcp_relay

SAMPLES = Path(__file__).with_name("samples")
SPDM, SDM = 210, 1


def read_sample(name: str) -> dict[int, list[int]]:
    """Return blocks of registers, as the sample has them: first address -> contents."""
    found: dict[int, list[int]] = yaml.safe_load((SAMPLES / name).read_text())["registers"]
    return found


def _device(unit: int, blocks: Mapping[int, list[int]]) -> simulator.SimDevice:
    data = [
        simulator.SimData(address, values=contents, datatype=simulator.DataType.REGISTERS)
        for address, contents in sorted(blocks.items())
    ]
    return simulator.SimDevice(id=unit, simdata=data)


class Server:
    """The server in a thread; on a TCP port, or on a pseudo-terminal.

    :ivar spoilt: how often it was asked.
    """

    def __init__(self, framing: str = "tcp", terminal: str | None = None) -> None:
        self.port = 0
        self._framer = {"tcp": pymodbus.FramerType.SOCKET, "rtu": pymodbus.FramerType.RTU}[framing]
        self._terminal = terminal
        self.requests = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    def stop(self) -> None:
        """Stop it."""
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        devices = [
            _device(SPDM, read_sample("schleifenbauer_spdm.yaml")),
            _device(SDM, read_sample("eastron_sdm.yaml")),
        ]
        self._server: Any
        if self._terminal:
            self._server = modbus_server.ModbusSerialServer(
                devices, framer=self._framer, port=self._terminal, baudrate=115200,
                ignore_missing_devices=True, trace_packet=self._count,
            )  # fmt: skip
        else:
            self._server = modbus_server.ModbusTcpServer(
                devices, framer=self._framer, address=("127.0.0.1", 0),
                ignore_missing_devices=self._framer is pymodbus.FramerType.RTU,
                trace_packet=self._count,
            )  # fmt: skip
        await self._server.serve_forever(background=True)
        if not self._terminal:
            self.port = self._server.transport.sockets[0].getsockname()[1]

    def _count(self, sending: bool, packet: bytes) -> bytes:
        self.requests += not sending
        return packet


class TerminalRelay:
    """Two pseudo-terminals, and what goes from one to the other.

    :ivar near: where a driver opens; ``far`` is the device's.
    :ivar spoil: what is done to each packet that comes back; b"" swallows it.
    """

    def __init__(self) -> None:
        self._near, near = os.openpty()
        self._far, far = os.openpty()
        self._slaves = (near, far)
        for slave in self._slaves:
            tty.setraw(slave)
        self.near, self.far = (os.ttyname(slave) for slave in self._slaves)
        self.spoil: tcp_relay.Spoil = tcp_relay.untouched
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def vanish(self) -> None:
        """Let no answer through."""
        self.spoil = lambda _data: b""

    def come_back(self) -> None:
        """Pass everything on again."""
        self.spoil = tcp_relay.untouched

    def close(self) -> None:
        """Free the terminals."""
        os.close(self._stopped)
        self._thread.join()
        for end in (self._near, self._far, *self._slaves, self._stop):
            with contextlib.suppress(OSError):
                os.close(end)

    def _pump(self) -> None:
        while True:
            ready, _, _ = select.select([self._near, self._far, self._stop], [], [])
            if self._stop in ready:
                return
            if self._near in ready:
                os.write(self._far, os.read(self._near, 4096))
            if self._far in ready:
                os.write(self._near, self.spoil(os.read(self._far, 4096)))
