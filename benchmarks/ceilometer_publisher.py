# SPDX-License-Identifier: Apache-2.0
"""From readings to Ceilometer's samples through a real RabbitMQ: what it costs.

Run from the repository's root; it starts a RabbitMQ of its own::

    .venv/bin/python -m benchmarks.ceilometer_publisher paced --minutes 5
    .venv/bin/python -m benchmarks.ceilometer_publisher flat --rounds 120

10,008 probes (417 PDUs of 24 outlets) are measured once a second; of each,
energy and power become samples once a minute.  `paced` sends as that happens,
to the real kwapi-ceilometer and, at the same time, to an oslo.messaging
listener that does nothing.  `flat` sends as fast as it goes, to one after the
other.  Both print the CPU per measurement of the receiving processes, and
check that exactly the samples that are due were sent, each once, with the
energy that was measured.  CPU is the figure to trust on a shared machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import NamedTuple

from benchmarks import bus
from energybase import service
from energybase.db import transaction
from kwapi.ceilometer import samples
from kwapi.cmd import conf as options
from kwapi.store import store as stores
from tests.functional import audit

PERIOD_SECONDS = 60.0
_SETTLE_SECONDS = 4


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ceilometer_publisher",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    modes = parser.add_subparsers(dest="mode", required=True)
    paced = modes.add_parser("paced", help="every probe once a second")
    paced.add_argument("--minutes", type=float, default=5.0)
    flat = modes.add_parser("flat", help="as fast as it goes")
    flat.add_argument("--rounds", type=int, default=120, help="measurements of each probe")
    flat.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kwapi-bench-") as folder, bus.broker(folder) as url:
        (run_flat if args.mode == "flat" else run_paced)(Path(folder), url, args)


class Ways(NamedTuple):
    """CPU per measurement received, in us."""

    ceilometer: float
    bare: float


def run_paced(folder: Path, url: str, args: argparse.Namespace) -> None:
    """Print what both need for every probe once a second."""
    seconds = int(args.minutes * 60)
    site = Site(folder / "paced", url)
    with site.publishing() as process, site.bare() as bare:
        before, bare_before = bus.cpu_seconds(process.pid), bus.cpu_seconds(bare.pid)
        begun, first = time.monotonic(), time.time()
        publisher = bus.publisher_of(site.conf)
        for second in range(seconds):
            for reading in bus.readings(first + second, watts_at(second)):
                publisher.publish(reading)
            time.sleep(max(0.0, begun + second + 1 - time.monotonic()))
            if second % 30 == 29:
                report_paced(second + 1, process, before, begun)
        publisher.stop()
        site.wait_for(seconds, process)
        bare_used = site.end_bare(bare, publisher.signer.sequence) - bare_before
        used = bus.cpu_seconds(process.pid) - before
        count = seconds * bus.PROBES
        report([Ways(used / count * 1e6, bare_used / count * 1e6)])
        site.check(seconds)


def report_paced(seconds: int, process: subprocess.Popen[str], before: float, begun: float) -> None:
    """Print how it stands."""
    share = (bus.cpu_seconds(process.pid) - before) / (time.monotonic() - begun)
    megabytes = bus.peak_megabytes(process.pid)
    print(f"  {seconds} s: {share:.1%} of a core, {megabytes:.0f} MB at most", flush=True)


def run_flat(folder: Path, url: str, args: argparse.Namespace) -> None:
    """Print the CPU of one after the other, several times."""
    runs = []
    for repeat in range(args.repeats):
        site = Site(folder / f"ceilometer-{repeat}", url)
        with site.publishing() as process:
            ours = flat(site, args.rounds, process)
            site.check(args.rounds)
        runs.append(Ways(ours, flat_bare(folder / f"bare-{repeat}", url, args.rounds)))
        print(f"  kwapi-ceilometer {runs[-1].ceilometer:.2f} us, bare {runs[-1].bare:.2f} us")
    report(runs)


def flat(site: Site, rounds: int, process: subprocess.Popen[str]) -> float:
    """Return the CPU per measurement of kwapi-ceilometer, in us."""
    before = bus.cpu_seconds(process.pid)
    bus.publish(bus.publisher_of(site.conf), rounds)
    site.wait_for(rounds, process)
    return (bus.cpu_seconds(process.pid) - before) / (rounds * bus.PROBES) * 1e6


def flat_bare(folder: Path, url: str, rounds: int) -> float:
    """Return the same of a listener that does nothing."""
    site = Site(folder, url)
    with site.bare() as process:
        before = bus.cpu_seconds(process.pid)
        publisher = bus.publisher_of(site.conf)
        bus.publish(publisher, rounds)
        used = site.end_bare(process, publisher.signer.sequence) - before
    return used / (rounds * bus.PROBES) * 1e6


def report(runs: list[Ways]) -> None:
    """Print the medians."""
    ours, bare = (statistics.median(column) for column in zip(*runs))
    print(
        f"\n{bus.PROBES} probes, a sample of energy and of power each {PERIOD_SECONDS:.0f} s; CPU "
        f"per measurement received: kwapi-ceilometer {ours:.2f} us, bare listening {bare:.2f} us"
    )


def watts_at(second: int) -> float:
    """Return what the first outlet of each PDU uses then, as in :func:`benchmarks.bus.publish`."""
    return 100.0 + second % 7


class Site:
    """A configuration with a topic, a database and a queue to Ceilometer of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url, self._folder = url, folder
        folder.mkdir(parents=True)
        self._path, self._name = folder / "kwapi.conf", folder.name
        # All that listen take as much at a time.  Nobody takes the samples before the end.
        self._path.write_text(
            f"[DEFAULT]\nstate_path = {folder}\ntransport_url = {url}\n"
            f"[bus]\nsigning_keys = bench:{bus.KEY}\ntopic = {self._name}\n"
            f"[collector]\nflush_seconds = 5\n"
            f"[ceilometer]\ntopic = to-{self._name}\npool = {self._name}-pool\n"
            f"max_queued_messages = 1000000\nperiod_seconds = {PERIOD_SECONDS}\n"
        )
        self.conf: Any = service.prepare(
            ["--config-file", str(self._path), "--log-file", str(folder / "own-log")],
            "bench",
            register=(options.register_opts,),
            project="kwapi",
        )

    @contextmanager
    def publishing(self) -> Iterator[subprocess.Popen[str]]:
        """Run kwapi-ceilometer."""
        command = Path(sys.executable).with_name("kwapi-ceilometer")
        log = self._folder / "log"
        process = subprocess.Popen(
            [command, "--config-file", self._path, "--log-file", log], text=True
        )
        try:
            time.sleep(_SETTLE_SECONDS)
            yield process
        finally:
            process.terminate()
            process.wait(30)

    @contextmanager
    def bare(self) -> Iterator[subprocess.Popen[str]]:
        """Run a listener that does nothing."""
        with bus.child("_bare", str(self._path), "0") as process:
            yield process

    def end_bare(self, process: subprocess.Popen[str], messages: int) -> float:
        """Return the CPU it had used when it had heard so many messages."""
        assert process.stdin
        print(messages, file=process.stdin, flush=True)
        return float(bus.answer(process))

    def wait_for(self, rounds: int, process: subprocess.Popen[str]) -> None:
        """Return when all is counted, stored, and hence sent."""
        context = transaction.build(self.conf, "kwapi-ceilometer.sqlite", "ceilometer")
        store = stores.Store(context)
        wanted = rounds * bus.PROBES
        bus.wait(lambda: store.get_tallies().get("measurements", 0) >= wanted, process)

    def check(self, rounds: int) -> None:
        """Fail unless exactly the samples that were due were sent, each once."""
        sent = self._take()
        times = sorted({moment_of(document) for document in sent})
        # All are measured at the same times, a second apart.
        begun = times[0]
        slots = {(begun + number) // PERIOD_SECONDS for number in range(rounds)}
        wanted = 2 * bus.PROBES * len(slots)
        if not len(sent) == len({document["message_id"] for document in sent}) == wanted:
            raise SystemExit(f"{len(sent)} samples were sent, {wanted} were due")
        for document in sent:
            if document["counter_name"] == samples.ENERGY:
                outlet = int(document["resource_id"].rpartition("-")[2])
                check_energy(document, round(moment_of(document) - begun), outlet)
        print(f"  {wanted} samples of {len(slots)} periods arrived, each once and as measured")

    def _take(self) -> list[dict[str, Any]]:
        """Return all samples that wait for Ceilometer."""
        found: list[dict[str, Any]] = []
        with audit.connect(self.url) as link:
            channel = link.channel()
            while (message := channel.basic_get(f"to-{self._name}.info", no_ack=True)) is not None:
                notification = json.loads(json.loads(message.body)["oslo.message"])
                found += notification["payload"]["samples"]
        return found


def moment_of(document: dict[str, Any]) -> float:
    """Return when a sample was measured, epoch seconds."""
    return datetime.datetime.fromisoformat(document["timestamp"]).timestamp()


def check_energy(document: dict[str, Any], second: int, outlet: int) -> None:
    """Fail unless a sample has the energy that its outlet used by then."""
    watts = [watts_at(number) + outlet for number in range(second + 1)]
    expected = sum(a + b for a, b in zip(watts, watts[1:])) / 2 / 3.6e6
    if abs(document["counter_volume"] - expected) > 1e-9 * max(expected, 1e-9):
        raise SystemExit(f"{document}: {expected} kWh were used")


if __name__ == "__main__":
    main()
