# SPDX-License-Identifier: Apache-2.0
"""What reading PDUs over Modbus TCP costs, in CPU time of the process that reads.

Usage: python -m benchmarks.modbus_polling [--pdus 10] [--seconds 0.7] [--rounds 3]

A child process plays the PDUs, 24 outlets each, on loopback.  Our driver runs
beside what one would write with pymodbus alone, in the same process and in
turns, so that the machine's mood strikes all alike:

* pymodbus, a request for each outlet, its blocking client;
* pymodbus, one request for all outlets, blocking and asyncio.

Trust CPU time and ratios; wall time on loopback says little.  The aim is at
most 20 us for an outlet's reading.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import multiprocessing.connection
import selectors
import socket
import statistics
import struct
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from pymodbus import client as modbus_client

from kwapi.drivers.modbus import driver as modbus

OUTLETS = 24
ADDRESS, STRIDE, UNIT = 9012, 2, 210
AIM_MICROSECONDS = 20.0

Poll = Callable[[], int]


class Case(NamedTuple):
    """A way to read all PDUs once."""

    name: str
    make: Callable[[Sequence[int]], Poll]


def main() -> None:
    """Measure and print."""
    options = _parse()
    parent, child = multiprocessing.Pipe()
    devices = multiprocessing.get_context("spawn").Process(
        target=serve, args=(child, options.pdus), daemon=True
    )
    devices.start()
    ports: list[int] = parent.recv()
    try:
        _report(_measure(ports, options.seconds, options.rounds), len(ports))
    finally:
        devices.terminate()
        devices.join()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--pdus", type=int, default=10, help="how many PDUs to read")
    parser.add_argument("--seconds", type=float, default=0.7, help="per case and round")
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over them")
    return parser.parse_args()


def _measure(ports: Sequence[int], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Return CPU microseconds per outlet reading: case -> one value for each round."""
    polls = {case.name: case.make(ports) for case in CASES}
    for poll in polls.values():
        poll()
    measured: dict[str, list[float]] = {name: [] for name in polls}
    for _ in range(rounds):
        for name, poll in polls.items():
            readings, end = 0, time.monotonic() + seconds
            used = time.process_time()
            while time.monotonic() < end:
                readings += poll()
            measured[name].append((time.process_time() - used) / readings * 1e6)
    return measured


def _report(measured: dict[str, list[float]], pdus: int) -> None:
    medians = {name: statistics.median(values) for name, values in measured.items()}
    print(f"{pdus} PDUs of {OUTLETS} outlets; CPU us per outlet reading, median (least - most)")
    for case in CASES:
        values, median = measured[case.name], medians[case.name]
        print(
            f"{case.name:42} {median:8.1f} ({min(values):.1f} - {max(values):.1f})"
            f"   {medians[_ONE_REQUEST] / median:6.2f} x as cheap as {_ONE_REQUEST!r}"
        )
    ours = medians[_OURS]
    met = "met" if ours <= AIM_MICROSECONDS else "MISSED"
    print(f"aim for {_OURS!r}: at most {AIM_MICROSECONDS:g} us; {met} with {ours:.1f} us")


def _request_per_outlet(ports: Sequence[int]) -> Poll:
    clients = _blocking(ports)

    def poll() -> int:
        for client in clients:
            for outlet in range(OUTLETS):
                _values(client.read_holding_registers(ADDRESS + STRIDE * outlet, device_id=UNIT))
        return len(clients) * OUTLETS

    return poll


def _one_request(ports: Sequence[int]) -> Poll:
    clients = _blocking(ports)

    def poll() -> int:
        return sum(
            len(
                _values(
                    client.read_holding_registers(ADDRESS, count=STRIDE * OUTLETS, device_id=UNIT)
                )[::STRIDE]
            )
            for client in clients
        )

    return poll


def _asyncio(ports: Sequence[int]) -> Poll:
    loop = asyncio.new_event_loop()

    async def connect() -> list[modbus_client.AsyncModbusTcpClient]:
        made = [modbus_client.AsyncModbusTcpClient("127.0.0.1", port=port) for port in ports]
        for client in made:
            await client.connect()
        return made

    clients = loop.run_until_complete(connect())

    async def poll() -> int:
        found = 0
        for client in clients:
            answer = await client.read_holding_registers(
                ADDRESS, count=STRIDE * OUTLETS, device_id=UNIT
            )
            found += len(_values(answer)[::STRIDE])
        return found

    return lambda: loop.run_until_complete(poll())


def _blocking(ports: Sequence[int]) -> list[modbus_client.ModbusTcpClient]:
    clients = [modbus_client.ModbusTcpClient("127.0.0.1", port=port) for port in ports]
    for client in clients:
        client.connect()
    return clients


def _values(answer: Any) -> list[float]:
    if answer.isError():
        raise RuntimeError(f"{answer}")
    return [raw / 100 for raw in answer.registers]


def _our_driver(**what: Any) -> Callable[[Sequence[int]], Poll]:
    """The driver's whole reading: exchange, rows, units, sums, measurements."""

    def make(ports: Sequence[int]) -> Poll:
        probes = [f"server-{outlet}" for outlet in range(1, OUTLETS + 1)]
        drivers = [
            modbus.Modbus(
                f"pdu-{port}", probes, lambda _: None, ip="127.0.0.1", port=port, unit=UNIT, **what
            )
            for port in ports
        ]
        for driver in drivers:
            driver.open()
        return lambda: sum(len(driver.read()) for driver in drivers)

    return make


_ONE_REQUEST, _OURS = "pymodbus, one request", "our driver, watts"
_WATTS = {"address": ADDRESS, "stride": STRIDE, "decode": "fd", "scale": 1000}
_KWH = {"address": 4000, "stride": 2, "type": "u32"}
_PRODUCT = [{**_WATTS, "address": address, "scale": 1} for address in (4216, 4324, 4162)]
CASES = (
    Case("pymodbus, a request per outlet", _request_per_outlet),
    Case(_ONE_REQUEST, _one_request),
    Case("pymodbus on asyncio, one request", _asyncio),
    Case(_OURS, _our_driver(watts=_WATTS)),
    Case("our driver, watts and kWh of 32 bits", _our_driver(watts=_WATTS, kwh=_KWH)),
    Case("our driver, A x V x power factor", _our_driver(watts=_PRODUCT)),
)


def serve(ready: multiprocessing.connection.Connection, pdus: int) -> None:
    """Play the PDUs, each on a port of its own; in a process of its own."""
    selector, ports = selectors.DefaultSelector(), []
    for _ in range(pdus):
        listener = socket.create_server(("127.0.0.1", 0))
        selector.register(listener, selectors.EVENT_READ, data="listener")
        ports.append(listener.getsockname()[1])
    ready.send(ports)
    while True:
        for key, _ in selector.select():
            end: Any = key.fileobj
            if key.data == "listener":
                selector.register(end.accept()[0], selectors.EVENT_READ)
                continue
            request = end.recv(4096)
            if request:
                end.sendall(answer(request))
            else:
                selector.unregister(end)
                end.close()


def answer(request: bytes) -> bytes:
    """Return a PDU's answer to a request for registers: each holds a plausible number."""
    function, _, count = struct.unpack(">BHH", request[7:12])
    contents = (b"\x00\x1f" * count)[: 2 * count]
    body = struct.pack(">BBB", request[6], function, len(contents)) + contents
    return request[:4] + struct.pack(">H", len(body)) + body


if __name__ == "__main__":
    main()
