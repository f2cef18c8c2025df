# SPDX-License-Identifier: Apache-2.0
"""What a lease costs through the API: HTTP, RabbitMQ and three processes, at 10,000 hosts.

    python -m benchmarks.lease_api [--hosts 10000] [--leases 10000]
        [--database sqlite,mariadb] [--rounds 30]

climate-api, climate-inventory, climate-planning and a RabbitMQ run as they would
at a site; hosts come from a file.  One client asks for one thing after the other
on one connection.  Each request is made in three ways, by turns:

http     of climate-api, as clients do
rpc      of the services behind it, as climate-api does, without HTTP and JSON of ours
planner  of climate.planning.manager.Planner, in this process, on the same database

``x rpc`` and ``x planner`` say how many times as long http takes.  The planner has
been given the matching hosts; http and rpc have the inventory find them.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

from oslo_context import context

from benchmarks import planning
from climate import exception
from climate import lease as leases
from climate.cmd import conf as climate_conf
from climate.planning import manager
from climate.planning import options
from climate.planning import store
from climate.rpc import inventory as inventory_rpc
from climate.rpc import planning as planning_rpc
from climate.rpc import transport as transports
from energybase import clock
from energybase import service
from tests.servers import databases
from tests.servers import lease_services
from tests.servers import rabbitmq as broker
from tests.servers import scripts

_HOUR, _DAY = 3600, 86_400
_PAGE_SIZE = 100
#: All of them; one rack.
_ALL, _FEW = [">=", "$vcpus", 16], ["=", "$rack", 7]
_HOSTS_PER_RACK = 100
_SERVICES = ("climate-inventory", "climate-planning", "climate-api")
#: Parsing a file of so many hosts takes a while on a machine that is busy.
_READY_SECONDS = 300.0
_WHO = context.RequestContext(
    project_id=lease_services.PROJECT, user_id="bench", roles=["admin"], overwrite=False
)

Work = Callable[[], Any]


def main() -> None:
    """Measure and print."""
    arguments = _parse()
    with tempfile.TemporaryDirectory(prefix="climate-bench-") as folder:
        server = broker.RabbitMQ(Path(folder) / "rabbitmq")
        try:
            server.start()
            for name in arguments.database.split(","):
                with _database(name) as url:
                    directory = Path(folder) / name
                    directory.mkdir()
                    _run(name, directory, server.url, url, arguments)
        finally:
            server.close()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lease_api",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--leases", type=int, default=10_000, help="of one host, in the calendars")
    parser.add_argument("--database", default="sqlite,mariadb", help="comma separated")
    parser.add_argument("--rounds", type=int, default=30, help="of each request, in each way")
    return parser.parse_args()


@contextlib.contextmanager
def _database(name: str) -> Iterator[str | None]:
    """Have an empty database for a while; None stands for SQLite."""
    if name == "sqlite":
        yield None
        return
    with databases.running(name) as server, server.database() as url:
        yield url


def _run(
    name: str, folder: Path, broker_url: str, url: str | None, arguments: argparse.Namespace
) -> None:
    """Print everything about one database."""
    hosts = [describe(number) for number in range(1, arguments.hosts + 1)]
    site = lease_services.Site(folder, broker_url, hosts, url)
    first = planning.next_midnight()
    reservations = planning.make_reservations(arguments.hosts, arguments.leases, first, loans=False)
    planning.fill(site.database.engine(), arguments.hosts, reservations)
    try:
        begun = time.perf_counter()
        for service_name in _SERVICES:
            site.scripts[service_name].start()
        scripts.wait_until(
            lambda: is_ready(site, arguments.hosts), "hosts of the file", _READY_SECONDS
        )
        print(
            f"\n{name}: {arguments.hosts:,} hosts, {len(reservations):,} leases; all is answered "
            f"{time.perf_counter() - begun:.0f} s after the start; medians of {arguments.rounds}"
        )
        with Ways.opened(site, first) as ways:
            _measure(ways, arguments.rounds)
        assert set(site.stop(*_SERVICES).values()) == {0}
    finally:
        site.close()


def describe(number: int) -> dict[str, Any]:
    """Return a host as the file has it, with what Nova would tell of it."""
    return {
        "name": planning.host_name(number),
        "vcpus": 32,
        "memory_mb": 131_072,
        "running_vms": 0,
        "rack": number // _HOSTS_PER_RACK,
        "cpu_info": {
            "arch": "x86_64",
            "vendor": "Intel",
            "mhz": 2600,
            "topology": {"sockets": 1, "cores": 16, "threads": 2},
            "features": ["avx", "avx2", "fma", "sse4.2", "aes"],
        },
        "flop_per_watt": 1e9 + number % 1000,
        "watts": 100 + number % 300,
    }


def is_ready(site: lease_services.Site, hosts: int) -> bool:
    """Tell whether all hosts are known, by the ids that the calendars have."""
    site.require_running()
    if not (site.is_ok("/healthcheck") and site.is_ok("/v1/hosts/")):
        return False
    known = {host["id"]: host["name"] for host in site.get("/v1/hosts/")["hosts"]}
    if len(known) < hosts:
        return False
    assert all(known[number] == planning.host_name(number) for number in range(1, hosts + 1))
    return True


class Ways(NamedTuple):
    """The three ways to ask, and when calendars begin."""

    http: Http
    inventory: inventory_rpc.InventoryAPI
    planning: planning_rpc.PlanningAPI
    planner: manager.Planner
    first: int

    @classmethod
    @contextlib.contextmanager
    def opened(cls, site: lease_services.Site, first: int) -> Iterator[Ways]:
        """Have them for a while."""
        climate_conf.set_defaults()
        conf = service.prepare(
            ["--config-file", str(site.conf_path)],
            "bench",
            register=(climate_conf.register_opts,),
            project="climate",
        )
        transport = transports.get_transport(conf)
        kept = store.Store(site.database.build())
        yield cls(
            Http(site.url),
            inventory_rpc.InventoryAPI(transport, 60.0),
            planning_rpc.PlanningAPI(transport, 60.0),
            manager.Planner(kept, clock.Clock(), options.Options()),
            first,
        )
        transport.cleanup()


class Http:
    """One connection to climate-api that is kept."""

    def __init__(self, url: str) -> None:
        address = url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def ask(
        self, wanted: int, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[bytes, str]:
        """Return body and entity tag of an answer.

        :param wanted: its status; another one ends the benchmark.
        """
        sent = None if body is None else json.dumps(body)
        if sent:
            headers["Content-Type"] = "application/json"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, sent, named)
        answer = self._connection.getresponse()
        received = answer.read()
        if answer.status != wanted:
            raise SystemExit(f"{method} {path}: {answer.status} {received[:500]!r}")
        return received, answer.getheader("ETag", "")


def _measure(ways: Ways, rounds: int) -> None:
    heads = ("http ms", "least", "p95", "rpc ms", "planner ms", "x rpc", "x planner", "kB")
    print(f"  {'':36}" + "".join(f"{head:>11}" for head in heads) + "  wanted", flush=True)
    _measure_pages(ways, rounds)
    _measure_posts(ways, rounds)
    _measure_allowed_hosts(ways, rounds)


def _measure_pages(ways: Ways, rounds: int) -> None:
    """Print pages of all projects' leases."""
    page, _ = ways.planner.list_leases(limit=5000)
    for place, marker in (("newest", None), ("after 5,000", page[-1].id)):
        path = f"/v1/leases/?all_projects=true&limit={_PAGE_SIZE}"
        path += f"&marker={marker}" if marker else ""
        wish: dict[str, Any] = {"limit": _PAGE_SIZE, "marker": marker}
        body, tag = ways.http.ask(200, "GET", path)
        if len(json.loads(body)["leases"]) != _PAGE_SIZE:
            raise SystemExit("this page should have been full")
        _report(
            f"page of {_PAGE_SIZE} leases: {place}",
            rounds,
            functools.partial(ways.http.ask, 200, "GET", path),
            functools.partial(_list, ways, wish),
            functools.partial(ways.planner.list_leases, **wish),
            kb=len(body) / 1e3,
            wanted="< 50",
        )
    _report(
        "the same, unchanged: 304",
        rounds,
        functools.partial(ways.http.ask, 304, "GET", path, If_None_Match=tag),
    )


def _list(ways: Ways, wish: dict[str, Any]) -> None:
    page = ways.planning.list_leases(_WHO, **wish)
    # The API tells how the hosts of a lease fare.
    ways.inventory.list_names(_WHO, [host.id for lease in page.leases for host in lease.hosts])


def _measure_posts(ways: Ways, rounds: int) -> None:
    """Print leases, confirmed, of hosts that all match or few of which do."""
    numbers = itertools.count()
    for quantity, properties in ((1, _ALL), (10, _ALL), (1, _FEW)):
        text = json.dumps(properties)
        matching: Any = ways.inventory.match_hosts(_WHO, text)
        columns = {name: matching[name] for name in ("ids", "names", "tiers", "watts")}
        post, call, plan = (
            functools.partial(make, ways, moment, quantity)
            for make, moment in (
                (functools.partial(_post, properties=properties), numbers),
                (functools.partial(_call, properties=text), numbers),
                (functools.partial(_plan, columns=columns), numbers),
            )
        )
        label = f"lease of {quantity} host{'s' * (quantity > 1)}, {len(columns['ids']):,} match"
        _report(label, rounds, post, call, plan)


def _wish(ways: Ways, numbers: Iterator[int], quantity: int) -> leases.Wish:
    """Return when the next lease is wanted: never two at the same time."""
    start = ways.first + 4 * _DAY + next(numbers) * 60 + random.randrange(60)
    return leases.Wish(start, start + 4 * _HOUR, 4 * _HOUR, quantity)


def _post(ways: Ways, numbers: Iterator[int], quantity: int, *, properties: Any) -> None:
    wish = {**_wish(ways, numbers, quantity)._asdict(), "host_properties": properties}
    ways.http.ask(201, "POST", "/v1/leases/", wish)


def _call(ways: Ways, numbers: Iterator[int], quantity: int, *, properties: str) -> None:
    matching: Any = ways.inventory.match_hosts(_WHO, properties)
    columns: Any = {name: matching[name] for name in ("ids", "names", "tiers", "watts")}
    wish = _wish(ways, numbers, quantity)._replace(host_properties=properties)
    lease = ways.planning.make_proposal(_WHO, columns, wish)
    ways.planning.confirm_proposal(_WHO, lease.id)
    ways.inventory.list_names(_WHO, [host.id for host in lease.hosts])


def _plan(ways: Ways, numbers: Iterator[int], quantity: int, *, columns: Any) -> None:
    wish = _wish(ways, numbers, quantity)
    lease = ways.planner.make_proposal(lease_services.PROJECT, "bench", columns, wish)
    ways.planner.confirm_proposal(lease.id)


def _measure_allowed_hosts(ways: Ways, rounds: int) -> None:
    """Print what Nova's scheduler asks, and what it is answered if nothing changed."""
    path = "/v1/allowed-hosts/"
    body, tag = ways.http.ask(200, "GET", path)

    def call() -> None:
        ways.inventory.list_names(_WHO)
        ways.planning.list_reserved_hosts(_WHO)

    plan = ways.planner.list_reserved_hosts
    ask = functools.partial(ways.http.ask, 200, "GET", path)
    _report("allowed hosts", rounds, ask, call, plan, kb=len(body) / 1e3)
    unchanged = functools.partial(ways.http.ask, 304, "GET", path, If_None_Match=tag)
    _report("allowed hosts, unchanged: 304", rounds, unchanged, call, plan)


def _report(
    label: str,
    rounds: int,
    ask: Work,
    call: Work | None = None,
    plan: Work | None = None,
    *,
    kb: float = 0.0,
    wanted: str = "",
) -> None:
    """Measure the ways by turns, and print a row."""
    works = [work for work in (ask, call, plan) if work is not None]
    for work in works:
        # To warm up: connections, and what planners keep in memory.
        work()
    taken = list(zip(*([_milliseconds(work) for work in works] for _ in range(rounds))))
    medians = [statistics.median(column) for column in taken]
    cells = [
        f"{medians[0]:.1f}",
        f"{min(taken[0]):.1f}",
        f"{statistics.quantiles(taken[0], n=20)[-1]:.1f}",
    ]
    cells += [f"{median:.1f}" for median in medians[1:]] + [""] * (3 - len(medians))
    cells += [f"{medians[0] / median:.1f}" for median in medians[1:]] + [""] * (3 - len(medians))
    cells.append(f"{kb:.0f}" if kb else "")
    print(f"  {label:36}" + "".join(f"{cell:>11}" for cell in cells) + f"  {wanted}", flush=True)


def _milliseconds(work: Work) -> float:
    """Return how long it takes; others may have been faster, who asks again then."""
    while True:
        begin = time.perf_counter()
        try:
            work()
        except exception.Conflict:
            continue
        return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    main()
