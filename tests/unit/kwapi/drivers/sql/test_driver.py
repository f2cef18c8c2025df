# SPDX-License-Identifier: Apache-2.0
"""Rows become probes, their own time their age; the peer is SQLite."""

from __future__ import annotations

import datetime
import decimal
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.sql import driver as sql
from tests import conftest
from tests.contracts import driver as driver_contract
from tests.unit.kwapi.drivers.sql import peer

NOW = 1_700_000_000.0


class SqliteGateway(peer.Gateway):
    """The gateway's rows in a file; locked is as good as gone."""

    def __init__(self, path: Path) -> None:
        self._lock: sa.Connection | None = None
        super().__init__(f"sqlite:///{path}", "unit || '.' || outlet")
        self.parameters = {**self.parameters, "url": f"sqlite:///{path}"}

    def vanish(self) -> None:
        self._lock = self.admin.connect()
        self._lock.exec_driver_sql("BEGIN EXCLUSIVE")

    def come_back(self) -> None:
        if self._lock is not None:
            self._lock.exec_driver_sql("ROLLBACK")
            self._lock.close()
            self._lock = None
        super().come_back()


class TestSqlite(driver_contract.DriverContract):
    """The contract, on a file."""

    driver_name = "sql"

    @pytest.fixture
    def device(self, tmp_path: Path) -> Iterator[SqliteGateway]:
        found = SqliteGateway(tmp_path / "meters.db")
        yield found
        if found._lock is not None:
            found._lock.close()


def make(tmp_path: Path, query: str, **parameters: Any) -> sql.Sql:
    """Return a driver that was opened, on an empty file."""
    url = f"sqlite:///{tmp_path}/empty.db"
    driver = sql.Sql("m", ("a",), lambda _: None, **{"query": query, "url": url, **parameters})
    driver.open()
    return driver


def test_times_of_a_log_are_the_measurements(
    tmp_path: Path, fake_clock: conftest.FakeClock
) -> None:
    """The newest of several rows; columns in any order and case; % needs no doubling."""
    fake_clock.set_wall(NOW)
    query = (
        "SELECT '2023-11-14 22:13:15' AS Time, 10.5 AS WATTS, 'a' AS probe, NULL AS kwh "
        "UNION SELECT '2023-11-14 22:13:19', 20.5, 'a', 7 "
        "UNION SELECT '2023-11-14 22:13:17', 7 % 4, 'a%', 8"
    )
    driver = make(tmp_path, query, time_zone="UTC", clock=fake_clock)
    assert driver.read() == {"a": measurement.Measurement(20.5, 7.0, NOW - 1)}
    driver.close()


def test_rows_that_are_all_old_are_told(tmp_path: Path, fake_clock: conftest.FakeClock) -> None:
    """The writer stopped, or the zone is wrong: an operator should hear that."""
    fake_clock.set_wall(NOW)
    for seconds in (NOW - 3600, NOW + 3600):
        query = f"SELECT 'a' AS probe, 1 AS watts, {seconds} AS time"
        driver = make(tmp_path, query, clock=fake_clock)
        with pytest.raises(exception.WattmeterUnreachable, match="3600 s old.*time_zone"):
            driver.read()
        driver.close()


def test_a_time_without_a_zone_asks_for_one(tmp_path: Path) -> None:
    driver = make(tmp_path, "SELECT 'a' AS probe, 1 AS watts, '2023-11-14 22:13:15' AS time")
    with pytest.raises(exception.MalformedAnswer, match="time_zone"):
        driver.read()
    driver.close()


@pytest.mark.parametrize(
    ("query", "complaint"),
    (
        ("SELECT 'a' AS probe, 1 AS watts", "no column 'time', but probe, watts"),
        ("SELECT 'a' AS probe, 'x' AS watts, 1 AS time", "watts of 'a' is 'x'"),
        ("SELECT 'a' AS probe, 1 AS watts, 'noon' AS time", "noon"),
        ("SELECT * FROM nowhere", "no such table"),
        ("SELEKT 1", "syntax error"),
        ("CREATE TABLE mine (id INTEGER)", "readonly|read-only"),
        ("SELECT 1; SELECT 2", "one statement"),
    ),
)
def test_a_wrong_query_is_told(tmp_path: Path, query: str, complaint: str) -> None:
    """None writes."""
    driver = make(tmp_path, query)
    with pytest.raises(exception.MalformedAnswer, match=complaint):
        driver.read()
    driver.close()


def test_a_preset_says_that_its_tables_are_not_public(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once."""
    driver = make(tmp_path, "SELECT 1", preset="schleifenbauer-gateway")
    driver.close()
    driver.open()
    driver.close()
    assert caplog.text.count("are not public") == 1


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    (
        ({"query": ""}, "query must be a text"),
        ({"url": None}, "url or host must say where the database is; give one of them"),
        ({"host": "also"}, "url or host must say where the database is; give one of them"),
        (
            {"url": "nonsense secret"},
            "url must be one of SQLAlchemy's, such as 'mysql+pymysql://192.0.2.1/meters'",
        ),
        (
            {"url": "nosuch://host/secret"},
            "url must be one of SQLAlchemy's, such as 'mysql+pymysql://192.0.2.1/meters'",
        ),
        ({"url": "mysql+pymysql://me:secret@host/db"}, "url holds a password"),
        ({"database": "meters"}, "port and database go with host"),
        ({"url": None, "host": "h"}, "database must be a text"),
        (
            {"url": None, "host": "h", "database": "d", "port": 0},
            "port must be a whole number from 1 to 65535, not 0",
        ),
        ({"user": 7}, "user must be a text"),
        ({"password": ["secret"]}, "password must be a text"),
        ({"preset": "nobody"}, "preset must be one of schleifenbauer-gateway, not 'nobody'"),
        (
            {"time_zone": "Mars/Olympus"},
            "time_zone must be one that this machine knows, not 'Mars/Olympus'",
        ),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"max_age_seconds": 0}, "max_age_seconds must be a number above 0, not 0"),
        ({"timeout_seconds": "1"}, "timeout_seconds must be a number above 0, not '1'"),
        ({"keys": ["a"]}, "keys must be a mapping"),
        ({"keys": {"a": None}}, "keys of 'a'"),
        ({"keys": {"a": "b"}}, "b is named 2 times"),
    ),
)
def test_wrong_parameters_are_told(parameters: dict[str, Any], complaint: str) -> None:
    """Each complaint names the parameter; none repeats a secret."""
    right = {"query": "SELECT 1", "url": "sqlite://"}
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        sql.Sql("m", ("a", "b"), lambda _: None, **{**right, **parameters})
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)


ZONES = ("UTC", "Europe/Paris", "America/St_Johns", "Asia/Kathmandu")


@given(
    moment=st.datetimes(datetime.datetime(2001, 1, 1), datetime.datetime(2099, 1, 1)),
    zone=st.sampled_from(ZONES),
)
def test_every_way_to_write_a_time(moment: datetime.datetime, zone: str) -> None:
    """Number, date with a zone, date in the stated zone; as text or not."""
    here = zoneinfo.ZoneInfo(zone)
    aware = moment.replace(tzinfo=datetime.UTC)
    expected = aware.timestamp()
    assert sql.epoch(expected, None) == expected
    assert sql.epoch(decimal.Decimal(expected), here) == expected
    assert sql.epoch(aware, None) == expected
    assert sql.epoch(aware.isoformat(), here) == pytest.approx(expected)
    local = aware.astimezone(here)
    # In the hour that comes twice a time without a zone can mean either.
    naive = local.replace(tzinfo=None)
    assert sql.epoch(naive, here) in (expected, expected - 3600) or local.fold
    assert sql.epoch(str(naive), here) == sql.epoch(naive, here)


@pytest.mark.parametrize("value", (True, b"1", datetime.date(2023, 1, 1), "", [1]))
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(ValueError, match="."):
        sql.epoch(value, datetime.UTC)


cells = st.one_of(st.none(), st.integers(0, 1000), st.decimals(0, 1000, places=2))


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"probe": st.sampled_from(["a", "b", 1]), "watts": cells, "kwh": cells,
             "time": st.integers(0, 5)}
        )
    )
)  # fmt: skip
def test_the_newest_row_with_watts_counts(rows: list[dict[str, Any]]) -> None:
    """Whatever the order; one without watts hides none."""
    found = sql.read_rows(rows, None)
    for key in ("a", "b", "1"):
        own = [r for r in rows if str(r["probe"]) == key and r["watts"] is not None]
        if not own:
            assert key not in found
            continue
        newest = max(r["time"] for r in own)
        assert found[key].timestamp == newest
        assert found[key].watts in {float(r["watts"]) for r in own if r["time"] == newest}
