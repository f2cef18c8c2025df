# SPDX-License-Identifier: Apache-2.0
"""The SQL of leases: write, find and list their rows.

Owns the statements and the filters.  Every function works in its caller's
transaction.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from climate import exception
from climate import lease as leases
from climate import states
from climate.db import models
from climate.planning import quotas

_LEASE = models.LEASES.c
_RESERVED = models.RESERVATIONS.c
_CALENDARS = models.CALENDARS.c
_COLUMNS = [_LEASE[name] for name in leases.Lease._fields if name != "hosts"]
_INSERT = sa.insert(models.LEASES)
_GET = sa.select(*_COLUMNS).where(_LEASE.id == sa.bindparam("lease_id"))
_HOSTS = (
    sa.select(_RESERVED.lease_id, _CALENDARS.host_id, _CALENDARS.host_name)
    .join(models.CALENDARS, _CALENDARS.host_id == _RESERVED.host_id)
    .where(_RESERVED.lease_id.in_(sa.bindparam("lease_ids", expanding=True)))
    .order_by(_CALENDARS.host_id)
)
#: Leases that one call handles at most.
BATCH = 200
_MOST_DIGITS = 18
#: Statuses in which a lease may start later.
_AHEAD = (states.PROPOSED, states.CONFIRMED)


def insert(connection: sa.Connection, lease: leases.Lease) -> None:
    """Write a new lease; its reservations are the calendars' affair."""
    values = lease._asdict()
    del values["hosts"]
    connection.execute(_INSERT, values)


def update(connection: sa.Connection, before: leases.Lease, **values: Any) -> leases.Lease:
    """Change a lease that has just been read; return it as it is now.

    :raises Conflict: it has another status meanwhile.
    """
    found = {"id_before": before.id, "status_before": before.status}
    if connection.execute(_make_update(*values), values | found).rowcount != 1:
        raise exception.Conflict
    return before._replace(**values)


def get(connection: sa.Connection, lease_id: str) -> leases.Lease:
    """Return a lease.

    :raises LeaseNotFound: it is not known.
    """
    row = None
    if _is_text(lease_id):
        row = connection.execute(_GET, {"lease_id": lease_id}).one_or_none()
    if row is None:
        raise exception.LeaseNotFound(lease_id=lease_id)
    return _with_hosts(connection, [row])[0]


def list_page(
    connection: sa.Connection, filters: leases.Filters, limit: int, marker: str | None
) -> leases.Page:
    """Return leases, newest first, after the one whose id is the marker.

    :raises RequestInvalid: no lease has the marker as its id.
    """
    if not all(_is_text(value) for value in filters if isinstance(value, str)):
        return leases.Page([], None)
    query = sa.select(*_COLUMNS).where(*_conditions(filters))
    if marker is not None:
        query = query.where(_LEASE.number < _get_number(connection, marker))
    query = query.order_by(_LEASE.number.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    page = _with_hosts(connection, rows[:limit])
    return leases.Page(page, page[-1].id if page and len(rows) > limit else None)


def list_due(connection: sa.Connection, status: str, column: str, now: int) -> list[str]:
    """Return the ids of leases in a status whose time, that of the column, is come."""
    due = sa.and_(_LEASE.status == status, _LEASE[column] <= now)
    query = sa.select(_LEASE.id).where(due).order_by(_LEASE[column], _LEASE.number)
    return list(connection.scalars(query.limit(BATCH)))


def list_over(connection: sa.Connection, before: int) -> list[str]:
    """Return the ids of leases that are over since before a moment."""
    ended = sa.and_(_LEASE.status == states.ENDED, _LEASE.end_time < before)
    hidden = sa.and_(_LEASE.status.in_(states.HIDDEN), _LEASE.updated_at < before)
    found: list[str] = []
    for over in (ended, hidden):
        query = sa.select(_LEASE.id).where(over).limit(BATCH - len(found))
        found += connection.scalars(query)
    return found


def delete(connection: sa.Connection, lease_ids: Collection[str]) -> int:
    """Remove leases; return how many there were."""
    of_them = _LEASE.id.in_(lease_ids)
    return connection.execute(sa.delete(models.LEASES).where(of_them)).rowcount


def list_holdings(
    connection: sa.Connection, project_id: str, now: int, but: str
) -> list[quotas.Holding]:
    """Return what a project's leases hold from now on, all but one of them."""
    # A proposal that is overdue can only expire: it is as good as gone.
    overdue = sa.and_(_LEASE.status == states.PROPOSED, _LEASE.expires_at <= now)
    query = (
        sa.select(_LEASE.start_time, _LEASE.end_time, sa.func.count())
        .join(models.RESERVATIONS, _RESERVED.lease_id == _LEASE.id)
        .where(_LEASE.project_id == project_id, _LEASE.status.in_(states.HOLDING), ~overdue)
        .where(_LEASE.end_time > now, _LEASE.id != but)
        .group_by(_LEASE.id, _LEASE.start_time, _LEASE.end_time)
    )
    return [quotas.Holding(*row) for row in connection.execute(query)]


def find_next_step(connection: sa.Connection, now: int, until: int) -> int | None:
    """Return when a lease that is ahead comes within the time that [now, until] is long.

    Or when a proposal expires that holds hosts in it, if that is earlier.
    """
    ahead = [_first(_LEASE.start_time, status, _LEASE.start_time > until) for status in _AHEAD]
    held = sa.and_(_LEASE.start_time <= until, _LEASE.end_time > now)
    overdue = _first(_LEASE.expires_at, states.PROPOSED, held)
    *starts, expires = connection.execute(sa.select(*ahead, overdue)).one()
    moments = [start - (until - now) for start in starts if start is not None]
    moments += [] if expires is None else [max(expires, now)]
    return min(moments, default=None)


@functools.cache
def _make_update(*names: str) -> sa.Update:
    # Made once for each set of columns: that takes longer than to execute it.
    found = sa.and_(
        _LEASE.id == sa.bindparam("id_before"), _LEASE.status == sa.bindparam("status_before")
    )
    return sa.update(models.LEASES).where(found).values({n: sa.bindparam(n) for n in names})


def _first(time: sa.Column[int], status: str, among: sa.ColumnElement[bool]) -> Any:
    # Of one status at a time: the indexes are of status and time.
    query = sa.select(sa.func.min(time)).where(_LEASE.status == status, among)
    return query.scalar_subquery()


def _conditions(filters: leases.Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = [
        _LEASE[name] == value
        for name, value in filters._asdict().items()
        if name in ("project_id", "status", "name") and value is not None
    ]
    if filters.status is None:
        wanted.append(_LEASE.status.not_in(states.HIDDEN))
    if filters.host is not None:
        wanted.append(_LEASE.id.in_(_lease_ids_of(filters.host)))
    if filters.starts_before is not None:
        wanted.append(_LEASE.start_time < filters.starts_before)
    if filters.ends_after is not None:
        wanted.append(_LEASE.end_time > filters.ends_after)
    return wanted


def _lease_ids_of(host: str) -> sa.Select[Any]:
    meant = _CALENDARS.host_name == host
    if host.isascii() and host.isdigit() and len(host) <= _MOST_DIGITS:
        meant |= _CALENDARS.host_id == int(host)
    host_ids = sa.select(_CALENDARS.host_id).where(meant)
    return sa.select(_RESERVED.lease_id).where(_RESERVED.host_id.in_(host_ids))


def _get_number(connection: sa.Connection, marker: str) -> int:
    number = None
    if _is_text(marker):
        number = connection.scalar(sa.select(_LEASE.number).where(_LEASE.id == marker))
    if number is None:
        raise exception.RequestInvalid(where="marker", reason="no lease has this id")
    return int(number)


def _with_hosts(connection: sa.Connection, rows: Sequence[Any]) -> list[leases.Lease]:
    hosts: dict[str, list[leases.LeasedHost]] = collections.defaultdict(list)
    lease_ids = {"lease_ids": [row.id for row in rows]}
    for lease_id, *host in connection.execute(_HOSTS, lease_ids) if rows else ():
        hosts[lease_id].append(leases.LeasedHost(*host))
    return [leases.Lease(**row._mapping, hosts=tuple(hosts[row.id])) for row in rows]


def _is_text(text: str) -> bool:
    """Return whether a database can be asked for it: not for a NUL, nor half a character."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
