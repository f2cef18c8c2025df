# SPDX-License-Identifier: Apache-2.0
"""Nothing is acknowledged before it is stored, and nothing is stored twice."""

from __future__ import annotations

import collections
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from oslo_config import cfg

from energybase.db import migration
from energybase.db import transaction
from kwapi import exception
from kwapi import measurement
from kwapi import signing
from kwapi.bus import batch as batches
from kwapi.collector import collector
from kwapi.store import record
from kwapi.store import state
from kwapi.store import store as stores
from kwapi.store import tables
from tests import conftest

NOW = 1_700_000_000.0


@pytest.fixture
def store(conf: cfg.ConfigOpts, tmp_path: Path) -> stores.Store:
    migration.upgrade(
        transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine(), tables.SCHEMA
    )
    return stores.open_store(conf)


def batch(sequence: int, seconds: float) -> batches.Batch:
    reading = measurement.Reading("pdu", NOW + seconds, ("p",), (3600.0,))
    envelope = signing.Envelope("node-1", "run", sequence, NOW + seconds, "")
    return batches.Batch(
        [batches.Message(envelope, measurement.Body((reading,)))], collections.Counter(forged=1)
    )


class Flaky:
    """A store that fails as told: before it writes, or after, as if the answer were lost."""

    def __init__(self, store: stores.Store, *faults: str) -> None:
        self._store, self._faults = store, list(faults)

    def load(self) -> state.State:
        return self._store.load()

    def list_drivers(self) -> list[state.DriverRow]:
        return self._store.list_drivers()

    def save(self, changes: state.Changes) -> None:
        fault = self._faults.pop(0) if self._faults else "none"
        if fault == "before":
            raise exception.StoreUnavailable(reason="gone")
        self._store.save(changes)
        if fault == "after":
            raise exception.StoreUnavailable(reason="gone")


def test_what_is_handled_is_stored(store: stores.Store, fake_clock: conftest.FakeClock) -> None:
    made = collector.Collector(store, clock=fake_clock)
    made.handle(batch(1, 0))
    made.handle(batch(2, 10))
    assert store.get_record("p").kwh == pytest.approx(0.01)
    assert store.get_tallies()["forged"] == 2


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_store_that_fails_costs_and_doubles_nothing(
    store: stores.Store,
    fake_clock: conftest.FakeClock,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    caplog.set_level(logging.INFO)
    flaky = Flaky(store, "none", fault, fault, fault)
    made = collector.Collector(flaky, clock=fake_clock)  # type: ignore[arg-type]
    for number in range(1, 4):
        made.handle(batch(number, 10.0 * number))
    assert store.get_record("p").kwh == pytest.approx(0.02)
    said = [r.getMessage() for r in caplog.records if r.name == "kwapi.collector.collector"]
    assert all("The store takes nothing, messages wait for it: gone" in t for t in said[::2])
    assert all("The store takes records again" in text for text in said[1::2])
    assert said


def test_a_new_collector_goes_on_where_the_last_one_was_killed(
    store: stores.Store, fake_clock: conftest.FakeClock
) -> None:
    collector.Collector(store, clock=fake_clock).handle(batch(1, 0))
    # Killed after storing, before acknowledging: the broker sends it again.
    heir = collector.Collector(store, clock=fake_clock)
    heir.handle(batch(1, 0))
    heir.handle(batch(2, 10))
    assert store.get_record("p").kwh == pytest.approx(0.01)
    assert store.get_tallies()["repeated"] == 1


def test_two_collectors_on_one_store_count_each_message_once(
    store: stores.Store, fake_clock: conftest.FakeClock
) -> None:
    pair = [collector.Collector(store, clock=fake_clock) for _ in range(2)]
    for number in range(1, 11):
        pair[number % 2].handle(batch(number, 10.0 * number))
    assert store.get_record("p").kwh == pytest.approx(0.09)
    assert store.get_tallies()["received"] == 10


def test_a_batch_that_waits_for_the_store_is_given_back_at_stop(store: stores.Store) -> None:
    made = collector.Collector(Flaky(store, *["before"] * 9))  # type: ignore[arg-type]
    made.start()
    made.stop()
    with pytest.raises(batches.Stopping):
        made.handle(batch(1, 0))
    assert store.get_version() == 0


def test_tidying_stores_who_fell_silent(
    store: stores.Store, fake_clock: conftest.FakeClock
) -> None:
    made = collector.Collector(store, clock=fake_clock)
    made.handle(batch(1, 0))
    made.tidy()
    fake_clock.advance(301)
    made.tidy()
    with pytest.raises(exception.ProbeNotFound):
        store.get_record("p")
    fake_clock.advance(10)
    made.handle(batch(2, 311))
    assert store.get_record("p").gaps == 1


class Sink:
    """Keeps what it is told, and what the store had when it was handed over.

    :ivar faults: raised at a hand-over, one each time.
    """

    def __init__(self, store: stores.Store, *faults: Exception) -> None:
        self._store, self.faults = store, list(faults)
        self._records: Mapping[str, record.Record] = {}
        self._noted: list[tuple[float, float]] = []
        self.begun = 0
        self.handed: list[tuple[float, float]] = []
        self.versions: list[int] = []

    def begin(self, records: Mapping[str, record.Record]) -> None:
        self.begun += 1
        self._records, self._noted = records, []

    def counted(self, reading: measurement.Reading) -> None:
        (probe_id,) = reading.probes
        watt_hours = round(self._records[probe_id].kwh * 1000, 9)
        self._noted.append((reading.timestamp - NOW, watt_hours))

    def hand_over(self) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.handed += self._noted
        self._noted = []
        self.versions.append(self._store.get_version())


def test_who_else_wants_it_is_handed_it_before_it_is_stored(
    store: stores.Store, fake_clock: conftest.FakeClock
) -> None:
    """Reading by reading, with the records as each left them."""
    sink = Sink(store)
    made = collector.Collector(store, clock=fake_clock, sink=sink)
    first, second = batch(1, 0), batch(2, 10)
    made.handle(batches.Batch([*first.messages, *second.messages], collections.Counter()))
    made.handle(batch(3, 20))
    assert sink.handed == [(0.0, 0.0), (10.0, 10.0), (20.0, 20.0)]
    assert sink.versions == [0, 1]
    assert sink.begun == 1


def test_what_is_not_handed_over_is_not_stored(
    store: stores.Store, fake_clock: conftest.FakeClock
) -> None:
    """It is counted anew from the store when it comes again."""
    sink = Sink(store, batches.Stopping())
    made = collector.Collector(store, clock=fake_clock, sink=sink)
    with pytest.raises(batches.Stopping):
        made.handle(batch(1, 0))
    assert store.get_version() == 0
    made.handle(batch(1, 0))
    assert sink.handed == [(0.0, 0.0)]
    assert sink.begun == 2


@pytest.mark.parametrize(("fault", "times"), [("before", 2), ("after", 1)])
def test_what_may_not_be_stored_is_handed_over_again_alike(
    store: stores.Store, fake_clock: conftest.FakeClock, fault: str, times: int
) -> None:
    """And what is stored is not, though the news of it was lost."""
    sink = Sink(store)
    flaky = Flaky(store, "none", fault)
    made = collector.Collector(flaky, clock=fake_clock, sink=sink)  # type: ignore[arg-type]
    made.handle(batch(1, 0))
    made.handle(batch(2, 10))
    assert sink.handed == [(0.0, 0.0)] + [(10.0, 10.0)] * times
