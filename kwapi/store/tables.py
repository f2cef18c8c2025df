# SPDX-License-Identifier: Apache-2.0
"""The tables of Kwapi's store.

Owns their columns and what each database must be told to keep them exactly.
How an existing database gets there is :mod:`energybase.db.migration`: a change here
wants a migration, and a test says so.

Names are compared byte by byte, see :mod:`energybase.db.columns`: two probes that
differ in case are two.
"""

from __future__ import annotations

import pathlib

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from energybase.db import columns
from energybase.db import migration

METADATA = sa.MetaData()

SCHEMA = migration.Schema(
    pathlib.Path(__file__).with_name("alembic"),
    "alembic_version",
    "kwapi-manage db upgrade",
    "kwapi.sqlite",
)


def _count(column: str) -> sa.Column[int]:
    return sa.Column(column, sa.BigInteger, nullable=False)


def _body(column: str) -> sa.Column[bytes]:
    kind = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
    return sa.Column(column, kind, nullable=True)


#: One row for each probe ever seen: the fields of a record.Record, and whether
#: the API lists it.  Half of each PostgreSQL page stays free, so that a new
#: version of a row finds room beside the old one and no index is touched.
RECORDS = sa.Table(
    "records",
    METADATA,
    columns.name("probe_id", primary_key=True),
    columns.number("timestamp"),
    columns.number("watts"),
    columns.number("kwh"),
    columns.name("wattmeter"),
    columns.name("instance"),
    columns.number("period_seconds", nullable=True),
    columns.number("resolution_watts", nullable=True),
    columns.number("meter_kwh", nullable=True),
    columns.number("meter_timestamp"),
    columns.number("meter_offset_kwh"),
    _count("gaps"),
    columns.number("gap_seconds"),
    _count("resets"),
    _count("clock_steps"),
    _count("late"),
    _count("refused"),
    sa.Column("listed", sa.Boolean, nullable=False),
    **columns.MARIADB,
)
# SQLAlchemy 2.0 takes no such option of a table, and 2.1 has no types here.
_ROOMY = sa.DDL("ALTER TABLE records SET (fillfactor = 50)")  # type: ignore[no-untyped-call]
sa.event.listen(RECORDS, "after_create", _ROOMY.execute_if(dialect="postgresql"))

#: One row for each run of each sender; ``missing`` is a JSON array.
SENDERS = sa.Table(
    "senders",
    METADATA,
    columns.name("instance", primary_key=True),
    columns.name("sender"),
    _count("sequence"),
    columns.text("missing"),
    columns.number("timestamp"),
    _count("dropped"),
    **columns.MARIADB,
)

TALLIES = sa.Table(
    "tallies",
    METADATA,
    columns.name("name", primary_key=True),
    _count("value"),
    **columns.MARIADB,
)

#: What was last reported of each wattmeter; ``status`` is a JSON object, the
#: members of a measurement.DriverStatus.
DRIVERS = sa.Table(
    "drivers",
    METADATA,
    columns.name("wattmeter", primary_key=True),
    columns.name("sender", primary_key=True),
    columns.number("reported_at"),
    columns.text("status"),
    **columns.MARIADB,
)

#: One row, the bodies the API hands out.  Its version counts the saves.
#: MariaDB must take a body in one piece: beyond some 80,000 probes its
#: max_allowed_packet (16 MB by default) wants to be raised.
SNAPSHOT = sa.Table(
    "snapshot",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    _count("version"),
    columns.number("written_at"),
    _body("probes_body"),
    _body("probe_ids_body"),
    **columns.MARIADB,
)
SNAPSHOT_ID = 1
