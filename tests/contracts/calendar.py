# SPDX-License-Identifier: Apache-2.0
"""What holds of calendars, quotas and events, and of climate's schema, on every database.

Owns the tests; which database they run on is said by the ``database`` fixture
of the modules that inherit them: SQLite in the unit tests, MariaDB and
PostgreSQL in the functional ones.  Leases are :mod:`tests.contracts.lease`'s.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from alembic import autogenerate
from alembic import migration as alembic_migration
from oslo_db import exception as oslo_exception

from climate import exception
from climate.db import models
from climate.planning import availability
from climate.planning import calendars
from climate.planning import changes
from climate.planning import outbox
from climate.planning import quotas
from climate.planning import store
from energybase import exception as floor
from energybase.db import migration
from kwapi.store import tables
from tests import conftest
from tests.contracts import climate_database as given

NOW = given.NOW


class CalendarContract:
    """What holds of free periods and reservations."""

    def test_empty(self, database: given.Database) -> None:
        assert database.open().read(calendars.load, -1) == calendars.Loaded(0, set(), [], True)
        assert database.open().read(calendars.load, 0) == calendars.Loaded(0, set(), [], False)

    def test_new_hosts_are_free_for_all_time(self, kept: store.Store) -> None:
        loaded = kept.read(calendars.load, -1)
        assert loaded.host_ids == {1, 2, 3}
        assert sorted(loaded.rows) == [(host_id, 0, given.FOREVER) for host_id in (1, 2, 3)]
        assert loaded.complete

    def test_hosts_are_learnt_once(self, kept: store.Store) -> None:
        given.lease_out(kept, [1], 0, 10)
        version = kept.read(calendars.load, -1).version
        given.learn(kept, 3)
        assert kept.read(calendars.load, -1).version == version
        given.learn(kept, 4)
        assert kept.read(calendars.load, version).host_ids == {4}
        assert given.list_free(kept) == {
            1: given.around(0, 10), 2: given.ALL_OF_TIME, 3: given.ALL_OF_TIME, 4: given.ALL_OF_TIME
        }  # fmt: skip

    def test_a_host_may_get_another_name(self, kept: store.Store) -> None:
        lease = given.lease_out(kept, [1, 2], 0, 10)
        kept.learn({1: "elsewhere", 2: "host-2"})
        assert kept.get(lease.id).hosts == ((1, "elsewhere"), (2, "host-2"))

    def test_several_learn_at_once(self, audited: given.Database) -> None:
        stores = [audited.open() for _ in range(4)]
        works = [lambda kept=kept: given.learn(kept, 1200) for kept in stores]
        assert given.run_together(works) == [None] * 4
        assert len(stores[0].read(calendars.load, -1).rows) == 1200

    def test_time_that_is_taken_is_not_free(self, kept: store.Store) -> None:
        given.book(kept, [1, 3], 10, 20)
        given.book(kept, [1], 20, 30)
        given.book(kept, [1], 0, 10)
        assert given.list_free(kept) == {
            1: given.around(0, 30),
            2: given.ALL_OF_TIME,
            3: given.around(10, 20),
        }

    def test_a_whole_free_period_may_be_taken(self, kept: store.Store) -> None:
        given.book(kept, [1], 0, 10)
        given.book(kept, [1], 20, 30)
        given.book(kept, [1], 10, 20)
        assert given.list_free(kept)[1] == given.around(0, 30)

    def test_what_changed_is_loaded(self, kept: store.Store) -> None:
        """Each host that changed, with all it has; nothing of the others."""
        before = kept.read(calendars.load, -1)
        lease = given.book(kept, [1, 3], 0, 10)
        loaded = kept.read(calendars.load, before.version)
        assert loaded.version > before.version
        assert loaded.host_ids == {1, 3}
        assert not loaded.complete
        assert sorted(loaded.rows) == [
            (i, *period) for i in (1, 3) for period in given.around(0, 10)
        ]
        assert kept.read(calendars.load, loaded.version) == (loaded.version, set(), [], False)
        kept.change(changes.cancel, lease.id, NOW)
        assert sorted(kept.read(calendars.load, loaded.version).rows) == [
            (1, 0, given.FOREVER),
            (3, 0, given.FOREVER),
        ]

    def test_an_older_database_is_loaded_anew(self, kept: store.Store) -> None:
        """As after a backup was put back."""
        loaded = kept.read(calendars.load, 10**6)
        assert loaded.complete
        assert loaded == kept.read(calendars.load, -1)

    def test_a_stale_choice_is_taken(self, kept: store.Store) -> None:
        """Even if the time is free: somebody else was there, and it is planned anew."""
        stale = given.choose(kept, [1, 2], NOW, NOW + 10)
        given.book(kept, [2], 100, 110)
        version = kept.read(calendars.load, -1).version
        lease = given.make([1, 2], NOW, NOW + 10)
        with pytest.raises(calendars.Taken):
            kept.change(changes.book, lease, stale, given.UNLIMITED, NOW)
        assert kept.read(calendars.load, version) == (version, set(), [], False)
        with pytest.raises(exception.LeaseNotFound):
            kept.get(lease.id)
        kept.change(
            changes.book, lease, given.choose(kept, [1, 2], NOW, NOW + 10), given.UNLIMITED, NOW
        )

    def test_a_choice_outside_of_its_free_periods_is_taken(self, kept: store.Store) -> None:
        given.book(kept, [1], 0, 10)
        free = availability.FreePeriod(1, 0, NOW)
        for start, end in ((NOW - 5, NOW + 5), (NOW - 5, NOW - 5), (-5, 5)):
            with pytest.raises(calendars.Taken):
                kept.change(
                    changes.book,
                    given.make([1], start, end),
                    availability.Choice(start, end, (free,)),
                    given.UNLIMITED,
                    NOW,
                )

    def test_a_host_nobody_knows_is_taken(self, kept: store.Store) -> None:
        unknown = availability.Choice(NOW, NOW + 1, (availability.FreePeriod(9, 0, given.FOREVER),))
        with pytest.raises(calendars.Taken):
            kept.change(changes.book, given.make([9], NOW, NOW + 1), unknown, given.UNLIMITED, NOW)

    def test_many_hosts(self, audited: given.Database) -> None:
        """More than fit into one statement."""
        kept, host_ids = audited.open(), range(1, 1301)
        given.learn(kept, 1300)
        lease = given.lease_out(kept, host_ids, 0, 10)
        assert lease.hosts == kept.get(lease.id).hosts == given.make(host_ids, 0, 1).hosts
        assert len(kept.read(calendars.load, -1).rows) == 2600
        kept.change(changes.change, lease.id, NOW, given.UNLIMITED, end_time=NOW + 20)
        kept.change(changes.cancel, lease.id, NOW)
        assert given.list_free(kept) == dict.fromkeys(host_ids, given.ALL_OF_TIME)

    def test_few_statements(self, kept: store.Store, audited: given.Database) -> None:
        """Ten hosts cost as many as one."""
        transactions = audited.build()
        counted, seen = store.Store(transactions), []
        given.learn(counted, 10)
        choice = given.choose(counted, range(1, 11), NOW, NOW + 10)
        lease = given.make(range(1, 11), NOW, NOW + 10)
        engine = transactions.writer.get_engine()
        sa.event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        counted.change(changes.book, lease, choice, quotas.Quota(100, 100), NOW)
        assert len([text for text in seen if " " in text.replace("SELECT 1", "")]) <= 8, seen
        seen.clear()
        counted.change(changes.cancel, lease.id, NOW)
        assert len([text for text in seen if " " in text.replace("SELECT 1", "")]) <= 11, seen

    def test_of_many_that_race_one_wins(self, audited: given.Database) -> None:
        """Whatever the timing: one of them has the hosts, nobody half of them."""
        stores = [audited.open() for _ in range(4)]
        given.learn(stores[0], 4)
        for turn in range(10):
            # Each wants two hosts, and shares one of them with each of its neighbours.
            wanted = [[1, 2], [2, 3], [3, 4], [4, 1]]
            times = NOW + 10 * turn, NOW + 10 * turn + 10
            works = [
                functools.partial(
                    kept.change,
                    changes.book,
                    given.make(ids, *times),
                    given.choose(kept, ids, *times),
                    given.UNLIMITED,
                    NOW,
                )
                for kept, ids in zip(stores, wanted)
            ]
            results = given.run_together(works)
            won = [number for number, result in enumerate(results) if result is None]
            assert len(won) in (1, 2), results
            assert won in ([0], [1], [2], [3], [0, 2], [1, 3])
            assert all(isinstance(results[i], calendars.Taken) for i in range(4) if i not in won)

    def test_what_the_database_undid_is_done_again(
        self, kept: store.Store, audited: given.Database
    ) -> None:
        """A deadlock is no reason to bother anybody."""
        transactions = audited.build()
        again, undone = store.Store(transactions, conftest.FakeClock()), [1, 2, 3]

        def undo(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if undone and statement.startswith("INSERT INTO leases"):
                undone.pop()
                raise oslo_exception.DBDeadlock

        sa.event.listen(transactions.writer.get_engine(), "before_cursor_execute", undo)
        lease = given.book(again, [1], 0, 10)
        assert kept.get(lease.id).hosts == ((1, "host-1"),)
        undone += [1] * 100
        with pytest.raises(floor.StoreUnavailable):
            given.book(again, [1], 10, 20)
        assert undone
        assert given.list_free(kept)[1] == given.around(0, 10)


class QuotaContract:
    """What a project may hold."""

    def _book(
        self, kept: store.Store, ids: Sequence[int], start: int, end: int, *quota: int
    ) -> None:
        lease = given.make(ids, NOW + start, NOW + end)
        kept.change(
            changes.book,
            lease,
            given.choose(kept, ids, NOW + start, NOW + end),
            quotas.Quota(*quota),
            NOW,
        )

    def test_hosts_at_one_moment(self, kept: store.Store) -> None:
        """Not more than so many together; one after the other as many as one likes."""
        self._book(kept, [1], 0, 10, 2, -1)
        self._book(kept, [2, 3], 10, 20, 2, -1)
        version = kept.read(calendars.load, -1).version
        with pytest.raises(exception.QuotaExceeded) as caught:
            self._book(kept, [2, 3], 9, 10, 2, -1)
        assert caught.value.meta == {"resource": "hosts", "limit": 2, "wanted": 3}
        assert kept.read(calendars.load, version).rows == []
        self._book(kept, [2], 9, 10, 2, -1)

    def test_host_hours(self, kept: store.Store) -> None:
        self._book(kept, [1, 2], 0, 2 * given.HOUR, -1, 5)
        with pytest.raises(exception.QuotaExceeded) as caught:
            self._book(kept, [3], 0, given.HOUR + 1, -1, 5)
        assert caught.value.meta == {"resource": "host_hours", "limit": 5, "wanted": 6}
        self._book(kept, [3], 0, given.HOUR, -1, 5)

    def test_only_what_is_held_counts(self, kept: store.Store) -> None:
        """Neither what is past, cancelled or overdue, nor what other projects hold."""
        given.book(kept, [1], -20, -10, expires_at=NOW + 1)
        given.book(kept, [1], -10, 5, expires_at=NOW)
        given.book(kept, [2], 0, 5, project_id="other")
        kept.change(changes.cancel, given.book(kept, [3], 0, 5).id, NOW)
        self._book(kept, [3], 0, 5, 1, 1)

    def test_an_extension_counts(self, kept: store.Store) -> None:
        one = given.lease_out(kept, [1], 0, given.HOUR)
        given.lease_out(kept, [2], given.HOUR, 2 * given.HOUR)
        with pytest.raises(exception.QuotaExceeded) as caught:
            kept.change(
                changes.change, one.id, NOW, quotas.Quota(1, -1), end_time=NOW + given.HOUR + 1
            )
        assert caught.value.meta == {"resource": "hosts", "limit": 1, "wanted": 2}
        with pytest.raises(exception.QuotaExceeded):
            kept.change(
                changes.change, one.id, NOW, quotas.Quota(-1, 2), end_time=NOW + given.HOUR + 1
            )
        kept.change(changes.change, one.id, NOW, quotas.Quota(2, 3), end_time=NOW + 2 * given.HOUR)

    def test_to_shorten_is_always_allowed(self, kept: store.Store) -> None:
        """Even if the project holds more than it may by now."""
        one = given.lease_out(kept, [1, 2], 0, 2 * given.HOUR)
        kept.change(changes.change, one.id, NOW, quotas.Quota(0, 0), end_time=NOW + given.HOUR)

    def test_of_many_that_race_for_the_rest_one_wins(self, audited: given.Database) -> None:
        """Two requests cannot both fit into what is left for one."""
        stores = [audited.open() for _ in range(4)]
        given.learn(stores[0], 4)
        for turn in range(5):
            times = 10 * turn, 10 * turn + 10
            works = [
                lambda kept=kept, ids=[number], times=times: self._book(kept, ids, *times, 1, -1)
                for number, kept in enumerate(stores, 1)
            ]
            results = given.run_together(works)
            assert sorted(map(type, results), key=str) == sorted(
                [type(None), *[exception.QuotaExceeded] * 3], key=str
            )


class EventContract:
    """What holds of events."""

    def _start(self, kept: store.Store, count: int) -> list[str]:
        ids = [given.lease_out(kept, [1], 10 * i, 10 * i + 10).id for i in range(count)]
        kept.start_due(NOW + 10**5)
        return [outbox.event_id(lease_id, outbox.STARTED) for lease_id in ids]

    def test_one_at_a_time_in_their_order(self, kept: store.Store) -> None:
        """Nobody has the second before the first is told."""
        wanted = self._start(kept, 3)
        for event_id in wanted:
            event = kept.write(outbox.claim, NOW, 60)
            assert event is not None and event.id == event_id
            assert kept.write(outbox.claim, NOW + 59, 60) is None
            kept.write(outbox.remove, event_id)
        assert kept.write(outbox.claim, NOW, 60) is None

    def test_a_claim_runs_out(self, kept: store.Store) -> None:
        """Who claimed it died: it is told once more, by the same id."""
        self._start(kept, 1)
        event = kept.write(outbox.claim, NOW, 60)
        assert kept.write(outbox.claim, NOW + 60, 60) == event
        assert kept.write(outbox.claim, NOW + 119, 60) is None

    def test_of_many_that_claim_one_gets_it(self, audited: given.Database) -> None:
        stores = [audited.open() for _ in range(4)]
        given.learn(stores[0], 1)
        for event_id in self._start(stores[0], 5):
            claimed = given.run_together(
                [lambda kept=kept: kept.write(outbox.claim, NOW, 60) for kept in stores]
            )
            events = [event for event in claimed if event is not None]
            assert [event.id for event in events] == [event_id]  # type: ignore[attr-defined]
            stores[0].write(outbox.remove, event_id)

    def test_an_event_that_was_forgotten_already(self, kept: store.Store) -> None:
        for event_id in [*self._start(kept, 1) * 2, "unknown"]:
            kept.write(outbox.remove, event_id)
        assert kept.write(outbox.claim, NOW, 60) is None


class MigrationContract:
    """What holds of the schema; ``bare`` is a database without one."""

    def test_models_and_migrations_agree(self, database: given.Database) -> None:
        with database.engine().connect() as connection:
            context = alembic_migration.MigrationContext.configure(
                connection,
                opts={"compare_type": True, "version_table": models.SCHEMA.version_table},
            )
            assert autogenerate.compare_metadata(context, models.METADATA) == []

    def test_upgrade(self, bare: given.Database) -> None:
        """From nothing to the newest; once there, nothing is left to do."""
        engine, schema = bare.engine(), models.SCHEMA
        assert migration.get_revision(engine, schema) is None
        with pytest.raises(floor.SchemaOutdated, match="empty.*climate-manage db upgrade"):
            migration.check(engine, schema)
        for _ in range(2):
            migration.upgrade(engine, schema=schema)
            migration.check(engine, schema)
        assert bare.open().read(calendars.load, -1).version == 0
        with engine.connect() as connection:
            assert connection.execute(sa.select(models.INVENTORY)).all() == [(1, 0, 0)]
            assert connection.execute(sa.select(models.PLANNING)).all() == [(1, 0)]

    def test_upgrade_keeps_what_is_there(self, kept: store.Store, database: given.Database) -> None:
        lease = given.lease_out(kept, [1], 0, 10)
        migration.upgrade(database.engine(), schema=models.SCHEMA)
        assert kept.get(lease.id) == lease

    def test_an_interrupted_upgrade_goes_on(self, bare: given.Database) -> None:
        """MariaDB commits each table: an upgrade that was killed left some of them."""
        engine, schema = bare.engine(), models.SCHEMA
        tables = [table.name for table in models.METADATA.sorted_tables]
        for missing in tables:
            migration.upgrade(engine, schema=schema)
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DELETE FROM {schema.version_table}")
                models.METADATA.tables[missing].drop(connection)
                if missing == "events":
                    connection.execute(sa.delete(models.PLANNING))
                    next(iter(models.LEASES.indexes)).drop(connection)
        migration.upgrade(engine, schema=schema)
        self.test_models_and_migrations_agree(bare)
        assert bare.open().read(calendars.load, -1).version == 0

    def test_several_upgrade_at_once(self, bare: given.Database) -> None:
        """As when a deployment starts the same on every controller."""
        works = [
            functools.partial(migration.upgrade, bare.engine(), schema=models.SCHEMA)
            for _ in range(3)
        ]
        assert given.run_together(works) == [None] * 3
        migration.check(bare.engine(), models.SCHEMA)

    def test_kwapi_may_be_in_the_same_database(self, bare: given.Database) -> None:
        engine = bare.engine()
        for schema in (tables.SCHEMA, models.SCHEMA):
            migration.upgrade(engine, schema=schema)
        for schema in (tables.SCHEMA, models.SCHEMA):
            migration.check(engine, schema)
