# SPDX-License-Identifier: Apache-2.0
"""Columns that tables of any service have, and what MariaDB must be told of a table.

Names are compared byte by byte everywhere: two that differ in case, accent or a
space at the end are two.  Floats have 64 bits everywhere.  Migrations do not
look here: what one did stays as it was.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

#: The longest name, in characters; the bus takes none longer.
NAME_LENGTH = 255

#: MariaDB.  "nopad": with utf8mb4_bin "a" and "a " would be the same key.
MARIADB: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}


def name(column: str, **kwargs: Any) -> sa.Column[str]:
    """Return a column of texts of up to :data:`NAME_LENGTH` characters."""
    return sa.Column(column, sa.String(NAME_LENGTH), **{"nullable": False, **kwargs})


def number(column: str, **kwargs: Any) -> sa.Column[float]:
    """Return a column of 64-bit floats."""
    return sa.Column(column, sa.Double, **{"nullable": False, **kwargs})


def text(column: str) -> sa.Column[str]:
    """Return a column of texts of up to 16 MB at least."""
    kind = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
    return sa.Column(column, kind, nullable=False)
