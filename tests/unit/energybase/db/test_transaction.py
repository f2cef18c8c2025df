# SPDX-License-Identifier: Apache-2.0
"""How the database is reached."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from oslo_config import cfg

from energybase import exception
from energybase.db import migration
from energybase.db import transaction
from kwapi.store import state
from kwapi.store import store
from kwapi.store import tables
from tests.contracts import store as store_contract


def test_without_a_connection_it_is_a_file_in_state_path(
    conf: cfg.ConfigOpts, tmp_path: Path
) -> None:
    migration.upgrade(
        transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine(), tables.SCHEMA
    )
    assert (tmp_path / "kwapi.sqlite").exists()


def test_a_service_may_have_a_database_of_its_own(conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    """Neither that of [database], nor a copy of that, is taken for it."""
    transaction.register_opts(conf)
    for option in ("connection", "slave_connection"):
        conf.set_override(option, f"sqlite:///{tmp_path}/other.sqlite", "database")
    context = transaction.build(conf, "own.sqlite", "ceilometer")
    migration.upgrade(context.writer.get_engine(), tables.SCHEMA)
    assert store.Store(context).get_version() == 0
    assert (tmp_path / "own.sqlite").exists()
    assert not (tmp_path / "other.sqlite").exists()
    conf.set_override("connection", "nonsense with s3cret", "ceilometer")
    with pytest.raises(exception.ConfigurationInvalid, match=r"^\[ceilometer\] connection: is no"):
        transaction.build(conf, "own.sqlite", "ceilometer")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense with s3cret", "is no database URL"),
        ("mysql+pymysql://kwapi:s3cret@host:port/kwapi", "is no database URL"),
        ("oracel://kwapi:s3cret@host/kwapi", "is no database URL"),
        ("mysql+mysqlconnector://kwapi:s3cret@host/kwapi", "mysql+mysqlconnector cannot be loaded"),
    ],
)
def test_a_wrong_url_is_told_in_a_sentence_without_the_password(
    conf: cfg.ConfigOpts, url: str, told: str
) -> None:
    transaction.register_opts(conf)
    conf.set_override("connection", url, "database")
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        transaction.build(conf, tables.SCHEMA.sqlite_file)
    assert str(caught.value).startswith("[database] connection: ")
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://kwapi:s3cret@127.0.0.1:1/kwapi",
        "postgresql+psycopg2://kwapi:s3cret@127.0.0.1:1/kwapi",
    ],
)
def test_a_server_that_is_away_is_told_at_once_without_the_password(
    caplog: pytest.LogCaptureFixture, url: str
) -> None:
    """The reason is for the log; the message, which clients see, has nothing of it."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(exception.StoreUnavailable) as caught:
        store_contract.Database(url).open().get_version()
    assert "refused" in caught.value.details["reason"]
    assert "127.0.0.1" not in str(caught.value)
    assert "s3cret" not in caplog.text + repr(caught.value.details)


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("mysql+pymysql://host/kwapi", "charset", "utf8mb4"),
        ("mysql+pymysql://host/kwapi?read_timeout=5", "read_timeout", "5"),
        ("postgresql+psycopg2://host/kwapi", "connect_timeout", "10"),
        ("postgresql+psycopg2://host/kwapi?keepalives_idle=5", "keepalives_idle", "5"),
    ],
)
def test_a_url_is_completed_where_it_says_nothing(url: str, name: str, value: str) -> None:
    assert store_contract.Database(url).engine().url.query[name] == value


def test_a_file_is_set_up_to_lose_nothing(tmp_path: Path) -> None:
    with store_contract.Database(f"sqlite:///{tmp_path}/a").engine().connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 20_000


def test_an_operator_may_switch_synchronous_off(conf: cfg.ConfigOpts) -> None:
    transaction.register_opts(conf)
    conf.set_override("sqlite_synchronous", False, "database")
    with (
        transaction.build(conf, tables.SCHEMA.sqlite_file)
        .writer.get_engine()
        .connect() as connection
    ):
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 0


def test_a_file_serves_many_threads(tmp_path: Path) -> None:
    """One store, readers and a writer, none of them turned away."""
    database = store_contract.Database(f"sqlite:///{tmp_path}/a")
    migration.upgrade(database.engine(), tables.SCHEMA)
    shared, failures = database.open(), []

    def read() -> None:
        try:
            for _ in range(50):
                version, body = shared.get_probes_body()
                assert version == 0 or body == str(version).encode()
        except BaseException as exc:
            failures.append(exc)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for version in range(20):
        shared.save(store_contract.stamp(version, 20))
    for reader in readers:
        reader.join()
    assert failures == []


def test_a_failure_shows_no_values(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Neither in the reason nor in what libraries log."""
    caplog.set_level(logging.DEBUG)
    database = store_contract.Database(f"sqlite:///{tmp_path}/a")
    migration.upgrade(database.engine(), tables.SCHEMA)
    known = store_contract.make("private", kwh=None)  # type: ignore[arg-type]
    with pytest.raises(exception.StoreUnavailable) as caught:
        database.open().save(state.Changes(0, [known]))
    assert "private" not in caplog.text + str(caught.value.__cause__)


def test_the_configuration_of_another_part_is_left_alone(tmp_path: Path) -> None:
    """Two databases in one process, neither of them oslo.config's global one."""
    engines = [store_contract.Database(f"sqlite:///{tmp_path}/{name}").engine() for name in "ab"]
    for engine in engines:
        assert isinstance(engine, sa.Engine)
    assert [engine.url.database for engine in engines] == [f"{tmp_path}/a", f"{tmp_path}/b"]


def test_many_may_be_the_first_to_open_a_file(tmp_path: Path) -> None:
    """SQLite refuses all but one of them, without waiting; nobody is to notice."""
    modes = []

    def connect(path: Path, barrier: threading.Barrier) -> None:
        engine = store_contract.Database(f"sqlite:///{path}").engine()
        barrier.wait()
        with engine.connect() as connection:
            modes.append(connection.exec_driver_sql("PRAGMA journal_mode").scalar())

    for i in range(10):
        barrier = threading.Barrier(6)
        threads = [
            threading.Thread(target=connect, args=(tmp_path / str(i), barrier)) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert modes == ["wal"] * 60
