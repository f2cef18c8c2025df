# SPDX-License-Identifier: Apache-2.0
"""Changes of leases: status, reservations, free periods and event, written together.

Owns which changes are allowed, and what belongs to each.  Every function works in
a transaction of :meth:`climate.planning.store.Store.change`, which holds the lock
of the planning: what it reads stays true until it is done.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from climate import exception
from climate import lease as leases
from climate import states
from climate.planning import availability
from climate.planning import calendars
from climate.planning import lease_rows
from climate.planning import outbox
from climate.planning import quotas

#: An active lease that is ended at once has lasted at least so long.
_LEAST_SECONDS = 1


class Writer(NamedTuple):
    """A transaction that holds the lock of the planning.

    :ivar version: of the calendars that it writes.
    """

    connection: sa.Connection
    version: int


def learn(writer: Writer, hosts: Mapping[int, str]) -> None:
    """Give new hosts a calendar; keep names that changed."""
    known = calendars.get_names(writer.connection, hosts)
    new = {host_id: name for host_id, name in hosts.items() if host_id not in known}
    calendars.add(writer.connection, new, writer.version)
    renamed = {i: name for i, name in hosts.items() if known.get(i, name) != name}
    calendars.rename(writer.connection, renamed)


def book(
    writer: Writer,
    lease: leases.Lease,
    choice: availability.Choice,
    quota: quotas.Quota,
    now: int,
) -> None:
    """Reserve what was chosen for a new lease.

    :raises Taken: some of it is not free any more.
    :raises QuotaExceeded: the project would hold too much.
    """
    host_ids = [period.host_id for period in choice.periods]
    times = choice.start_time, choice.end_time
    _check_quota(writer, lease, quotas.Holding(*times, len(host_ids)), quota, now)
    calendars.take(writer.connection, choice.periods, *times)
    calendars.reserve(writer.connection, lease.id, host_ids, *times)
    lease_rows.insert(writer.connection, lease)
    calendars.touch(writer.connection, host_ids, writer.version)


def confirm(writer: Writer, lease_id: str, now: int) -> leases.Lease:
    """Make a proposal a lease; one that is a lease already stays as it is.

    :raises LeaseNotFound: it is not known.
    :raises LeaseNotChangeable: it expired, was cancelled, or its time is past.
    """
    lease = lease_rows.get(writer.connection, lease_id)
    if lease.status != states.PROPOSED and lease.status not in states.HIDDEN:
        return lease
    _require_current(lease, now)
    return lease_rows.update(
        writer.connection, lease, status=states.CONFIRMED, expires_at=None, updated_at=now
    )


def cancel(writer: Writer, lease_id: str, now: int) -> leases.Lease:
    """Give a lease's hosts back, those of an active one from now on.

    :raises LeaseNotFound: it is not known.
    :raises LeaseNotChangeable: it is over.
    """
    lease = lease_rows.get(writer.connection, lease_id)
    if lease.status == states.ACTIVE:
        ends = max(now, lease.start_time + _LEAST_SECONDS)
        if ends < lease.end_time:
            lease = _shorten(writer, lease, ends)
        return end(writer, lease, now)
    if not states.may_become(lease.status, states.CANCELLED):
        raise _not_changeable(lease, f"it is {lease.status}")
    return _release(writer, lease, states.CANCELLED, now)


def change(
    writer: Writer,
    lease_id: str,
    now: int,
    quota: quotas.Quota,
    end_time: int | None = None,
    name: str | None = None,
) -> leases.Lease:
    """Extend, shorten or rename a lease; what is None stays.

    :raises LeaseNotFound: it is not known.
    :raises RequestInvalid: the end would be before the start, or past.
    :raises LeaseNotChangeable: it is over, or others hold its hosts by then.
    :raises QuotaExceeded: the project would hold too much.
    """
    lease = lease_rows.get(writer.connection, lease_id)
    _require_current(lease, now)
    if end_time is not None:
        _require_possible(lease, end_time, now)
        if end_time < lease.end_time:
            lease = _shorten(writer, lease, end_time)
        elif end_time > lease.end_time:
            lease = _extend(writer, lease, end_time, quota, now)
    new_name = lease.name if name is None else name
    return lease_rows.update(writer.connection, lease, name=new_name, updated_at=now)


def expire(writer: Writer, lease: leases.Lease, now: int) -> None:
    """Give the hosts of a proposal back that was not confirmed in time."""
    _release(writer, lease, states.EXPIRED, now)


def start(writer: Writer, lease: leases.Lease, now: int) -> None:
    """Make a confirmed lease active, and have that told."""
    lease = lease_rows.update(writer.connection, lease, status=states.ACTIVE, updated_at=now)
    outbox.add(writer.connection, outbox.STARTED, lease, now)


def end(writer: Writer, lease: leases.Lease, now: int) -> leases.Lease:
    """End an active lease, and have that told."""
    lease = lease_rows.update(writer.connection, lease, status=states.ENDED, updated_at=now)
    outbox.add(writer.connection, outbox.ENDED, lease, now)
    return lease


def forget(writer: Writer, lease_ids: Collection[str]) -> int:
    """Remove leases that are over, as if nothing had been reserved; return how many there were."""
    periods = calendars.remove_reservations(writer.connection, lease_ids)
    calendars.give_back(writer.connection, periods)
    calendars.touch(writer.connection, {period.host_id for period in periods}, writer.version)
    return lease_rows.delete(writer.connection, lease_ids)


def _release(writer: Writer, lease: leases.Lease, status: str, now: int) -> leases.Lease:
    """Give all back that a lease holds, as if it had never held it."""
    calendars.give_back(
        writer.connection, calendars.remove_reservations(writer.connection, [lease.id])
    )
    calendars.touch(writer.connection, _host_ids_of(lease), writer.version)
    lease = lease_rows.update(
        writer.connection, lease, status=status, expires_at=None, updated_at=now
    )
    return lease._replace(hosts=())


def _shorten(writer: Writer, lease: leases.Lease, end_time: int) -> leases.Lease:
    calendars.end_reservations(writer.connection, lease.id, end_time)
    given = [calendars.Period(host.id, end_time, lease.end_time) for host in lease.hosts]
    calendars.give_back(writer.connection, given)
    return _write_end(writer, lease, end_time)


def _extend(
    writer: Writer,
    lease: leases.Lease,
    end_time: int,
    quota: quotas.Quota,
    now: int,
) -> leases.Lease:
    behind = calendars.list_free_behind(writer.connection, lease.id)
    all_free = len(behind) == len(lease.hosts)
    latest = min(period.ends_at for period in behind) if all_free else lease.end_time
    if latest < end_time:
        until = datetime.datetime.fromtimestamp(latest, datetime.UTC).isoformat()
        raise _not_changeable(
            lease, f"another lease holds a host of it from {until} on", latest_end_time=latest
        )
    wanted = quotas.Holding(lease.start_time, end_time, len(lease.hosts))
    _check_quota(writer, lease, wanted, quota, now)
    calendars.take(writer.connection, behind, lease.end_time, end_time)
    calendars.end_reservations(writer.connection, lease.id, end_time)
    return _write_end(writer, lease, end_time)


def _write_end(writer: Writer, lease: leases.Lease, end_time: int) -> leases.Lease:
    calendars.touch(writer.connection, _host_ids_of(lease), writer.version)
    return lease_rows.update(
        writer.connection,
        lease,
        end_time=end_time,
        duration=end_time - lease.start_time,
        window_end=max(lease.window_end, end_time),
    )


def _check_quota(
    writer: Writer,
    lease: leases.Lease,
    wanted: quotas.Holding,
    quota: quotas.Quota,
    now: int,
) -> None:
    if quota != quotas.UNLIMITED:
        others = lease_rows.list_holdings(writer.connection, lease.project_id, now, but=lease.id)
        quotas.check(quota, [*others, wanted], now)


def _require_current(lease: leases.Lease, now: int) -> None:
    if lease.status not in states.HOLDING:
        raise _not_changeable(lease, f"it is {lease.status}")
    if lease.expires_at is not None and lease.expires_at <= now:
        raise _not_changeable(lease, "it was not confirmed in time")
    if lease.end_time <= now:
        raise _not_changeable(lease, "its time is over")


def _require_possible(lease: leases.Lease, end_time: int, now: int) -> None:
    if end_time <= lease.start_time:
        raise exception.RequestInvalid(where="end_time", reason="the lease starts later")
    if end_time < now:
        raise exception.RequestInvalid(where="end_time", reason="it is past")
    if end_time > leases.FOREVER:
        raise exception.RequestInvalid(where="end_time", reason="it is after the year 9999")


def _not_changeable(
    lease: leases.Lease, reason: str, latest_end_time: int | None = None
) -> exception.LeaseNotChangeable:
    return exception.LeaseNotChangeable(
        lease_id=lease.id, reason=reason, latest_end_time=latest_end_time
    )


def _host_ids_of(lease: leases.Lease) -> list[int]:
    return [host.id for host in lease.hosts]
