# SPDX-License-Identifier: Apache-2.0
"""How many PDUs one process reads on time, through the drivers and their manager as they are.

Usage: python -m benchmarks.snmp_scale [--client pysnmp --pdus 120] [--client gufo --pdus 1000]
                                       [--seconds 30] [--outlets-only]

A child process plays the PDUs, 24 outlets each and a port each, on loopback;
it keeps its answers, so that it is not what is measured.  A reading is late
when its wattmeter's next one was due before it was there: the driver then
leaves that tick out, and the number of ticks left out is what counts.

Without --client: both, 120 PDUs with pysnmp and 1,000 with gufo-snmp.
"""

from __future__ import annotations

import argparse
import collections
import gc
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import snmp_polling
from kwapi import measurement
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import manager

_CASES = (("pysnmp", 120), ("gufo", 1000))
_START_SECONDS = 120.0


class Result(NamedTuple):
    """What came of a run.

    :ivar start_seconds: until every wattmeter had been read.
    :ivar due: ticks that fell into the run.
    :ivar left_out: ticks without a reading.
    :ivar readings: outlet readings.
    :ivar cpu_seconds: of this process.
    :ivar elapsed_seconds: of the run.
    :ivar memory_mib: and ``threads``: of this process, while it ran.
    :ivar stop_seconds: until every driver had ended.
    """

    start_seconds: float
    due: int
    left_out: int
    readings: int
    cpu_seconds: float
    elapsed_seconds: float
    memory_mib: float
    threads: int
    stop_seconds: float


class Readings:
    """Takes what drivers publish."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.of: collections.Counter[str] = collections.Counter()
        self.outlets = 0

    def publish(self, reading: measurement.Reading) -> None:
        """Count it, and its outlets."""
        self.seen.add(reading.wattmeter)
        self.of[reading.wattmeter] += 1
        self.outlets += len(reading.probes)

    def start_anew(self) -> None:
        """Forget what came until now, but not who was there."""
        self.of.clear()
        self.outlets = 0


def main() -> None:
    """Measure and print."""
    options = _parse()
    allow_many_sockets()
    cases = [(options.client, options.pdus)] if options.client else _CASES
    # Each in a process of its own: an engine, threads and memory of the one
    # would be in the other's figures.
    context = multiprocessing.get_context("spawn")
    for client, pdus in cases:
        process = context.Process(
            target=run_case, args=(client, pdus, options.seconds, not options.outlets_only)
        )
        process.start()
        process.join()


def run_case(client: str, pdus: int, seconds: float, with_kwh: bool) -> None:
    """Measure one case in this process, and print it."""
    with Pdus(pdus) as ports:
        config = configure(ports, client, with_kwh)
        result = measure(config, seconds)
    _report(client, pdus, result)


class Pdus:
    """The child process that plays the PDUs."""

    def __init__(self, pdus: int) -> None:
        self._pdus = pdus

    def __enter__(self) -> list[int]:
        parent, child = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=play, args=(child, self._pdus), daemon=True
        )
        self._process.start()
        ports: list[int] = parent.recv()
        return ports

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def play(ready: multiprocessing.connection.Connection, pdus: int) -> None:
    """Play PDUs, as many as there may be."""
    allow_many_sockets()
    snmp_polling.serve(ready, pdus)


def configure(
    ports: Sequence[int], client: str, with_kwh: bool = True
) -> configuration.Configuration:
    """Return the configuration of a wattmeter for each port, read each second."""
    what = {"profile": "eaton"} if with_kwh else {"oid": f"{snmp_polling.WATTS}.0", "scale": 1}
    wattmeters = {}
    for number, port in enumerate(ports):
        name = f"pdu-{number:04}"
        probes = tuple(f"{name}.{outlet}" for outlet in range(1, snmp_polling.OUTLETS + 1))
        parameters = {
            "ip": "127.0.0.1",
            "port": port,
            "community": snmp_polling.COMMUNITY,
            "client": client,
            "period_seconds": 1.0,
            **what,
        }
        wattmeters[name] = configuration.Wattmeter(name, "snmp", probes, parameters, "here:1")
    return configuration.Configuration(wattmeters, {})


def measure(config: configuration.Configuration, seconds: float) -> Result:
    """Start every wattmeter, count for a while, stop."""
    readings = Readings()
    managed = manager.Manager(lambda: config, readings.publish, lambda _statuses: None)
    began = time.monotonic()
    managed.start()
    while len(readings.seen) < len(config.wattmeters):
        if time.monotonic() > began + _START_SECONDS:
            failing = [s for s in managed.statuses() if s.state != driver.RUNNING]
            raise SystemExit(f"{len(failing)} wattmeters do not run, such as {failing[:1]}")
        time.sleep(0.05)
    start_seconds = time.monotonic() - began
    time.sleep(2.0)
    readings.start_anew()
    gc.collect()
    began, cpu = time.monotonic(), time.process_time()
    time.sleep(seconds)
    elapsed, cpu = time.monotonic() - began, time.process_time() - cpu
    readings_of = collections.Counter(readings.of)
    outlets, memory, threads = readings.outlets, resident_mib(), threading.active_count()
    began = time.monotonic()
    managed.stop()
    stop_seconds = time.monotonic() - began
    # A tick may fall on the run's end, so one of each wattmeter's is not asked for.
    ticks = max(1, round(elapsed) - 1)
    due = len(config.wattmeters) * ticks
    left_out = sum(max(0, ticks - readings_of[name]) for name in config.wattmeters)
    return Result(
        start_seconds, due, left_out, outlets, cpu, elapsed, memory, threads, stop_seconds
    )


def resident_mib() -> float:
    """Return how much memory this process holds."""
    with open("/proc/self/statm", encoding="ascii") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def allow_many_sockets() -> None:
    """As kwapi-drivers does."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _report(client: str, pdus: int, result: Result) -> None:
    per_reading = result.cpu_seconds / max(1, result.readings) * 1e6
    print(
        f"{client}: {pdus} PDUs of {snmp_polling.OUTLETS} outlets, once a second for "
        f"{result.elapsed_seconds:.0f} s\n"
        f"  started in       {result.start_seconds:8.1f} s\n"
        f"  late readings    {result.left_out:8} of {result.due} PDU readings left out\n"
        f"  outlet readings  {result.readings / result.elapsed_seconds:8.0f} a second\n"
        f"  CPU              {per_reading:8.1f} us an outlet reading, "
        f"{100 * result.cpu_seconds / result.elapsed_seconds:.0f} % of a processor\n"
        f"  memory           {result.memory_mib:8.0f} MiB, {result.threads} threads\n"
        f"  stopped in       {result.stop_seconds:8.1f} s",
        flush=True,
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--client", choices=("pysnmp", "gufo"), help="one case only")
    parser.add_argument("--pdus", type=int, default=120, help="with --client: how many PDUs")
    parser.add_argument("--seconds", type=float, default=30.0, help="to count for, each case")
    parser.add_argument("--outlets-only", action="store_true", help="watts without kWh")
    options = parser.parse_args()
    return options


if __name__ == "__main__":
    main()
