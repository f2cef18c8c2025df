# SPDX-License-Identifier: Apache-2.0
"""Climate's schema on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from climate.db import models
from energybase.db import migration
from tests.contracts import calendar
from tests.contracts import climate_database as given
from tests.contracts.climate_database import audited as audited
from tests.contracts.climate_database import kept as kept


@pytest.fixture
def bare(tmp_path: Path) -> given.Database:
    """A database without tables."""
    return given.Database(f"sqlite:///{tmp_path}/bare.sqlite")


@pytest.fixture
def database(bare: given.Database) -> given.Database:
    """A database with tables, and nothing in them."""
    migration.upgrade(bare.engine(), schema=models.SCHEMA)
    return bare


class TestSqlite(calendar.MigrationContract):
    """The contract, on a file."""
