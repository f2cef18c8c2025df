# SPDX-License-Identifier: Apache-2.0
"""Leases, calendars and climate's schema on real servers: MariaDB and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from climate.db import models
from climate.planning import calendars
from climate.planning import changes
from climate.planning import quotas
from energybase import exception as floor
from energybase.db import migration
from tests.contracts import calendar
from tests.contracts import climate_database as given
from tests.contracts import lease as lease_contract
from tests.contracts.climate_database import audited as audited
from tests.contracts.climate_database import kept as kept
from tests.servers import databases


@pytest.fixture(scope="module", params=sorted(databases.SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[databases.Server]:
    """A running server, shared; a test that stops it starts it again."""
    with databases.running(request.param) as started:
        yield started


@pytest.fixture
def bare(server: databases.Server) -> Iterator[given.Database]:
    """A database without tables."""
    with server.database() as url:
        made = given.Database(url)
        yield made
        made.close()


@pytest.fixture(scope="module")
def url(server: databases.Server) -> Iterator[str]:
    """A database with tables, for all tests."""
    with server.database() as url:
        made = given.Database(url)
        migration.upgrade(made.engine(), schema=models.SCHEMA)
        made.close()
        yield url


@pytest.fixture
def database(url: str) -> Iterator[given.Database]:
    """The database, with nothing in its tables."""
    made = given.Database(url)
    made.clear()
    yield made
    made.close()


class TestCalendars(
    calendar.CalendarContract,
    calendar.QuotaContract,
    calendar.EventContract,
):
    """The contract, on servers."""


class TestLeases(
    lease_contract.LeaseContract, lease_contract.ListContract, lease_contract.TimeContract
):
    """The contract, on servers."""


class TestMigration(calendar.MigrationContract):
    """The contract, on servers."""


def test_a_server_that_goes_and_comes_back(
    server: databases.Server, audited: given.Database
) -> None:
    """The store says so while it is away, and needs no restart afterwards."""
    kept = audited.open()
    given.learn(kept, 1)
    choice = given.choose(kept, [1], given.NOW, given.NOW + 1)
    lease = given.make([1], given.NOW, given.NOW + 1)
    server.stop()
    try:
        for _ in range(2):
            with pytest.raises(floor.StoreUnavailable):
                kept.change(changes.book, lease, choice, quotas.Quota(), given.NOW)
            with pytest.raises(floor.StoreUnavailable):
                kept.read(calendars.load, -1)
    finally:
        server.start()
    kept.change(changes.book, lease, choice, quotas.Quota(), given.NOW)
    assert kept.get(lease.id) == lease
