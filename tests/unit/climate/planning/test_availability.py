# SPDX-License-Identifier: Apache-2.0
"""The search against brute force: every start, every host, tried one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from climate import lease as leases
from climate.planning import availability
from climate.planning import prices
from tests import depth

HOUR, DAY = 3600, 86_400
#: Small times are as good as large ones, and all starts can be tried.
HORIZON = 40

#: In no order, and with gaps.
HOST_IDS = (17, 3, 40, 8, 25, 1, 33)
#: "other": has none of the properties.  "unknown": has no calendar.
ROLES = ("matching", "matching", "matching", "other", "unknown")
#: Start and length of the window, duration, quantity, how many more at most.
NUMBERS = st.tuples(
    st.integers(0, HORIZON),
    st.integers(1, HORIZON),
    st.integers(0, 15),
    st.integers(1, 4),
    st.integers(0, 3),
)

#: As many examples as the profile says, times ten.
MANY = hypothesis.settings(max_examples=depth.examples(10))

Row = tuple[int, int, int]


class Case(NamedTuple):
    """Rows (host id, starts at, ends at), and hosts as (id, tier, watts)."""

    rows: list[Row]
    hosts: list[tuple[int, int, int]]
    wish: availability.Wish

    def find_earliest(self, seed: int = 0) -> availability.Choice | None:
        return availability.find_earliest(
            availability.FreePeriods.of(self.rows), columns(self.hosts), self.wish, random(seed)
        )

    def find_greenest(self, tariff: prices.Prices, seed: int = 0) -> availability.Choice | None:
        free = availability.FreePeriods.of(self.rows)
        return availability.find_greenest(
            free, columns(self.hosts), self.wish, tariff, random(seed)
        )

    def advise(self) -> availability.Advice:
        free = availability.FreePeriods.of(self.rows)
        return availability.advise(free, columns(self.hosts), self.wish)

    def free_at(self, start: int) -> dict[int, Row]:
        """Return the free period in which each matching host could have the lease."""
        matching = {host_id for host_id, _tier, _watts in self.hosts}
        end = start + self.wish.duration
        around = (row for row in self.rows if row[1] <= start and end <= row[2])
        return {row[0]: row for row in around if row[0] in matching}

    def possible(self) -> list[int]:
        """Return every start at which there are enough hosts."""
        last = self.wish.window_end - self.wish.duration
        starts = range(self.wish.window_start, last + 1)
        return [start for start in starts if len(self.free_at(start)) >= self.wish.quantity]

    def rank(self, row: Row, start: int) -> tuple[int, int, int]:
        """Return what the smallest is preferred of."""
        tier = next(tier for host_id, tier, _watts in self.hosts if host_id == row[0])
        gaps = (start - row[1], row[2] - start - self.wish.duration)
        return tier, min(gaps), max(gaps)

    def watts(self, host_id: int) -> int:
        return next(watts for known, _tier, watts in self.hosts if known == host_id)


def columns(hosts: Sequence[tuple[int, int, float]]) -> availability.Hosts:
    return availability.Hosts(
        np.array([host[0] for host in hosts], dtype=np.int64),
        np.array([host[1] for host in hosts], dtype=np.int64),
        np.array([host[2] for host in hosts], dtype=np.float64),
    )


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def periods(host_id: int, free: int, grain: int = 1) -> list[Row]:
    """Return a host's longest free periods; each bit says whether it is free in `grain` seconds.

    Who is free in the last second is so forever.
    """
    bits = [free >> second // grain & 1 for second in range(HORIZON)]
    edges = [at for at, (one, next_) in enumerate(zip([0, *bits], [*bits, 0])) if one != next_]
    rows = list(zip(edges[::2], edges[1::2]))
    return [(host_id, a, leases.FOREVER if b == HORIZON else b) for a, b in rows]


#: Two drawn at random, as one: free three times of four.
FREE = st.integers(0, (1 << 2 * HORIZON) - 1).map(lambda bits: bits | bits >> HORIZON)


@st.composite
def cases(draw: Any) -> Case:
    """Return up to 7 hosts; some match, some have a calendar."""
    drawn = draw(
        st.lists(
            st.tuples(FREE, st.integers(0, 1), st.integers(0, 4), st.sampled_from(ROLES)),
            max_size=len(HOST_IDS),
        )
    )
    grain = draw(st.sampled_from((1, 3, 10)))
    rows, hosts = [], []
    for host_id, (free, tier, watts, role) in zip(HOST_IDS, drawn):
        if role != "unknown":
            rows += periods(host_id, free, grain)
        if role != "other":
            hosts.append((host_id, tier, watts))
    start, length, duration, quantity, more = draw(NUMBERS)
    window = (start, start + length, 1 + duration % length)
    return Case(rows[::-1], hosts, availability.Wish(*window, quantity, quantity + more))


@st.composite
def tariffs(draw: Any) -> prices.Prices:
    times = sorted(draw(st.sets(st.integers(0, 2 * HORIZON), min_size=1, max_size=8)))
    values = draw(st.lists(st.integers(0, 5), min_size=len(times), max_size=len(times)))
    return prices.Prices(times, values)


def check(case: Case, choice: availability.Choice) -> None:
    """Assert that a choice is free, and of different hosts that match."""
    assert choice.end_time == choice.start_time + case.wish.duration
    free = case.free_at(choice.start_time)
    assert all(free[period.host_id] == period for period in choice.periods)
    host_ids = [period.host_id for period in choice.periods]
    assert host_ids == sorted(set(host_ids))


# The earliest.


@MANY
@hypothesis.given(cases(), st.integers(0, 5))
def test_the_earliest_is_found_if_there_is_any_on_the_hosts_preferred(
    case: Case, seed: int
) -> None:
    choice = case.find_earliest(seed)
    possible = case.possible()
    if choice is None:
        assert not possible
        return
    check(case, choice)
    assert choice.start_time == possible[0]
    ranks = [case.rank(row, possible[0]) for row in case.free_at(possible[0]).values()]
    chosen = [case.rank(period, possible[0]) for period in choice.periods]
    assert sorted(chosen) == sorted(ranks)[: case.wish.hosts_max]


def one_window(quantity: int = 1, hosts_max: int | None = None) -> availability.Wish:
    return availability.Wish(100, 200, 50, quantity, hosts_max or quantity)


def test_a_lower_tier_comes_before_a_tighter_gap() -> None:
    case = Case([(1, 100, 150), (2, 0, 1000)], [(1, 1, 0), (2, 0, 0)], one_window())
    choice = case.find_earliest()
    assert choice == (100, 150, ((2, 0, 1000),))


def test_a_tighter_gap_on_either_side_comes_first() -> None:
    rows = [(1, 90, 160), (2, 0, 151), (3, 98, 1000)]
    case = Case(rows, [(1, 0, 0), (2, 0, 0), (3, 0, 0)], one_window(2))
    choice = case.find_earliest()
    assert choice is not None
    assert [period.host_id for period in choice.periods] == [2, 3]


def test_of_equal_gaps_the_tighter_other_side_comes_first() -> None:
    case = Case([(1, 90, 1000), (2, 90, 999)], [(1, 0, 0), (2, 0, 0)], one_window())
    choice = case.find_earliest()
    assert choice is not None
    assert choice.periods[0].host_id == 2


def test_equals_are_chosen_among_by_chance() -> None:
    """So that two planners seldom want the same."""
    hosts = [(host_id, 0, 0) for host_id in range(1, 6)]
    case = Case([(host_id, 0, 1000) for host_id in range(1, 6)], hosts, one_window(2))
    chosen = {
        period.host_id
        for seed in range(50)
        for period in (case.find_earliest(seed) or pytest.fail("none")).periods
    }
    assert chosen == {1, 2, 3, 4, 5}


def test_the_same_seed_chooses_the_same() -> None:
    hosts = [(host_id, 0, 0) for host_id in range(1, 100)]
    case = Case([(host_id, 0, 1000) for host_id in range(1, 100)], hosts, one_window(2))
    assert case.find_earliest(7) == case.find_earliest(7)


def test_a_host_named_twice_counts_once() -> None:
    case = Case([(1, 0, 1000)], [(1, 0, 0), (1, 0, 0)], one_window(2))
    assert case.find_earliest() is None
    assert case.advise().largest_quantity == 1


def test_no_hosts_are_not_enough() -> None:
    case = Case([(1, 0, 1000)], [], one_window())
    assert case.find_earliest() is None
    assert case.find_greenest(prices.Prices.flat()) is None
    assert case.advise() == (0, None)


def test_no_free_periods_are_not_enough() -> None:
    case = Case([], [(1, 0, 0)], one_window())
    assert case.find_earliest() is None
    assert case.advise() == (0, None)


def test_a_window_shorter_than_the_lease_holds_none() -> None:
    wish = availability.Wish(100, 149, 50, 1, 1)
    case = Case([(1, 0, 1000)], [(1, 0, 0)], wish)
    assert case.find_earliest() is None
    assert case.find_greenest(prices.Prices.flat()) is None
    assert case.advise() == (0, 100)


def test_all_of_time_can_be_the_window() -> None:
    wish = availability.Wish(0, leases.FOREVER, leases.FOREVER, 2, 2)
    rows = [(1, 0, leases.FOREVER), (2, 0, leases.FOREVER)]
    case = Case(rows, [(1, 0, 1), (2, 0, 2)], wish)
    whole = (0, leases.FOREVER, tuple(rows))
    assert case.find_earliest() == whole
    assert case.find_greenest(prices.Prices([0, 100], [1, 2])) == whole


def test_a_choice_is_made_of_pythons_own_numbers() -> None:
    """A database driver may know no others."""
    case = Case([(1, 110, 1000)], [(1, 0, 0)], one_window())
    for choice in (case.find_earliest(), case.find_greenest(prices.Prices.flat())):
        assert choice is not None
        assert {type(number) for number in (*choice[:2], *choice.periods[0])} == {int}
    assert {type(number) for number in case.advise()} == {int}


# What would work instead.


@hypothesis.settings(max_examples=depth.examples(5))
@hypothesis.given(cases())
def test_advice_would_work(case: Case) -> None:
    window = range(case.wish.window_start, case.wish.window_end - case.wish.duration + 1)
    largest = max((len(case.free_at(start)) for start in window), default=0)
    # After the horizon nothing changes any more.
    later = range(case.wish.window_start, 2 * HORIZON + 2)
    enough = [start for start in later if len(case.free_at(start)) >= case.wish.quantity]
    assert case.advise() == (largest, enough[0] if enough else None)


# The greenest.


def cost(case: Case, by_second: list[int], start: int) -> int:
    """Return the least cost of a start, second by second."""
    watts = sorted(case.watts(host_id) for host_id in case.free_at(start))
    return sum(by_second[start : start + case.wish.duration]) * sum(watts[: case.wish.quantity])


def list_by_second(tariff: prices.Prices) -> list[int]:
    """Return the price of each second to the end of the latest window."""
    values = dict(zip(tariff.times.tolist(), tariff.values.tolist()))
    price = int(tariff.values[0])
    return [price := int(values.get(second, price)) for second in range(2 * HORIZON)]


@MANY
@hypothesis.given(cases(), tariffs())
def test_the_greenest_is_the_first_that_costs_least_on_the_hosts_preferred(
    case: Case, tariff: prices.Prices
) -> None:
    choice = case.find_greenest(tariff)
    by_second = list_by_second(tariff)
    costs = [(cost(case, by_second, start), start) for start in case.possible()]
    if choice is None:
        assert not costs
        return
    check(case, choice)
    start = min(costs)[1]
    assert choice.start_time == start

    def rank(row: Row) -> tuple[int, ...]:
        return case.watts(row[0]), *case.rank(row, start)

    best = sorted(rank(row) for row in case.free_at(start).values())
    assert sorted(rank(period) for period in choice.periods) == best[: case.wish.quantity]


def test_without_prices_it_is_when_the_thriftiest_are_free() -> None:
    case = Case([(1, 0, 1000), (2, 120, 1000)], [(1, 0, 200), (2, 0, 100)], one_window())
    choice = case.find_greenest(prices.Prices.flat())
    assert choice == (120, 170, ((2, 120, 1000),))


def test_a_start_between_two_steps_of_the_price_is_found() -> None:
    """It starts where the price falls, or ends where it rises."""
    case = Case([(1, 0, 1000)], [(1, 0, 200)], one_window())
    choice = case.find_greenest(prices.Prices([0, 120, 180], [3, 1, 2]))
    assert choice is not None
    assert choice.start_time == 120
    choice = case.find_greenest(prices.Prices([0, 140, 160], [2, 1, 3]))
    assert choice is not None
    assert choice.start_time == 110


def year_of_hours(values: Any) -> prices.Prices:
    return prices.Prices(range(0, 365 * DAY, HOUR), values)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 12.345])
def test_what_costs_the_same_is_the_same_over_a_year(value: float) -> None:
    """Sums of floats differ in their last digits; the earliest is the earliest still."""
    tariff = year_of_hours(np.full(365 * 24, value))
    hosts = [(host_id, 0, 200) for host_id in range(1, 300)]
    rows = [(host_id, host_id * (DAY + 101), (host_id + 1) * DAY) for host_id in range(1, 300)]
    wish = availability.Wish(0, 365 * DAY, 5 * HOUR, 1, 1)
    choice = Case(rows, hosts, wish).find_greenest(tariff)
    assert choice is not None
    assert choice.start_time == DAY + 101


def test_what_costs_a_millionth_less_is_greener() -> None:
    values = np.ones(365 * 24)
    values[5000:5003] = 1 - 1e-6
    wish = availability.Wish(0, 365 * DAY, 3 * HOUR, 1, 1)
    case = Case([(1, 0, leases.FOREVER)], [(1, 0, 200)], wish)
    choice = case.find_greenest(year_of_hours(values))
    assert choice is not None
    assert choice.start_time == 5000 * HOUR


@pytest.mark.parametrize("watts", [float("inf"), 1e300, 1e9])
def test_impossible_watts_are_merely_the_last_choice(watts: float) -> None:
    free = availability.FreePeriods.of([(host_id, 0, 1000) for host_id in (1, 2, 3)])
    hosts = columns([(1, 0, watts), (2, 0, watts), (3, 0, 200.0)])
    for quantity, chosen in ((1, [3]), (3, [1, 2, 3])):
        choice = availability.find_greenest(
            free, hosts, one_window(quantity), prices.Prices.flat(), random()
        )
        assert choice is not None
        assert [period.host_id for period in choice.periods] == chosen


# Free periods.


CALENDARS = st.dictionaries(st.integers(1, 9), FREE, max_size=7)


@hypothesis.settings(max_examples=depth.examples(5))
@hypothesis.given(CALENDARS, CALENDARS, st.sets(st.integers(0, 10)))
def test_replacing_is_as_reading_all_anew(
    before: dict[int, int], after: dict[int, int], gone: set[int]
) -> None:
    changed = {*after, *gone}
    old = [row for host_id, free in before.items() for row in periods(host_id, free)]
    new = [row for host_id, free in after.items() for row in periods(host_id, free)]
    replaced = availability.FreePeriods.of(old).replace(changed, new)
    whole = availability.FreePeriods.of([row for row in old if row[0] not in changed] + new)
    assert len(replaced) == len(whole)
    for name in ("host", "starts_at", "ends_at"):
        assert getattr(replaced, name).tolist() == getattr(whole, name).tolist()


def test_they_are_sorted_by_host_and_start() -> None:
    rows = [(2, 5, 6), (1, 7, 8), (2, 1, 2)]
    free = availability.FreePeriods.of(iter(rows))
    assert list(zip(free.host, free.starts_at, free.ends_at)) == sorted(rows)


def test_they_cannot_be_changed() -> None:
    """Threads read them while another replaces them."""
    free = availability.FreePeriods.of([(1, 0, 10)])
    for column in (free.host, free.starts_at, free.ends_at, free.replace([2], [(2, 0, 5)]).host):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 5
    assert len(free) == 1


# Large ones, which brute force could not do: the same by another way.


def sweep(rows: list[Row], wish: availability.Wish) -> int | None:
    """Return the earliest start, by counting up and down in order of time."""
    changes = []
    for _host_id, starts_at, ends_at in rows:
        opens, last = (
            max(starts_at, wish.window_start),
            min(ends_at, wish.window_end) - wish.duration,
        )
        if opens <= last:
            changes += [(opens, 0), (last, 1)]
    around = 0
    for time, over in sorted(changes):
        around += -1 if over else 1
        if around >= wish.quantity:
            return time
    return None


@pytest.mark.parametrize("quantity", [1, 60, 150, 180, 190, 199, 200, 201])
def test_a_full_year_of_200_hosts(quantity: int) -> None:
    generator = random(quantity)
    rows = []
    for host_id in range(1, 201):
        cuts = np.sort(generator.choice(365 * 24, size=100, replace=False)) * HOUR
        bounds = [0, *cuts.tolist(), leases.FOREVER]
        rows += [(host_id, begin, end) for begin, end in zip(bounds[::2], bounds[1::2])]
    hosts = [(host_id, 0, 0) for host_id in range(1, 201)]
    wish = availability.Wish(10 * DAY, 370 * DAY, 5 * HOUR, quantity, quantity)
    choice = Case(rows, hosts, wish).find_earliest()
    assert (choice and choice.start_time) == sweep(rows, wish)
