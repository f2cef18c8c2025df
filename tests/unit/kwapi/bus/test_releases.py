# SPDX-License-Identifier: Apache-2.0
"""A sender of the next release, and each consumer of the bus as it is now: nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from energybase.db import migration
from energybase.db import transaction
from kwapi import measurement
from kwapi import signing
from kwapi.bus import batch as batches
from kwapi.bus import listener as listeners
from kwapi.ceilometer import publisher as publishers
from kwapi.ceilometer import samples
from kwapi.collector import collector
from kwapi.history import store as histories
from kwapi.history import writer as writers
from kwapi.store import state
from kwapi.store import store as stores
from kwapi.store import tables
from tests import conftest
from tests import rrd_files
from tests.fakes import next_release
from tests.unit.kwapi.bus import test_listener

T0 = 1_700_000_000
STATUS = measurement.DriverStatus("pdu", "snmp", "failing", 1.0, 2, ("x",), 0.5, "time-out", 3)
READINGS = tuple(
    measurement.Reading("pdu", float(T0 + at), ("p", "q"), (100.0, 50.0), (), 1.0, 0.5)
    for at in (0, 60)
)
BODY = measurement.Body(READINGS, (STATUS,), 7)
_Handle = Callable[[batches.Batch], None]

transport = test_listener.transport


def seal(*, widened: bool) -> dict[str, Any]:
    """Return the message as this release sends it, or the next."""
    text = measurement.encode(BODY)
    if widened:
        text = json.dumps(next_release.widen_all(json.loads(text), value={"new": [1]}))
    sealed = test_listener.signer().seal(text, float(T0))
    return {**sealed, next_release.UNKNOWN: "new"} if widened else sealed


def hear(transport: Any, handle: _Handle, sealed: dict[str, Any]) -> None:
    """Return when a handler was given what a listener makes of a message."""
    heard = test_listener.Heard()
    verifier = signing.Verifier({"k": test_listener.KEY}, 3600.0, 60.0)
    clock = conftest.FakeClock(float(T0))
    listener = listeners.Listener(
        transport, verifier, heard, listeners.Subscription(batch_seconds=0.1), clock=clock
    )
    listener.start()
    test_listener.send(transport, sealed, {next_release.UNKNOWN: {"new": True}})
    conftest.wait(lambda: sum(len(each.messages) for each in heard.batches) == 1)
    listener.stop()
    assert heard.refused() == {}
    for batch in heard.batches:
        handle(batch)


@pytest.fixture
def store(conf: Any) -> stores.Store:
    """An empty one, on SQLite."""
    engine = transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine()
    migration.upgrade(engine, tables.SCHEMA)
    return stores.open_store(conf)


def test_what_a_listener_hands_over_is_the_same(transport: Any) -> None:
    heard: list[batches.Batch] = []
    hear(transport, heard.append, seal(widened=False))
    hear(transport, heard.append, seal(widened=True))
    before, after = (batch.messages[0].body for batch in heard)
    assert before == after == BODY


@pytest.fixture(params=[False, True], ids=["this release", "the next"])
def sealed(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A message of one of both releases."""
    return seal(widened=request.param)


def test_the_collector_counts_it_and_the_api_reads_it(
    transport: Any, store: stores.Store, sealed: dict[str, Any]
) -> None:
    clock = conftest.FakeClock(float(T0 + 60))
    hear(transport, collector.Collector(store, clock=clock).handle, sealed)
    assert store.get_record("p").kwh == pytest.approx(100 * 60 / 3.6e6)
    (driver,) = store.list_drivers()
    assert driver.status == STATUS
    tallies = store.get_tallies()
    assert (tallies["received"], tallies["dropped"]) == (1, 7)
    assert "malformed" not in tallies
    assert json.loads(store.get_probe_ids()[1]) == {"probe_ids": ["p", "q"]}


@pytest.mark.parametrize("missing", measurement.DriverStatus._field_defaults)
def test_a_row_of_another_release_is_read(conf: Any, store: stores.Store, missing: str) -> None:
    """A collector of either release may have written what the API reads."""
    text = next_release.widen_all(next_release.without(STATUS._asdict(), (), missing))
    row = {"wattmeter": "pdu", "sender": "node-1", "reported_at": 1.5, "status": json.dumps(text)}
    engine = transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine()
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.DRIVERS), [row])
    default = measurement.DriverStatus._field_defaults[missing]
    status = STATUS._replace(**{missing: default})
    assert store.list_drivers() == [state.DriverRow("node-1", 1.5, status)]


def test_it_becomes_samples(transport: Any, store: stores.Store, sealed: dict[str, Any]) -> None:
    delivered: list[samples.Sample] = []
    publisher = publishers.Publisher(delivered.extend)
    clock = conftest.FakeClock(float(T0 + 60))
    hear(transport, collector.Collector(store, clock=clock, sink=publisher).handle, sealed)
    powers = [each.volume for each in delivered if each.meter == samples.POWER]
    assert powers == [100.0, 50.0, 100.0, 50.0]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[tuple[Path, writers.Writer]]:
    """A writer of history, and where it writes."""
    folder, clock = tmp_path / "rrd", conftest.FakeClock(float(T0 + 60))
    writer = writers.Writer(histories.Store(folder, clock=clock), folder, clock=clock)
    yield folder, writer
    writer.close()


def test_it_is_written_to_history(
    transport: Any, history: tuple[Path, writers.Writer], sealed: dict[str, Any]
) -> None:
    folder, writer = history
    hear(transport, writer.handle, sealed)
    found = rrd_files.fetch(folder / "p.rrd", "AVERAGE", 1, T0 - 1, T0 + 200)
    assert set(found.values()) == {100.0}
