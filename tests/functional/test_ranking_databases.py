# SPDX-License-Identifier: Apache-2.0
"""The ranking's store on real servers: MariaDB and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts import inventory
from tests.contracts import ranking
from tests.servers import databases


@pytest.fixture(scope="module", params=sorted(databases.SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[databases.Server]:
    """A running server, shared."""
    with databases.running(request.param) as started:
        yield started


@pytest.fixture
def database(server: databases.Server) -> Iterator[inventory.Database]:
    """A database without observations."""
    with server.database() as url:
        made = inventory.Database(url)
        made.upgrade()
        yield made


class TestStore(ranking.StoreContract):
    """The contract, on servers."""
