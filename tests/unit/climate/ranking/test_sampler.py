# SPDX-License-Identifier: Apache-2.0
"""What is looked at, when it is counted, and what is told of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from climate.ranking import manager
from climate.ranking import options
from climate.ranking import performance
from climate.ranking import sampler
from climate.ranking import store
from kwapi import client
from tests import conftest
from tests.contracts import inventory
from tests.contracts import ranking
from tests.unit.climate.ranking import given

TABLE = performance.packaged_table()
HOUR = store.HOUR_SECONDS


class Service:
    """A sampler that is not started, and what it looks at: hosts a and b."""

    def __init__(
        self,
        database: inventory.Database,
        clock: conftest.FakeClock,
        chosen: options.Options | None = None,
    ) -> None:
        chosen = chosen or options.Options()
        self.clock = clock
        self.store = ranking.open_store(database)
        self.inventory = given.Inventory(given.capacities("ab"))
        self.kwapi = given.Kwapi(clock, a=100.0, b=200.0)
        self.ranking = manager.Ranking(self.store, chosen, TABLE, clock)
        self.sampler = sampler.Sampler(
            self.ranking, self.store, self.inventory, self.kwapi, chosen, clock
        )

    def look(self, seconds: float = 60) -> bool:
        """Let time pass, and look."""
        self.clock.advance(seconds)
        return self.sampler.look()

    def told(self) -> dict[str, Any]:
        """Return what is told of each host."""
        return {each["host"]: each for each in self.ranking.rank_hosts()["hosts"]}

    def samples(self) -> dict[str, int]:
        """Return how often each host was counted."""
        return {host: each["samples"] for host, each in self.told().items()}


@pytest.fixture
def clock() -> conftest.FakeClock:
    """A clock at the beginning of an hour."""
    return conftest.FakeClock(ranking.NOW)


@pytest.fixture
def service(database: inventory.Database, clock: conftest.FakeClock) -> Service:
    """One service."""
    return Service(database, clock)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the sampler logs."""
    caplog.set_level(logging.INFO, "climate")
    return caplog


def texts(logged: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what was logged, and forget it."""
    told = [(record.levelname, record.getMessage()) for record in logged.records]
    logged.clear()
    return told


def test_what_is_seen_is_counted_and_told(service: Service) -> None:
    assert service.look()
    service.kwapi.watts["a"] = 140.0
    service.inventory.told = given.capacities("ab", used=[8.0, 4.0])
    assert service.look()
    told = service.told()["a"]
    assert (told["samples"], told["watts_average"], told["watts_max"]) == (2, 120.0, 140.0)
    assert (told["watts_now"], told["load"]) == (140.0, 0.5)
    assert service.ranking.rank_hosts()["as_of"] == int(service.clock.time())
    observed = service.store.sum_up(0, ranking.EVER)
    known = ranking.statistics_of(observed, "a")
    assert known is not None
    assert known[0].sum_load_watts == 0.25 * 100 + 0.5 * 140


def test_a_minute_is_counted_once(
    service: Service, database: inventory.Database, clock: conftest.FakeClock
) -> None:
    """However often, and by whomever, it is looked at; all know what was counted."""
    other = Service(database, clock)
    for _ in range(3):
        service.look(20)
        other.look(0)
    assert service.look(0) and other.look(0)
    # 20 and 40 s are of one minute, 60 s of the next.
    assert service.samples() == other.samples() == {"a": 2, "b": 2}


def test_a_host_that_is_off_is_not_counted(service: Service) -> None:
    service.inventory.told = given.capacities("ab", off="b")
    service.kwapi.watts["b"] = 6.0
    service.look()
    assert service.samples() == {"a": 1, "b": 0}
    assert service.told()["b"]["watts_now"] == 6.0
    assert service.told()["b"]["on"] is False


def test_a_host_whose_load_nobody_tells_is_taken_to_be_half_loaded(service: Service) -> None:
    service.inventory.told = given.capacities("ab", used=[None, 4.0])
    service.look()
    assert service.told()["a"]["load"] is None
    assert service.samples() == {"a": 1, "b": 1}
    known = ranking.statistics_of(service.store.sum_up(0, ranking.EVER), "a")
    assert known is not None and known[0].sum_load == 0.5


def test_kwapi_away(service: Service, logged: pytest.LogCaptureFixture) -> None:
    """Hosts stay as they were, but for the watts of now, which grow old."""
    service.look()
    texts(logged)
    service.kwapi.away = True
    for _ in range(3):
        assert not service.look()
    assert texts(logged) == [
        (
            "WARNING",
            "Kwapi is away, hosts are ranked by what is known: Kwapi is at lunch.",
        )
    ]
    assert service.samples() == {"a": 1, "b": 1}
    assert service.told()["a"]["watts_now"] == 100.0
    service.look(180)
    assert service.told()["a"]["watts_now"] is None
    assert service.told()["a"]["watts_max"] == 100.0
    assert service.told()["a"]["score"] is not None
    service.kwapi.away = False
    assert service.look()
    assert texts(logged) == [("INFO", "Kwapi is back, hosts are observed again")]
    assert service.samples() == {"a": 2, "b": 2}


def test_the_inventory_away(service: Service, logged: pytest.LogCaptureFixture) -> None:
    """Load is not known then: nothing is counted."""
    service.look()
    texts(logged)
    service.inventory.away = True
    service.kwapi.watts["a"] = 300.0
    for _ in range(2):
        assert not service.look()
    [(level, told)] = texts(logged)
    assert level == "WARNING"
    assert told.startswith("The inventory is away")
    assert service.samples() == {"a": 1, "b": 1}
    assert service.told()["a"]["watts_now"] == 300.0


def test_the_database_away(
    service: Service, database: inventory.Database, logged: pytest.LogCaptureFixture
) -> None:
    service.look()
    texts(logged)
    engine = database.build().writer.get_engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE observations RENAME TO gone")
    for _ in range(2):
        assert not service.look()
    [(level, told)] = texts(logged)
    assert level == "WARNING"
    assert told.startswith("The database is away")
    assert service.samples() == {"a": 1, "b": 1}
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO observations")
    assert service.look()
    assert service.samples() == {"a": 2, "b": 2}


def test_a_stale_probe_is_told_once(service: Service, logged: pytest.LogCaptureFixture) -> None:
    service.look()
    assert texts(logged) == []
    service.kwapi.measured_at["b"] = service.clock.time()
    for _ in range(5):
        assert service.look()
    assert texts(logged) == [("WARNING", "Without watts, as no fresh probe measures them: b")]
    assert service.told()["b"]["watts_now"] is None
    # The same measurement is not another sample, stale or not.
    assert service.samples() == {"a": 6, "b": 1}
    del service.kwapi.measured_at["b"]
    service.look()
    service.look()
    assert texts(logged) == [("INFO", "With watts again: b")]
    assert service.samples() == {"a": 8, "b": 3}


def test_no_probe_at_all(service: Service, logged: pytest.LogCaptureFixture) -> None:
    """Not told at once: when everything starts, probes come last."""
    service.kwapi.watts.clear()
    for _ in range(2):
        assert not service.look(3)
    assert texts(logged) == []
    for _ in range(2):
        assert not service.look(3)
    [(level, told)] = texts(logged)
    assert level == "WARNING"
    assert told.startswith("Kwapi measures none of the 2 hosts; see [ranking] probes")
    service.kwapi.watts["a"] = 1.0
    assert service.look()
    assert service.samples() == {"a": 1, "b": 0}


def test_hosts_that_come_and_go(service: Service) -> None:
    service.look()
    service.inventory.told = given.capacities("cb")
    service.kwapi.watts["c"] = 50.0
    service.look()
    assert service.samples() == {"c": 1, "b": 2}
    service.inventory.told = given.capacities("abc")
    service.look()
    assert service.samples() == {"a": 2, "b": 3, "c": 2}


def test_the_window(database: inventory.Database, clock: conftest.FakeClock) -> None:
    """What is older counts no more, and is removed."""
    service = Service(database, clock, options.Options(window_hours=3))
    counts = []
    for _ in range(5):
        assert service.look(HOUR)
        counts.append(service.samples()["a"])
    assert counts == [1, 2, 3, 3, 3]
    everything = service.store.sum_up(0, ranking.EVER)
    known = ranking.statistics_of(everything, "a")
    assert known is not None and known[1] == 3


@pytest.mark.parametrize("window_hours", [1, 2, 24])
def test_what_others_counted_is_known(
    database: inventory.Database, clock: conftest.FakeClock, window_hours: int
) -> None:
    chosen = options.Options(window_hours=window_hours)
    one, other = Service(database, clock, chosen), Service(database, clock, chosen)
    for turn in range(40):
        (one if turn % 3 else other).look(HOUR / 4)
    other.look(0)
    # The last look was at the beginning of an hour.
    assert other.samples()["a"] == min(40, 4 * (window_hours - 1) + 1)


def test_other_options(service: Service) -> None:
    kwapi = given.Kwapi(service.clock, x=10.0, y=20.0)
    service.sampler.configure(kwapi, options.Options(probes={"a": ("x", "y"), "b": ("z",)}))
    assert service.look()
    assert service.told()["a"]["watts_now"] == 30.0
    assert service.told()["b"]["watts_now"] is None


def test_a_thread_looks_again_and_again(database: inventory.Database) -> None:
    """Also after something went wrong that nobody thought of."""

    class Failing(given.Kwapi):
        failed = 0

        def get_probes(self) -> dict[str, client.Probe]:
            self.failed += 1
            if self.failed < 3:
                raise RuntimeError("by a test")
            return super().get_probes()

    clock = conftest.FakeClock(ranking.NOW)
    service = Service(database, clock)
    service.sampler.configure(Failing(clock, a=1.0, b=2.0), options.Options())
    service.sampler.start()
    try:
        conftest.wait(lambda: service.samples() and service.samples()["a"] >= 2)
    finally:
        service.sampler.stop()
