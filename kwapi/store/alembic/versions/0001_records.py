# SPDX-License-Identifier: Apache-2.0
"""Records, senders, tallies, drivers and the snapshot.

Written out, not taken from the models: those will change, this must not.
MariaDB ends a transaction at each table, so an upgrade that was killed goes on
where it was: every step first looks whether it is done.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_BODY = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    """Create the tables and the one row of the snapshot."""
    _create_records()
    _create_senders_and_tallies()
    _create_drivers()
    _create_snapshot()


def _create_records() -> None:
    _create_table(
        "records",
        _name("probe_id", primary_key=True),
        _number("timestamp"),
        _number("watts"),
        _number("kwh"),
        _name("wattmeter"),
        _name("instance"),
        sa.Column("period_seconds", sa.Double),
        sa.Column("resolution_watts", sa.Double),
        sa.Column("meter_kwh", sa.Double),
        sa.Column("meter_timestamp", sa.Double, nullable=False),
        _number("meter_offset_kwh"),
        _count("gaps"),
        _number("gap_seconds"),
        _count("resets"),
        _count("clock_steps"),
        _count("late"),
        _count("refused"),
        sa.Column("listed", sa.Boolean, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE records SET (fillfactor = 50)")


def _create_senders_and_tallies() -> None:
    _create_table(
        "senders",
        _name("instance", primary_key=True),
        _name("sender"),
        _count("sequence"),
        sa.Column("missing", _TEXT, nullable=False),
        _number("timestamp"),
        _count("dropped"),
    )
    _create_table("tallies", _name("name", primary_key=True), _count("value"))


def _create_drivers() -> None:
    _create_table(
        "drivers",
        _name("wattmeter", primary_key=True),
        _name("sender", primary_key=True),
        _number("reported_at"),
        sa.Column("status", _TEXT, nullable=False),
    )


def _create_snapshot() -> None:
    snapshot = _create_table(
        "snapshot",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        _count("version"),
        _number("written_at"),
        sa.Column("probes_body", _BODY),
        sa.Column("probe_ids_body", _BODY),
    )
    if op.get_bind().dialect.name == "postgresql":
        # As it is: to compress a body costs more than to write it, each time.
        op.execute("ALTER TABLE snapshot ALTER COLUMN probes_body SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE snapshot ALTER COLUMN probe_ids_body SET STORAGE EXTERNAL")
    if op.get_bind().scalar(sa.select(sa.func.count()).select_from(snapshot)) == 0:
        op.bulk_insert(snapshot, [{"id": 1, "version": 0, "written_at": 0.0}])


def _create_table(name: str, *columns: sa.Column[Any], **options: Any) -> sa.Table:
    for dialect in ("mysql", "mariadb"):
        options[f"{dialect}_engine"] = "InnoDB"
        options[f"{dialect}_charset"] = "utf8mb4"
        options[f"{dialect}_collate"] = "utf8mb4_nopad_bin"
    return op.create_table(name, *columns, if_not_exists=True, **options)


def _name(column: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(column, sa.String(255), primary_key=primary_key, nullable=False)


def _count(column: str) -> sa.Column[int]:
    return sa.Column(column, sa.BigInteger, nullable=False)


def _number(column: str) -> sa.Column[float]:
    return sa.Column(column, sa.Double, nullable=False)
