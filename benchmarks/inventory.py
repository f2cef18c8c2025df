# SPDX-License-Identifier: Apache-2.0
"""What ten thousand hosts cost the inventory: to read from Nova, to hold, to match.

Usage: python -m benchmarks.inventory [--hosts 10000] [--rounds 5] [--mariadb] [--postgresql]

A child process plays Keystone and Nova on loopback, in pages of 1,000, each
hypervisor with 62 CPU features and in aggregates.  Another one is
climate-inventory without a broker: source, worker, store and manager as they
are.  It reads everything for the first time, again with nothing changed, and
again with a tenth of the hosts changed; then it matches a nested expression.
Its memory is what the kernel saw at most.

The aims: a refresh in 30 s and 400 MB, an expression in 100 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

from climate.cmd import conf as climate_conf
from climate.db import models
from climate.inventory import manager
from climate.inventory import options
from climate.inventory import store as stores
from climate.inventory import worker
from climate.inventory.sources import nova
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from tests.fakes import nova as fake_nova
from tests.servers import databases

AIM_SECONDS, AIM_MB, AIM_MILLISECONDS = 30.0, 400.0, 100.0
EXPRESSION = """
["and", ["or", ["=", "$cpu_info.vendor", "AMD"], ["in", "avx2", "$cpu_info.features"]],
        [">=", "$cpu_info.topology.cores", 8],
        ["not", ["and", [">", "$running_vms", 2], ["<", "$memory_mb", "200000"]]],
        ["or", ["in", "$name", ["node-1", "node-2"]], ["!=", "$status", "down"]],
        ["<=", "$aggregate_metadata.watts", 250]]
"""
_CONTEXT = multiprocessing.get_context("spawn")


def main() -> None:
    """Measure and print."""
    options = _parse()
    parent, child = _CONTEXT.Pipe()
    played = _CONTEXT.Process(target=play, args=(child, options.hosts), daemon=True)
    played.start()
    section: str = parent.recv()
    try:
        with tempfile.TemporaryDirectory(prefix="climate-bench-") as folder:
            _run("SQLite", section, f"sqlite:///{folder}/climate.sqlite", folder, parent, options)
        for name in databases.SERVERS:
            if getattr(options, name):
                with _served(name) as url, tempfile.TemporaryDirectory() as folder:
                    _run(name, section, url, folder, parent, options)
    finally:
        played.terminate()
        played.join()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5, help="medians are taken over them")
    for name in databases.SERVERS:
        parser.add_argument(f"--{name}", action="store_true", help="there too")
    return parser.parse_args()


@contextlib.contextmanager
def _served(name: str) -> Iterator[str]:
    with databases.running(name) as server, server.database() as url:
        yield url


def play(told: multiprocessing.connection.Connection, hosts: int) -> None:
    """Be Nova, and change a tenth of the hosts whenever told to."""
    served = fake_nova.FakeNova(hosts)
    names = [each["service"]["host"] for each in served.hypervisors]
    served.aggregates = [
        fake_nova.make_aggregate("all", names, watts="200"),
        fake_nova.make_aggregate("half", names[::2], disk="ssd"),
    ]
    served.start()
    told.send(served.section())
    while True:
        told.recv()
        for hypervisor in served.hypervisors[::10]:
            hypervisor["running_vms"] += 1
        told.send(None)


def _run(
    title: str,
    section: str,
    url: str,
    folder: str,
    played: multiprocessing.connection.Connection,
    options: argparse.Namespace,
) -> None:
    """Measure on one database, in a process of its own, for memory is never given back."""
    parent, child = _CONTEXT.Pipe()
    path = Path(folder) / "climate.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {folder}\n[database]\nconnection = {url}\n{section}")
    process = _CONTEXT.Process(target=measure, args=(child, str(path), title, options.rounds))
    process.start()
    child.close()
    with contextlib.suppress(EOFError):
        while True:
            parent.recv()
            played.send(None)
            played.recv()
            parent.send(None)
    process.join()


def measure(
    other: multiprocessing.connection.Connection, path: str, title: str, rounds: int
) -> None:
    """Measure in this process, and print."""
    conf = service.prepare(
        ["--config-file", path], "bench", register=(climate_conf.register_opts,), project="climate"
    )
    transactions = transaction.build(conf, models.SCHEMA.sqlite_file)
    migration.upgrade(transactions.writer.get_engine(), schema=models.SCHEMA)
    store = stores.Store(transactions)
    inventory = manager.Inventory(store, options.Limits(10_000, 32))
    pace = options.Pace(60, 600)
    reading = worker.Worker(lambda: nova.Nova(conf), store, pace, refreshed=inventory.refresh)
    started_mb = _most_mb()

    def change_and_refresh() -> float:
        other.send(None)
        other.recv()
        return _seconds(reading.refresh)

    print(f"{title}:")
    _print("the first refresh", "s", AIM_SECONDS, _seconds(reading.refresh))
    again = [_seconds(reading.refresh) for _ in range(rounds)]
    _print("nothing changed", "s", AIM_SECONDS, statistics.median(again))
    changed = [change_and_refresh() for _ in range(rounds)]
    _print("a tenth changed", "s", AIM_SECONDS, statistics.median(changed))
    for name, ask in (
        ("get_hosts, nested", inventory.get_hosts),
        ("match_hosts, nested", inventory.match_hosts),
    ):
        work = functools.partial(ask, EXPRESSION)
        taken = [_milliseconds(work) for _ in range(4 * rounds)]
        elapsed, cpu = (statistics.median(column) for column in zip(*taken))
        _print(name, "ms", AIM_MILLISECONDS, elapsed, f"of them CPU {cpu:.1f}")
    hosts = len(inventory.get_hosts(EXPRESSION))
    known = len(inventory.list_names()["ids"])
    _print("memory at most", "MB", AIM_MB, _most_mb())
    print(f"  {hosts} of {known} hosts match; {started_mb:.0f} MB were there before any host")


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return elapsed and CPU time: on a machine that has other work too they differ."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    work()
    return 1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - begin_cpu)


def _most_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _print(name: str, unit: str, aim: float, value: float, more: str = "") -> None:
    verdict = "" if value < aim else "  MISSED"
    print(f"  {name:20} {value:8.1f} {unit:2}  (aim {aim:g}){verdict}  {more}", flush=True)


if __name__ == "__main__":
    main()
