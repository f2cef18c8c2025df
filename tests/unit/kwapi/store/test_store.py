# SPDX-License-Identifier: Apache-2.0
"""The store on SQLite."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import sqlalchemy as sa

from energybase.db import migration
from kwapi import exception
from kwapi.store import record
from kwapi.store import state
from kwapi.store import store
from kwapi.store import tables
from tests import conftest
from tests.contracts import store as store_contract


@pytest.fixture
def database(tmp_path: Path) -> store_contract.Database:
    """An empty store."""
    made = store_contract.Database(f"sqlite:///{tmp_path}/kwapi.sqlite")
    migration.upgrade(made.engine(), tables.SCHEMA)
    return made


class TestSqlite(store_contract.StoreContract):
    """The contract, on a file."""


def test_the_table_has_the_fields_of_a_record() -> None:
    """A field added to Record without a column, or with a migration missing, is noticed here."""
    fields = [field.name for field in dataclasses.fields(record.Record)]
    assert [*fields, "listed"] == tables.RECORDS.columns.keys()


def test_written_at(database: store_contract.Database, fake_clock: conftest.FakeClock) -> None:
    """The snapshot says when it was written."""
    written = store.Store(database.build(), fake_clock)
    fake_clock.set_wall(1234.5)
    written.save(state.Changes(0))
    with database.engine().connect() as connection:
        assert connection.scalar(sa.select(tables.SNAPSHOT.c.written_at)) == 1234.5


def test_no_database(tmp_path: Path) -> None:
    """Whatever is asked, it says that the store is not to be had, and why only to the log."""
    absent = store_contract.Database(f"sqlite:///{tmp_path}/absent/kwapi.sqlite").open()
    for method in (absent.load, absent.get_version, absent.get_probes_body, absent.list_drivers):
        with pytest.raises(exception.StoreUnavailable) as caught:
            method()
        assert "unable to open database file" in caught.value.details["reason"]
        assert "unable" not in str(caught.value)


def test_no_tables(tmp_path: Path) -> None:
    """A database nobody upgraded."""
    bare = store_contract.Database(f"sqlite:///{tmp_path}/kwapi.sqlite").open()
    with pytest.raises(exception.StoreUnavailable) as caught:
        bare.save(state.Changes(0))
    assert caught.value.details["reason"] == "no such table: snapshot"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "kwapi.sqlite").write_bytes(b"something else" * 1000)
    other = store_contract.Database(f"sqlite:///{tmp_path}/kwapi.sqlite").open()
    with pytest.raises(exception.StoreUnavailable):
        other.get_version()
