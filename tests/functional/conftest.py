# SPDX-License-Identifier: Apache-2.0
"""The broker of each worker, and how functional tests are spread over workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import rabbitmq as broker


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[broker.RabbitMQ]:
    """A running RabbitMQ of this worker's; a test that stops it starts it again.

    The tests of a worker share it one after the other, each with a topic of its own.
    """
    server = broker.RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture of their module in one worker, so that it is made once.

    A fixture with parameters makes a group for each.  All other tests go to the worker
    that is free; a module's own group, in ``pytestmark``, stays.
    """
    for item in items:
        if "functional" in item.path.parts and not item.get_closest_marker("xdist_group"):
            shared = _list_shared(item)
            if shared:
                params = item.callspec.params if hasattr(item, "callspec") else {}
                values = [str(params[name]) for name in shared if name in params]
                item.add_marker(pytest.mark.xdist_group("-".join([item.path.stem, *values])))


def _list_shared(item: pytest.Item) -> list[str]:
    """Return the names of the item's fixtures that live longer than the item."""
    fixtures = getattr(item, "_fixtureinfo", None)
    found = fixtures.name2fixturedefs.items() if fixtures else ()
    return sorted(
        name for name, of_name in found if any(f.scope in ("class", "module") for f in of_name)
    )
