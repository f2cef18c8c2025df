# SPDX-License-Identifier: Apache-2.0
"""Leases and calendars as planners see them: each change is one transaction.

Owns transactions: what is locked, and what is done again.  What a change
entails is :mod:`climate.planning.changes`' affair; values are those of
:mod:`climate.planning.lease`.

Whatever changes a lease takes the lock of the planning first.  So of any two
changes one sees all of the other, and nobody need ask how two of them mix.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TypeVar

import sqlalchemy as sa
from oslo_db import exception as oslo_exception

from climate import exception
from climate import lease as leases
from climate import states
from climate.planning import availability
from climate.planning import calendars
from climate.planning import changes
from climate.planning import lease_rows
from climate.planning import outbox
from climate.planning import quotas
from energybase import clock as clocks
from energybase.db import transaction

#: Pauses before a transaction is done again that the database undid in favour of another.
_RETRY_SECONDS = (0.01, 0.05, 0.2, 0.5)
#: No more tries after this: whoever asked waits.
_RETRY_WITHIN_SECONDS = 10.0
#: A lease may lose its hosts between two reads, but hardly so often.
_READ_TRIES = 3

_T = TypeVar("_T")
_Work = Callable[[sa.Connection, int], _T]
_Handler = Callable[[sa.Connection, int, leases.Lease, int], object]


class Store:
    """The database, as planners see it.  Any number of threads may use one.

    Every method raises StoreUnavailable when the database is not to be had.
    After that it is open whether a change was made: the connection may have
    been lost between the commit and the news of it.
    """

    def __init__(
        self, transactions: transaction.TransactionContext, clock: clocks.Clock | None = None
    ) -> None:
        """Use the transactions that :func:`energybase.db.transaction.build` returned."""
        self._transactions = transactions
        self._clock = clock or clocks.Clock()

    def load(self, seen_version: int) -> calendars.Loaded:
        """Return the free periods of all hosts that changed since a version, -1 for everything."""
        with self._reading() as connection:
            return calendars.load(connection, seen_version)

    def learn(self, hosts: Mapping[int, str]) -> None:
        """Give new hosts, names by id, a calendar with all of time free; keep changed names."""
        with self._reading() as connection:
            known = calendars.get_names(connection, hosts)
        if any(known.get(host_id) != name for host_id, name in hosts.items()):
            self._change(lambda connection, version: changes.learn(connection, version, hosts))

    def book(
        self, lease: leases.Lease, choice: availability.Choice, quota: quotas.Quota, now: int
    ) -> None:
        """Reserve the hosts and the time of a choice for a new lease.

        Its hosts are those of the choice, under the names they were learnt by.

        :raises Taken: some of it is not free any more.
        :raises QuotaExceeded: the project would hold too much.
        """
        self._change(
            lambda connection, version: changes.book(connection, version, lease, choice, quota, now)
        )

    def confirm(self, lease_id: str, now: int) -> leases.Lease:
        """Make a proposal a lease, and return it; done once, it may be repeated.

        :raises LeaseNotFound: it is not known.
        :raises LeaseNotChangeable: it expired, was cancelled, or its time is past.
        """
        return self._change(lambda connection, _: changes.confirm(connection, lease_id, now))

    def cancel(self, lease_id: str, now: int) -> leases.Lease:
        """Give a lease's hosts back, those of an active one from now on; return the lease.

        :raises LeaseNotFound: it is not known.
        :raises LeaseNotChangeable: it is over.
        """
        return self._change(
            lambda connection, version: changes.cancel(connection, version, lease_id, now)
        )

    def change(
        self,
        lease_id: str,
        now: int,
        quota: quotas.Quota,
        end_time: int | None = None,
        name: str | None = None,
    ) -> leases.Lease:
        """Extend, shorten or rename a lease, and return it; what is None stays.

        :raises LeaseNotFound: it is not known.
        :raises RequestInvalid: the end would be before the start, or past.
        :raises LeaseNotChangeable: it is over, or others hold its hosts by then.
        :raises QuotaExceeded: the project would hold too much.
        """
        return self._change(
            lambda connection, version: changes.change(
                connection, version, lease_id, end_time, name, quota, now
            )
        )

    def get(self, lease_id: str) -> leases.Lease:
        """Return a lease in any status.

        :raises LeaseNotFound: it is not known.
        """
        with self._reading() as connection:
            page = _read_whole(lambda: leases.Page([lease_rows.get(connection, lease_id)], None))
        return page.leases[0]

    def list(self, filters: leases.Filters, limit: int, marker: str | None) -> leases.Page:
        """Return leases, newest first, after the one whose id is the marker; and the next marker.

        :raises RequestInvalid: no lease has the marker as its id.
        """
        with self._reading() as connection:
            return _read_whole(lambda: lease_rows.list_page(connection, filters, limit, marker))

    def expire(self, now: int) -> int:
        """Let overdue proposals expire, the first of them; return how many did."""
        return self._handle_due(states.PROPOSED, "expires_at", changes.expire, now)

    def start_due(self, now: int) -> int:
        """Make confirmed leases active whose time is come, the first of them; return how many."""
        return self._handle_due(states.CONFIRMED, "start_time", changes.start, now)

    def end_due(self, now: int) -> int:
        """End active leases whose time is over, the first of them; return how many."""
        return self._handle_due(states.ACTIVE, "end_time", changes.end, now)

    def forget(self, before: int) -> int:
        """Remove leases that are over since before a moment; return how many."""
        forgotten = 0
        while over := self._list_over(before):
            work = functools.partial(changes.forget, lease_ids=over)
            forgotten += self._change(work)
        return forgotten

    def list_reserved(self, now: int, until: int) -> leases.Reserved:
        """Return the hosts held in [now, until], and when by the clock alone that may change.

        Leases that are made, changed or cancelled change it at any time.
        """
        with self._reading() as connection:
            hosts, ends = calendars.list_reserved(connection, now, until)
            steps = lease_rows.find_next_step(connection, now, until)
        changes_at = [moment for moment in (ends, steps) if moment is not None]
        return leases.Reserved(hosts, min(changes_at, default=None))

    def claim_event(self, now: int, claim_seconds: int) -> outbox.Event | None:
        """Return the oldest event, for the caller alone to tell for a while, if there is one."""
        return self._do(lambda connection: outbox.claim(connection, now, claim_seconds))

    def forget_event(self, event_id: str) -> None:
        """Remove an event that was told."""
        self._do(lambda connection: outbox.remove(connection, event_id))

    def _list_over(self, before: int) -> Sequence[str]:
        with self._reading() as connection:
            return lease_rows.list_over(connection, before)

    def _handle_due(self, status: str, column: str, handle: _Handler, now: int) -> int:
        """Handle leases whose time, that of the column, is come; each in its own transaction."""
        with self._reading() as connection:
            due = lease_rows.list_due(connection, status, column, now)
        handled = 0
        for lease_id in due:

            def work(connection: sa.Connection, version: int, lease_id: str = lease_id) -> bool:
                lease = lease_rows.get(connection, lease_id)
                # It may have been handled, extended or cancelled meanwhile.
                if lease.status != status or getattr(lease, column) > now:
                    return False
                handle(connection, version, lease, now)
                return True

            with contextlib.suppress(exception.LeaseNotFound):
                handled += self._change(work)
        return handled

    def _change(self, work: _Work[_T]) -> _T:
        """Return what the work returns, done when nobody else changes anything."""
        return self._do(lambda connection: work(connection, calendars.advance(connection)))

    def _do(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Return what the work returns, done in a transaction, again if the database undid it."""
        give_up = self._clock.monotonic() + _RETRY_WITHIN_SECONDS
        pauses = iter(_RETRY_SECONDS)
        with transaction.translated_errors():
            while True:
                try:
                    with transaction.begin(self._transactions) as connection:
                        return work(connection)
                except (oslo_exception.DBError, sa.exc.DBAPIError) as exc:
                    pause = next(pauses, None)
                    if not _is_undone(exc) or pause is None or self._clock.monotonic() > give_up:
                        raise
                self._clock.wait(threading.Event(), pause)

    def _reading(self) -> contextlib.AbstractContextManager[sa.Connection]:
        return transaction.reading(self._transactions)


def _is_undone(exc: Exception) -> bool:
    """Return whether the database undid a transaction that may do next time."""
    if isinstance(exc, (oslo_exception.DBDeadlock, oslo_exception.DBConsistencyError)):
        return True
    # oslo.db has no name for what SQLite says, at once, to one who read and then would write
    # while another one writes, or has written.
    cause = getattr(exc, "inner_exception", None) or exc
    code = getattr(getattr(cause, "orig", None), "sqlite_errorcode", 0)
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT)


def _read_whole(read: Callable[[], leases.Page]) -> leases.Page:
    """Read leases, again if one was cancelled between the reads of it and of its hosts."""
    for _ in range(_READ_TRIES):
        page = read()
        if all(lease.hosts or lease.status in states.HIDDEN for lease in page.leases):
            break
    return page
