# SPDX-License-Identifier: Apache-2.0
"""What was counted over a window that moves on."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies

from climate.ranking import history
from climate.ranking import observed
from climate.ranking import power_model
from climate.ranking import store
from energybase import exception

HOUR = store.HOUR_SECONDS
NOTHING = power_model.Statistics()


class Rows(store.Store):
    """What was counted, by hour and host, in memory; notes what is read."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, str], power_model.Statistics] = {}
        self.read: list[tuple[int, int]] = []
        self.fail_at: int | None = None

    def count(self, moment: int, host: str, watts: float) -> None:
        """Count one sample."""
        key = moment // HOUR * HOUR, host
        self.rows[key] = self.rows.get(key, NOTHING) + power_model.Statistics.of(0.5, watts)

    def sum_up(self, begins_at: int, ends_at: int) -> observed.Observed:
        self.read.append((begins_at // HOUR, ends_at // HOUR))
        if self.fail_at == len(self.read):
            raise exception.StoreUnavailable(reason="by a test")
        found: dict[str, list[power_model.Statistics]] = {}
        for (hour, host), statistics in self.rows.items():
            if begins_at <= hour < ends_at:
                found.setdefault(host, []).append(statistics)
        columns = zip(*(sum(rows, NOTHING) for rows in found.values()))
        if not found:
            return observed.Observed()
        hours = [float(len(rows)) for rows in found.values()]
        return observed.Observed(tuple(found), power_model.Statistics(*columns), hours)

    def forget(self, before: int, after: int) -> None:
        self.rows = {key: row for key, row in self.rows.items() if before <= key[0] <= after}


def told(of: history.History) -> dict[str, tuple[float, float, float, float]]:
    """Return number, sum, most and hours by host."""
    numbers = of.observed.statistics
    columns = (numbers.n, numbers.sum_watts, numbers.max_watts, of.observed.hours)
    return {
        host: (float(n), float(watts), float(most), float(hours))
        for host, n, watts, most, hours in zip(of.observed.hosts, *columns)
    }


@hypothesis.given(
    window_hours=strategies.integers(1, 30),
    steps=strategies.lists(
        strategies.tuples(
            strategies.integers(0, 20_000), strategies.sampled_from("abc"), strategies.booleans()
        ),
        max_size=40,
    ),
)
def test_it_is_the_sum_of_the_window(window_hours: int, steps: list[tuple[int, str, bool]]) -> None:
    rows, now = Rows(), 1000 * HOUR
    of, everything = history.History(rows), list[tuple[int, str, float]]()
    for number, (seconds, host, forget) in enumerate(steps):
        now += seconds
        rows.count(now, host, float(number))
        everything.append((now // HOUR, host, float(number)))
        of.refresh(now, window_hours, forget=forget)
        inside = [each for each in everything if each[0] > now // HOUR - window_hours]
        wanted = {}
        for name in {host for _, host, _ in inside}:
            watts = [watts for _, host, watts in inside if host == name]
            hours = {hour for hour, host, _ in inside if host == name}
            wanted[name] = (len(watts), sum(watts), max(watts), len(hours))
        assert told(of) == wanted


def test_little_is_read_again() -> None:
    rows, now = Rows(), 1000 * HOUR
    of = history.History(rows)
    of.refresh(now, 20, forget=False)
    assert rows.read == [(981, 984), (984, 990), (990, 996), (996, 999), (999, 1002)]
    rows.read.clear()
    of.refresh(now + 60, 20, forget=False)
    assert rows.read == [(999, 1002)]
    rows.read.clear()
    of.refresh(now + HOUR, 20, forget=False)
    assert rows.read == [(982, 984), (996, 1000), (1000, 1003)]


def test_the_hour_before_may_still_be_written_to() -> None:
    rows, now = Rows(), 1000 * HOUR
    of = history.History(rows)
    of.refresh(now, 20, forget=False)
    rows.count(now - 1, "a", 1.0)
    of.refresh(now + 60, 20, forget=False)
    assert told(of) == {"a": (1, 1, 1, 1)}


def test_what_was_read_before_a_failure_is_kept() -> None:
    rows, now = Rows(), 1000 * HOUR
    of, rows.fail_at = history.History(rows), 3
    with pytest.raises(exception.StoreUnavailable):
        of.refresh(now, 20, forget=False)
    rows.read.clear()
    rows.fail_at = None
    of.refresh(now, 20, forget=False)
    assert rows.read == [(990, 996), (996, 999), (999, 1002)]
