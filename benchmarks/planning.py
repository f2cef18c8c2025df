# SPDX-License-Identifier: Apache-2.0
"""How fast climate-planning finds, books and refuses, and lists leases, on each database.

    python -m benchmarks.planning [--hosts 10000] [--reservations 100000]
        [--database sqlite,mariadb,postgresql] [--rounds 15] [--blazar]

Every host has as many reservations: 2 to 48 hours each, with 2 to 48 hours
between them, from tomorrow on.  On every second host the last one lasts two
years: else all would be free after a month, and nothing refused within a year.
Requests are made of :class:`climate.planning.manager.Planner`, as its RPC
endpoint makes them; all hosts match.  Beside each figure is what it shall be,
and the CPU time of this process in it, which the neighbours' load disturbs less.

With ``--blazar``, Blazar's own manager is asked for the same leases on the same
calendars, by turns with ours, at a size that it can finish; it is installed
into ``build/blazar`` once.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import itertools
import json
import math
import random
import statistics
import subprocess
import tempfile
import time
import uuid
import venv
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from oslo_serialization import jsonutils

from climate import exception
from climate import lease as leases
from climate import states
from climate.cmd import conf as climate_conf
from climate.db import models
from climate.planning import manager
from climate.planning import options
from climate.planning import prices
from climate.planning import store
from energybase import clock
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from tests.servers import databases

_HOUR, _DAY = 3600, 86_400
_LOAN_SECONDS = 2 * 365 * _DAY
_ROWS_AT_ONCE = 5000
_PROJECTS = 10
_PAGE_SIZE = 100
_THREADS = 8
_BLAZAR = "blazar==18.0.0"
_BLAZAR_ROUNDS = 3
_ROOT = Path(__file__).resolve().parent.parent

#: Host, start, end.
Reservation = tuple[int, int, int]
#: Makes an empty database; its URL.
NewDatabase = Callable[[], contextlib.AbstractContextManager[str]]


def main() -> None:
    """Measure and print."""
    arguments = parse()
    blazar = install_blazar() if arguments.blazar else None
    for name in arguments.database.split(","):
        with database_server(name) as new_database:
            with new_database() as url:
                measure(name, url, arguments)
            if blazar:
                compare(blazar, new_database, arguments)


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planning",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--reservations", type=int, default=100_000)
    parser.add_argument("--database", default="sqlite,mariadb,postgresql", help="comma separated")
    parser.add_argument("--rounds", type=int, default=15, help="of each request")
    parser.add_argument("--leases", type=int, default=400, help="made for the rate of leases")
    parser.add_argument("--blazar", action="store_true", help="compare with Blazar's own manager")
    parser.add_argument("--blazar-hosts", type=int, default=1000)
    parser.add_argument("--blazar-reservations", type=int, default=1000)
    return parser.parse_args()


@contextlib.contextmanager
def database_server(name: str) -> Iterator[NewDatabase]:
    """Have a server for a while; gives what makes an empty database, and its URL."""
    if name == "sqlite":
        with tempfile.TemporaryDirectory(prefix="climate-bench-") as folder:
            yield lambda: contextlib.nullcontext(f"sqlite:///{folder}/{uuid.uuid4().hex}.sqlite")
    else:
        with databases.running(name) as server:
            yield server.database


# What is in the calendars.


def make_reservations(
    hosts: int, count: int, first: int, *, loans: bool = True
) -> list[Reservation]:
    """Return random reservations, sorted by host and start, from a time on."""
    each = math.ceil(count / hosts)
    rng = np.random.default_rng(hosts)
    minutes = rng.integers(2 * 60, 48 * 60, size=(hosts, 2 * each), endpoint=True)
    times = first + 60 * np.cumsum(minutes, axis=1)
    if loans:
        times[::2, -1] += _LOAN_SECONDS
    # A gap, a reservation, a gap, and so on.
    made = [
        (host, start, end)
        for host, row in enumerate(times.tolist(), 1)
        for start, end in zip(row[0::2], row[1::2])
    ]
    return made[:count]


def list_free(hosts: int, reservations: list[Reservation]) -> list[Reservation]:
    """Return what is left of all time."""
    free = []
    by_host = {host: list(own) for host, own in itertools.groupby(reservations, lambda r: r[0])}
    for host in range(1, hosts + 1):
        own = by_host.get(host, [])
        starts = [0, *(end for _, _, end in own)]
        ends = [*(start for _, start, _ in own), leases.FOREVER]
        free += [(host, start, end) for start, end in zip(starts, ends)]
    return free


def fill(engine: sa.Engine, hosts: int, reservations: list[Reservation]) -> None:
    """Write calendars, and a confirmed lease for each reservation; the newest comes last."""
    shuffled = random.Random(hosts).sample(reservations, len(reservations))
    leases = [make_lease(number, row) for number, row in enumerate(shuffled, 1)]
    held = [
        {"host_id": host, "starts_at": start, "ends_at": end, "lease_id": lease["id"]}
        for lease, (host, start, end) in zip(leases, shuffled)
    ]
    free = [
        {"host_id": host, "starts_at": start, "ends_at": end}
        for host, start, end in list_free(hosts, reservations)
    ]
    known = [{"host_id": n, "host_name": host_name(n), "version": 1} for n in range(1, hosts + 1)]
    with engine.begin() as connection:
        for table, rows in (
            (models.CALENDARS, known),
            (models.FREE_PERIODS, free),
            (models.RESERVATIONS, held),
            (models.LEASES, leases),
        ):
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                connection.execute(sa.insert(table), rows[first : first + _ROWS_AT_ONCE])
        connection.execute(sa.update(models.PLANNING).values(version=1))
    analyze(engine)


def analyze(engine: sa.Engine) -> None:
    """Tell the database what it has now, which it would find out by itself in some time."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def make_lease(number: int, reservation: Reservation) -> dict[str, Any]:
    """Return the row of a lease of one host."""
    _host, start, end = reservation
    return {
        "id": str(uuid.uuid4()),
        "name": f"lease {number}",
        "project_id": f"project-{number % _PROJECTS}",
        "user_id": "user",
        "status": states.CONFIRMED,
        "start_time": start,
        "end_time": end,
        "window_start": start,
        "window_end": end,
        "duration": end - start,
        "quantity": 1,
        "hosts_max": 1,
        "host_properties": '[">=", "$vcpus", 16]',
        "objective": "earliest",
        "created_at": start - _DAY,
        "updated_at": start - _DAY,
        "expires_at": None,
    }


def host_name(number: int) -> str:
    """Return a host's name as a site would have it."""
    return f"compute-{number:05}.lyon.example.org"


# Ours.


class Cost(NamedTuple):
    """Milliseconds that something took, and those of our CPU."""

    wall: float
    cpu: float


class Site(NamedTuple):
    """A planner, the hosts that all its requests match, and when their calendars begin."""

    planner: manager.Planner
    hosts: dict[str, list[Any]]
    first: int

    def propose(self, quantity: int, start: int, end: int, duration: int, **how: Any) -> str:
        """Have a proposal; return the id of its lease."""
        lease = self.planner.make_proposal(
            f"project-{random.randrange(_PROJECTS)}",
            "user",
            self.hosts,
            leases.Wish(
                start, end, duration, quantity, host_properties='[">=", "$vcpus", 16]', **how
            ),
        )
        if len(lease.hosts) != quantity:
            raise SystemExit(f"{len(lease.hosts)} hosts instead of {quantity}")
        return lease.id

    def moment(self) -> int:
        """Return a time when the calendars are as busy as they ever are."""
        return self.first + random.randrange(4 * _DAY, 18 * _DAY)


def open_site(url: str, hosts: int, reservations: list[Reservation], first: int) -> Site:
    """Fill an empty database; return a planner that has not read it yet."""
    climate_conf.set_defaults()
    conf = service.prepare(
        [],
        "bench",
        register=(climate_conf.register_opts, transaction.register_opts),
        project="climate",
        config_files=[],
    )
    conf.set_override("connection", url, "database")
    transactions = transaction.build(conf, models.SCHEMA.sqlite_file)
    engine = transactions.writer.get_engine()
    migration.upgrade(engine, schema=models.SCHEMA)
    fill(engine, hosts, reservations)
    rng = random.Random(hosts)
    numbers = range(1, hosts + 1)
    columns: dict[str, list[Any]] = {
        "ids": list(numbers),
        "names": [host_name(number) for number in numbers],
        "tiers": [number % 4 for number in numbers],
        "watts": [rng.uniform(80, 400) for _ in numbers],
    }
    energy_prices = prices.Prices.parse(price_file(first), "prices.csv")
    chosen = options.Options(energy_prices=energy_prices)
    planner = manager.Planner(store.Store(transactions), clock.Clock(), chosen)
    return Site(planner, columns, first)


def price_file(first: int) -> str:
    """Return a tariff of a month, hour by hour."""
    lines = ["time,value"]
    for hour in range(30 * 24):
        swing = math.sin(2 * math.pi * hour / 24) + random.uniform(-0.2, 0.2)
        lines.append(f"{first - _DAY + hour * _HOUR},{0.2 + 0.1 * swing:.4f}")
    return "\n".join(lines)


def measure(name: str, url: str, arguments: argparse.Namespace) -> None:
    """Print everything about one database."""
    first = next_midnight()
    reservations = make_reservations(arguments.hosts, arguments.reservations, first)
    begun = time.perf_counter()
    site = open_site(url, arguments.hosts, reservations, first)
    print(
        f"\n{name}: {arguments.hosts:,} hosts, {len(reservations):,} reservations "
        f"(written in {time.perf_counter() - begun:.0f} s), medians of {arguments.rounds}"
    )
    print(f"  {'':60} {'ms':>8}  {'least .. most':19} {'CPU':>7}  wanted", flush=True)
    report("first request: loads everything", repeat(1, fixed, site, 1))
    crossed = repeat(arguments.rounds, cross, site.hosts)
    report("a request's hosts as a message, there and back", crossed)
    measure_bookings(site, arguments.rounds)
    measure_refusals(site, arguments.rounds)
    measure_pages(site, arguments.rounds)
    wanted = "> 100/s" if name == "postgresql" else ""
    few = site._replace(hosts={name: column[:100] for name, column in site.hosts.items()})
    for asked, threads in itertools.product((site, few), (1, _THREADS)):
        measure_rate(asked, arguments.leases, threads, wanted)


def cross(message: Any) -> Any:
    """Serialise a message as oslo.messaging does, and its driver once more; and back."""
    sent = jsonutils.dumps(jsonutils.dumps(message))
    return jsonutils.loads(jsonutils.loads(sent))


def fixed(site: Site, quantity: int) -> str:
    """Have a proposal whose window is as long as its lease."""
    start = site.moment()
    return site.propose(quantity, start, start + 4 * _HOUR, 4 * _HOUR)


def measure_bookings(site: Site, rounds: int) -> None:
    """Print requests that are met."""
    first, month = site.first + 4 * _DAY, 30 * _DAY

    def anytime(days: int) -> str:
        return site.propose(10, first, first + month, days * _DAY)

    def greenest() -> str:
        return site.propose(10, first, first + 7 * _DAY, 4 * _HOUR, objective="greenest")

    for label, propose, wanted in (
        ("fixed window, 1 host", lambda: fixed(site, 1), "< 20"),
        ("fixed window, 10 hosts", lambda: fixed(site, 10), "< 20"),
        ("earliest, 10 hosts for a day in 30", lambda: anytime(1), "< 50"),
        ("earliest, 10 for 3 days, longer than any gap", lambda: anytime(3), "< 50"),
        ("greenest, 10 hosts for 4 hours in 7 days", greenest, ""),
    ):
        measure_booking(label, propose, site, rounds, wanted)


def measure_booking(
    label: str, propose: Callable[[], str], site: Site, rounds: int, wanted: str
) -> None:
    """Print how long a lease takes, from the request to the confirmation."""
    proposed, confirmed = [], []
    for _ in range(rounds):
        cost, lease_id = clocked(propose)
        proposed.append(cost)
        confirmed.append(clocked(site.planner.confirm_proposal, lease_id)[0])
    both = [Cost(a.wall + b.wall, a.cpu + b.cpu) for a, b in zip(proposed, confirmed)]
    report(f"{label}: proposed", proposed)
    report(f"{label}: and confirmed", both, wanted)


def measure_refusals(site: Site, rounds: int) -> None:
    """Print requests that cannot be met; what would work instead is part of the answer."""
    many = math.ceil(0.6 * len(site.hosts["ids"]))
    start = site.first + 4 * _DAY
    for label, duration in (("a week", 7 * _DAY), ("2 hours", 2 * _HOUR)):
        taken = repeat(rounds, refuse, site, many, start, duration)
        report(f"refused: 60 % of the hosts for {label} in a year", taken, "< 250")
        print(f"    {refuse(site, many, start, duration)}")


def refuse(site: Site, quantity: int, start: int, duration: int) -> str:
    """Ask for what cannot be; return the refusal."""
    try:
        site.propose(quantity, start, start + 365 * _DAY, duration)
    except exception.NotEnoughHosts as exc:
        return str(exc)
    raise SystemExit("this should have been refused")


def measure_pages(site: Site, rounds: int) -> None:
    """Print pages of leases."""
    for label, project_id in (("a project's", "project-0"), ("all", None)):
        count, middle = count_leases(site, project_id)
        for place, marker in (("newest", None), ("middle", middle)):
            taken = repeat(rounds, list_page, site, project_id, marker)
            report(f"page of {_PAGE_SIZE} of {label} {count:,} leases: {place}", taken, "< 50")


def list_page(site: Site, project_id: str | None, marker: str | None) -> None:
    """Read a page of leases with their hosts, as the API has it."""
    page, _ = site.planner.list_leases(leases.Filters(project_id), limit=_PAGE_SIZE, marker=marker)
    if not all(lease.to_dict()["hosts"] for lease in page):
        raise SystemExit("a lease without hosts")


def count_leases(site: Site, project_id: str | None) -> tuple[int, str]:
    """Return how many leases there are, and the id of one in the middle of the list."""
    ids: list[str] = []
    marker = None
    while not ids or marker:
        page, marker = site.planner.list_leases(
            leases.Filters(project_id), limit=5000, marker=marker
        )
        ids += [lease.id for lease in page]
    return len(ids), ids[len(ids) // 2]


def measure_rate(site: Site, count: int, threads: int, wanted: str) -> None:
    """Print how many leases of one host each one planner makes in a second."""

    def make(_number: int) -> bool:
        try:
            site.planner.confirm_proposal(fixed(site, 1))
        except exception.Conflict:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        cost, answers = clocked(lambda: list(pool.map(make, range(count))))
    made = sum(answers)
    label = f"1 host of {len(site.hosts['ids']):,}, {threads} thread{'s' * (threads > 1)}"
    lost = f", {count - made} conflicts" if made < count else ""
    rate = f"{made / cost.wall * 1000:.0f}/s"
    print(
        f"  {f'{made} leases, confirmed: {label}':60} {rate:>8}  {'':19} {cost.cpu / count:7.1f}"
        f"  {wanted}{lost}",
        flush=True,
    )


def report(label: str, costs: list[Cost], wanted: str = "") -> None:
    """Print a row: milliseconds."""
    walls = [cost.wall for cost in costs]
    span = f"{min(walls):.1f} .. {max(walls):.1f}" if len(walls) > 1 else ""
    cpu = statistics.median(cost.cpu for cost in costs)
    wall = statistics.median(walls)
    print(f"  {label:60} {wall:8.1f}  {span:19} {cpu:7.1f}  {wanted}", flush=True)


def repeat(rounds: int, work: Callable[..., Any], *args: Any) -> list[Cost]:
    """Return what something costs, again and again."""
    return [clocked(work, *args)[0] for _ in range(rounds)]


def clocked(work: Callable[..., Any], *args: Any) -> tuple[Cost, Any]:
    """Return what something costs, and what it returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work(*args)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(wall * 1000, cpu * 1000), result


def next_midnight() -> int:
    """Return when tomorrow begins."""
    return (int(time.time()) // _DAY + 1) * _DAY


# Blazar.


def install_blazar() -> Path | None:
    """Return the interpreter that has Blazar; None, and why, if it cannot be installed."""
    folder = _ROOT / "build" / "blazar"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True)
        command = [
            str(python),
            "-m",
            "pip",
            "install",
            "-qq",
            _BLAZAR,
            "PyMySQL",
            "psycopg2-binary",
        ]
        if subprocess.run(command, check=False).returncode:
            print(f"{_BLAZAR} cannot be installed here; ours alone")
            return None
        done.touch()
    return python


def compare(blazar: Path, new_database: NewDatabase, arguments: argparse.Namespace) -> None:
    """Print how long Blazar and ours take for the same leases, by turns."""
    hosts, first = arguments.blazar_hosts, next_midnight()
    reservations = make_reservations(hosts, arguments.blazar_reservations, first, loans=False)
    with new_database() as url, new_database() as blazar_url:
        site = open_site(url, hosts, reservations, first)
        plan = {"url": blazar_url, "hosts": hosts, "reservations": reservations}
        with asking_blazar(blazar, plan) as ask:
            pairs = [compare_once(site, ask) for _ in range(_BLAZAR_ROUNDS + 1)]
    # Both had one to warm up.
    ours, theirs = [own for own, _ in pairs[1:]], [answer for _, answer in pairs[1:]]
    costs = [Cost(answer["seconds"] * 1000, answer["cpu_seconds"] * 1000) for answer in theirs]
    ratio = statistics.median(its.wall / own.wall for its, own in zip(costs, ours))
    print(f" {hosts:,} hosts, {len(reservations):,} reservations: a fixed window, 1 host")
    report("ours, proposed and confirmed", ours)
    report(f"Blazar, {theirs[-1]['statements']:,.0f} statements", costs)
    print(f"  Blazar takes {ratio:,.0f} times as long", flush=True)


def compare_once(site: Site, ask: Callable[[Any], Any]) -> tuple[Cost, dict[str, float]]:
    """Return what ours costs, and Blazar's answer."""
    start = site.first + random.randrange(0, 14 * _DAY, 60)
    end = start + 4 * _HOUR

    def lease() -> None:
        site.planner.confirm_proposal(site.propose(1, start, end, end - start))

    return clocked(lease)[0], ask([start, end, 1])


@contextlib.contextmanager
def asking_blazar(python: Path, plan: dict[str, Any]) -> Iterator[Callable[[Any], Any]]:
    """Run Blazar's manager on its own calendars; gives what asks it for a lease."""
    log = python.parent.parent / "log"
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [python, "-W", "ignore", Path(__file__).with_name("blazar_allocation.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdin and process.stdout
    sent, answers = process.stdin, process.stdout

    def ask(what: Any) -> Any:
        print(json.dumps(what), file=sent, flush=True)
        answer = answers.readline()
        if not answer:
            raise SystemExit(f"Blazar failed; see {log}")
        return json.loads(answer)

    try:
        ask(plan)
        yield ask
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
