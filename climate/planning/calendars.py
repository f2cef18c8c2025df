# SPDX-License-Identifier: Apache-2.0
"""The SQL of calendars: hosts' free periods and reservations.

Owns what keeps a host from being reserved twice:

- A writer calls :func:`advance` first.  It updates the only row of
  PLANNING, whose lock all others wait for until the transaction ends: writers
  come one after the other, on every database, and none of them works on what
  was read before it was its turn.
- Time is taken by deleting the free period it is in, by value.  The transaction
  that deletes the row owns the time; if the row is not there, another one does.
- A free period given back is merged with its neighbours: there are never two
  where one would do, and with the reservations they are all of time.

Every function works in its caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import TypeVar

import sqlalchemy as sa

from climate import lease as leases
from climate.db import models
from climate.planning import availability

_FREE = models.FREE_PERIODS.c
_RESERVED = models.RESERVATIONS.c
_CALENDARS = models.CALENDARS.c
_PLANNING = models.PLANNING.c

# The statements of every booking, made once: SQLAlchemy takes a third of a
# booking's time to make them.
_ADVANCE = (
    sa.update(models.PLANNING)
    .where(_PLANNING.id == models.ONLY_ROW)
    .values(version=_PLANNING.version + 1)
)
_ADVANCE_RETURNING = _ADVANCE.returning(_PLANNING.version)
_GET_VERSION = sa.select(_PLANNING.version).where(_PLANNING.id == models.ONLY_ROW)
_LOAD = (
    sa.select(_PLANNING.version, _CALENDARS.host_id, _FREE.starts_at, _FREE.ends_at)
    .select_from(
        models.PLANNING.outerjoin(
            models.CALENDARS, _CALENDARS.version > sa.bindparam("seen_version")
        ).outerjoin(models.FREE_PERIODS, _FREE.host_id == _CALENDARS.host_id)
    )
    .where(_PLANNING.id == models.ONLY_ROW)
)
_TOUCH = (
    sa.update(models.CALENDARS)
    .where(_CALENDARS.host_id.in_(sa.bindparam("host_ids", expanding=True)))
    .values(version=sa.bindparam("new_version"))
)
_DELETE_FREE = sa.delete(models.FREE_PERIODS).where(
    # The values alone would do, but not every database finds them by index.
    _FREE.host_id.in_(sa.bindparam("host_ids", expanding=True)),
    sa.tuple_(_FREE.host_id, _FREE.starts_at, _FREE.ends_at).in_(
        sa.bindparam("periods", expanding=True)
    ),
)
_INSERT_FREE = sa.insert(models.FREE_PERIODS)
_RESERVE = sa.insert(models.RESERVATIONS)

#: Values in a list of a statement: MariaDB plans longer ones worse.
_CHUNK = 500

_T = TypeVar("_T", int, str, availability.FreePeriod)
Period = availability.FreePeriod


class Taken(Exception):  # noqa: N818  # an answer that planning expects, not an error
    """A free period is no longer there: look again at what is free, and plan anew."""


class Loaded(NamedTuple):
    """Free periods that changed since a version.

    :ivar version: they lead to it.
    :ivar host_ids: hosts whose free periods may have changed.
    :ivar rows: all free periods of these hosts: host id, start, end.
    :ivar complete: these are all hosts there are; forget what was known.
    """

    version: int
    host_ids: set[int]
    rows: list[tuple[int, int, int]]
    complete: bool


def advance(connection: sa.Connection) -> int:
    """Wait for all others who write, hold up those who come; return the new version."""
    if connection.dialect.update_returning:
        advanced = connection.execute(_ADVANCE_RETURNING)
    else:
        connection.execute(_ADVANCE)
        advanced = connection.execute(_GET_VERSION)
    version: int = advanced.scalar_one()
    return version


def load(connection: sa.Connection, seen_version: int) -> Loaded:
    """Return what changed since a version, -1 for everything."""
    # One statement: what one commit left, whatever the isolation.
    rows = connection.execute(_LOAD, {"seen_version": seen_version}).all()
    if not rows or rows[0].version < seen_version:
        # Another database than before: a backup, perhaps.
        return load(connection, -1) if seen_version >= 0 else Loaded(-1, set(), [], True)
    host_ids = {row[1] for row in rows if row[1] is not None}
    free = [(row[1], row[2], row[3]) for row in rows if row[2] is not None]
    return Loaded(rows[0].version, host_ids, free, seen_version < 0)


def get_names(connection: sa.Connection, host_ids: Collection[int]) -> dict[int, str]:
    """Return the names of those hosts that have a calendar, by id."""
    names: dict[int, str] = {}
    for chunk in _chunks(host_ids):
        query = sa.select(_CALENDARS.host_id, _CALENDARS.host_name)
        found = connection.execute(query.where(_CALENDARS.host_id.in_(chunk)))
        names.update((row.host_id, row.host_name) for row in found)
    return names


def add(connection: sa.Connection, hosts: Mapping[int, str], version: int) -> None:
    """Give hosts a calendar, with all of time free."""
    if hosts:
        rows = [
            {"host_id": host_id, "host_name": name, "version": version}
            for host_id, name in sorted(hosts.items())
        ]
        connection.execute(sa.insert(models.CALENDARS), rows)
        _insert_free(connection, [Period(host_id, 0, leases.FOREVER) for host_id in hosts])


def rename(connection: sa.Connection, hosts: Mapping[int, str]) -> None:
    """Write down new names of hosts that have a calendar."""
    if hosts:
        update = sa.update(models.CALENDARS).where(_CALENDARS.host_id == sa.bindparam("known"))
        rows = [{"known": host_id, "new": name} for host_id, name in sorted(hosts.items())]
        connection.execute(update.values(host_name=sa.bindparam("new")), rows)


def take(
    connection: sa.Connection, periods: Sequence[Period], start_time: int, end_time: int
) -> None:
    """Take [start_time, end_time) out of free periods; nobody else can have it any more.

    :raises Taken: one of them is not there, or does not hold it.
    """
    if any(not period.starts_at <= start_time < end_time <= period.ends_at for period in periods):
        raise Taken
    if _delete_free(connection, periods) != len(periods):
        raise Taken
    before = [period._replace(ends_at=start_time) for period in periods]
    after = [period._replace(starts_at=end_time) for period in periods]
    remains = [left for left in [*before, *after] if left.starts_at < left.ends_at]
    _insert_free(connection, remains)


def give_back(connection: sa.Connection, periods: Sequence[Period]) -> None:
    """Make periods free that are not, one with the free periods beside them."""
    gone, come = merge(_list_neighbours(connection, periods), periods)
    _delete_free(connection, gone)
    _insert_free(connection, come)


def merge(free: Iterable[Period], given: Iterable[Period]) -> tuple[list[Period], list[Period]]:
    """Return which of the free periods go, and which come, when others become free."""
    gone: list[Period] = []
    come: list[Period] = []
    marked = sorted([(period, True) for period in free] + [(period, False) for period in given])
    for run in _split_at_gaps(marked):
        if all(was_free for _, was_free in run):
            continue
        gone += [period for period, was_free in run if was_free]
        come.append(run[0][0]._replace(ends_at=run[-1][0].ends_at))
    return gone, come


def touch(connection: sa.Connection, host_ids: Collection[int], version: int) -> None:
    """Let everybody read these hosts' free periods anew."""
    for chunk in _chunks(host_ids):
        connection.execute(_TOUCH, {"host_ids": chunk, "new_version": version})


def reserve(
    connection: sa.Connection,
    lease_id: str,
    host_ids: Iterable[int],
    start_time: int,
    end_time: int,
) -> None:
    """Write down a lease's hold on hosts whose time was taken."""
    times = {"starts_at": start_time, "ends_at": end_time, "lease_id": lease_id}
    connection.execute(_RESERVE, [{"host_id": host_id} | times for host_id in host_ids])


def end_reservations(connection: sa.Connection, lease_id: str, end_time: int) -> None:
    """Let a lease's reservations end at another time."""
    update = sa.update(models.RESERVATIONS).where(_RESERVED.lease_id == lease_id)
    connection.execute(update.values(ends_at=end_time))


def remove_reservations(connection: sa.Connection, lease_ids: Collection[str]) -> list[Period]:
    """Remove leases' reservations; return the periods they held."""
    held: list[Period] = []
    for chunk in _chunks(lease_ids):
        of_them = _RESERVED.lease_id.in_(chunk)
        query = sa.select(_RESERVED.host_id, _RESERVED.starts_at, _RESERVED.ends_at)
        held += _periods(connection.execute(query.where(of_them)))
        connection.execute(sa.delete(models.RESERVATIONS).where(of_them))
    return held


def list_reserved(
    connection: sa.Connection, now: int, until: int
) -> tuple[list[leases.LeasedHost], int | None]:
    """Return the hosts held in [now, until], and when the first reservation of them ends."""
    query = (
        sa.select(_CALENDARS.host_id, _CALENDARS.host_name, _RESERVED.ends_at)
        .join(models.RESERVATIONS, _RESERVED.host_id == _CALENDARS.host_id)
        .where(_RESERVED.ends_at > now, _RESERVED.starts_at <= until)
    )
    rows = connection.execute(query).all()
    hosts = {leases.LeasedHost(row.host_id, row.host_name) for row in rows}
    return sorted(hosts), min((row.ends_at for row in rows), default=None)


def list_free_behind(connection: sa.Connection, lease_id: str) -> list[Period]:
    """Return the free periods that start where a lease's reservations end, smallest host first."""
    behind = sa.and_(_FREE.host_id == _RESERVED.host_id, _FREE.starts_at == _RESERVED.ends_at)
    query = sa.select(models.FREE_PERIODS).join(models.RESERVATIONS, behind)
    query = query.where(_RESERVED.lease_id == lease_id).order_by(_FREE.host_id)
    return _periods(connection.execute(query))


def _list_neighbours(connection: sa.Connection, periods: Sequence[Period]) -> list[Period]:
    starts = {period.starts_at for period in periods}
    ends = {period.ends_at for period in periods}
    found: list[Period] = []
    for chunk in _chunks({period.host_id for period in periods}):
        beside = sa.or_(_FREE.ends_at.in_(starts), _FREE.starts_at.in_(ends))
        query = sa.select(models.FREE_PERIODS).where(_FREE.host_id.in_(chunk), beside)
        found += _periods(connection.execute(query))
    return found


def _delete_free(connection: sa.Connection, periods: Sequence[Period]) -> int:
    deleted = 0
    for chunk in _chunks(periods):
        values = {"host_ids": [period.host_id for period in chunk], "periods": chunk}
        deleted += connection.execute(_DELETE_FREE, values).rowcount
    return deleted


def _insert_free(connection: sa.Connection, periods: Iterable[Period]) -> None:
    rows = [period._asdict() for period in sorted(periods)]
    if rows:
        connection.execute(_INSERT_FREE, rows)


def _split_at_gaps(marked: Iterable[tuple[Period, bool]]) -> Iterator[list[tuple[Period, bool]]]:
    run: list[tuple[Period, bool]] = []
    for item in marked:
        if run and (run[-1][0].host_id, run[-1][0].ends_at) != item[0][:2]:
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _periods(rows: Iterable[Any]) -> list[Period]:
    return [Period(*row) for row in rows]


def _chunks(values: Collection[_T]) -> Iterator[list[_T]]:
    # In one order for everybody, neighbours in the index together.
    ordered = sorted(values)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
