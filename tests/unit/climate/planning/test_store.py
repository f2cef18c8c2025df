# SPDX-License-Identifier: Apache-2.0
"""Leases and calendars on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from climate import lease as leases
from climate.db import models
from climate.planning import calendars
from climate.planning import changes
from climate.planning import outbox
from energybase import exception as floor
from energybase.db import migration
from tests.contracts import calendar
from tests.contracts import climate_database as given
from tests.contracts import lease
from tests.contracts.climate_database import audited as audited
from tests.contracts.climate_database import kept as kept


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with tables, for all tests."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/climate.sqlite"
    made = given.Database(url)
    migration.upgrade(made.engine(), schema=models.SCHEMA)
    made.close()
    return url


@pytest.fixture
def database(url: str) -> Iterator[given.Database]:
    """The database, with nothing in its tables."""
    made = given.Database(url, careful=False)
    made.clear()
    yield made
    made.close()


class TestCalendars(
    calendar.CalendarContract,
    calendar.QuotaContract,
    calendar.EventContract,
):
    """The contract, on a file."""


class TestLeases(lease.LeaseContract, lease.ListContract, lease.TimeContract):
    """The contract, on a file."""


def test_the_table_has_the_fields_of_a_lease() -> None:
    """A field added to Lease without a column, or with a migration missing, is noticed here."""
    assert ["number", *leases.Lease._fields] == [*models.LEASES.columns.keys(), "hosts"]


def test_no_database(tmp_path: Path) -> None:
    """Whatever is asked, it says that the store is not to be had, and why only to the log."""
    absent = given.Database(f"sqlite:///{tmp_path}/absent/climate.sqlite").open()
    for method in (
        lambda: absent.read(calendars.load, -1),
        lambda: absent.get("a"),
        lambda: absent.change(changes.cancel, "a", 0),
        lambda: absent.write(outbox.claim, 0, 1),
    ):
        with pytest.raises(floor.StoreUnavailable) as caught:
            method()
        assert "unable to open database file" in caught.value.details["reason"]
        assert "unable" not in str(caught.value)


def test_no_tables(tmp_path: Path) -> None:
    """A database nobody upgraded."""
    bare = given.Database(f"sqlite:///{tmp_path}/climate.sqlite").open()
    with pytest.raises(floor.StoreUnavailable) as caught:
        given.learn(bare, 1)
    assert "no such table" in caught.value.details["reason"]
