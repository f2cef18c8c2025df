# SPDX-License-Identifier: Apache-2.0
"""What reading BMCs by IPMI costs, and how many one process reads once a second.

Usage: python -m benchmarks.ipmi_polling [--bmcs 100] [--seconds 15] [--few 3]

OpenIPMI's ipmi_sim plays the BMCs, a process for each, on loopback.  All of
them are read by our driver at 1 Hz, as kwapi-drivers does, a thread for each;
a few of them, one reading after the other, also by

* our driver as fast as it goes;
* pyghmi's usual session, which shares sockets and a thread among BMCs;
* ipmitool, a process for each reading, as the first Kwapi did.

CPU time is this process's and, for ipmitool, its children's; BMCs are not
counted.  A reading is late when more than 1.5 periods have passed since the
one before.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import resource
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pyghmi.ipmi import command as pyghmi_command

from kwapi import measurement
from kwapi.drivers.ipmi import driver as ipmi
from tests.servers import bmcs

PERIOD_SECONDS = 1.0
#: pyghmi's usual session stalls on loopback, where answers come at once.
FEW_SECONDS = 5.0


class Cost(NamedTuple):
    """Of a way to read: CPU ms and wall ms of a reading."""

    cpu_milliseconds: float
    wall_milliseconds: float


def main() -> None:
    """Measure and print."""
    options = _parse()
    with tempfile.TemporaryDirectory(prefix="kwapi-bench-") as directory:
        simulators = _start(Path(directory), options.bmcs)
        try:
            ports = [simulator.port for simulator in simulators]
            _report_fleet(ports, options.seconds)
            _report_few(ports[: options.few])
        finally:
            for simulator in simulators:
                simulator.stop()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--bmcs", type=int, default=100, help="how many BMCs to read at 1 Hz")
    parser.add_argument("--seconds", type=float, default=15, help="for how long")
    parser.add_argument("--few", type=int, default=3, help="how many to compare ways with")
    return parser.parse_args()


def _start(directory: Path, count: int) -> list[bmcs.IpmiSim]:
    def start(number: int) -> bmcs.IpmiSim:
        own = directory / str(number)
        own.mkdir()
        made = bmcs.IpmiSim(own, look_milliseconds=1000)
        made.start()
        return made

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(start, range(count)))


def _driver(port: int, publish: Callable[[measurement.Reading], None]) -> ipmi.Ipmi:
    return ipmi.Ipmi(
        f"bmc-{port}",
        [f"server-{port}"],
        publish,
        host="127.0.0.1",
        port=port,
        username=bmcs.USERNAME,
        password=bmcs.PASSWORD,
        period_seconds=PERIOD_SECONDS,
    )


class _Arrivals:
    """When readings came, by wattmeter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, float] = {}
        self.gaps: list[float] = []

    def note(self, reading: measurement.Reading) -> None:
        """Take a reading."""
        now = time.monotonic()
        with self._lock:
            before = self._newest.get(reading.wattmeter)
            self._newest[reading.wattmeter] = now
            if before is not None:
                self.gaps.append(now - before)

    def forget(self) -> int:
        """Count anew; return how many wattmeters were heard of so far."""
        with self._lock:
            self.gaps = []
            return len(self._newest)


def _report_fleet(ports: Sequence[int], seconds: float) -> None:
    arrivals = _Arrivals()
    drivers = [_driver(port, arrivals.note) for port in ports]
    began = time.monotonic()
    for each in drivers:
        each.start()
    while arrivals.forget() < len(drivers) and time.monotonic() < began + 60:
        time.sleep(0.05)
    opened_seconds = time.monotonic() - began
    arrivals.forget()
    used, began = time.process_time(), time.monotonic()
    time.sleep(seconds)
    used, lasted = time.process_time() - used, time.monotonic() - began
    gaps = list(arrivals.gaps)
    for each in drivers:
        each.stop()
    for each in drivers:
        each.join(10)
    late = sum(gap > 1.5 * PERIOD_SECONDS for gap in gaps)
    wanted = len(drivers) * lasted / PERIOD_SECONDS
    print(f"{len(drivers)} BMCs at 1 Hz in one process, {lasted:.0f} s; all open in")
    print(f"  {opened_seconds:.1f} s with their records; {len(gaps)} readings of {wanted:.0f},")
    print(f"  {late} late, longest gap {max(gaps):.2f} s;")
    print(f"  CPU {used / len(gaps) * 1e3:.2f} ms a reading, {100 * used / lasted:.0f} % of a core")


def _report_few(ports: Sequence[int]) -> None:
    ways = {
        "our driver": _by_driver,
        "pyghmi's usual session": _by_pyghmi,
        "ipmitool, a process a reading": _by_ipmitool,
    }
    costs = {name: way(ports) for name, way in ways.items()}
    first = costs["ipmitool, a process a reading"]
    print(f"{len(ports)} BMCs, one reading after the other (medians)")
    for name, cost in costs.items():
        print(
            f"  {name:32} CPU {cost.cpu_milliseconds:7.3f} ms,"
            f" wall {cost.wall_milliseconds:8.2f} ms"
            f"   {first.cpu_milliseconds / cost.cpu_milliseconds:6.1f} x as cheap as ipmitool"
        )


def _measure(polls: Sequence[Callable[[], float]]) -> Cost:
    walls, began, used = [], time.monotonic(), _cpu_seconds()
    while not walls or time.monotonic() < began + FEW_SECONDS:
        for poll in polls:
            at = time.monotonic()
            if poll() <= 0:
                raise RuntimeError("a BMC said nothing")
            walls.append(time.monotonic() - at)
    cpu = (_cpu_seconds() - used) / len(walls)
    return Cost(cpu * 1e3, statistics.median(walls) * 1e3)


def _cpu_seconds() -> float:
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in found)


def _by_driver(ports: Sequence[int]) -> Cost:
    drivers = [_driver(port, print) for port in ports]
    for each in drivers:
        each.open()
    try:
        return _measure(
            [lambda d=each: next(iter(d.read().values())).watts for each in drivers]  # type: ignore[misc]
        )
    finally:
        for each in drivers:
            each.close()


def _by_pyghmi(ports: Sequence[int]) -> Cost:
    sessions = [
        pyghmi_command.Command("127.0.0.1", bmcs.USERNAME, bmcs.PASSWORD, port=port)
        for port in ports
    ]
    try:
        return _measure(
            [lambda s=s: s.raw_command(4, 0x2D, data=(1,))["data"][0] * 7.0 for s in sessions]  # type: ignore[misc]
        )
    finally:
        for each in sessions:
            each.ipmi_session.logout()


def _by_ipmitool(ports: Sequence[int]) -> Cost:
    return _measure([lambda p=port: _run_ipmitool(p) for port in ports])  # type: ignore[misc]


def _run_ipmitool(port: int) -> float:
    done = subprocess.run(
        # Suite 3: without it, it waits a second for what ipmi_sim does not answer.
        ["ipmitool", "-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-p", str(port)]
        + ["-U", bmcs.USERNAME, "-E", "sensor", "reading", "System Level"],
        env={**os.environ, "IPMITOOL_PASSWORD": bmcs.PASSWORD},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.partition("|")[2])


if __name__ == "__main__":
    main()
