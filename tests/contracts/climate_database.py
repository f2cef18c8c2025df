# SPDX-License-Identifier: Apache-2.0
"""Databases of climate for tests, what is in them, and the audit that says whether that is whole.

Times that count from NOW are small numbers.
"""

from __future__ import annotations

import collections
import itertools
import threading
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_config import cfg

from climate import lease as leases
from climate import states
from climate.db import models
from climate.planning import availability
from climate.planning import calendars
from climate.planning import changes
from climate.planning import outbox
from climate.planning import quotas
from climate.planning import store
from energybase.db import transaction

FOREVER = leases.FOREVER
NOW = 1_700_000_000
HOUR = 3600
UNLIMITED = quotas.Quota()
EVERYTHING = leases.Filters()
ALL_OF_TIME = [(0, FOREVER)]


class Database:
    """A database of a test's own."""

    def __init__(self, url: str, *, careful: bool = True) -> None:
        self.url = url
        self._careful = careful
        self._built: list[transaction.TransactionContext] = []

    def build(self) -> transaction.TransactionContext:
        """Return new transactions on it, to be closed with it."""
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[], default_config_dirs=[])
        transaction.register_opts(conf)
        conf.set_override("connection", self.url, "database")
        conf.set_override("sqlite_synchronous", self._careful, "database")
        self._built.append(transaction.build(conf, models.SCHEMA.sqlite_file))
        return self._built[-1]

    def open(self) -> store.Store:
        """Return a new store on it."""
        return store.Store(self.build())

    def engine(self) -> sa.Engine:
        """Return a new engine on it."""
        engine: sa.Engine = self.build().writer.get_engine()
        return engine

    def audit(self) -> list[str]:
        """Return what is wrong with it."""
        with self.engine().connect() as connection:
            return audit(connection)

    def clear(self) -> None:
        """Make it as new."""
        with self.engine().begin() as connection:
            clear(connection)

    def close(self) -> None:
        """Close all connections to it."""
        for transactions in self._built:
            transactions.writer.get_engine().dispose()
        self._built.clear()


def clear(connection: sa.Connection) -> None:
    """Make a database as new."""
    for table in models.METADATA.sorted_tables:
        if table not in (models.PLANNING, models.INVENTORY):
            connection.execute(sa.delete(table))
    connection.execute(sa.update(models.PLANNING).values(version=0))
    connection.execute(sa.update(models.INVENTORY).values(version=0, refreshed_at=0))


# ---------------------------------------------------------------- the audit


def audit(connection: sa.Connection) -> list[str]:
    """Return what is wrong with the calendars and leases of a database that nobody writes to."""
    return [*_audit_calendars(connection), *_audit_leases(connection)]


def _audit_calendars(connection: sa.Connection) -> Iterator[str]:
    """Free periods and reservations are all of time; never two free ones side by side."""
    version = connection.scalar(sa.select(models.PLANNING.c.version))
    known = dict(connection.execute(sa.select(models.CALENDARS.c["host_id", "version"])).all())
    held: dict[int, list[tuple[int, int, str]]] = collections.defaultdict(list)
    for row in connection.execute(sa.select(models.FREE_PERIODS)):
        held[row.host_id].append((row.starts_at, row.ends_at, "free"))
    for row in connection.execute(sa.select(models.RESERVATIONS)):
        held[row.host_id].append((row.starts_at, row.ends_at, row.lease_id))
    for host_id in known.keys() | held.keys():
        if known.get(host_id, version + 1) > version:
            yield f"host {host_id} has no calendar, or one of version {known.get(host_id)}"
        periods = [(-1, 0, "before"), *sorted(held[host_id]), (FOREVER, FOREVER + 1, "after")]
        for one, other in itertools.pairwise(periods):
            if one[1] != other[0] or one[0] >= one[1]:
                yield f"host {host_id}: {one} is followed by {other}"
            if one[2] == other[2] == "free":
                yield f"host {host_id}: {one} and {other} are not one"


def _audit_leases(connection: sa.Connection) -> Iterator[str]:
    """Each lease has what its status promises, and no reservation is without a lease."""
    reserved = collections.defaultdict(list)
    for row in connection.execute(sa.select(models.RESERVATIONS)):
        reserved[row.lease_id].append((row.starts_at, row.ends_at))
    for lease in connection.execute(sa.select(models.LEASES)):
        held = reserved.pop(lease.id, [])
        yield from (f"{lease}: {name}" for name, holds in _promises(lease, held) if not holds)
    yield from (f"{held} is of no lease" for held in reserved.values())


def _promises(lease: Any, held: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    yield "expires", (lease.expires_at is not None) == (lease.status == states.PROPOSED)
    if lease.status in states.HIDDEN:
        yield "holds nothing", not held
        return
    yield "holds its time", set(held) == {(lease.start_time, lease.end_time)}
    yield "has its hosts", lease.quantity <= len(held) <= lease.hosts_max
    yield "has its duration", lease.duration == lease.end_time - lease.start_time
    yield "is in its window", lease.window_start <= lease.start_time
    yield "ends in its window", lease.end_time <= lease.window_end


# ---------------------------------------------------------------- making leases


def make(host_ids: Sequence[int], start: int, end: int, **values: Any) -> leases.Lease:
    """Return a proposal, as a planner makes it."""
    made = leases.Lease(
        id=str(uuid.uuid4()),
        name=None,
        project_id="project",
        user_id="user",
        status=states.PROPOSED,
        start_time=start,
        end_time=end,
        window_start=start,
        window_end=end,
        duration=end - start,
        quantity=len(host_ids),
        hosts_max=len(host_ids),
        host_properties="[]",
        objective="earliest",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + 300,
        hosts=tuple(leases.LeasedHost(host_id, f"host-{host_id}") for host_id in sorted(host_ids)),
    )
    return made._replace(**values)


def list_free(kept: store.Store) -> dict[int, list[tuple[int, int]]]:
    """Return each host's free periods."""
    free: dict[int, list[tuple[int, int]]] = collections.defaultdict(list)
    for host_id, starts_at, ends_at in sorted(kept.read(calendars.load, -1).rows):
        free[host_id].append((starts_at, ends_at))
    return dict(free)


def choose(kept: store.Store, host_ids: Sequence[int], start: int, end: int) -> availability.Choice:
    """Return the choice of these hosts then; KeyError if one is not free."""
    around = {
        row[0]: availability.FreePeriod(*row)
        for row in kept.read(calendars.load, -1).rows
        if row[1] <= start and end <= row[2]
    }
    return availability.Choice(start, end, tuple(around[host_id] for host_id in sorted(host_ids)))


def book(
    kept: store.Store, host_ids: Sequence[int], start: int, end: int, **values: Any
) -> leases.Lease:
    """Book hosts, free as they are; times count from NOW."""
    lease = make(host_ids, NOW + start, NOW + end, **values)
    kept.change(changes.book, lease, choose(kept, host_ids, NOW + start, NOW + end), UNLIMITED, NOW)
    return lease


def lease_out(
    kept: store.Store, host_ids: Sequence[int], start: int, end: int, **values: Any
) -> leases.Lease:
    """Book hosts and confirm that."""
    return kept.change(changes.confirm, book(kept, host_ids, start, end, **values).id, NOW)


def learn(kept: store.Store, hosts: int) -> None:
    """Have so many hosts, numbered from 1."""
    kept.learn({host_id: f"host-{host_id}" for host_id in range(1, hosts + 1)})


def list_events(kept: store.Store, now: int = NOW) -> list[outbox.Event]:
    """Take all events out, in their order."""
    events = []
    while event := kept.write(outbox.claim, now, 60):
        events.append(event)
        kept.write(outbox.remove, event.id)
    return events


def around(start: int, end: int) -> list[tuple[int, int]]:
    """Return the free periods of a host that is held then; times count from NOW."""
    return [(0, NOW + start), (NOW + end, FOREVER)]


def run_together(works: Sequence[Callable[[], object]]) -> list[object]:
    """Run each in a thread of its own, all at once; return results and what was raised."""
    barrier = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = works[number]()
        except Exception as exc:
            results[number] = exc

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def audited(database: Database) -> Iterator[Database]:
    """A database whose calendars are whole when the test is done."""
    yield database
    assert database.audit() == []


@pytest.fixture
def kept(audited: Database) -> store.Store:
    """A store of three hosts."""
    opened = audited.open()
    learn(opened, 3)
    return opened
