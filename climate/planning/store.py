# SPDX-License-Identifier: Apache-2.0
"""The transactions of planning: what is locked, and what is done again.

Owns no statement: those are in :mod:`climate.planning.calendars`,
:mod:`~climate.planning.lease_rows` and :mod:`~climate.planning.outbox`, and
:mod:`climate.planning.changes` says what belongs to a change.

Every change takes the lock of the planning first.  So of any two changes one
sees all of the other.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from collections.abc import Mapping
from typing import Concatenate
from typing import ParamSpec
from typing import TypeVar

import sqlalchemy as sa
from oslo_db import exception as oslo_exception

from climate import exception
from climate import lease as leases
from climate import states
from climate.planning import calendars
from climate.planning import changes
from climate.planning import lease_rows
from energybase import clock as clocks
from energybase.db import transaction

#: Pauses before a transaction is done again that the database undid in favour of another.
_RETRY_SECONDS = (0.01, 0.05, 0.2, 0.5)
#: No more tries after this: whoever asked waits.
_RETRY_WITHIN_SECONDS = 10.0
#: A lease may lose its hosts between two reads, but hardly so often.
_READ_TRIES = 3

_T = TypeVar("_T")
_P = ParamSpec("_P")
_Handler = Callable[[changes.Writer, leases.Lease, int], object]


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

    def read(
        self, work: Callable[Concatenate[sa.Connection, _P], _T], *args: _P.args, **named: _P.kwargs
    ) -> _T:
        """Return what a function of a connection returns, given one that reads."""
        with self._reading() as connection:
            return work(connection, *args, **named)

    def write(
        self, work: Callable[Concatenate[sa.Connection, _P], _T], *args: _P.args, **named: _P.kwargs
    ) -> _T:
        """Return what a function of a connection returns, done in a transaction.

        It is done again if the database undid it in favour of another.
        """
        give_up = self._clock.monotonic() + _RETRY_WITHIN_SECONDS
        pauses = iter(_RETRY_SECONDS)
        with transaction.translated_errors():
            while True:
                try:
                    with transaction.begin(self._transactions) as connection:
                        return work(connection, *args, **named)
                except (oslo_exception.DBError, sa.exc.DBAPIError) as exc:
                    pause = next(pauses, None)
                    if not _is_undone(exc) or pause is None or self._clock.monotonic() > give_up:
                        raise
                self._clock.wait(threading.Event(), pause)

    def change(
        self,
        work: Callable[Concatenate[changes.Writer, _P], _T],
        *args: _P.args,
        **named: _P.kwargs,
    ) -> _T:
        """Return what a change returns, made while nobody else changes anything."""

        def locked(connection: sa.Connection) -> _T:
            writer = changes.Writer(connection, calendars.advance(connection))
            return work(writer, *args, **named)

        return self.write(locked)

    def learn(self, hosts: Mapping[int, str]) -> None:
        """Give new hosts, names by id, a calendar with all of time free; keep changed names."""
        known = self.read(calendars.get_names, hosts)
        if any(known.get(host_id) != name for host_id, name in hosts.items()):
            self.change(changes.learn, hosts)

    def get(self, lease_id: str) -> leases.Lease:
        """Return a lease in any status.

        :raises LeaseNotFound: it is not known.
        """
        with self._reading() as connection:
            page = _read_whole(lambda: leases.Page([lease_rows.get(connection, lease_id)], None))
        return page.leases[0]

    def list(self, filters: leases.Filters, limit: int, marker: str | None) -> leases.Page:
        """Return leases, newest first, after the one whose id is the marker.

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
        while over := self.read(lease_rows.list_over, before):
            forgotten += self.change(changes.forget, over)
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

    def _handle_due(self, status: str, column: str, handle: _Handler, now: int) -> int:
        """Handle leases whose time, that of the column, is come; each in its own transaction."""

        def work(writer: changes.Writer, lease_id: str) -> bool:
            lease = lease_rows.get(writer.connection, lease_id)
            # It may have been handled, extended or cancelled meanwhile.
            if lease.status != status or getattr(lease, column) > now:
                return False
            handle(writer, lease, now)
            return True

        handled = 0
        for lease_id in self.read(lease_rows.list_due, status, column, now):
            with contextlib.suppress(exception.LeaseNotFound):
                handled += self.change(work, lease_id)
        return handled

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
