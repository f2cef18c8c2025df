# SPDX-License-Identifier: Apache-2.0
"""What a thousand configured wattmeters cost: to start, to hold, to stop.

Usage: python -m benchmarks.many_wattmeters [--wattmeters 1000] [--client pysnmp] [--seconds 10]

drivers.conf is written and read as an operator would have it; the PDUs, 24
outlets each, are played by a child process, and read once in five seconds, as
Eaton's are.  Without --client: each client, and one run in which no PDU
answers, as after a power cut.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import snmp_polling
from benchmarks import snmp_scale
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import manager

_START_SECONDS = 300.0


def main() -> None:
    """Measure and print."""
    options = _parse()
    cases = [(options.client, False)] if options.client else [("pysnmp", False), ("gufo", False)]
    if not options.client:
        cases += [("pysnmp", True), ("gufo", True)]
    for client, dead in cases:
        process = multiprocessing.get_context("spawn").Process(
            target=run_case, args=(client, dead, options.wattmeters, options.seconds)
        )
        process.start()
        process.join()


def run_case(client: str, dead: bool, wattmeters: int, seconds: float) -> None:
    """Measure one case in this process, and print it."""
    snmp_scale.allow_many_sockets()
    with snmp_scale.Pdus(1 if dead else wattmeters) as ports, tempfile.TemporaryDirectory() as path:
        file = Path(path) / "drivers.conf"
        # Port 9 is nobody's.
        file.write_text(drivers_conf([9] * wattmeters if dead else ports, client))
        measure(f"{client}{', no PDU answers' if dead else ''}", file, wattmeters, seconds)


def drivers_conf(ports: Sequence[int], client: str) -> str:
    """Return the sections that read PDUs at these ports."""
    sections = []
    for number, port in enumerate(ports):
        name = f"pdu-{number:04}"
        probes = [f"{name}.{outlet}" for outlet in range(1, snmp_polling.OUTLETS + 1)]
        parameters = {
            "ip": "127.0.0.1",
            "port": port,
            "community": snmp_polling.COMMUNITY,
            "profile": "eaton",
            "client": client,
        }
        sections.append(
            f"[{name}]\ndriver = snmp\nprobes = {probes!r}\nparameters = {parameters!r}\n"
        )
    return "\n".join(sections)


def measure(name: str, file: Path, wattmeters: int, seconds: float) -> None:
    """Start, hold and stop; print what it took."""
    readings = snmp_scale.Readings()
    load = functools.partial(configuration.read, [str(file)])
    managed = manager.Manager(load, readings.publish, lambda _statuses: None)
    before = snmp_scale.resident_mib()
    began, cpu_before = time.monotonic(), time.process_time()
    managed.start()
    started = time.monotonic() - began
    _wait(managed, wattmeters)
    settled, cpu = time.monotonic() - began, time.process_time()
    cpu_to_start = cpu - cpu_before
    time.sleep(seconds)
    cpu = time.process_time() - cpu
    memory, threads = snmp_scale.resident_mib(), threading.active_count()
    began = time.monotonic()
    managed.stop()
    stopped = time.monotonic() - began
    outcome = "failed once" if "no PDU" in name else "been read"
    left = sum(thread.name.startswith("driver-") for thread in threading.enumerate())
    print(
        f"{wattmeters} wattmeters, {name}\n"
        f"  threads started in {started:7.1f} s, all have {outcome} "
        f"after {settled:.1f} s, {cpu_to_start:.1f} s of CPU\n"
        f"  memory             {memory:7.0f} MiB ({before:.0f} before), {threads} threads\n"
        f"  CPU meanwhile      {100 * cpu / seconds:7.0f} % of a processor\n"
        f"  stopped in         {stopped:7.1f} s, {left} left behind",
        flush=True,
    )


def _wait(managed: manager.Manager, wattmeters: int) -> None:
    """Wait until every wattmeter has been read, or could not be."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        states = [status.state for status in managed.statuses()]
        if len(states) == wattmeters and driver.STARTING not in states:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"{states.count(driver.STARTING)} wattmeters do not start")
        time.sleep(0.1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--client", choices=("pysnmp", "gufo"), help="one case only")
    parser.add_argument("--wattmeters", type=int, default=1000, help="how many")
    parser.add_argument("--seconds", type=float, default=10.0, help="to hold them")
    return parser.parse_args()


if __name__ == "__main__":
    main()
