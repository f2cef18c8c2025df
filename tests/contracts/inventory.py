# SPDX-License-Identifier: Apache-2.0
"""What holds of the inventory's store on every database.

Owns the tests; which database they run on is said by the ``database`` fixture
of the modules that inherit them: SQLite in the unit tests, MariaDB and
PostgreSQL in the functional ones.
"""

from __future__ import annotations

import concurrent.futures
import random
from collections.abc import Iterable

import pytest
import sqlalchemy as sa
from oslo_config import cfg

from climate.db import models
from climate.inventory import host
from climate.inventory import store
from energybase.db import migration
from energybase.db import transaction
from kwapi import exception

NOW = 1_700_000_000


class Database:
    """A database of a test's own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def upgrade(self) -> None:
        """Bring its schema up to date."""
        migration.upgrade(self.build().writer.get_engine(), schema=models.SCHEMA)

    def build(self) -> transaction.TransactionContext:
        """Return new transactions on it."""
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[], default_config_dirs=[])
        transaction.register_opts(conf)
        conf.set_override("connection", self.url, "database")
        return transaction.build(conf, models.SCHEMA.sqlite_file)

    def open(self) -> store.Store:
        """Return a new store on it."""
        return store.Store(self.build())

    def get_refreshed_at(self) -> int:
        """Return when a source was last read."""
        engine: sa.Engine = self.build().writer.get_engine()
        with engine.connect() as connection:
            return int(connection.execute(sa.select(models.INVENTORY.c.refreshed_at)).scalar_one())


def entries(*names: str, status: str = host.UP, properties: str = "{}") -> list[host.Entry]:
    """Return hosts that differ in their name only."""
    return [host.Entry(name, status, properties) for name in names]


def rows_of(kept: store.Store) -> list[store.Row]:
    """Return all hosts."""
    rows = kept.load().rows
    assert rows is not None
    return rows


def statuses_of(kept: store.Store) -> dict[str, str]:
    """Return the status of every host, by name."""
    return {row.name: row.status for row in rows_of(kept)}


class StoreContract:
    """What holds of a store."""

    def test_empty(self, database: Database) -> None:
        assert database.open().load() == store.Loaded(0, [])

    def test_hosts_are_numbered_as_the_source_has_them(self, database: Database) -> None:
        kept = database.open()
        changes = kept.replace(entries("b", "a", "c"), NOW)
        assert changes == store.Changes(["b", "a", "c"], [], [], [])
        assert kept.load() == store.Loaded(
            1, [store.Row(n, name, "up", "{}", NOW) for n, name in enumerate("bac", start=1)]
        )
        assert database.get_refreshed_at() == NOW

    def test_nothing_new_writes_no_host(self, database: Database) -> None:
        """Whoever has them in memory need not read them again."""
        kept = database.open()
        kept.replace(entries("a", "b"), NOW)
        before = kept.load()
        assert kept.replace(entries("b", "a"), NOW + 60) == store.Changes([], [], [], [])
        assert kept.load() == before
        assert kept.load(1) == store.Loaded(1, None)
        assert kept.load(0) == before
        assert database.get_refreshed_at() == NOW + 60

    def test_a_host_that_goes_is_marked_and_comes_back_as_it_was(self, database: Database) -> None:
        kept = database.open()
        kept.replace(entries("a", "b", properties='{"vcpus":4}'), NOW)
        assert kept.replace(entries("b", properties='{"vcpus":4}'), NOW + 1).missing == ["a"]
        assert rows_of(kept)[0] == store.Row(1, "a", "missing", '{"vcpus":4}', NOW + 1)
        # Told once, and missing since then.
        assert not any(kept.replace(entries("b", properties='{"vcpus":4}'), NOW + 2))
        assert rows_of(kept)[0].seen_at == NOW + 1
        returned = [*entries("a"), *entries("b", properties='{"vcpus":4}')]
        assert kept.replace(returned, NOW + 3) == store.Changes([], [], [], ["a"])
        assert rows_of(kept)[0] == store.Row(1, "a", "up", "{}", NOW + 3)
        assert kept.load().version == 3

    def test_a_change_is_of_properties_or_status(self, database: Database) -> None:
        kept = database.open()
        kept.replace(entries("a", "b", "c"), NOW)
        told = [
            *entries("a"),
            *entries("b", status=host.DOWN),
            *entries("c", properties='{"x":1}'),
        ]
        assert kept.replace(told, NOW + 1) == store.Changes([], ["b", "c"], [], [])
        assert rows_of(kept) == [
            store.Row(1, "a", "up", "{}", NOW),
            store.Row(2, "b", "down", "{}", NOW + 1),
            store.Row(3, "c", "up", '{"x":1}', NOW + 1),
        ]

    def test_all_gone(self, database: Database) -> None:
        kept = database.open()
        kept.replace(entries("a", "b"), NOW)
        assert kept.replace([], NOW).missing == ["a", "b"]
        assert statuses_of(kept) == {"a": "missing", "b": "missing"}

    def test_similar_names_are_distinct(self, database: Database) -> None:
        names = ["a", "A", "á", "a ", "ä", "ss", "ß", "it's", '"', "%s", "\\", "x" * 255]
        kept = database.open()
        kept.replace(entries(*names), NOW)
        kept.replace(entries(*names[1:]), NOW)
        assert statuses_of(kept) == dict.fromkeys(names, "up") | {"a": "missing"}

    def test_long_properties(self, database: Database) -> None:
        """Longer than the usual text of MariaDB."""
        kept = database.open()
        text = '{"x":"' + "y" * 300_000 + '"}'
        kept.replace(entries("a", properties=text), NOW)
        assert rows_of(kept)[0].properties == text

    def test_many_hosts(self, database: Database) -> None:
        """More than fit into one statement."""
        kept, names = database.open(), [f"node-{n}" for n in range(3000)]
        kept.replace(entries(*names, properties='{"x":"' + "y" * 1000 + '"}'), NOW)
        kept.replace(entries(*names[:1500], properties='{"x":2}'), NOW)
        assert [row.name for row in rows_of(kept)] == names
        assert list(statuses_of(kept).values()) == ["up"] * 1500 + ["missing"] * 1500

    def test_several_services_at_once(self, database: Database) -> None:
        """Each reads the same source; every host is there once, and numbered once."""
        wanted = [f"node-{n}" for n in range(50)]
        stores = [database.open() for _ in range(4)]

        def write(kept: store.Store) -> int:
            known = 0
            for turn in range(10):
                told = entries(*random.sample(wanted, 40)) if turn < 9 else entries(*wanted)
                known += len(kept.replace(told, NOW + turn).added)
            return known

        with concurrent.futures.ThreadPoolExecutor(len(stores)) as pool:
            assert sum(pool.map(write, stores)) == 50
        stores[0].replace(entries(*wanted), NOW)
        assert statuses_of(stores[0]) == dict.fromkeys(wanted, "up")

    def test_nothing_is_stored_by_halves(self, database: Database) -> None:
        kept = database.open()
        kept.replace(entries("a"), NOW)
        unfit: Iterable[host.Entry] = [*entries("b"), host.Entry("c", "x" * 400_000, None)]  # type: ignore[arg-type]  # on purpose
        with pytest.raises((exception.NotStorable, exception.StoreUnavailable)):
            kept.replace(unfit, NOW)
        assert statuses_of(kept) == {"a": "up"}
        assert kept.load().version == 1

    def test_without_its_row(self, database: Database) -> None:
        kept = database.open()
        with database.build().writer.get_engine().begin() as connection:
            connection.execute(sa.delete(models.INVENTORY))
        with pytest.raises(exception.StoreUnavailable):
            kept.replace(entries("a"), NOW)
        with pytest.raises(exception.StoreUnavailable):
            kept.load()
