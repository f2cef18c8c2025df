# SPDX-License-Identifier: Apache-2.0
"""What graphs cost: to draw, to keep, and to show to many.

    python -m benchmarks.rrd_graphs [--probes 1 20 100 1000]

It makes files of a day's measurements in a temporary directory, then prints
for each number of probes how long a graph and its numbers take at best, and how large
they are; what an answer from the cache takes; and how often a graph is drawn
while a hundred viewers look at it.  rrdtool runs as it does in ``kwapi-rrd``.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

from energybase import clock as clocks
from kwapi.graphs import archive as archives
from kwapi.graphs import cache as caches
from kwapi.graphs import graph
from kwapi.graphs import series
from kwapi.graphs import syntax
from kwapi.graphs import tariff
from kwapi.graphs import zone
from kwapi.history import index
from kwapi.history import layout
from kwapi.history import periods
from kwapi.history import rrdtool as reader

_DAY_SECONDS = 86_400
_VIEWERS = 100
_REFRESHES = 15
_REPEATS = 7


class _Now(clocks.Clock):
    """A wall clock that stands still, at the last measurement."""

    def __init__(self) -> None:
        self._now = math.floor(time.time())

    def time(self) -> float:
        return self._now


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probes", type=int, nargs="+", default=[1, 20, 100, 1000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        clock = _Now()
        directory = Path(name)
        fill(directory, max(arguments.probes), clock.time())
        prices = tariff.Tariff.parse({"22-6": "0.12"}, 0.25, zone.find_zone(None))
        archive = archives.Archive(
            directory,
            reader.Reader(directory),
            lambda _ids: None,
            prices,
            clock,
            archives.Options(20, 60.0),
        )
        draw_all(archive, arguments.probes, clock.time())
        ask_cache(archive, clock.time())
        watch(archive, min(100, max(arguments.probes)), clock.time())


def fill(directory: Path, probes: int, now: float) -> None:
    """Make the files: a measurement a minute for a day, one a second for the last minutes."""
    plan, rrdtool = layout.Layout(), reader.Reader(directory)
    times = [
        *range(int(now) - _DAY_SECONDS, int(now) - 400, 60),
        *range(int(now) - 400, int(now) + 1),
    ]
    for number in range(probes):
        name, chance = layout.name_of(f"node-{number}"), random.Random(number)
        base = chance.uniform(80, 350)
        values = [
            f"{when}:{base * (1 + 0.3 * math.sin(when / 14_000 + number)) + chance.gauss(0, 8):.1f}"
            for when in times
        ]
        chunks = [values[start : start + 300] for start in range(0, len(values), 300)]
        updates = [syntax.line(["update", name, *chunk]) for chunk in chunks]
        rrdtool.ask([plan.create(name, times[0], 90), *updates])
    rrdtool.close()


def draw_all(archive: archives.Archive, counts: Sequence[int], now: float) -> None:
    """Print time and size of a graph and of its numbers, by number of probes."""
    grapher, told = graph.Grapher(archive), series.Series(archive)
    print(f"{'probes':>7} {'period':>7} {'PNG ms':>8} {'bytes':>7} {'JSON ms':>8} {'bytes':>8}")
    for count in counts:
        states = probes(count, now)
        for period in periods.PERIODS[:4]:
            png_ms, png = measure(lambda: grapher.draw(period, states))  # noqa: B023
            json_ms, body = measure(
                lambda: json.dumps(told.aggregate(period, states)).encode()  # noqa: B023
            )
            print(
                f"{count:>7} {period.name:>7} {png_ms:>8.1f} {len(png):>7}"
                f" {json_ms:>8.1f} {len(body):>8}"
            )
        begun = time.perf_counter()
        series.Series(archive).totals(states)
        first_ms = 1000 * (time.perf_counter() - begun)
        told.totals(states)
        again_ms, _ = measure(lambda: json.dumps(told.totals(states)).encode())  # noqa: B023
        print(f"{count:>7} totals, first {first_ms:.1f} ms, then {again_ms:.2f} ms")


def ask_cache(archive: archives.Archive, now: float) -> None:
    """Print how long what is kept takes to be found."""
    cache, grapher = caches.Cache(clocks.Clock()), graph.Grapher(archive)
    period, states = periods.find("hour"), probes(1, now)

    def ask() -> bytes:
        return cache.get(
            "hour", "1", period.step_seconds, lambda: grapher.draw(period, states)
        ).body

    ask()
    took_us = []
    for _ in range(2000):
        begun = time.perf_counter()
        ask()
        took_us.append(1e6 * (time.perf_counter() - begun))
    took_us.sort()
    print(f"kept graph: median {took_us[1000]:.1f} us, 99 % below {took_us[1980]:.1f} us")


def watch(archive: archives.Archive, count: int, now: float) -> None:
    """Print how often a graph is drawn for viewers who all look again, with news each time."""
    cache, grapher = caches.Cache(clocks.Clock()), graph.Grapher(archive)
    period, states, drawn = periods.find("minute"), probes(count, now), []

    def draw() -> bytes:
        drawn.append(time.monotonic())
        return grapher.draw(period, states)

    def look(_viewer: int) -> float:
        begun = time.perf_counter()
        cache.get("minute", f"{time.monotonic_ns()}", period.step_seconds, draw)
        return 1000 * (time.perf_counter() - begun)

    waits: list[float] = []
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(_VIEWERS) as pool:
        for _ in range(_REFRESHES):
            waits += pool.map(look, range(_VIEWERS))
            time.sleep(1)
    steps = (time.monotonic() - begun) / period.step_seconds
    print(
        f"{_VIEWERS} viewers, {count} probes: {len(waits)} answers over {steps:.0f} steps of"
        f" {period.step_seconds} s, drawn {len(drawn)} times; median wait"
        f" {statistics.median(waits):.3f} ms"
    )


def probes(count: int, now: float) -> list[index.ProbeState]:
    """Return as many probes, on wattmeters of 24 outlets."""
    return [
        index.ProbeState(f"node-{number}", now, 200.0, None, f"pdu-{number // 24}", 1.0)
        for number in range(count)
    ]


def measure(work: Callable[[], bytes]) -> tuple[float, bytes]:
    """Return the shortest time of some work, ms, and what it made."""
    took_ms = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        made = work()
        took_ms.append(1000 * (time.perf_counter() - begun))
    return min(took_ms), made


if __name__ == "__main__":
    main()
