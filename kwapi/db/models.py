# SPDX-License-Identifier: Apache-2.0
"""Tables.

Owns their columns and what each database must be told to keep them exactly.
How an existing database gets there is :mod:`kwapi.db.migration`: a change here
wants a migration, and a test says so.

Names are compared byte by byte everywhere: two probes that differ in case,
accent or a space at the end are two.  Floats have 64 bits everywhere.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

METADATA = sa.MetaData()

#: The longest name, in characters; the bus takes none longer.
NAME_LENGTH = 255

#: MariaDB.  "nopad": with utf8mb4_bin "a" and "a " would be the same key.
_MARIADB: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}


def _name(column: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(column, sa.String(NAME_LENGTH), primary_key=key, nullable=False)


def _count(column: str) -> sa.Column[int]:
    return sa.Column(column, sa.BigInteger, nullable=False)


def _number(column: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(column, sa.Double, nullable=nullable)


def _text(column: str) -> sa.Column[str]:
    kind = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
    return sa.Column(column, kind, nullable=False)


def _body(column: str) -> sa.Column[bytes]:
    kind = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
    return sa.Column(column, kind, nullable=True)


#: One row for each probe ever seen: the fields of a record.Record, and whether
#: the API lists it.  Half of each PostgreSQL page stays free, so that a new
#: version of a row finds room beside the old one and no index is touched.
RECORDS = sa.Table(
    "records",
    METADATA,
    _name("probe_id", key=True),
    _number("timestamp"),
    _number("watts"),
    _number("kwh"),
    _name("wattmeter"),
    _name("instance"),
    _number("period_seconds", nullable=True),
    _number("resolution_watts", nullable=True),
    _number("meter_kwh", nullable=True),
    _number("meter_timestamp"),
    _number("meter_offset_kwh"),
    _count("gaps"),
    _number("gap_seconds"),
    _count("resets"),
    _count("clock_steps"),
    _count("late"),
    _count("refused"),
    sa.Column("listed", sa.Boolean, nullable=False),
    postgresql_with={"fillfactor": 50},
    **_MARIADB,
)

#: One row for each run of each sender; ``missing`` is a JSON array.
SENDERS = sa.Table(
    "senders",
    METADATA,
    _name("instance", key=True),
    _name("sender"),
    _count("sequence"),
    _text("missing"),
    _number("timestamp"),
    _count("dropped"),
    **_MARIADB,
)

TALLIES = sa.Table(
    "tallies",
    METADATA,
    _name("name", key=True),
    _count("value"),
    **_MARIADB,
)

#: What was last reported of each wattmeter; ``status`` is a JSON object, the
#: members of a measurement.DriverStatus.
DRIVERS = sa.Table(
    "drivers",
    METADATA,
    _name("wattmeter", key=True),
    _name("sender", key=True),
    _number("reported_at"),
    _text("status"),
    **_MARIADB,
)

#: One row, the bodies the API hands out.  Its version counts the saves.
#: MariaDB must take a body in one piece: beyond some 80,000 probes its
#: max_allowed_packet (16 MB by default) wants to be raised.
SNAPSHOT = sa.Table(
    "snapshot",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    _count("version"),
    _number("written_at"),
    _body("probes_body"),
    _body("probe_ids_body"),
    **_MARIADB,
)
SNAPSHOT_ID = 1
