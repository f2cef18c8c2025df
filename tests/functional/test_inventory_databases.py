# SPDX-License-Identifier: Apache-2.0
"""The inventory's store on real servers: MariaDB and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kwapi import exception
from tests.contracts import inventory
from tests.servers import databases


@pytest.fixture(scope="module", params=sorted(databases.SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[databases.Server]:
    """A running server, shared; a test that stops it starts it again."""
    with databases.running(request.param) as started:
        yield started


@pytest.fixture
def database(server: databases.Server) -> Iterator[inventory.Database]:
    """A database without hosts."""
    with server.database() as url:
        made = inventory.Database(url)
        made.upgrade()
        yield made


class TestStore(inventory.StoreContract):
    """The contract, on servers."""


def test_a_server_that_goes_and_comes_back(
    server: databases.Server, database: inventory.Database
) -> None:
    """The store says so while it is away, and needs no restart afterwards."""
    kept, now = database.open(), inventory.NOW
    kept.replace(inventory.entries("a", "b"), now)
    server.stop()
    try:
        with pytest.raises(exception.StoreUnavailable):
            kept.replace(inventory.entries("b"), now)
        with pytest.raises(exception.StoreUnavailable):
            kept.load()
    finally:
        server.start()
    assert inventory.statuses_of(kept) == {"a": "up", "b": "up"}
    kept.replace(inventory.entries("b"), now)
    assert inventory.statuses_of(kept) == {"a": "missing", "b": "up"}
