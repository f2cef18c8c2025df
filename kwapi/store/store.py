# SPDX-License-Identifier: Apache-2.0
"""Reads and writes the collector's tables.

Owns what is read and written together.  What it means is the ledger's affair,
how the database is reached that of :mod:`energybase.db.transaction`.

Whoever saves was the last to save: the snapshot's version says so.  That is
why one save replaces any number of rows, tallies included, without a look at
what they held.
"""

from __future__ import annotations

import dataclasses
import json
import operator
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

from energybase import clock as clocks
from energybase.db import transaction
from energybase.db import upsert
from kwapi import exception
from kwapi import measurement
from kwapi.store import record
from kwapi.store import state
from kwapi.store import tables

_NO_PROBES = b'{"probes": {}}'
_NO_PROBE_IDS = b'{"probe_ids": []}'

_FIELDS = tuple(field.name for field in dataclasses.fields(record.Record))
_values_of = operator.attrgetter(*_FIELDS)
_RECORD_COLUMNS = [tables.RECORDS.c[name] for name in _FIELDS]
#: A save may come between two reads of a load; one a second does not three times.
_LOAD_TRIES = 3


class Store:
    """The database, as collector and API see it.  Any number of threads may use one.

    Every method raises StoreUnavailable when the database is not to be had.
    """

    def __init__(
        self, transactions: transaction.TransactionContext, clock: clocks.Clock | None = None
    ) -> None:
        """Use the transactions that :func:`energybase.db.transaction.build` returned."""
        self._transactions = transactions
        self._clock = clock or clocks.Clock()

    def load(self) -> state.State:
        """Return all that counting goes on from, as one save left it."""
        with transaction.reading(self._transactions) as connection:
            for _ in range(_LOAD_TRIES):
                version = _get_version(connection)
                state = _load(connection, version)
                # Under READ COMMITTED each query sees what is committed by then.
                if _get_version(connection) == version:
                    return state
        raise exception.StoreUnavailable(reason="it changes faster than it can be read")

    def save(self, changes: state.Changes) -> None:
        """Write all changes, or none, and lead to ``changes.version + 1``.

        After StoreUnavailable it is open whether they were written: the
        connection may have been lost between the commit and the news of it.
        To save the same changes again does no harm, since then it raises
        ConcurrentUpdate.  But only :meth:`load` tells what is stored: go on
        from its state, and handle anew whatever was not acknowledged; the
        senders' sequence numbers in that state tell what of it counts already.

        :raises ConcurrentUpdate: the store is not at ``changes.version``.
        :raises StoreUnavailable: deadlock, lost connection, full disk, ...
        """
        with transaction.writing(self._transactions) as connection:
            self._advance(connection, changes)
            upsert.upsert(connection, tables.RECORDS, map(_record_row, changes.records))
            upsert.upsert(connection, tables.SENDERS, map(_sender_row, changes.senders))
            upsert.upsert(connection, tables.TALLIES, changes.tallies.items())
            upsert.upsert(connection, tables.DRIVERS, map(_driver_row, changes.drivers))
            _forget(connection, changes)

    def get_version(self) -> int:
        """Return how often something was saved; 0 when nothing was yet."""
        with transaction.reading(self._transactions) as connection:
            return _get_version(connection)

    def get_probes_body(self) -> tuple[int, bytes]:
        """Return the version and the body of ``GET /v1/probes/``."""
        return self._get_body(tables.SNAPSHOT.c.probes_body, _NO_PROBES)

    def get_probe_ids(self) -> tuple[int, bytes]:
        """Return the version and the body of ``GET /v1/probe-ids/``."""
        return self._get_body(tables.SNAPSHOT.c.probe_ids_body, _NO_PROBE_IDS)

    def get_record(self, probe_id: str) -> record.Record:
        """Return the record of a listed probe.

        :raises ProbeNotFound: there is none, or it left the list.
        """
        row = None
        if _is_name(probe_id):
            columns = tables.RECORDS.c
            query = sa.select(*_RECORD_COLUMNS).where(columns.probe_id == probe_id, columns.listed)
            with transaction.reading(self._transactions) as connection:
                row = connection.execute(query).one_or_none()
        if row is None:
            raise exception.ProbeNotFound(probe_id=probe_id)
        return record.Record(*row)

    def list_drivers(self) -> list[state.DriverRow]:
        """Return what was last reported of each wattmeter by each sender, in that order."""
        columns = tables.DRIVERS.c
        query = sa.select(columns.sender, columns.reported_at, columns.status)
        with transaction.reading(self._transactions) as connection:
            rows = connection.execute(query.order_by(columns.wattmeter, columns.sender)).all()
        return [
            state.DriverRow(sender, at, measurement.to_status(json.loads(text)))
            for sender, at, text in rows
        ]

    def get_tallies(self) -> dict[str, int]:
        """Return the collector's counters."""
        with transaction.reading(self._transactions) as connection:
            return _load_tallies(connection)

    def _advance(self, connection: sa.Connection, changes: state.Changes) -> None:
        """Lead to the next version, and hold its row against others until the end."""
        columns = tables.SNAPSHOT.c
        bodies = {"probes_body": changes.probes_body, "probe_ids_body": changes.probe_ids_body}
        update = (
            sa.update(tables.SNAPSHOT)
            .where(columns.id == tables.SNAPSHOT_ID, columns.version == changes.version)
            .values(version=changes.version + 1, written_at=self._clock.time())
            .values({name: body for name, body in bodies.items() if body is not None})
        )
        if connection.execute(update).rowcount != 1:
            raise exception.ConcurrentUpdate

    def _get_body(self, column: sa.Column[bytes], empty: bytes) -> tuple[int, bytes]:
        with transaction.reading(self._transactions) as connection:
            query = sa.select(tables.SNAPSHOT.c.version, column)
            version, body = connection.execute(query).one()
        return version, empty if body is None else bytes(body)


def open_store(conf: cfg.ConfigOpts) -> Store:
    """Return the configured store; connects to nothing yet.

    :raises ConfigurationInvalid: the database's URL is none, or its driver is not installed.
    """
    return Store(transaction.build(conf, tables.SCHEMA.sqlite_file))


def _get_version(connection: sa.Connection) -> int:
    version: int = connection.execute(sa.select(tables.SNAPSHOT.c.version)).scalar_one()
    return version


def _load(connection: sa.Connection, version: int) -> state.State:
    query = sa.select(*_RECORD_COLUMNS, tables.RECORDS.c.listed)
    records, unlisted = {}, set()
    for *values, listed in connection.execute(query):
        records[values[0]] = record.Record(*values)
        if not listed:
            unlisted.add(values[0])
    senders = connection.execute(sa.select(tables.SENDERS))
    return state.State(
        version,
        records,
        {row.instance: _sender_of(row) for row in senders},
        _load_tallies(connection),
        unlisted,
    )


def _load_tallies(connection: sa.Connection) -> dict[str, int]:
    return {row.name: row.value for row in connection.execute(sa.select(tables.TALLIES))}


def _forget(connection: sa.Connection, changes: state.Changes) -> None:
    """Remove what is to go from the list, the senders and the drivers."""
    records, senders, drivers = tables.RECORDS.c, tables.SENDERS.c, tables.DRIVERS.c
    unlisted = [{"gone": probe_id} for probe_id in changes.unlisted]
    if unlisted:
        unlist = sa.update(tables.RECORDS).where(records.probe_id == sa.bindparam("gone"))
        connection.execute(unlist.values(listed=False), unlisted)
    if changes.forget_senders_before is not None:
        old = senders.timestamp < changes.forget_senders_before
        connection.execute(sa.delete(tables.SENDERS).where(old))
    for wattmeter, sender in changes.forget_drivers:
        of_it = sa.and_(drivers.wattmeter == wattmeter, drivers.sender == sender)
        connection.execute(sa.delete(tables.DRIVERS).where(of_it))


def _record_row(known: record.Record) -> upsert.Row:
    return (*_values_of(known), True)


def _sender_row(sender: state.Sender) -> upsert.Row:
    return tuple((sender._asdict() | {"missing": json.dumps(sender.missing)}).values())


def _sender_of(row: Any) -> state.Sender:
    return state.Sender(**row._asdict() | {"missing": tuple(json.loads(row.missing))})


def _driver_row(row: state.DriverRow) -> upsert.Row:
    # In ASCII: an error text may hold what a database refuses, such as NUL.
    return row.status.wattmeter, row.sender, row.reported_at, json.dumps(row.status._asdict())


def _is_name(text: str) -> bool:
    """Return whether a database can be asked for it: not for a NUL, nor half a character."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
