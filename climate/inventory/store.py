# SPDX-License-Identifier: Apache-2.0
"""Reads and writes the inventory's tables: HOSTS and INVENTORY.

Owns the only SQL of the inventory.  Any number of services may write what their
source returned: the only row of INVENTORY is written first, so that its
lock orders them, and rows are written only where something has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from typing import NamedTuple

import sqlalchemy as sa

from climate.db import models
from climate.inventory import host
from energybase import exception
from energybase.db import transaction


class Row(NamedTuple):
    """A host ever seen.

    :ivar properties: a JSON object.
    :ivar seen_at: epoch seconds: since when the source says what is stored, or
        since when it does not know the host any more.
    """

    id: int
    name: str
    status: str
    properties: str
    seen_at: int


class Loaded(NamedTuple):
    """All hosts, by id, as of a version or newer; ``rows`` is None if there is nothing newer."""

    version: int
    rows: list[Row] | None


class Changes(NamedTuple):
    """Names of the hosts that one reading of the source changed.

    :ivar changed: with other properties, or up and down.
    """

    added: list[str]
    changed: list[str]
    missing: list[str]
    returned: list[str]


class Store:
    """The hosts, as worker and manager see them.  Any number of threads may use one.

    Every method raises StoreUnavailable when the database is not to be had.
    """

    def __init__(self, transactions: transaction.TransactionContext) -> None:
        """Use the transactions that :func:`energybase.db.transaction.build` returned."""
        self._transactions = transactions

    def replace(self, entries: Iterable[host.Entry], now: int) -> Changes:
        """Store what the source knows now; what it does not know any more is marked missing.

        A host that comes back is the one it was, by its name.

        :param now: epoch seconds.
        :raises NotStorable: a host has more properties than there is room for.
        """
        with transaction.writing(self._transactions) as connection:
            _lock(connection, now)
            known = {row.name: row for row in _list_rows(connection)}
            return _write(connection, known, {entry.name: entry for entry in entries}, now)

    def load(self, seen_version: int = -1) -> Loaded:
        """Return the hosts if there is something newer than a version; -1: in any case."""
        with transaction.reading(self._transactions) as connection:
            # Before the rows: what is written in between is loaded again next time.
            version = connection.scalar(sa.select(models.INVENTORY.c.version))
            if version is None:
                raise _without_row()
            rows = None if version == seen_version else _list_rows(connection)
        return Loaded(version, rows)


def _lock(connection: sa.Connection, now: int) -> None:
    """Hold the row that orders all writers, and say when the source was read."""
    update = sa.update(models.INVENTORY).where(models.INVENTORY.c.id == models.ONLY_ROW)
    if connection.execute(update.values(refreshed_at=now)).rowcount != 1:
        raise _without_row()


def _without_row() -> exception.StoreUnavailable:
    return exception.StoreUnavailable(reason="table inventory is empty")


def _list_rows(connection: sa.Connection) -> list[Row]:
    columns = [models.HOSTS.c[name] for name in Row._fields]
    query = sa.select(*columns).order_by(models.HOSTS.c.id)
    return [Row(*row) for row in connection.execute(query)]


def _write(
    connection: sa.Connection, known: dict[str, Row], told: dict[str, host.Entry], now: int
) -> Changes:
    changes = _compare(known, told)
    _insert(connection, [told[name] for name in changes.added], now)
    rewritten = [told[name] for name in (*changes.changed, *changes.returned)]
    gone = [host.Entry(n, host.MISSING, known[n].properties) for n in changes.missing]
    _update(connection, [(known[entry.name].id, entry) for entry in (*rewritten, *gone)], now)
    if any(changes):
        next_version = models.INVENTORY.c.version + 1
        connection.execute(sa.update(models.INVENTORY).values(version=next_version))
    return changes


def _compare(known: dict[str, Row], told: dict[str, host.Entry]) -> Changes:
    changes = Changes([], [], [], [])
    for name, entry in told.items():
        row = known.get(name)
        if row is None:
            changes.added.append(name)
        elif row.status == host.MISSING:
            changes.returned.append(name)
        elif (row.status, row.properties) != (entry.status, entry.properties):
            changes.changed.append(name)
    left = [row for name, row in known.items() if name not in told]
    changes.missing.extend(row.name for row in left if row.status != host.MISSING)
    return changes


def _insert(connection: sa.Connection, entries: list[host.Entry], now: int) -> None:
    if entries:
        rows: list[dict[str, Any]] = [entry._asdict() | {"seen_at": now} for entry in entries]
        connection.execute(sa.insert(models.HOSTS), rows)


def _update(connection: sa.Connection, entries: list[tuple[int, host.Entry]], now: int) -> None:
    if entries:
        update = (
            sa.update(models.HOSTS)
            .where(models.HOSTS.c.id == sa.bindparam("of"))
            .values(status=sa.bindparam("is"), properties=sa.bindparam("has"), seen_at=now)
        )
        rows = [{"of": n, "is": entry.status, "has": entry.properties} for n, entry in entries]
        connection.execute(update, rows)
