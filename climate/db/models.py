# SPDX-License-Identifier: Apache-2.0
"""Climate's tables: inventory, planning, ranking.

Owns their columns and what each database must be told to keep them exactly.
``alembic/versions`` brings an existing database there: a change here needs a
migration, and a test demands it.

HOSTS and INVENTORY are climate-inventory's, RANKING, PERFORMANCES and
OBSERVATIONS climate-ranking's, all others climate-planning's; they may be in
three databases.  Times are whole epoch seconds in 64 bits, periods half-open.
"""

from __future__ import annotations

import pathlib
from typing import Any

import sqlalchemy as sa

from energybase.db import columns
from energybase.db import migration

METADATA = sa.MetaData()

SCHEMA = migration.Schema(
    pathlib.Path(__file__).with_name("alembic"),
    "climate_alembic_version",
    "climate-manage db upgrade",
    "climate.sqlite",
)

ID_LENGTH = 64


def _id(column: str, **kwargs: Any) -> sa.Column[str]:
    return sa.Column(column, sa.String(ID_LENGTH), **{"nullable": False, **kwargs})


def _time(column: str, **kwargs: Any) -> sa.Column[int]:
    # SQLite numbers rows by a column only if its type is INTEGER.
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(column, kind, **{"nullable": False, **kwargs})


_count = _time


#: What the source said of each host ever seen; ``properties`` is a JSON object.
#: ``status``: up, down, or missing from the source since ``seen_at``.
HOSTS = sa.Table(
    "hosts",
    METADATA,
    _count("id", primary_key=True, autoincrement=True),
    columns.name("name", unique=True),
    sa.Column("status", sa.String(16), nullable=False),
    columns.text("properties"),
    _time("seen_at"),
    **columns.MARIADB,
)

#: One row, written whenever hosts change: whoever keeps them in memory looks here.
INVENTORY = sa.Table(
    "inventory",
    METADATA,
    _count("id", primary_key=True, autoincrement=False),
    _count("version"),
    _time("refreshed_at"),
    **columns.MARIADB,
)

#: One row, whose lock orders all that write to the calendars: it is taken first.
PLANNING = sa.Table(
    "planning",
    METADATA,
    _count("id", primary_key=True, autoincrement=False),
    _count("version"),
    **columns.MARIADB,
)

#: One row for each host ever asked for, and the version that last touched its
#: free periods: whoever keeps those in memory reads what is newer.
CALENDARS = sa.Table(
    "calendars",
    METADATA,
    _count("host_id", primary_key=True, autoincrement=False),
    columns.name("host_name"),
    _count("version", index=True),
    **columns.MARIADB,
)

#: Every longest period in which no lease holds the host.  Whoever deletes the
#: row owns the time.
FREE_PERIODS = sa.Table(
    "free_periods",
    METADATA,
    _count("host_id", primary_key=True, autoincrement=False),
    _time("starts_at", primary_key=True, autoincrement=False),
    _time("ends_at"),
    **columns.MARIADB,
)

#: A lease's hold on one host.  With the free periods they are all of time.
RESERVATIONS = sa.Table(
    "reservations",
    METADATA,
    _count("host_id", primary_key=True, autoincrement=False),
    _time("starts_at", primary_key=True, autoincrement=False),
    _time("ends_at"),
    _id("lease_id", index=True),
    sa.Index("ix_reservations_ends_at", "ends_at", "starts_at"),
    **columns.MARIADB,
)

#: ``number`` orders leases by creation, for pages.
LEASES = sa.Table(
    "leases",
    METADATA,
    _count("number", primary_key=True, autoincrement=True),
    _id("id", unique=True),
    columns.name("name", nullable=True),
    columns.name("project_id"),
    columns.name("user_id"),
    sa.Column("status", sa.String(16), nullable=False),
    _time("start_time"),
    _time("end_time"),
    _time("window_start"),
    _time("window_end"),
    _time("duration"),
    _count("quantity"),
    _count("hosts_max"),
    columns.text("host_properties"),
    sa.Column("objective", sa.String(16), nullable=False),
    _time("created_at"),
    _time("updated_at"),
    _time("expires_at", nullable=True),
    sa.Index("ix_leases_project", "project_id", "number"),
    sa.Index("ix_leases_status", "status", "number"),
    sa.Index("ix_leases_start", "status", "start_time"),
    sa.Index("ix_leases_end", "status", "end_time"),
    sa.Index("ix_leases_expiry", "status", "expires_at"),
    **columns.MARIADB,
)

#: What happened to leases and is not yet on the bus; written with what
#: happened, in one transaction.  ``payload`` is a JSON object.
EVENTS = sa.Table(
    "events",
    METADATA,
    _count("number", primary_key=True, autoincrement=True),
    _id("id", unique=True),
    sa.Column("event_type", sa.String(64), nullable=False),
    columns.text("payload"),
    _time("created_at"),
    _time("claimed_until"),
    **columns.MARIADB,
)

#: One row, whose lock orders all that write to the next two.  ``version`` counts
#: changes of performances; ``sampled_at``: the moment that was last observed.
RANKING = sa.Table(
    "ranking",
    METADATA,
    _count("id", primary_key=True, autoincrement=False),
    _count("version"),
    _time("sampled_at"),
    **columns.MARIADB,
)

#: What hosts can compute, as somebody recorded it: flop/s, double precision.
PERFORMANCES = sa.Table(
    "performances",
    METADATA,
    columns.name("host", primary_key=True),
    columns.number("flops"),
    columns.name("detail"),
    _time("recorded_at"),
    **columns.MARIADB,
)

#: What was observed of a host in an hour: a ranking.power_model.Statistics.
#: ``hour``: when it begins; ``measured_at``: the newest measurement counted.
OBSERVATIONS = sa.Table(
    "observations",
    METADATA,
    _time("hour", primary_key=True, autoincrement=False),
    columns.name("host", primary_key=True),
    columns.number("measured_at"),
    _count("n"),
    columns.number("sum_load"),
    columns.number("sum_watts"),
    columns.number("sum_load2"),
    columns.number("sum_load_watts"),
    columns.number("sum_watts2"),
    columns.number("min_watts"),
    columns.number("max_watts"),
    **columns.MARIADB,
)

#: The only row of INVENTORY, of PLANNING and of RANKING.
ONLY_ROW = 1
