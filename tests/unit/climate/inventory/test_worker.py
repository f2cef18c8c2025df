# SPDX-License-Identifier: Apache-2.0
"""When the source is read, and what is told of it."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from climate import exception
from climate.inventory import host
from climate.inventory import options
from climate.inventory import worker
from energybase import exception as floor
from tests import conftest
from tests.contracts import inventory

PACE = options.Pace(refresh_seconds=60, max_refresh_seconds=600)
AWAY = exception.SourceUnavailable(reason="Nova is at lunch")


class Source:
    """Says what it is told to say."""

    def __init__(self, *names: str) -> None:
        self.names: tuple[str, ...] = names
        self.failure: Exception | None = None
        self.asked = threading.Semaphore(0)

    def list_hosts(self) -> list[host.Host]:
        """Return the hosts, or fail."""
        self.asked.release()
        if self.failure:
            raise self.failure
        return [host.Host(name, True, {}) for name in self.names]


class Fixture:
    """A worker that is not started, and what it works on."""

    def __init__(
        self,
        database: inventory.Database,
        clock: conftest.FakeClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.INFO, "climate")
        self.source, self.store = Source("a", "b"), database.open()
        self.database, self._caplog = database, caplog
        self.refreshed = 0
        self.worker = worker.Worker(lambda: self.source, self.store, PACE, clock, self._count)

    def _count(self) -> None:
        self.refreshed += 1

    def told(self) -> list[tuple[str, str]]:
        """Return what was logged since the last time."""
        told = [(r.levelname, r.getMessage()) for r in self._caplog.records]
        self._caplog.clear()
        return told


@pytest.fixture
def made(
    database: inventory.Database,
    fake_clock: conftest.FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> Fixture:
    """A source of two hosts, nothing stored yet."""
    return Fixture(database, fake_clock, caplog)


def test_what_the_source_tells_is_stored(made: Fixture, fake_clock: conftest.FakeClock) -> None:
    assert made.worker.refresh() == 60
    assert inventory.statuses_of(made.store) == {"a": "up", "b": "up"}
    assert made.database.get_refreshed_at() == int(fake_clock.time())
    assert made.refreshed == 1
    assert made.told() == [("INFO", "New in the source: a, b")]
    assert made.worker.refresh() == 60
    assert made.told() == []


def test_a_host_that_goes_is_told_once_and_once_when_it_is_back(made: Fixture) -> None:
    made.worker.refresh()
    made.told()
    made.source.names = ("b",)
    made.worker.refresh()
    assert made.told() == [("WARNING", "Missing from the source: a")]
    made.worker.refresh()
    assert made.told() == []
    made.source.names = ("a", "b")
    made.worker.refresh()
    made.worker.refresh()
    assert made.told() == [("WARNING", "Back in the source: a")]


def test_a_source_without_hosts_is_believed_and_loudly_told(made: Fixture) -> None:
    made.source.names = ()
    made.worker.refresh()
    assert made.told() == []
    made.source.names = ("a", "b")
    made.worker.refresh()
    made.told()
    made.source.names = ()
    made.worker.refresh()
    assert made.told() == [("ERROR", "The source knows no host any more; all 2 are missing")]
    assert set(inventory.statuses_of(made.store).values()) == {"missing"}


def test_many_hosts_make_one_line(made: Fixture) -> None:
    made.source.names = tuple(f"n{n}" for n in range(25))
    made.worker.refresh()
    [(_, line)] = made.told()
    assert line.startswith("New in the source: n0, n1, ")
    assert line.endswith(", n19 and 5 more")


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (AWAY, "Nova is at lunch"),
        (
            floor.ConfigurationInvalid(where="hosts.yaml, line 3", reason="no name"),
            "hosts.yaml, line 3: no name",
        ),
        (floor.StoreUnavailable(reason="disk full"), "(disk full)"),
        (ZeroDivisionError("by zero"), "by zero"),
    ],
)
def test_away_is_told_once_and_once_when_it_is_back(
    made: Fixture, failure: Exception, told: str
) -> None:
    """Whatever a plug-in does; the hosts known stay as they are."""
    made.worker.refresh()
    made.told()
    made.source.failure = failure
    waits = [made.worker.refresh() for _ in range(9)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    [(level, line)] = made.told()
    assert level == "ERROR"
    assert told in line
    assert inventory.statuses_of(made.store) == {"a": "up", "b": "up"}
    made.source.failure = None
    assert made.worker.refresh() == 60
    assert made.told() == [("INFO", "Hosts are read and stored again")]
    made.source.failure = failure
    assert made.worker.refresh() == 5


def test_another_kind_of_failure_is_told_too(made: Fixture) -> None:
    for failure in (AWAY, AWAY, floor.StoreUnavailable(reason="x"), AWAY):
        made.source.failure = failure
        made.worker.refresh()
    assert [level for level, _ in made.told()] == ["ERROR"] * 3


def test_an_unfit_host_is_told_once(made: Fixture) -> None:
    made.source.names = ("a", "", "b")
    made.worker.refresh()
    told = made.told()
    assert ("WARNING", told[0][1]) == told[0]
    assert "left out" in told[0][1]
    made.worker.refresh()
    assert made.told() == []
    assert inventory.statuses_of(made.store) == {"a": "up", "b": "up"}


def test_a_short_turn_bounds_every_wait(
    made: Fixture, database: inventory.Database, fake_clock: conftest.FakeClock
) -> None:
    quick = worker.Worker(lambda: made.source, database.open(), options.Pace(2, 1), fake_clock)
    made.source.failure = AWAY
    assert [quick.refresh() for _ in range(3)] == [2, 2, 2]


def test_it_reads_at_the_start_and_when_told_to(
    made: Fixture, database: inventory.Database
) -> None:
    """By the machine's clock: nothing here takes a minute but its next turn."""
    slow = options.Pace(3600, 3600)
    reading = worker.Worker(lambda: made.source, database.open(), slow)
    reading.start()
    assert made.source.asked.acquire(timeout=60)
    conftest.wait(lambda: inventory.rows_of(made.store))
    old, made.source = made.source, Source("c")
    reading.reload()
    assert made.source.asked.acquire(timeout=60)
    conftest.wait(lambda: "c" in inventory.statuses_of(made.store))
    assert not old.asked.acquire(blocking=False)
    reading.stop()
    assert not any(thread.name == "inventory" for thread in threading.enumerate())


def test_a_wrong_configuration_changes_nothing(made: Fixture, fake_clock: Any) -> None:
    wrong = False

    def load() -> Source:
        if wrong:
            raise floor.ConfigurationInvalid(where="x", reason="y")
        return made.source

    reading = worker.Worker(load, made.store, PACE, fake_clock)
    wrong = True
    with pytest.raises(floor.ConfigurationInvalid):
        reading.reload()
    assert reading.refresh() == 60
    with pytest.raises(floor.ConfigurationInvalid):
        worker.Worker(load, made.store, PACE, fake_clock)


def test_after_a_reload_a_failure_is_told_again(made: Fixture) -> None:
    """The operator has just mended the file, or so it seems to him."""
    made.source.failure = AWAY
    made.worker.refresh()
    made.worker.reload()
    made.worker.refresh()
    assert len(made.told()) == 2


def test_a_reload_may_change_the_pace(made: Fixture) -> None:
    """Of regular readings, and of tries while the source is away."""
    made.worker.reload(options.Pace(4, 8))
    assert made.worker.refresh() == 4
    made.source.failure = AWAY
    assert [made.worker.refresh() for _ in range(3)] == [4, 8, 8]


def test_stopping_what_was_not_started(made: Fixture) -> None:
    made.worker.stop()
