# SPDX-License-Identifier: Apache-2.0
"""Hosts, calendars, leases and events.

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
# SQLite numbers rows by a column only if its type is INTEGER.
_INTEGER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables, and the only rows of two of them."""
    _create_inventory()
    _create_calendars()
    _create_leases()
    _create_events()


def _create_inventory() -> None:
    _create_table(
        "hosts",
        _count("id", primary_key=True, autoincrement=True),
        _name("name", unique=True),
        _word("status", 16),
        _text("properties"),
        _count("seen_at"),
    )
    inventory = _create_table("inventory", _key("id"), _count("version"), _count("refreshed_at"))
    _insert_only_row(inventory, {"id": 1, "version": 0, "refreshed_at": 0})


def _create_calendars() -> None:
    planning = _create_table("planning", _key("id"), _count("version"))
    _insert_only_row(planning, {"id": 1, "version": 0})
    _create_table("calendars", _key("host_id"), _name("host_name"), _count("version"))
    _create_index("calendars", "version")
    _create_table("free_periods", _key("host_id"), _key("starts_at"), _count("ends_at"))
    _create_table(
        "reservations",
        _key("host_id"),
        _key("starts_at"),
        _count("ends_at"),
        _word("lease_id", 64),
    )
    _create_index("reservations", "lease_id")
    _create_index("reservations", "ends_at", "starts_at", name="ix_reservations_ends_at")


def _create_leases() -> None:
    _create_table(
        "leases",
        _count("number", primary_key=True, autoincrement=True),
        _word("id", 64, unique=True),
        _name("name", nullable=True),
        _name("project_id"),
        _name("user_id"),
        _word("status", 16),
        _count("start_time"),
        _count("end_time"),
        _count("window_start"),
        _count("window_end"),
        _count("duration"),
        _count("quantity"),
        _count("hosts_max"),
        _text("host_properties"),
        _word("objective", 16),
        _count("created_at"),
        _count("updated_at"),
        _count("expires_at", nullable=True),
    )
    _create_index("leases", "project_id", "number", name="ix_leases_project")
    _create_index("leases", "status", "number", name="ix_leases_status")
    _create_index("leases", "status", "start_time", name="ix_leases_start")
    _create_index("leases", "status", "end_time", name="ix_leases_end")
    _create_index("leases", "status", "expires_at", name="ix_leases_expiry")


def _create_events() -> None:
    _create_table(
        "events",
        _count("number", primary_key=True, autoincrement=True),
        _word("id", 64, unique=True),
        _word("event_type", 64),
        _text("payload"),
        _count("created_at"),
        _count("claimed_until"),
    )


def _create_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    options = {}
    for dialect in ("mysql", "mariadb"):
        options[f"{dialect}_engine"] = "InnoDB"
        options[f"{dialect}_charset"] = "utf8mb4"
        options[f"{dialect}_collate"] = "utf8mb4_nopad_bin"
    return op.create_table(name, *columns, if_not_exists=True, **options)


def _create_index(table: str, *columns: str, name: str | None = None) -> None:
    name = name or f"ix_{table}_{columns[0]}"
    op.create_index(name, table, columns, if_not_exists=True)


def _insert_only_row(table: sa.Table, row: dict[str, int]) -> None:
    if op.get_bind().scalar(sa.select(sa.func.count()).select_from(table)) == 0:
        op.bulk_insert(table, [row])


def _key(column: str) -> sa.Column[int]:
    return _count(column, primary_key=True, autoincrement=False)


def _count(column: str, **options: Any) -> sa.Column[int]:
    return sa.Column(column, _INTEGER, **{"nullable": False, **options})


def _name(column: str, **options: Any) -> sa.Column[str]:
    return _word(column, 255, **options)


def _word(column: str, length: int, **options: Any) -> sa.Column[str]:
    return sa.Column(column, sa.String(length), **{"nullable": False, **options})


def _text(column: str) -> sa.Column[str]:
    return sa.Column(column, _TEXT, nullable=False)
