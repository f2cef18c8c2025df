# SPDX-License-Identifier: Apache-2.0
"""What reading PDUs over SNMP costs, in CPU time of the process that reads.

Usage: python benchmarks/snmp_polling.py [--pdus 20] [--seconds 0.7] [--rounds 3]

A child process plays the PDUs, 24 outlets each, on loopback.  Our driver, with
either library, runs beside what one would write without it, in the same
process and in turns, so that the machine's mood strikes all alike:

* pysnmp as the first Kwapi used it: a GETBULK for each row;
* gufo-snmp by itself: a GET of all rows.

Trust CPU time and ratios; wall time on loopback says little.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import bisect
import multiprocessing
import multiprocessing.connection
import selectors
import socket
import statistics
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from gufo.snmp import SnmpVersion
from gufo.snmp import sync
from pysnmp.hlapi.v3arch import asyncio as hlapi

from kwapi.drivers.snmp import driver as snmp

OUTLETS = 24
WATTS, WATT_HOURS = "1.3.6.1.4.1.534.6.6.7.6.5.1.3", "1.3.6.1.4.1.534.6.6.7.6.5.1.4"
COMMUNITY = "public"

Poll = Callable[[], int]


class Case(NamedTuple):
    """A way to read all PDUs once.

    :ivar baseline: name of the case it is compared with.
    """

    name: str
    baseline: str
    make: Callable[[Sequence[int]], Poll]


def main() -> None:
    """Measure and print."""
    options = _parse()
    parent, child = multiprocessing.Pipe()
    agents = multiprocessing.get_context("spawn").Process(
        target=serve, args=(child, options.pdus), daemon=True
    )
    agents.start()
    ports: list[int] = parent.recv()
    try:
        _report(_measure(ports, options.seconds, options.rounds), len(ports))
    finally:
        agents.terminate()
        agents.join()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--pdus", type=int, default=20, help="how many PDUs to read")
    parser.add_argument("--seconds", type=float, default=0.7, help="per case and round")
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over them")
    return parser.parse_args()


def _measure(ports: Sequence[int], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Return CPU microseconds per outlet reading: case -> one value for each round."""
    polls = {case.name: case.make(ports) for case in CASES}
    for poll in polls.values():
        poll()  # engines, sockets and caches are made by now
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
        ratio = medians[case.baseline] / median
        print(
            f"{case.name:52} {median:8.1f} ({min(values):.1f} - {max(values):.1f})"
            f"   {ratio:6.2f} x as cheap as {case.baseline!r}"
        )


def _first_kwapi(ports: Sequence[int]) -> Poll:
    """A GETBULK that returns one row, for each row, as the first Kwapi's driver did."""
    return _with_pysnmp(ports, repetitions=1, requests=OUTLETS)


def _pysnmp_bulk(ports: Sequence[int]) -> Poll:
    """One GETBULK for all rows."""
    return _with_pysnmp(ports, repetitions=OUTLETS, requests=1)


def _with_pysnmp(ports: Sequence[int], repetitions: int, requests: int) -> Poll:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    engine, community = hlapi.SnmpEngine(), hlapi.CommunityData(COMMUNITY)
    context = hlapi.ContextData()

    async def targets() -> list[Any]:
        return [await hlapi.UdpTransportTarget.create(("127.0.0.1", port)) for port in ports]

    every = loop.run_until_complete(targets())

    async def read(target: Any) -> int:
        oid, rows = hlapi.ObjectIdentity(WATTS), 0
        for _ in range(requests):
            error, status, _, objects = await hlapi.bulk_cmd(
                engine,
                community,
                target,
                context,
                0,
                repetitions,
                hlapi.ObjectType(oid),
                lookupMib=False,
            )
            if error or status:
                raise RuntimeError(f"{error or status}")
            rows += len([int(value) for _, value in objects])
            oid = hlapi.ObjectIdentity(objects[-1][0])
        return rows

    def close() -> None:
        engine.close_dispatcher()
        loop.run_until_complete(asyncio.sleep(0.1))

    atexit.register(close)

    async def poll() -> int:
        return sum([await read(target) for target in every])

    return lambda: loop.run_until_complete(poll())


def _plain_gufo(ports: Sequence[int]) -> Poll:
    """One GET of all rows, the values in a dict."""
    oids = [f"{WATTS}.0.{outlet}" for outlet in range(1, OUTLETS + 1)]
    sessions = _gufo_sessions(ports)
    return lambda: sum(len(session.get_many(oids)) for session in sessions)


def _gufo_bulk(ports: Sequence[int]) -> Poll:
    """A GETBULK of all rows."""
    sessions = _gufo_sessions(ports)
    return lambda: sum(
        len(list(session.getbulk(f"{WATTS}.0", OUTLETS + 1))) for session in sessions
    )


def _gufo_sessions(ports: Sequence[int]) -> list[sync.SnmpSession]:
    return [
        sync.SnmpSession("127.0.0.1", port=port, community=COMMUNITY, version=SnmpVersion.v2c)
        for port in ports
    ]


def _our_driver(library: str, **what: Any) -> Callable[[Sequence[int]], Poll]:
    """The driver's whole reading: exchange, indexes, units, sums, measurements."""

    def make(ports: Sequence[int]) -> Poll:
        probes = [f"server-{outlet}" for outlet in range(1, OUTLETS + 1)]
        drivers = [
            snmp.Snmp(
                f"pdu-{port}",
                probes,
                lambda _reading: None,
                ip="127.0.0.1",
                port=port,
                community=COMMUNITY,
                client=library,
                **what,
            )
            for port in ports
        ]
        for driver in drivers:
            driver.open()
        return lambda: sum(len(driver.read()) for driver in drivers)

    return make


_WATTS_ONLY = {"oid": f"{WATTS}.0", "scale": 1}
_WITH_KWH = {"profile": "eaton"}
_FIRST_KWAPI, _PLAIN_GUFO = "pysnmp, a GETBULK per row", "gufo, one GET"
CASES = (
    Case(_FIRST_KWAPI, _FIRST_KWAPI, _first_kwapi),
    Case("pysnmp, one GETBULK", _FIRST_KWAPI, _pysnmp_bulk),
    Case("our driver on pysnmp, watts", _FIRST_KWAPI, _our_driver("pysnmp", **_WATTS_ONLY)),
    Case("our driver on pysnmp, watts and kWh", _FIRST_KWAPI, _our_driver("pysnmp", **_WITH_KWH)),
    Case(_PLAIN_GUFO, _PLAIN_GUFO, _plain_gufo),
    Case("gufo, one GETBULK", _PLAIN_GUFO, _gufo_bulk),
    Case("our driver on gufo, watts", _PLAIN_GUFO, _our_driver("gufo", **_WATTS_ONLY)),
    Case("our driver on gufo, watts and kWh", _PLAIN_GUFO, _our_driver("gufo", **_WITH_KWH)),
)


def serve(ready: multiprocessing.connection.Connection, pdus: int) -> None:
    """Play the PDUs, each on a port of its own; in a process of its own."""
    selector, ports = selectors.DefaultSelector(), []
    for _ in range(pdus):
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
        selector.register(listener, selectors.EVENT_READ)
        ports.append(listener.getsockname()[1])
    ready.send(ports)
    known: dict[bytes, bytes] = {}
    while True:
        for key, _ in selector.select():
            message, sender = key.fileobj.recvfrom(65535)  # type: ignore[union-attr]
            key.fileobj.sendto(answer(message, known), sender)  # type: ignore[union-attr]


def answer(message: bytes, known: dict[bytes, bytes]) -> bytes:
    """Return a PDU's answer to an SNMPv2c request.

    Answers are kept by request, less its number, so that playing them costs little.
    """
    _, start, end = _element(message, 0)
    _, _, version_end = _element(message, start)
    _, _, community_end = _element(message, version_end)
    kind, pdu, _ = _element(message, community_end)
    _, _, number_end = _element(message, pdu)
    request = bytes((kind,)) + message[number_end:end]
    if request not in known:
        known[request] = _objects(kind, message, number_end)
    body = message[pdu:number_end] + b"\x02\x01\x00\x02\x01\x00" + known[request]
    return _encode(0x30, message[start:community_end] + _encode(0xA2, body))


def _objects(kind: int, message: bytes, at: int) -> bytes:
    """Return the encoded objects that answer a GET or a GETBULK."""
    _, _, after_first = _element(message, at)
    _, second, after_second = _element(message, after_first)
    repetitions = int.from_bytes(message[second:after_second]) if kind == 0xA5 else 0
    _, at, end = _element(message, after_second)
    found = []
    while at < end:
        _, name_start, next_at = _element(message, at)
        _, name, name_end = _element(message, name_start)
        oid = message[name:name_end]
        if kind == 0xA5:
            position = bisect.bisect_right(_NAMES, oid)
            found += _NAMES[position : position + repetitions]
        else:
            found.append(oid)
        at = next_at
    return _encode(0x30, b"".join(_object(oid) for oid in found))


def _object(oid: bytes) -> bytes:
    value = _encode(0x02, (100 + oid[-1]).to_bytes(2)) if oid in _NAMES else b"\x81\x00"
    return _encode(0x30, _encode(0x06, oid) + value)


def _element(message: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, start and end of the contents of the BER element at a place."""
    length, start = message[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(message[at + 2 : start])
    return message[at], start, start + length


def _encode(tag: int, contents: bytes) -> bytes:
    length = len(contents)
    if length < 0x80:
        return bytes((tag, length)) + contents
    return bytes((tag, 0x82)) + length.to_bytes(2) + contents


def _encode_oid(oid: str) -> bytes:
    first, second, *rest = map(int, oid.split("."))
    encoded = bytearray((40 * first + second,))
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | number & 0x7F)
        encoded += bytes(reversed(septets))
    return bytes(encoded)


_NAMES = [
    _encode_oid(f"{column}.0.{outlet}")
    for column in (WATTS, WATT_HOURS)
    for outlet in range(1, OUTLETS + 1)
]


if __name__ == "__main__":
    main()
