# SPDX-License-Identifier: Apache-2.0
"""The servers that several functional tests share, and how those are spread over workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import rabbitmq as broker


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[broker.RabbitMQ]:
    """A running RabbitMQ; a test that stops it starts it again.

    Shared: a test takes a topic of its own.
    """
    server = broker.RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share a server in one worker, so that it is started once."""
    for item in items:
        if "rabbitmq" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("rabbitmq"))
        elif "functional" in item.path.parts:
            # Other servers are their module's own.
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
