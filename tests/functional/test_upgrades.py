# SPDX-License-Identifier: Apache-2.0
"""Upgrades databases of the first release, full of data, to this release.

The rows are written out, as the first release would have stored them: what
today's code writes may differ.  Whether the models and the newest schema agree
is :mod:`tests.contracts.store`'s and :mod:`tests.contracts.calendar`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alembic.script
import pytest
import sqlalchemy as sa

from climate import lease as leases
from climate.cmd import manage as climate_manage
from climate.db import models as climate_models
from climate.inventory import store as inventory_store
from climate.planning import changes
from climate.planning import outbox
from climate.ranking import store as ranking_store
from energybase.db import migration
from kwapi.cmd import manage
from kwapi.store import record
from kwapi.store import state as states
from kwapi.store import tables
from tests.contracts import climate_database
from tests.contracts import store as store_contract
from tests.servers import databases

NOW, FOREVER, HOUR = climate_database.NOW, climate_database.FOREVER, climate_database.HOUR
_Rows = dict[str, list[dict[str, Any]]]

_RECORD = {
    "probe_id": "lyon.node-1",
    "timestamp": 1357730232.688,
    "watts": 132.25,
    "kwh": 12345.678901234567,
    "wattmeter": "pdu-1",
    "instance": "0f" * 16,
    "period_seconds": 1.0,
    "resolution_watts": 0.1,
    "meter_kwh": 99.125,
    "meter_timestamp": 1357730232.5,
    "meter_offset_kwh": 12246.5,
    "gaps": 3,
    "gap_seconds": 412.75,
    "resets": 1,
    "clock_steps": 2,
    "late": 4,
    "refused": 2**40,
    "listed": True,
}
_UNKNOWN = {"period_seconds": None, "resolution_watts": None, "meter_kwh": None}
_STATUS = {
    "wattmeter": "pdu-1",
    "driver": "snmp",
    "state": "failing",
    "since": 1357730000.5,
    "probes": 8,
    "missing": ["lyon.node-9"],
    "last_error": "no answer\u0000 from 192.0.2.1",
    "last_reading": 1357729999.0,
    "restarts": 2,
}
_PROBES_BODY = (
    b'{"probes": {"lyon.node-1": {"timestamp": 1357730232.688, "kwh": 12.5, "w": 132.25}}}'
)

KWAPI_ROWS: _Rows = {
    "records": [
        _RECORD,
        # Names that a careless comparison takes for one.
        _RECORD | _UNKNOWN | {"probe_id": "LYON.node-1", "kwh": 0.1},
        _RECORD | {"probe_id": "lyon.n\u00f6de-1", "wattmeter": "\U0001f600", "listed": False},
        _RECORD | {"probe_id": "n" * 255, "kwh": 1e-300, "watts": 0.0},
    ],
    "senders": [
        {
            "instance": "0f" * 16,
            "sender": "controller-1",
            "sequence": 2**53,
            "missing": json.dumps([3, 5, 2**53 - 1]),
            "timestamp": 1357730232.75,
            "dropped": 7,
        }
    ],
    "tallies": [{"name": "received", "value": 2**62}, {"name": "lost", "value": 0}],
    "drivers": [
        {
            "wattmeter": "pdu-1",
            "sender": "controller-1",
            "reported_at": 1357730231.0,
            "status": json.dumps(_STATUS),
        }
    ],
    "snapshot": [
        {
            "id": 1,
            "version": 4711,
            "written_at": 1357730233.0,
            "probes_body": _PROBES_BODY,
            "probe_ids_body": b'{"probe_ids": ["lyon.node-1"]}',
        }
    ],
}


def _lease(number: int, status: str, starts_at: int, ends_at: int, **values: Any) -> dict[str, Any]:
    return {
        "number": number,
        "id": f"00000000-0000-4000-8000-{number:012}",
        "name": f"l\u00e9ase {number}",
        "project_id": "p" * 32,
        "user_id": "u" * 32,
        "status": status,
        "start_time": starts_at,
        "end_time": ends_at,
        "window_start": starts_at,
        "window_end": ends_at + HOUR,
        "duration": ends_at - starts_at,
        "quantity": 1,
        "hosts_max": 2,
        "host_properties": '["and", [">=", "$vcpus", 8], ["=", "$cpu_info.vendor", "Intel"]]',
        "objective": "earliest",
        "created_at": NOW - HOUR,
        "updated_at": NOW,
        "expires_at": None,
        **values,
    }


def _hold(host_id: int, lease: dict[str, Any]) -> dict[str, Any]:
    return {
        "host_id": host_id,
        "starts_at": lease["start_time"],
        "ends_at": lease["end_time"],
        "lease_id": lease["id"],
    }


def _free(host_id: int, starts_at: int, ends_at: int) -> dict[str, Any]:
    return {"host_id": host_id, "starts_at": starts_at, "ends_at": ends_at}


_ACTIVE = _lease(1, "active", NOW - HOUR, NOW + HOUR)
_CONFIRMED = _lease(2, "confirmed", NOW + 2 * HOUR, NOW + 4 * HOUR, quantity=2, name=None)
_PROPOSED = _lease(5, "proposed", NOW + 4 * HOUR, NOW + 5 * HOUR, expires_at=NOW + 300)
_CANCELLED = _lease(7, "cancelled", NOW + 9 * HOUR, NOW + 10 * HOUR)

CLIMATE_ROWS: _Rows = {
    "hosts": [
        {
            "id": number,
            "name": f"host-{number}.example.org",
            "status": status,
            "properties": json.dumps({"vcpus": 8 * number, "cpu_info": {"vendor": "Intel\u00ae"}}),
            "seen_at": NOW - number,
        }
        for number, status in ((1, "up"), (2, "down"), (40, "missing"))
    ],
    "inventory": [{"id": 1, "version": 12, "refreshed_at": NOW - 5}],
    "planning": [{"id": 1, "version": 9}],
    "calendars": [
        {"host_id": 1, "host_name": "host-1.example.org", "version": 9},
        {"host_id": 2, "host_name": "host-2.example.org", "version": 8},
    ],
    "free_periods": [
        _free(1, 0, NOW - HOUR),
        _free(1, NOW + HOUR, NOW + 2 * HOUR),
        _free(1, NOW + 5 * HOUR, FOREVER),
        _free(2, 0, NOW + 2 * HOUR),
        _free(2, NOW + 4 * HOUR, FOREVER),
    ],
    "reservations": [
        _hold(1, _ACTIVE),
        _hold(1, _CONFIRMED),
        _hold(2, _CONFIRMED),
        _hold(1, _PROPOSED),
    ],
    "leases": [_ACTIVE, _CONFIRMED, _PROPOSED, _CANCELLED],
    "events": [
        {
            "number": 3,
            "id": "00000000-0000-4000-9000-000000000003",
            "event_type": "climate.lease.start",
            "payload": json.dumps({"id": _ACTIVE["id"], "name": _ACTIVE["name"]}),
            "created_at": NOW - HOUR,
            "claimed_until": 0,
        }
    ],
}


@pytest.fixture(scope="module", params=["sqlite", *sorted(databases.SERVERS)])
def server(request: pytest.FixtureRequest) -> Iterator[databases.Server | None]:
    """A running server; None for SQLite, which needs none."""
    if request.param == "sqlite":
        yield None
        return
    with databases.running(request.param) as started:
        yield started


@pytest.fixture
def url(server: databases.Server | None, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if server is None:
        yield f"sqlite:///{tmp_path}/old.sqlite"
        return
    with server.database() as made:
        yield made


@pytest.fixture
def conf(url: str, tmp_path: Path) -> str:
    """The path of a configuration file that names it."""
    path = tmp_path / "upgrade.conf"
    path.write_text(f"[database]\nconnection = {url.replace('$', '$$')}\n")
    return str(path)


def fill(engine: sa.Engine, schema: migration.Schema, rows: _Rows) -> dict[str, list[Any]]:
    """Make the first schema, put rows into it, and return them as they were stored."""
    migration.upgrade(engine, schema, "0001")
    tables = reflect(engine)
    assert rows.keys() == tables.keys(), "every table of the first schema has rows here"
    with engine.begin() as connection:
        for name, listed in rows.items():
            # A migration makes the only row of some tables itself.
            connection.execute(sa.delete(tables[name]))
            connection.execute(sa.insert(tables[name]), listed)
            if connection.dialect.name == "postgresql":
                _count_on(connection, tables[name])
    stored = dump(engine, rows)
    assert {name: len(found) for name, found in stored.items()} == {
        name: len(listed) for name, listed in rows.items()
    }
    return stored


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """Have PostgreSQL number on after rows that brought their numbers with them."""
    key = next(iter(table.primary_key.columns))
    sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, key.name)))
    if sequence:
        connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(key))))


def reflect(engine: sa.Engine) -> dict[str, sa.Table]:
    """Return the tables that are there, but for alembic's."""
    metadata = sa.MetaData()
    metadata.reflect(engine)
    return {name: table for name, table in metadata.tables.items() if "alembic" not in name}


def dump(engine: sa.Engine, rows: _Rows) -> dict[str, list[Any]]:
    """Return what stands now in the columns that these rows have."""
    tables = reflect(engine)
    with engine.connect() as connection:
        return {
            name: sorted(
                map(tuple, connection.execute(sa.select(*(tables[name].c[key] for key in keys)))),
                key=repr,
            )
            for name, keys in ((name, listed[0]) for name, listed in rows.items())
        }


def test_kwapi(url: str, conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every value is what it was, and counting goes on from it."""
    database = store_contract.Database(url)
    before = fill(database.engine(), tables.SCHEMA, KWAPI_ROWS)
    assert manage.main(["--config-file", conf, "db", "upgrade"]) == 0
    assert capsys.readouterr().out.strip() == migration.get_newest_revision(tables.SCHEMA)
    assert dump(database.engine(), KWAPI_ROWS) == before

    kept = database.open()
    state = kept.load()
    assert state.version == 4711
    assert state.records == {
        row["probe_id"]: record.Record(**{k: v for k, v in row.items() if k != "listed"})
        for row in KWAPI_ROWS["records"]
    }
    assert state.unlisted == {"lyon.n\u00f6de-1"}
    [sender] = state.senders.values()
    assert (sender.sequence, sender.missing) == (2**53, (3, 5, 2**53 - 1))
    assert state.tallies == {"received": 2**62, "lost": 0}
    assert kept.get_probes_body() == (4711, _PROBES_BODY)
    [driver] = kept.list_drivers()
    assert driver.status.last_error == _STATUS["last_error"]

    known = state.records["lyon.node-1"]
    known.kwh += 1.0
    kept.save(states.Changes(4711, [known]))
    assert kept.get_record("lyon.node-1").kwh == _RECORD["kwh"] + 1.0
    assert kept.get_record("LYON.node-1").kwh == 0.1


def test_climate(url: str, conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Leases hold what they held, and the next one is booked beside them."""
    database, schema = climate_database.Database(url), climate_models.SCHEMA
    try:
        before = fill(database.engine(), schema, CLIMATE_ROWS)
        assert climate_manage.main(["--config-file", conf, "db", "upgrade"]) == 0
        assert capsys.readouterr().out.strip() == migration.get_newest_revision(schema)
        assert dump(database.engine(), CLIMATE_ROWS) == before
        assert database.audit() == []
        _look_after_leases(database)
        _look_at_hosts(database)
    finally:
        database.close()


def _look_after_leases(database: climate_database.Database) -> None:
    kept = database.open()
    for row in (_ACTIVE, _CONFIRMED, _PROPOSED):
        held = [hold["host_id"] for hold in CLIMATE_ROWS["reservations"]
                if hold["lease_id"] == row["id"]]  # fmt: skip
        hosts = tuple(leases.LeasedHost(number, f"host-{number}.example.org") for number in held)
        fields = {key: value for key, value in row.items() if key != "number"}
        assert kept.get(row["id"]) == leases.Lease(**fields, hosts=hosts)
    event = kept.write(outbox.claim, NOW, 60)
    assert event is not None
    assert event.id == CLIMATE_ROWS["events"][0]["id"]

    assert kept.change(changes.confirm, _PROPOSED["id"], NOW).status == "confirmed"
    booked = climate_database.lease_out(kept, [1], HOUR, 2 * HOUR)
    assert kept.get(booked.id).hosts == (leases.LeasedHost(1, "host-1.example.org"),)
    with pytest.raises(KeyError):
        climate_database.book(kept, [1], 2 * HOUR, 3 * HOUR)
    assert database.audit() == []


def _look_at_hosts(database: climate_database.Database) -> None:
    known = inventory_store.Store(database.build()).load()
    assert known.version == 12
    assert known.rows is not None
    assert [(row.id, row.status) for row in sorted(known.rows, key=lambda row: row.id)] == [
        (1, "up"),
        (2, "down"),
        (40, "missing"),
    ]
    ranked = ranking_store.Store(database.build())
    ranked.set_performance("host-1.example.org", 1e12, "measured", NOW)
    assert ranked.load_performances().performances.keys() == {"host-1.example.org"}


def test_the_first_schemas_are_the_first() -> None:
    """And there is one way from each to the newest."""
    for schema in (tables.SCHEMA, climate_models.SCHEMA):
        scripts = alembic.script.ScriptDirectory(str(schema.folder))
        revisions = list(scripts.walk_revisions())
        assert revisions[-1].revision == "0001"
        assert revisions[-1].down_revision is None
        assert not any(revision.is_branch_point for revision in revisions)
