# SPDX-License-Identifier: Apache-2.0
"""The schema on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybase.db import migration
from kwapi.store import tables
from tests.contracts import store


@pytest.fixture
def bare(tmp_path: Path) -> store.Database:
    """A database without tables."""
    return store.Database(f"sqlite:///{tmp_path}/bare.sqlite")


@pytest.fixture
def database(tmp_path: Path) -> store.Database:
    """An empty store."""
    made = store.Database(f"sqlite:///{tmp_path}/kwapi.sqlite")
    migration.upgrade(made.engine(), tables.SCHEMA)
    return made


class TestSqlite(store.MigrationContract):
    """The contract, on a file."""


def test_the_directory_is_made(tmp_path: Path) -> None:
    """A new installation has no state directory yet."""
    engine = store.Database(f"sqlite:///{tmp_path}/state/of 100%/new.sqlite").engine()
    migration.upgrade(engine, tables.SCHEMA)
    migration.check(engine, tables.SCHEMA)
