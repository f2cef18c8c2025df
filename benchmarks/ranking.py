# SPDX-License-Identifier: Apache-2.0
"""What ten thousand hosts cost the ranking: to answer, and to keep up with what is observed.

Usage: python -m benchmarks.ranking [--hosts 10000] [--hours 24] [--rounds 9] [--mariadb]
           [--postgresql]

Answering is measured as climate-ranking does it for each call: it looks in the
database whether performances were recorded meanwhile, scores all hosts, sorts
them and makes the answer.  Beside it, the same scores by plain Python: a loop
over the hosts of an answer, and ``sorted``.

Then what nobody waits for: at the start all of the window is summed up, once an
hour some of it; once a minute a sample of each host is counted, what others
counted is read, and all models are fitted.

The aim: an answer in 50 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np

from climate.db import models
from climate.ranking import board
from climate.ranking import history
from climate.ranking import manager
from climate.ranking import observed as observations
from climate.ranking import options
from climate.ranking import performance
from climate.ranking import store as stores
from climate.rpc import inventory as inventories
from energybase.db import transaction
from tests.contracts import inventory
from tests.servers import databases

AIM_MILLISECONDS = 50.0
NOW = 1_700_000_000 - 1_700_000_000 % stores.HOUR_SECONDS
_KINDS = 20


def main() -> None:
    """Measure and print."""
    options = _parse()
    with tempfile.TemporaryDirectory(prefix="climate-bench-") as folder:
        measure("SQLite", f"sqlite:///{folder}/climate.sqlite", options)
    for name in databases.SERVERS:
        if getattr(options, name):
            with _served(name) as url:
                measure(name, url, options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--hours", type=int, default=24, help="of observations")
    parser.add_argument("--rounds", type=int, default=9, help="medians are taken over them")
    for name in databases.SERVERS:
        parser.add_argument(f"--{name}", action="store_true", help="there too")
    return parser.parse_args()


@contextlib.contextmanager
def _served(name: str) -> Iterator[str]:
    with databases.running(name) as server, server.database() as url:
        yield url


def measure(title: str, url: str, given: argparse.Namespace) -> None:
    """Measure on one database, and print."""
    database = inventory.Database(url)
    database.upgrade()
    transactions = database.build()
    store = stores.Store(transactions)
    random = np.random.default_rng(1)
    capacities = make_capacities(given.hosts, random)
    fill(transactions, capacities["names"], given.hours, random)
    known = history.History(store)
    ranking = manager.Ranking(store, options.Options(), performance.packaged_table())
    watts = random.uniform(100, 400, given.hosts)

    def take_up(moment: int = NOW) -> None:
        known.refresh(moment, given.hours, forget=False)
        observed = known.observed.align(capacities["names"])
        ranking.update(board.Seen(moment, capacities, watts, observed))

    moments = iter(range(NOW, NOW + stores.HOUR_SECONDS, 60))
    hours = itertools.count(NOW + stores.HOUR_SECONDS, stores.HOUR_SECONDS)

    def count() -> None:
        at = next(moments)
        samples = {
            name: observations.Sample(float(at), 0.5, one)
            for name, one in zip(capacities["names"], watts.tolist())
        }
        store.add(at, samples)

    print(f"{title}, {given.hosts} hosts:")
    _print("at the start: sum up", _median(take_up, 1))
    _print("once a minute: count", _median(count, given.rounds))
    _print("once a minute: take up", _median(take_up, given.rounds))
    _print("once an hour: take up", _median(lambda: take_up(next(hours)), 3))
    for by in ("marginal", "load", "peak"):
        taken = _median(lambda by=by: ranking.rank_hosts(by=by), given.rounds)  # type: ignore[misc]
        _print(f"an answer, by {by}", taken, AIM_MILLISECONDS)
    told = ranking.rank_hosts()["hosts"]
    random.shuffle(told)
    _print("plain Python, marginal", _median(lambda: sort_plainly(told), given.rounds))
    # Equal scores may be in any order.
    scores = [host["score"] or 0.0 for host in ranking.rank_hosts()["hosts"]]
    plain = [score for score, _ in sort_plainly(told)]
    assert np.allclose(plain, scores, rtol=1e-3), "the two orders differ"


def make_capacities(hosts: int, random: np.random.Generator) -> inventories.Capacities:
    """Return hosts of twenty kinds; one in ten is off."""
    cpus = [
        {
            "vendor": "Intel",
            "model": f"kind {kind}",
            "mhz": 2000 + 50 * kind,
            "topology": {"sockets": 2, "cores": 8 + kind, "threads": 2},
            "features": ["avx2", "fma"],
        }
        for kind in range(_KINDS)
    ]
    vcpus = [4 * (8 + number % _KINDS) for number in range(hosts)]
    return {
        "ids": list(range(1, hosts + 1)),
        "names": [f"node-{number}.example.org" for number in range(1, hosts + 1)],
        "on": (random.random(hosts) < 0.9).tolist(),
        "vcpus": list(vcpus),
        "vcpus_used": (random.random(hosts) * vcpus).tolist(),
        "cpu": [number % _KINDS for number in range(hosts)],
        "cpus": cpus,
    }


def fill(
    transactions: transaction.TransactionContext,
    names: list[str],
    hours: int,
    random: np.random.Generator,
) -> None:
    """Have so many hours of sixty samples each, written as they lie in the table."""
    columns = [column.name for column in models.OBSERVATIONS.columns]
    for hour in range(NOW - hours * stores.HOUR_SECONDS, NOW, stores.HOUR_SECONDS):
        load = random.random((len(names), 60))
        watts = 100 + 200 * load + random.normal(0, 5, load.shape)
        sums = (load, watts, load**2, load * watts, watts**2)
        numbers = [column.sum(axis=1).tolist() for column in sums]
        extremes = watts.min(axis=1).tolist(), watts.max(axis=1).tolist()
        rows = [
            dict(zip(columns, (hour, name, hour, 60, *rest)))
            for name, *rest in zip(names, *numbers, *extremes)
        ]
        with transactions.writer.get_engine().begin() as connection:
            connection.execute(models.OBSERVATIONS.insert(), rows)


def sort_plainly(hosts: list[Any]) -> list[tuple[float, str]]:
    """Return score and name, best first, by a loop and ``sorted``."""
    scored = []
    for host in hosts:
        watts = max(host["marginal_watts"], host["marginal_watts_error"])
        scored.append((host["flops"] / host["vcpus"] / watts, host["host"]))
    return sorted(scored, key=lambda pair: -pair[0])


def _median(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return elapsed and CPU milliseconds: on a machine that has other work too they differ."""
    taken = [_milliseconds(work) for _ in range(rounds)]
    elapsed, cpu = (statistics.median(column) for column in zip(*taken))
    return elapsed, cpu


def _milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    begin, begin_cpu = time.perf_counter(), time.process_time()
    work()
    return 1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - begin_cpu)


def _print(name: str, taken: tuple[float, float], aim: float | None = None) -> None:
    elapsed, cpu = taken
    verdict = "" if aim is None else f"  (aim {aim:g}){'' if elapsed < aim else '  MISSED'}"
    print(f"  {name:24} {elapsed:8.1f} ms, of them CPU {cpu:.1f}{verdict}", flush=True)


if __name__ == "__main__":
    main()
