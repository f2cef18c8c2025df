# SPDX-License-Identifier: Apache-2.0
"""A polling cycle of Ceilometer's central agent: what of it is ours.

Usage: python -m benchmarks.ceilometer_polling [--probes 10000] [--cycles 5]

A process of its own serves Kwapi's API over HTTP; the agent is Ceilometer's,
with its own polling tasks, and a notifier that only counts.  Two agents take
turns, cycle by cycle: one with our pollsters, one with the dynamic pollsters
that are shipped beside.  For every cycle there is a new list of all probes.

total        the cycle, all its meters together: discovery, token, samples, signatures
pollsters    of this, in pollsters, the GET among it
their CPU    of this, without waiting for Kwapi and for other processes

The aims: a cycle in 5 s, and of that 0.5 s of CPU ours.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import multiprocessing.connection
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from energybase.web import server
from kwapi.store import record
from kwapi.store import snapshot
from kwapi.store import state
from kwapi.store import store as stores
from tests.fakes import ceilometer_agent
from tests.servers import apis

AIM_SECONDS = 5.0
OUR_AIM_SECONDS = 0.5
_DYNAMIC = pathlib.Path(__file__).parents[1] / "etc" / "ceilometer" / "pollsters.d"
_SPAWN = multiprocessing.get_context("spawn")


def main() -> None:
    """Measure, print, and fail if an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ceilometer_polling")
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--cycles", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kwapi-bench-") as folder:
        sys.exit(measure(pathlib.Path(folder), arguments.probes, arguments.cycles))


def measure(folder: pathlib.Path, probes: int, cycles: int) -> int:
    """Print a line for each agent; return 1 if an aim is missed."""
    ours, theirs = _Spy(), _Spy()
    with _Kwapi(folder, probes) as kwapi:
        keystone = ceilometer_agent.Keystone(kwapi.url)
        agents = [
            (ours, make_agent(folder / "ours", keystone, None)),
            (theirs, make_agent(folder / "dynamic", keystone, _DYNAMIC)),
        ]
        for spy, agent in agents:
            spy.watch(agent)
        for cycle in range(cycles + 1):
            for spy, agent in agents:
                kwapi.renew()
                spy.run(agent, count=cycle > 0)
        keystone.stop()
    print(f"{probes} probes, {len(ceilometer_agent.METERS)} meters, {cycles} cycles")
    heads = ("total s", "most", "pollsters", "most", "their CPU", "most", "samples")
    print(" " * 20 + "".join(f"{head:>10}" for head in heads))
    for name, spy in (("our pollsters", ours), ("dynamic pollsters", theirs)):
        print(f"{name:20}{spy.describe()}")
    missed = ours.median_total > AIM_SECONDS or ours.median_cpu > OUR_AIM_SECONDS
    print(
        f"aims: {AIM_SECONDS} s, {OUR_AIM_SECONDS} s of CPU ours: {'MISSED' if missed else 'met'}"
    )
    return int(missed)


def make_agent(
    folder: pathlib.Path, keystone: ceilometer_agent.Keystone, pollsters: pathlib.Path | None
) -> ceilometer_agent.Agent:
    """Return an agent with a folder of its own."""
    folder.mkdir()
    return ceilometer_agent.Agent(folder, keystone, pollsters=pollsters, notifier=_Count())


class _Count:
    """In the place of the notifier."""

    def __init__(self) -> None:
        self.samples = 0

    def sample(self, context: dict[str, Any], event_type: str, payload: dict[str, Any]) -> None:
        self.samples += len(payload["samples"])


class _Spy:
    """How long cycles take, and how much of it pollsters."""

    def __init__(self) -> None:
        self._own = self._cpu = 0.0
        # Total, pollsters, their CPU: seconds.
        self._cycles: list[tuple[float, float, float]] = []
        self._samples = 0

    def watch(self, agent: ceilometer_agent.Agent) -> None:
        """Time what the agent's pollsters do."""
        for pollster in agent.pollsters:
            pollster.obj.get_samples = self._timed(pollster.obj.get_samples)

    def run(self, agent: ceilometer_agent.Agent, *, count: bool) -> None:
        """Go through a cycle."""
        self._own = self._cpu = 0.0
        before = agent.notifier.samples
        start = time.perf_counter()
        agent.run()
        total = time.perf_counter() - start
        self._samples = agent.notifier.samples - before
        if count:
            self._cycles.append((total, self._own, self._cpu))

    @property
    def median_total(self) -> float:
        """Seconds."""
        return statistics.median(total for total, _, _ in self._cycles)

    @property
    def median_cpu(self) -> float:
        """Seconds, of the pollsters."""
        return statistics.median(cpu for _, _, cpu in self._cycles)

    def describe(self) -> str:
        """Return medians and maxima, as a line of the table."""
        columns = zip(*self._cycles, strict=True)
        figures = [
            figure for column in columns for figure in (statistics.median(column), max(column))
        ]
        return "".join(f"{figure:10.2f}" for figure in figures) + f"{self._samples:10}"

    def _timed(self, get_samples: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def timed(**given: Any) -> Iterator[Any]:
            made = iter(get_samples(**given))
            while True:
                start, cpu = time.perf_counter(), time.thread_time()
                # So few together that the clocks are not what is measured.
                some = list(itertools.islice(made, 100))
                self._cpu += time.thread_time() - cpu
                self._own += time.perf_counter() - start
                if not some:
                    return
                yield from some

        return timed


class _Kwapi:
    """The API over a store, in a process of its own."""

    def __init__(self, folder: pathlib.Path, probes: int) -> None:
        self._pipe, child = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(folder, probes, child), daemon=True)

    def __enter__(self) -> _Kwapi:
        self._process.start()
        self.url: str = self._pipe.recv()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._pipe.send(False)
        self._process.join()

    def renew(self) -> None:
        """Have all probes measured anew."""
        self._pipe.send(True)
        self._pipe.recv()


def _serve(folder: pathlib.Path, probes: int, pipe: multiprocessing.connection.Connection) -> None:
    conf = apis.configure(folder, "[api]\nauth_strategy = noauth\n")
    store, shown, version = (
        stores.open_store(conf),
        snapshot.Snapshot(),
        0,
    )
    api = server.Server(apis.build(conf))
    api.start()
    pipe.send(f"{api.url}v1")
    while pipe.recv():
        shown.update(
            record.Record(
                f"node-{n}", time.time(), 200.0 + n, 1.5 * n, f"pdu-{n % 24}", "", 1.0, 0.1
            )
            for n in range(probes)
        )
        store.save(state.Changes(version, probes_body=shown.probes_body()))
        version = store.get_version()
        pipe.send(version)
    api.stop()


if __name__ == "__main__":
    main()
