# SPDX-License-Identifier: Apache-2.0
"""10,000 probes' measurements into RRD files: what each way costs, and if kwapi-rrd keeps up.

Run from the repository's root::

    .venv/bin/python -m benchmarks.rrd_writing ways
    .venv/bin/python -m benchmarks.rrd_writing paced --seconds 60

`ways` writes the same measurements, two seconds' worth at a time, in turns: by
Kwapi through rrdcached, by Kwapi through one ``rrdtool -``, by one plain update
of each measurement through an ``rrdtool -``, and by the Python binding, where
Debian's python3-rrdtool or PyPI's rrdtool is there.  The plain ways do no more
than what is timed: they have no late ones to find and no gaps to keep.

`paced` has 10,008 probes measured once a second, sent through a RabbitMQ of its
own, and written by the real kwapi-rrd through rrdcached.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.machinery
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import bus
from energybase import service
from kwapi import measurement
from kwapi.cmd import conf as options
from kwapi.history import index as indexes
from kwapi.history import layout as layouts
from kwapi.history import rrdtool
from kwapi.history import store as stores
from tests.functional import audit
from tests.servers import rrdcached

_SECONDS_AT_A_TIME = 2
_DEBIAN = Path("/usr/lib/python3/dist-packages")

#: Writes readings.
Write = Callable[[list[measurement.Reading]], None]


def main() -> None:
    """Run what the command line asks for, by default both."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rrd_writing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("mode", nargs="?", choices=["ways", "paced"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kwapi-bench-") as folder:
        if args.mode != "paced":
            run_ways(Path(folder), args.rounds)
        if args.mode != "ways":
            with bus.broker(folder) as url:
                run_paced(Path(folder), url, args.seconds)


# ---- ways


def run_ways(folder: Path, rounds: int) -> None:
    """Print what each way takes for the same measurements, and its ratio to the first."""
    with contextlib.ExitStack() as stack:
        ways = build_ways(folder, stack)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        now = time.time() - 1000
        for number in range(rounds + 1):
            told = [
                reading
                for second in range(_SECONDS_AT_A_TIME)
                for reading in bus.readings(now + number * _SECONDS_AT_A_TIME + second, 100.0)
            ]
            for name, write in ways.items():
                begun = time.perf_counter()
                write(told)
                taken[name].append(time.perf_counter() - begun)
        report_sizes(folder)
    count = bus.PROBES * _SECONDS_AT_A_TIME
    print(f"\n{bus.PROBES} probes, {count} measurements at a time, medians of {rounds}")
    # The first makes the files.
    medians = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
    ours = next(iter(medians.values()))
    for name, seconds in medians.items():
        print(
            f"  {name:38} {count / seconds:10,.0f}/s {seconds / count * 1e6:7.2f} us "
            f"{seconds / ours:7.1f} x"
        )


def build_ways(folder: Path, stack: contextlib.ExitStack) -> dict[str, Write]:
    """Return all that are there, each with files of its own."""
    (folder / "daemon").mkdir()
    daemon = rrdcached.RRDCached(folder / "daemon")
    stack.callback(daemon.close)
    daemon.start()
    cached = stores.Store(folder / "cached", rrdcached=daemon.socket)
    direct = stores.Store(folder / "direct")
    ways: dict[str, Write] = {
        "Kwapi through rrdcached": cached.update,
        "Kwapi through rrdtool -": direct.update,
        "rrdtool -, an update each": Plain(folder / "plain", stack).write,
    }
    binding = find_binding()
    if binding is not None:
        ways[f"rrdtool {binding.__version__} for Python, an update each"] = Bound(
            folder / "bound", stack, binding
        ).write
    return ways


class Plain:
    """One update of each measurement, by a long-lived rrdtool."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        folder.mkdir()
        self.folder = folder
        self._pipe = rrdtool.Pipe("rrdtool", folder)
        stack.callback(self._pipe.close)
        create = layouts.DEFAULT.create
        begin = time.time() - 2000
        names = (layouts.name_of(probe) for probes in bus.NAMES for probe in probes)
        self._pipe.run([create(name, begin, 60) for name in names])

    def write(self, readings: list[measurement.Reading]) -> None:
        """Write."""
        answers = self._pipe.run(
            [
                f"update {probe}.rrd {reading.timestamp:.6f}:{watts}"
                for reading in readings
                for probe, watts in zip(reading.probes, reading.watts)
            ]
        )
        if faults := {answer.error for answer in answers} - {None}:
            raise SystemExit(str(faults))


class Bound(Plain):
    """The same by the Python binding."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, binding: Any) -> None:
        super().__init__(folder, stack)
        self._update = binding.update

    def write(self, readings: list[measurement.Reading]) -> None:
        """Write."""
        for reading in readings:
            for probe, watts in zip(reading.probes, reading.watts):
                self._update(f"{self.folder}/{probe}.rrd", f"{reading.timestamp:.6f}:{watts}")


def find_binding() -> Any:
    """Return the binding, from this environment or Debian's; None without one."""
    spec = importlib.util.find_spec("rrdtool")
    if spec is None and _DEBIAN.is_dir():
        spec = importlib.machinery.PathFinder.find_spec("rrdtool", [str(_DEBIAN)])
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError:
        return None
    return module


def report_sizes(folder: Path) -> None:
    """Print how large a probe's file is."""
    for kept in (layouts.CONSOLIDATIONS, ("AVERAGE",)):
        store = stores.Store(folder / "-".join(kept), layouts.Layout(60.0, kept))
        store.update([measurement.Reading("w", time.time(), ("p",), (1.0,))])
        store.close()
        size = (folder / "-".join(kept) / "p.rrd").stat().st_size
        print(f"  a probe's file with {', '.join(kept)}: {size:,} bytes")


# ---- paced


def run_paced(folder: Path, url: str, seconds: int) -> None:
    """Print whether kwapi-rrd keeps up with a measurement a second of each probe."""
    daemon = rrdcached.RRDCached(folder)
    daemon.start()
    path = folder / "kwapi.conf"
    path.write_text(
        f"[DEFAULT]\nstate_path = {folder}\ntransport_url = {url}\n"
        f"[bus]\nsigning_keys = bench:{bus.KEY}\n"
        f"[rrd]\nworkers = 0\nrrdcached = {daemon.socket}\n"
    )
    conf: Any = service.prepare(
        ["--config-file", str(path), "--log-file", str(folder / "own-log")],
        "bench",
        register=(options.register_opts,),
        project="kwapi",
    )
    try:
        with running(path) as master:
            while not audit.has_consumer(url, conf.rrd.pool):
                time.sleep(0.1)
            pace(conf, folder / "rrd", master, seconds)
    finally:
        daemon.close()


def pace(conf: Any, directory: Path, master: subprocess.Popen[bytes], seconds: int) -> None:
    """Send for so long, and print how far behind kwapi-rrd was."""
    tasks = Path(f"/proc/{master.pid}/task").glob("*/children")
    (writer,) = [int(pid) for task in tasks for pid in task.read_text().split()]
    index, lags = indexes.Index(directory), []
    publisher = bus.publisher_of(conf)
    begun, first = time.monotonic(), time.time()
    cpu = 0.0
    for second in range(seconds):
        for reading in bus.readings(first + second, 100.0 + second % 7):
            publisher.publish(reading)
        if second == seconds // 4:
            # By now all files are made.
            cpu, since = bus.cpu_seconds(writer), time.monotonic()
        time.sleep(max(0.0, begun + second + 1 - time.monotonic()))
        if second > seconds // 4 and index.read():
            lags.append(time.time() - min(state.timestamp for state in index.read().values()))
    share = (bus.cpu_seconds(writer) - cpu) / (time.monotonic() - since)
    publisher.stop()
    last = first + seconds - 1
    bus.wait(lambda: is_written(index, last), master, 120)
    print(
        f"\n{bus.PROBES} probes, a measurement a second each for {seconds} s through RabbitMQ, "
        f"kwapi-rrd and rrdcached:\n  all {seconds * bus.PROBES:,} written; pages were behind by "
        f"{statistics.median(lags):.1f} s, at most {max(lags):.1f} s, of which 4 s are meant; "
        f"{share:.0%} of a core for kwapi-rrd"
    )


def is_written(index: indexes.Index, last: float) -> bool:
    """Tell whether all probes have their last measurement."""
    states = index.read().values()
    return len(states) == bus.PROBES and min(state.timestamp for state in states) >= last


@contextlib.contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run kwapi-rrd."""
    command = Path(sys.executable).with_name("kwapi-rrd")
    log = path.with_name("log")
    process = subprocess.Popen([command, "--config-file", path, "--log-file", log])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
