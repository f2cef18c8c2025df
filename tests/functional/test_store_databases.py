# SPDX-License-Identifier: Apache-2.0
"""The store and its schema on real servers: MariaDB and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from energybase.db import migration
from kwapi import exception
from kwapi.store import state
from kwapi.store import tables
from tests.contracts import store as store_contract
from tests.servers import databases


@pytest.fixture(scope="module", params=sorted(databases.SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[databases.Server]:
    """A running server, shared; a test that stops it starts it again."""
    with databases.running(request.param) as started:
        yield started


@pytest.fixture
def bare(server: databases.Server) -> Iterator[store_contract.Database]:
    """A database without tables."""
    with server.database() as url:
        yield store_contract.Database(url)


@pytest.fixture
def database(bare: store_contract.Database) -> store_contract.Database:
    """An empty store."""
    migration.upgrade(bare.engine(), tables.SCHEMA)
    return bare


class TestStore(store_contract.StoreContract):
    """The contract, on servers."""


class TestMigration(store_contract.MigrationContract):
    """The contract, on servers."""


def test_a_server_that_goes_and_comes_back(
    server: databases.Server, database: store_contract.Database
) -> None:
    """The store says so while it is away, and needs no restart afterwards."""
    kept = database.open()
    kept.save(store_contract.stamp(0, 3))
    server.stop()
    try:
        for _ in range(2):
            with pytest.raises(exception.StoreUnavailable):
                kept.save(store_contract.stamp(1, 3))
            with pytest.raises(exception.StoreUnavailable):
                kept.get_version()
    finally:
        server.start()
    kept.save(store_contract.stamp(1, 3))
    assert store_contract.told_by(kept.load()) == {2}


def test_a_connection_lost_in_the_midst_of_a_save(
    server: databases.Server, database: store_contract.Database
) -> None:
    """It says that it is open what was stored; loading tells: nothing."""
    kept = database.open()
    kept.save(store_contract.stamp(0, 3))
    changes = store_contract.stamp(1, 3)

    def stopping() -> Iterator[state.Sender]:
        server.stop()
        yield from changes.senders

    try:
        with pytest.raises(exception.StoreUnavailable):
            kept.save(changes._replace(senders=stopping()))
    finally:
        server.start()
    assert store_contract.told_by(kept.load()) == {1}
    kept.save(changes)
    assert store_contract.told_by(kept.load()) == {2}


def test_a_wrong_password_is_not_told(server: databases.Server) -> None:
    url = sa.make_url(server.url("absent")).set(username="nobody", password="s3cret")
    wrong = store_contract.Database(url.render_as_string(hide_password=False)).open()
    with pytest.raises(exception.StoreUnavailable) as caught:
        wrong.get_version()
    assert "nobody" in caught.value.details["reason"]
    assert "s3cret" not in f"{caught.value!r} {caught.value.details} {caught.value.__cause__}"
