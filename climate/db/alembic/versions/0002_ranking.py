# SPDX-License-Identifier: Apache-2.0
"""What hosts can compute, and what was observed of their watts.

As 0001: written out, and each step first looks whether it is done.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_INTEGER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables, and the only row of one of them."""
    ranking = _create_table(
        "ranking",
        _count("id", primary_key=True, autoincrement=False),
        _count("version"),
        _count("sampled_at"),
    )
    if op.get_bind().scalar(sa.select(sa.func.count()).select_from(ranking)) == 0:
        op.bulk_insert(ranking, [{"id": 1, "version": 0, "sampled_at": 0}])
    _create_table(
        "performances",
        _name("host", primary_key=True),
        _number("flops"),
        _name("detail"),
        _count("recorded_at"),
    )
    _create_table(
        "observations",
        _count("hour", primary_key=True, autoincrement=False),
        _name("host", primary_key=True),
        _number("measured_at"),
        _count("n"),
        _number("sum_load"),
        _number("sum_watts"),
        _number("sum_load2"),
        _number("sum_load_watts"),
        _number("sum_watts2"),
        _number("min_watts"),
        _number("max_watts"),
    )


def _create_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    options = {}
    for dialect in ("mysql", "mariadb"):
        options[f"{dialect}_engine"] = "InnoDB"
        options[f"{dialect}_charset"] = "utf8mb4"
        options[f"{dialect}_collate"] = "utf8mb4_nopad_bin"
    return op.create_table(name, *columns, if_not_exists=True, **options)


def _count(column: str, **options: Any) -> sa.Column[int]:
    return sa.Column(column, _INTEGER, nullable=False, **options)


def _number(column: str) -> sa.Column[float]:
    return sa.Column(column, sa.Double, nullable=False)


def _name(column: str, **options: Any) -> sa.Column[str]:
    return sa.Column(column, sa.String(255), nullable=False, **options)
