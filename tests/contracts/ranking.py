# SPDX-License-Identifier: Apache-2.0
"""What holds of the ranking's store on every database.

Owns the tests; which database they run on is said by the ``database`` fixture
of the modules that inherit them: SQLite in the unit tests, MariaDB and
PostgreSQL in the functional ones.
"""

from __future__ import annotations

import concurrent.futures

import numpy as np
import pytest
import sqlalchemy as sa

from climate.db import models
from climate.ranking import observed as observations
from climate.ranking import performance
from climate.ranking import power_model
from climate.ranking import store
from kwapi import exception
from tests.contracts import inventory

HOUR = store.HOUR_SECONDS
#: The beginning of an hour.
NOW = 1_700_000_000 - 1_700_000_000 % HOUR
EVER = NOW + 1000 * HOUR


def open_store(database: inventory.Database) -> store.Store:
    """Return a new store on a database."""
    return store.Store(database.build())


def sample(load: float, watts: float, measured_at: float = NOW) -> observations.Sample:
    """Return a sample."""
    return observations.Sample(measured_at, load, watts)


def statistics_of(
    observed: observations.Observed, host: str
) -> tuple[power_model.Statistics, float] | None:
    """Return what was observed of a host, and in how many hours."""
    if host not in observed.hosts:
        return None
    one = observed.align([host])
    return power_model.Statistics(*(column.item() for column in one.statistics)), one.hours.item()


class StoreContract:
    """What holds of a store."""

    def test_empty(self, database: inventory.Database) -> None:
        kept = open_store(database)
        assert len(kept.sum_up(0, EVER).hosts) == 0
        assert kept.load_performances() == observations.Recorded(0, {})

    def test_samples_of_several_hours_are_summed_up(self, database: inventory.Database) -> None:
        kept = open_store(database)
        given = [(0.25, 110.5, NOW), (0.5, 120.25, NOW + 60), (0.75, 90.125, NOW + HOUR)]
        for load, watts, at in given:
            assert kept.add(at, {"a": sample(load, watts, at), "b": sample(1.0, 300.0, at)})
        observed = kept.sum_up(0, EVER)
        assert sorted(observed.hosts) == ["a", "b"]
        wanted = power_model.Statistics.of(
            [load for load, _, _ in given], [watts for _, watts, _ in given]
        )
        assert statistics_of(observed, "a") == (pytest.approx(wanted), 2)
        # Hours that begin in a time, half-open.
        first = kept.sum_up(NOW, NOW + HOUR)
        assert statistics_of(first, "b") == (
            pytest.approx(power_model.Statistics.of([1, 1], [300, 300])),
            1,
        )
        assert len(kept.sum_up(NOW + 2 * HOUR, EVER).hosts) == 0

    def test_a_moment_is_counted_once(self, database: inventory.Database) -> None:
        kept, other = open_store(database), open_store(database)
        assert kept.add(NOW, {"a": sample(0.5, 100)})
        assert not other.add(NOW, {"a": sample(0.5, 100, NOW + 1)})
        # Nor is an earlier one, by a clock that is behind.
        assert not other.add(NOW - 60, {"a": sample(0.5, 100, NOW + 1)})
        known = statistics_of(kept.sum_up(0, EVER), "a")
        assert known is not None and known[0].n == 1
        assert other.add(NOW + 60, {"a": sample(0.5, 100, NOW + 61)})
        known = statistics_of(kept.sum_up(0, EVER), "a")
        assert known is not None and known[0].n == 2

    def test_a_measurement_is_counted_once(self, database: inventory.Database) -> None:
        """A slow probe says the same at several moments, in two hours perhaps."""
        kept, late = open_store(database), NOW + HOUR - 1
        for moment in (NOW + HOUR - 60, NOW + HOUR, NOW + HOUR + 60):
            assert kept.add(moment, {"a": sample(0.5, 100, late), "b": sample(0, 50, moment)})
        a, b = (statistics_of(kept.sum_up(0, EVER), host) for host in "ab")
        assert a is not None and (a[0].n, a[1]) == (1, 1)
        assert b is not None and (b[0].n, b[1]) == (3, 2)

    def test_a_clock_that_was_wrong_stops_nobody_for_long(
        self, database: inventory.Database
    ) -> None:
        kept = open_store(database)
        assert kept.add(NOW + 500 * HOUR, {"a": sample(0.5, 100)})
        assert kept.add(NOW, {"b": sample(0.5, 100)})
        kept.forget(NOW - HOUR, NOW + HOUR)
        assert list(kept.sum_up(0, EVER).hosts) == ["b"]

    def test_several_services_at_once(self, database: inventory.Database) -> None:
        """Each has seen every moment; each moment is counted once, whole."""
        moments = [NOW + 60 * n for n in range(30)]
        hosts = [f"node-{n}" for n in range(20)]
        stores = [open_store(database) for _ in range(4)]

        def observe(kept: store.Store) -> int:
            return sum(
                kept.add(at, {host: sample(0.5, 100.0, at) for host in hosts}) for at in moments
            )

        with concurrent.futures.ThreadPoolExecutor(len(stores)) as pool:
            counted = sum(pool.map(observe, stores))
        # One that comes late finds later moments counted, and leaves its own out.
        assert 1 <= counted <= len(moments)
        observed = stores[0].sum_up(0, EVER)
        assert sorted(observed.hosts) == sorted(hosts)
        assert set(observed.statistics.n) == {counted}
        assert set(observed.statistics.sum_watts) == {100.0 * counted}

    def test_old_hours_are_forgotten(self, database: inventory.Database) -> None:
        kept = open_store(database)
        for hour in range(4):
            at = NOW + hour * HOUR
            kept.add(at, {f"host-{hour}": sample(0.5, 100, at)})
        kept.forget(NOW + HOUR, NOW + 2 * HOUR)
        assert sorted(kept.sum_up(0, EVER).hosts) == ["host-1", "host-2"]

    def test_performances(self, database: inventory.Database) -> None:
        kept, other = open_store(database), open_store(database)
        kept.set_performance("a", 1.2345678901234e12, "Linpack", NOW)
        kept.set_performance("b", 1e9, "", NOW)
        loaded = other.load_performances(0)
        assert loaded.performances == {
            "a": performance.Performance(1.2345678901234e12, "benchmark", "Linpack"),
            "b": performance.Performance(1e9, "benchmark", ""),
        }
        assert other.load_performances(loaded.version) == (loaded.version, None)
        kept.set_performance("a", 2e12, "again", NOW + 1)
        kept.delete_performance("b")
        kept.delete_performance("c")
        newer = other.load_performances(loaded.version)
        assert newer.version > loaded.version
        assert newer.performances == {"a": performance.Performance(2e12, "benchmark", "again")}

    def test_similar_names_are_distinct(self, database: inventory.Database) -> None:
        names = ["a", "A", "á", "a ", "ss", "ß", "it's", '"', "%s", "\\", "{}", "x" * 255]
        kept = open_store(database)
        for turn in range(2):
            at = NOW + 60 * turn
            kept.add(at, {name: sample(0.5, number, at) for number, name in enumerate(names)})
        observed = kept.sum_up(0, EVER).align(names)
        assert observed.statistics.sum_watts.tolist() == [2.0 * n for n in range(len(names))]
        for name in names:
            kept.set_performance(name, 1.0, name.strip() or "-", NOW)
        assert (kept.load_performances().performances or {}).keys() == set(names)

    def test_many_hosts(self, database: inventory.Database) -> None:
        """More than fit into one statement."""
        kept, names = open_store(database), [f"node-{n}" for n in range(3000)]
        for turn in range(2):
            at = NOW + 60 * turn
            kept.add(at, {name: sample(0.5, 100.0 + turn, at) for name in names})
        observed = kept.sum_up(0, EVER).align(names)
        assert np.all(observed.statistics.n == 2)
        assert np.all(observed.statistics.max_watts == 101)

    def test_without_its_row(self, database: inventory.Database) -> None:
        kept = open_store(database)
        with database.build().writer.get_engine().begin() as connection:
            connection.execute(sa.delete(models.RANKING))
        with pytest.raises(exception.StoreUnavailable):
            kept.set_performance("a", 1.0, "", NOW)
        with pytest.raises(exception.StoreUnavailable):
            kept.load_performances()
