# SPDX-License-Identifier: Apache-2.0
"""What our filter and weigher cost Nova's scheduler, beside Nova's own.

Usage: build/nova-34/bin/python -m benchmarks.scheduler [--hosts 10000] [--rounds 30]

Runs in Nova's own environment, which tests/nova/run --install makes.  Nova's
handlers are given plug-ins one at a time, over the same hosts, all in an
aggregate as in any cloud with availability zones: a trivial one, Nova's
ComputeFilter or RAMWeigher, and ours, with Climate's answer at hand.  A small
HTTP server plays Climate, and counts how often it is asked, last by a hundred
requests at once.

The aims: ours adds less than 1.5 ms to the trivial one; a hundred requests, one call.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import random
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import nova.conf
from nova import monkey_patch

monkey_patch.patch()

# After that, as in Nova itself: hence E402.
from nova import objects  # noqa: E402
from nova.scheduler import filters  # noqa: E402
from nova.scheduler import host_manager  # noqa: E402
from nova.scheduler import weights  # noqa: E402
from nova.scheduler.filters import compute_filter  # noqa: E402
from nova.scheduler.weights import ram  # noqa: E402
from oslo_utils import timeutils  # noqa: E402

from nova_ext import conf  # noqa: E402
from nova_ext import filters as our_filters  # noqa: E402
from nova_ext import weights as our_weights  # noqa: E402
from tests.fakes import climate as fake_climate  # noqa: E402

AIM_MILLISECONDS = 1.5
CALLERS = 100
INSTANCE = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


class TrivialFilter(filters.BaseHostFilter):
    """As little as a filter can do."""

    def host_passes(self, host_state: Any, spec_obj: Any) -> bool:
        return True


class TrivialWeigher(weights.BaseHostWeigher):
    """As little as a weigher can do that tells hosts apart.

    Were its weights all the same, Nova's handler would have nothing to sort,
    and no long numbers to write for a log that is off.
    """

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> float:
        weight: float = host_state.num_instances
        return weight


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    climate = fake_climate.FakeClimate()
    climate.start()
    try:
        measure(climate, options.hosts, options.rounds)
    finally:
        climate.stop()


def measure(climate: fake_climate.FakeClimate, number: int, rounds: int) -> None:
    """Print what each plug-in costs, and how often Climate was asked."""
    names = [f"node-{n}.example.org" for n in range(number)]
    climate.reserved = names[::10]
    order = random.Random(1)
    climate.scores = {name: order.uniform(1e9, 9e9) for n, name in enumerate(names) if n % 20}
    climate.cache_control = "private, max-age=3600"
    configure(climate.url)
    hosts = make_hosts(names)
    request = objects.RequestSpec(
        instance_uuid=INSTANCE, project_id="a-project", scheduler_hints={}
    )

    filter_handler, weight_handler = filters.HostFilterHandler(), weights.HostWeightHandler()
    print(f"{number} hosts, least of {rounds} rounds; Climate's answer at hand")
    compare(
        [TrivialFilter(), compute_filter.ComputeFilter(), our_filters.LeaseFilter()],
        lambda plugin: filter_handler.get_filtered_objects([plugin], hosts, request),
        rounds,
    )
    compare(
        [TrivialWeigher(), ram.RAMWeigher(), our_weights.EfficiencyWeigher()],
        lambda plugin: weight_handler.get_weighed_objects([plugin], hosts, request),
        rounds,
    )
    print(f"asked Climate {len(climate.requests)} times in all that")

    few = hosts[:100]
    calls = count_calls(
        climate, our_filters.LeaseFilter(), lambda one: list(one.filter_all(few, request))
    )
    print(f"{CALLERS} requests at once by a filter that knows nothing yet: {calls} call(s)")
    weighed = [weights.WeighedHost(host, 0.0) for host in few]
    calls = count_calls(
        climate, our_weights.EfficiencyWeigher(), lambda one: one.weigh_objects(weighed, request)
    )
    print(f"{CALLERS} requests at once by a weigher that knows nothing yet: {calls} call(s)")


def configure(url: str) -> None:
    """Set Nova's configuration as far as the plug-ins read it."""
    objects.register_all()
    settings = nova.conf.CONF
    settings([], project="nova", default_config_files=[])
    settings.set_override("service_down_time", 86_400)
    conf.register_opts(settings)
    settings.set_override("endpoint_override", url, group="climate")
    settings.set_override("timeout_seconds", 60.0, group="climate")


def make_hosts(names: list[str]) -> list[Any]:
    """Return the state of hosts that are up, with room, in an aggregate."""
    zone = objects.Aggregate(id=1, name="zone", metadata={"availability_zone": "here"})
    now = timeutils.utcnow()
    hosts = []
    # No weigher finds the hosts in its own order.
    numbers = random.Random(2).sample(range(len(names)), len(names))
    for number, name in zip(numbers, names, strict=True):
        host = host_manager.HostState(name, name, "cell")
        host.service = {"disabled": False, "last_seen_up": now, "updated_at": now, "id": number}
        host.service |= {"forced_down": False, "host": name, "created_at": now}
        host.free_ram_mb = 1024 + number
        host.num_instances = number
        host.aggregates = [zone]
        hosts.append(host)
    return hosts


def compare(plugins: list[Any], run: Callable[[Any], Any], rounds: int) -> None:
    """Print the cost of each, the first being the trivial one; rounds are interleaved."""
    taken: list[list[float]] = [[] for _ in plugins]
    for plugin in plugins:
        run(plugin)
    for _ in range(rounds):
        for times, plugin in zip(taken, plugins, strict=True):
            started = time.perf_counter()
            run(plugin)
            times.append((time.perf_counter() - started) * 1e3)
    # The least: whatever else the machine does only adds to it.
    trivial = min(taken[0])
    for times, plugin in zip(taken, plugins, strict=True):
        least = min(times)
        added = least - trivial
        print(
            f"  {type(plugin).__name__:18} {least:8.2f} ms  {least / trivial:5.2f} x trivial"
            f"  adds {added:+8.2f} ms  (median {statistics.median(times):.2f} ms)"
        )
    verdict = "held" if added < AIM_MILLISECONDS else "MISSED"
    print(f"  aim: {type(plugins[-1]).__name__} adds < {AIM_MILLISECONDS} ms: {verdict}")


def count_calls(climate: fake_climate.FakeClimate, plugin: Any, run: Callable[[Any], Any]) -> int:
    """Return how often Climate is asked by many threads at once."""
    before = len(climate.requests)
    together = threading.Barrier(CALLERS)

    def call() -> None:
        together.wait(60)
        run(plugin)

    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        for future in [pool.submit(call) for _ in range(CALLERS)]:
            future.result(60)
    return len(climate.requests) - before


if __name__ == "__main__":
    main()
