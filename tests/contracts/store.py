# SPDX-License-Identifier: Apache-2.0
"""What holds of the store and its schema on every database.

Owns the tests; which database they run on is said by the ``database`` fixture
of the modules that inherit them: SQLite in the unit tests, MariaDB and
PostgreSQL in the functional ones.
"""

from __future__ import annotations

import dataclasses
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from alembic import autogenerate
from alembic import migration as alembic_migration
from hypothesis import strategies
from oslo_config import cfg

from energybase.db import migration
from energybase.db import transaction
from kwapi import exception
from kwapi import measurement
from kwapi.store import record
from kwapi.store import state as states
from kwapi.store import store
from kwapi.store import tables
from tests import depth
from tests import patience

_DEADLINE_SECONDS = patience.SECONDS
#: The wire refuses most of these; the store must keep them apart all the same.
AWKWARD = [
    "a", "A", "á", "a ", "a  ", " a", "ä", "a\u0308", "ß", "ss", "é", "E", "😀", "漢", "\u200b",
    "it's", '"', '""', "\\", "\\\\", "\\'", "\\x41", "%", "%s", "%(a)s", "{", "}", "{a,b}", "a,b",
    "NULL", "null", "", ":a", "?", "$1", "--", ";DROP TABLE records", "\n", "\t", "\x1a", "x'61'",
    "a" * 255, "😀" * 255,
]  # fmt: skip
#: What every database can hold in a text.
TEXTS = strategies.text(
    strategies.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255
)
FLOATS = strategies.floats(allow_nan=False, allow_infinity=False)
#: A test's database is made once for all examples: they live with each other's rows.
EXAMPLES = hypothesis.settings(
    max_examples=depth.examples(0.3),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)

#: Saves as fast as it can, every row and body telling the version.
WRITER = """
import sys
from tests.contracts import store as store_contract
store_contract.Database(sys.argv[1]).write_on(int(sys.argv[2]))
"""


class Database:
    """A database of a test's own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def build(self) -> transaction.TransactionContext:
        """Return new transactions on it."""
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[], default_config_dirs=[])
        transaction.register_opts(conf)
        conf.set_override("connection", self.url, "database")
        return transaction.build(conf, tables.SCHEMA.sqlite_file)

    def open(self) -> store.Store:
        """Return a new store on it."""
        return store.Store(self.build())

    def engine(self) -> sa.Engine:
        """Return a new engine on it."""
        engine: sa.Engine = self.build().writer.get_engine()
        return engine

    def write_on(self, probes: int) -> None:
        """Save for ever."""
        records = self.open()
        version = records.get_version()
        while True:
            records.save(stamp(version, probes))
            version += 1


def make(probe_id: str, kwh: float = 0.0, **values: object) -> record.Record:
    """Return a record."""
    known = record.Record(probe_id, 1_700_000_000.25, 99.5, kwh)
    for name, value in values.items():
        setattr(known, name, value)
    return known


def stamp(version: int, probes: int) -> states.Changes:
    """Return changes whose every part tells the version they lead to."""
    told = version + 1
    return states.Changes(
        version,
        [make(f"p-{i}", float(told)) for i in range(probes)],
        [states.Sender("run", "host", told, (), 0.0, 0)],
        {"received": told},
        probes_body=str(told).encode(),
        probe_ids_body=str(told).encode(),
    )


def told_by(state: states.State) -> set[float]:
    """Return the versions that the parts of a state tell; one, if they belong together."""
    rows = {known.kwh for known in state.records.values()}
    return rows | {state.version, state.tallies["received"], state.senders["run"].sequence}


class StoreContract:
    """What holds of a store."""

    def test_empty(self, database: Database) -> None:
        """A store nobody wrote to has the bodies of no probes."""
        empty = database.open()
        assert empty.get_version() == 0
        assert empty.get_probes_body() == (0, b'{"probes": {}}')
        assert empty.get_probe_ids() == (0, b'{"probe_ids": []}')
        assert empty.list_drivers() == []
        assert empty.get_tallies() == {}
        assert empty.load() == states.State(0, {}, {}, {}, set())

    def test_everything_saved_is_loaded(self, database: Database) -> None:
        full = _make_full()
        bare = record.Record("q", 1.0, 2.0)
        sender = states.Sender("run", "host", 2**40, (3, 5, 2**40 - 1), 1.25, 7)
        database.open().save(
            states.Changes(0, [full, bare], [sender], {"received": 2**40, "late": 0})
        )
        assert database.open().load() == states.State(
            1, {"v-0": full, "q": bare}, {"run": sender}, {"received": 2**40, "late": 0}, set()
        )
        assert database.open().get_record("v-0") == full
        assert database.open().get_record("q") == bare
        assert database.open().get_tallies() == {"received": 2**40, "late": 0}

    def test_a_value_without_room_is_told_from_an_outage(self, database: Database) -> None:
        """To try again would be of no use; and nothing of that save is kept."""
        written = database.open()
        too_much = states.Sender("run", "host", 1, (), 1.0, 2**70)
        with pytest.raises(exception.NotStorable):
            written.save(states.Changes(0, [make("p", 1.0)], [too_much]))
        assert written.get_version() == 0
        written.save(states.Changes(0, [make("p", 1.0)]))

    def test_similar_names_are_distinct(self, database: Database) -> None:
        """Case, accents, spaces at the end, quotes: each name is its own."""
        written = database.open()
        records = {name: make(name, float(i), wattmeter=name) for i, name in enumerate(AWKWARD)}
        statuses = [measurement.DriverStatus(name, "snmp", "running", 0.0, 1) for name in AWKWARD]
        written.save(states.Changes(0, records.values(), tallies=dict.fromkeys(AWKWARD, 1)))
        # A second time, so that every row is found again, not only inserted.
        drivers = [states.DriverRow("host", 0.0, status) for status in statuses]
        senders = [states.Sender(name, name, 1, (), 0.0, 0) for name in AWKWARD]
        written.save(
            states.Changes(1, records.values(), senders, dict.fromkeys(AWKWARD, 2), drivers)
        )
        state = written.load()
        assert state.records == records
        assert state.tallies == dict.fromkeys(AWKWARD, 2)
        assert state.senders == {sender.instance: sender for sender in senders}
        assert {row.status.wattmeter for row in written.list_drivers()} == set(AWKWARD)
        assert [written.get_record(name) for name in AWKWARD] == list(records.values())

    @EXAMPLES
    @hypothesis.given(name=TEXTS, text=TEXTS)
    def test_any_text_comes_back(self, database: Database, name: str, text: str) -> None:
        written = database.open()
        known = make(name, wattmeter=text, instance=text)
        written.save(states.Changes(written.get_version(), [known]))
        assert written.get_record(name) == known
        assert written.load().records[name] == known

    @EXAMPLES
    @hypothesis.given(numbers=strategies.lists(FLOATS, min_size=1, max_size=20))
    @hypothesis.example([1e6, 1e6 + 1e-9, 1e6 + 2e-9, 0.1, 1 / 3, 2.0**53 + 2, 5e-324, 1.7e308])
    def test_any_number_comes_back_exactly(
        self, database: Database, numbers: Sequence[float]
    ) -> None:
        """A kWh counter of a million still moves by a millionth of a watt-second."""
        written = database.open()
        records = {
            f"p-{i}": make(f"p-{i}", x, timestamp=x, meter_kwh=x) for i, x in enumerate(numbers)
        }
        written.save(states.Changes(written.get_version(), records.values()))
        found = written.load().records
        assert {probe_id: found[probe_id] for probe_id in records} == records

    def test_a_save_replaces_what_it_names_only(self, database: Database) -> None:
        written = database.open()
        written.save(
            states.Changes(0, [make("a", 1.0), make("b", 1.0)], tallies={"x": 1, "y": 1},
                          probes_body=b"one", probe_ids_body=b"ids")
        )  # fmt: skip
        written.save(states.Changes(1, [make("b", 2.0)], tallies={"y": 2}, probes_body=b"two"))
        state = written.load()
        assert {known.probe_id: known.kwh for known in state.records.values()} == {"a": 1, "b": 2}
        assert state.tallies == {"x": 1, "y": 2}
        assert written.get_probes_body() == (2, b"two")
        assert written.get_probe_ids() == (2, b"ids")

    def test_of_two_records_of_a_probe_the_last_counts(self, database: Database) -> None:
        written = database.open()
        written.save(states.Changes(0, [make("a", 1.0), make("b"), make("a", 2.0)]))
        assert written.get_record("a").kwh == 2.0

    def test_bodies_are_bytes(self, database: Database) -> None:
        """Any bytes, a megabyte too."""
        written, body = database.open(), bytes(range(256)) * 8192
        written.save(states.Changes(0, probes_body=body, probe_ids_body=b""))
        assert written.get_probes_body() == (1, body)
        assert written.get_probe_ids() == (1, b"")

    def test_many_records(self, database: Database) -> None:
        """More than fit into one statement."""
        written = database.open()
        for version in (0, 1):
            written.save(stamp(version, 6000))
            state = written.load()
            assert len(state.records) == 6000
            assert told_by(state) == {version + 1}

    @pytest.mark.parametrize("count", [1, 49, 50, 51, 101])
    def test_any_number_of_records(self, database: Database, count: int) -> None:
        """Statements of many rows and of what is left over write the same."""
        records = [make(f"p{number}", float(number)) for number in range(count)]
        written = database.open()
        for version in (0, 1):
            written.save(states.Changes(version, records))
            assert written.load().records == {known.probe_id: known for known in records}

    def test_a_probe_off_the_list_keeps_its_record(self, database: Database) -> None:
        written = database.open()
        written.save(states.Changes(0, [make("a", 5.0), make("b")]))
        written.save(states.Changes(1, unlisted=["a", "never seen"]))
        with pytest.raises(exception.ProbeNotFound):
            written.get_record("a")
        state = written.load()
        assert state.unlisted == {"a"}
        assert state.records["a"].kwh == 5.0
        written.save(states.Changes(2, [make("a", 6.0)]))
        assert written.load().unlisted == set()
        assert written.get_record("a").kwh == 6.0

    def test_a_probe_can_change_and_leave_in_one_save(self, database: Database) -> None:
        written = database.open()
        written.save(states.Changes(0, [make("a", 5.0)], unlisted=["a"]))
        assert written.load().unlisted == {"a"}
        assert written.load().records["a"].kwh == 5.0

    @pytest.mark.parametrize("probe_id", ["b", "A", "a ", "", "a\0", "\ud83d", "a" * 5000, "%"])
    def test_unknown_probe(self, database: Database, probe_id: str) -> None:
        database.open().save(states.Changes(0, [make("a")]))
        with pytest.raises(exception.ProbeNotFound):
            database.open().get_record(probe_id)

    def test_old_senders_are_forgotten(self, database: Database) -> None:
        written = database.open()
        senders = [states.Sender(f"run-{i}", "host", 1, (), float(i), 0) for i in range(4)]
        written.save(states.Changes(0, senders=senders))
        written.save(states.Changes(1, forget_senders_before=2.0))
        assert set(written.load().senders) == {"run-2", "run-3"}

    def test_drivers(self, database: Database) -> None:
        """One row for each wattmeter and sender, with the last report."""
        written = database.open()
        failing = measurement.DriverStatus(
            "rack", "snmp", "failing", 1.5, 3, ("b", "c"), 1.25, "no\0 answer \ud83d 😀", 4
        )
        running = measurement.DriverStatus("rack", "snmp", "running", 2.5, 3)
        first = [states.DriverRow("one", 1.5, failing), states.DriverRow("two", 1.5, failing)]
        written.save(states.Changes(0, drivers=first))
        assert written.list_drivers() == first
        written.save(states.Changes(1, drivers=[states.DriverRow("two", 2.5, running)]))
        assert written.list_drivers() == [first[0], states.DriverRow("two", 2.5, running)]
        written.save(states.Changes(2, forget_drivers=[("rack", "one"), ("rack", "three")]))
        assert written.list_drivers() == [states.DriverRow("two", 2.5, running)]

    def test_a_save_from_another_version_is_refused_and_changes_nothing(
        self, database: Database
    ) -> None:
        written = database.open()
        written.save(stamp(0, 3))
        for version in (0, 2):
            with pytest.raises(exception.ConcurrentUpdate):
                written.save(stamp(version, 3)._replace(unlisted=["p-1"]))
        assert told_by(written.load()) == {1}
        assert written.load().unlisted == set()

    def test_the_same_save_again_does_no_harm(self, database: Database) -> None:
        """As after a commit whose answer was lost: it says so, and the state tells the rest."""
        written, changes = database.open(), stamp(0, 3)
        written.save(changes)
        with pytest.raises(exception.ConcurrentUpdate):
            written.save(changes)
        assert told_by(written.load()) == {1}

    def test_a_failed_save_leaves_nothing(self, database: Database) -> None:
        written = database.open()
        written.save(stamp(0, 3))
        changes = stamp(1, 3)
        broken = make("broken", kwh=None)  # type: ignore[arg-type]
        with pytest.raises(exception.StoreUnavailable) as caught:
            written.save(changes._replace(records=[*changes.records, broken]))
        assert "null" in caught.value.details["reason"].lower()
        assert told_by(written.load()) == {1}
        assert written.get_probes_body() == (1, b"1")

    def test_of_two_that_race_one_wins(self, database: Database) -> None:
        """Whatever the timing: never both, never neither."""
        racers = [database.open(), database.open()]
        for version in range(15):
            assert sorted(_race(racers, version)) == ["lost", "won"]
            assert told_by(racers[0].load()) == {version + 1}

    def test_a_load_is_of_one_save(self, database: Database) -> None:
        """Nobody sees half a save, however often they look."""
        written, read = database.open(), database.open()
        written.save(stamp(0, 50))
        looked = threading.Event()

        def write() -> None:
            version = 1
            while not looked.is_set():
                written.save(stamp(version, 50))
                version += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(20):
                try:
                    assert len(told_by(read.load())) == 1
                except exception.StoreUnavailable:
                    continue  # it may always find another save between; it says so
                version, body = read.get_probes_body()
                assert body == str(version).encode()
        finally:
            looked.set()
            writer.join()

    @pytest.mark.usefixtures("trial")
    def test_a_killed_writer_leaves_whole_saves(self, database: Database) -> None:
        """kill -9 in the midst of saving: rows, bodies and version belong together."""
        read = database.open()
        _kill_in_the_midst(read, [sys.executable, "-c", WRITER, database.url, "500"])
        state = read.load()
        assert told_by(state) == {state.version}
        assert read.get_probes_body() == (state.version, str(state.version).encode())
        # And whoever comes next can go on.
        read.save(stamp(state.version, 500))


class MigrationContract:
    """What holds of the schema; ``bare`` is a database without one."""

    def test_models_and_migrations_agree(self, database: Database) -> None:
        with database.engine().connect() as connection:
            context = alembic_migration.MigrationContext.configure(
                connection, opts={"compare_type": True}
            )
            assert autogenerate.compare_metadata(context, tables.METADATA) == []

    def test_upgrade(self, bare: Database) -> None:
        """From nothing to the newest; once there, nothing is left to do."""
        engine = bare.engine()
        assert migration.get_revision(engine, tables.SCHEMA) is None
        with pytest.raises(exception.SchemaOutdated, match="empty.*kwapi-manage db upgrade"):
            migration.check(engine, tables.SCHEMA)
        for _ in range(2):
            migration.upgrade(engine, tables.SCHEMA)
            migration.check(engine, tables.SCHEMA)
        assert migration.get_revision(engine, tables.SCHEMA) == migration.get_newest_revision(
            tables.SCHEMA
        )
        assert bare.open().get_version() == 0

    def test_upgrade_keeps_what_is_there(self, database: Database) -> None:
        written = database.open()
        written.save(stamp(0, 3))
        migration.upgrade(database.engine(), tables.SCHEMA)
        assert told_by(written.load()) == {1}

    def test_an_interrupted_upgrade_goes_on(self, bare: Database) -> None:
        """MariaDB commits each table: an upgrade that was killed left some of them."""
        engine = bare.engine()
        migration.upgrade(engine, tables.SCHEMA)
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM alembic_version")
            tables.DRIVERS.drop(connection)
            connection.execute(sa.delete(tables.SNAPSHOT))
        migration.upgrade(engine, tables.SCHEMA)
        migration.check(engine, tables.SCHEMA)
        assert bare.open().load().version == 0

    def test_several_upgrade_at_once(self, bare: Database, tmp_path: Path) -> None:
        """As when a deployment starts the same on every controller."""
        configuration = tmp_path / "kwapi.conf"
        configuration.write_text(f"[database]\nconnection = {bare.url.replace('$', '$$')}\n")
        command = [sys.executable, "-m", "kwapi.cmd.manage", "--config-file", str(configuration)]
        upgrades = [
            subprocess.Popen(
                [*command, "db", "upgrade"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(3)
        ]
        outputs = [upgrade.communicate(timeout=_DEADLINE_SECONDS) for upgrade in upgrades]
        assert [upgrade.returncode for upgrade in upgrades] == [0, 0, 0], outputs
        migration.check(bare.engine(), tables.SCHEMA)

    def test_no_such_revision(self, bare: Database) -> None:
        with pytest.raises(exception.ConfigurationInvalid, match="revision 9999"):
            migration.upgrade(bare.engine(), tables.SCHEMA, "9999")

    def test_a_schema_of_a_later_release_is_refused(self, database: Database) -> None:
        engine = database.engine()
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(exception.SchemaOutdated, match="9999"):
            migration.check(engine, tables.SCHEMA)
        with pytest.raises(exception.ConfigurationInvalid):
            migration.upgrade(engine, tables.SCHEMA)


def _make_full() -> record.Record:
    """Return a record with another value in every field, those to come included."""
    fields = enumerate(dataclasses.fields(record.Record))
    values: list[Any] = [
        {"str": f"v-{i}", "int": i}.get(str(field.type), i + 0.5) for i, field in fields
    ]
    return record.Record(*values)


def _race(racers: Sequence[store.Store], version: int) -> list[str]:
    barrier = threading.Barrier(len(racers))
    results: list[str] = []

    def run(racer: store.Store) -> None:
        barrier.wait()
        try:
            racer.save(stamp(version, 20))
            results.append("won")
        except exception.ConcurrentUpdate:
            results.append("lost")

    threads = [threading.Thread(target=run, args=(racer,)) for racer in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _kill_in_the_midst(read: store.Store, command: Sequence[str]) -> None:
    enough = read.get_version() + 3
    give_up = time.monotonic() + _DEADLINE_SECONDS
    writer = subprocess.Popen(command)
    try:
        while read.get_version() < enough:
            assert writer.poll() is None, "the writer ended by itself"
            assert time.monotonic() < give_up, "the writer does not get on"
            time.sleep(random.uniform(0.0, 0.02))
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
