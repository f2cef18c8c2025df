# SPDX-License-Identifier: Apache-2.0
"""Chooses the time and the hosts of a lease: arithmetic of free periods.

Owns the choice alone.  Free periods come from :mod:`climate.planning.memory`;
:func:`climate.planning.changes.book` makes sure that they are still free.

A *span* is what a free period leaves of the window to start in: the starts from
``opens`` to ``lasts``, both included, at which its host is free for the whole
duration.  A host's free periods are disjoint, so as many hosts are free
together from a moment on as there are spans around it.

All times are whole epoch seconds, all periods half-open.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy import typing as npt

from climate import lease as leases
from climate.planning import lightest
from climate.planning import prices

#: Costs that differ by less are the same: floats know no better.
_SAME_COST = 1e-9

#: What a host can use at most: the sum over millions of them must fit in 64 bits.
MAX_WATTS = 1e9

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Hosts(NamedTuple):
    """Hosts to choose from, in columns; a smaller tier is preferred."""

    ids: Integers
    tiers: Integers
    watts: Floats


class Wish(NamedTuple):
    """``duration`` seconds in [window_start, window_end), on ``quantity`` to ``hosts_max`` hosts.

    Duration and quantity are at least 1, ``hosts_max`` at least the quantity.
    """

    window_start: int
    window_end: int
    duration: int
    quantity: int
    hosts_max: int


class FreePeriod(NamedTuple):
    """A longest period in which no lease holds a host."""

    host_id: int
    starts_at: int
    ends_at: int


class Choice(NamedTuple):
    """A lease that could be; ``periods``: the one to cut for each host, sorted by host id."""

    start_time: int
    end_time: int
    periods: tuple[FreePeriod, ...]


class Advice(NamedTuple):
    """What would work instead.

    ``largest_quantity``: how many hosts are free together in the window.
    ``earliest_start_time``: when as many as wanted are, however late that is;
    None if there are not as many.
    """

    largest_quantity: int
    earliest_start_time: int | None


class FreePeriods:
    """Free periods in columns, sorted by host and start; immutable.

    Those of one host are disjoint.
    """

    def __init__(self, host: Integers, starts_at: Integers, ends_at: Integers) -> None:
        self.host, self.starts_at, self.ends_at = host, starts_at, ends_at
        for column in (host, starts_at, ends_at):
            column.setflags(write=False)

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, int]]) -> FreePeriods:
        """Return the free periods of rows (host id, starts at, ends at), in any order."""
        flat = np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int64)
        host, starts_at, ends_at = flat.reshape(-1, 3).T
        order = np.lexsort((starts_at, host))
        return cls(host[order], starts_at[order], ends_at[order])

    def replace(
        self, host_ids: Collection[int], rows: Iterable[tuple[int, int, int]]
    ) -> FreePeriods:
        """Return these free periods, with the rows instead of what the hosts had.

        :param rows: all free periods that these hosts have now, in any order.
        """
        ids = np.unique(np.fromiter(host_ids, dtype=np.int64, count=len(host_ids)))
        new = FreePeriods.of(rows)
        cuts = [bound.tolist() for bound in (*self._bounds(ids), *new._bounds(ids))]

        def merge(old: Integers, fresh: Integers) -> Integers:
            pieces, done = [], 0
            for begin, end, new_begin, new_end in zip(*cuts):
                pieces += [old[done:begin], fresh[new_begin:new_end]]
                done = end
            return np.concatenate([*pieces, old[done:]])

        return FreePeriods(
            merge(self.host, new.host),
            merge(self.starts_at, new.starts_at),
            merge(self.ends_at, new.ends_at),
        )

    def _bounds(self, host_ids: Integers) -> tuple[Integers, Integers]:
        begins = np.searchsorted(self.host, host_ids, side="left")
        return begins, np.searchsorted(self.host, host_ids, side="right")

    def pick(self, rows: Integers) -> tuple[FreePeriod, ...]:
        """Return those with these indices, as Python's own numbers."""
        columns = (self.host, self.starts_at, self.ends_at)
        return tuple(itertools.starmap(FreePeriod, zip(*(c[rows].tolist() for c in columns))))

    def __len__(self) -> int:
        return len(self.host)


def find_earliest(
    free: FreePeriods, hosts: Hosts, wish: Wish, random: np.random.Generator
) -> Choice | None:
    """Return the earliest lease in the window, or None if there is none.

    It has as many hosts as are free then, at most ``hosts_max``: the first by
    tier, then by the smallest time left free beside the lease, then the largest.
    """
    spans = _find_spans(free, hosts, wish)
    start = _find_start(spans, wish)
    if start is None:
        return None
    spans = spans.at(start)
    return _choose(free, spans, [hosts.tiers[spans.which]], start, wish, random)


def find_greenest(
    free: FreePeriods,
    hosts: Hosts,
    wish: Wish,
    prices: prices.Prices,
    random: np.random.Generator,
) -> Choice | None:
    """Return the lease in the window that costs least, or None if there is none.

    Cost is watts x price x seconds, summed over the hosts.  More hosts than
    ``quantity`` would cost more: there are as many.  Of several that cost the
    same it is the earliest, with hosts as :func:`find_earliest` takes them.
    """
    spans = _find_spans(free, hosts, wish)
    starts = _list_starts(spans, wish, prices)
    if not len(starts):
        return None
    milliwatts = _to_milliwatts(hosts.watts)
    things = lightest.Things(spans.opens, spans.lasts, milliwatts[spans.which])
    least = lightest.sum_lightest(things, starts, wish.quantity)
    costs = least * prices.integral(starts, starts + wish.duration)
    start = int(starts[np.argmax(costs <= costs.min() * (1 + _SAME_COST))])
    wish, spans = wish._replace(hosts_max=wish.quantity), spans.at(start)
    ranks = [milliwatts[spans.which], hosts.tiers[spans.which]]
    return _choose(free, spans, ranks, start, wish, random)


def advise(free: FreePeriods, hosts: Hosts, wish: Wish) -> Advice:
    """Return what would work instead of a wish that could not be met."""
    spans = _find_spans(free, hosts, wish)
    together = _count(spans, np.sort(spans.opens))
    later = _find_spans(free, hosts, wish._replace(window_end=leases.FOREVER))
    return Advice(int(together.max(initial=0)), _find_start(later, wish))


class _Spans(NamedTuple):
    """Spans in columns: of which row of the free periods, and of which of the hosts."""

    opens: Integers
    lasts: Integers
    rows: Integers
    which: Integers

    def at(self, start: int) -> _Spans:
        """Return those around a start."""
        around = (self.opens <= start) & (start <= self.lasts)
        return _Spans(*(column[around] for column in self))


def _find_spans(free: FreePeriods, hosts: Hosts, wish: Wish) -> _Spans:
    opens = np.maximum(free.starts_at, wish.window_start)
    lasts = np.minimum(free.ends_at, wish.window_end) - wish.duration
    rows = np.flatnonzero(opens <= lasts)
    which = _place(free.host[rows], hosts.ids)
    ours = which >= 0
    rows, which = rows[ours], which[ours]
    return _Spans(opens[rows], lasts[rows], rows, which)


def _place(values: Integers, among: Integers) -> Integers:
    """Return the index of each value among others, -1 where it is not."""
    if not len(among):
        return np.full(len(values), -1)
    ordered, index = np.unique(among, return_index=True)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.where(ordered[at] == values, index[at], -1)


def _find_start(spans: _Spans, wish: Wish) -> int | None:
    """Return the first moment with as many spans around it as hosts are wanted.

    Only where a span opens can it be.  In order, and counted from 0: around the
    opening i are the i + 1 spans that opened, but for those whose last start is
    before it.  Enough are left if at most i + 1 - quantity are gone, which
    is to say: if the last start with that number is not before the opening.
    """
    if np.count_nonzero(spans.opens == wish.window_start) >= wish.quantity:
        return wish.window_start
    opens = np.sort(spans.opens)[wish.quantity - 1 :]
    lasts = np.sort(spans.lasts)[: len(opens)]
    enough = opens[opens <= lasts]
    return int(enough[0]) if len(enough) else None


def _count(spans: _Spans, starts: Integers) -> Integers:
    """Return how many spans are around each start."""
    opened = np.searchsorted(np.sort(spans.opens), starts, side="right")
    return opened - np.searchsorted(np.sort(spans.lasts), starts, side="left")


def _list_starts(spans: _Spans, wish: Wish, prices: prices.Prices) -> Integers:
    """Return starts, in order, of which the first that costs least is one.

    Between two of them the same hosts are free and the cost is a straight line, so
    it is least at one end.  The start just after a span's last one is no such end:
    there is one host less to choose from, and the price is on the same line.
    """
    steps = prices.times
    starts = np.unique(np.concatenate((steps, steps - wish.duration, spans.opens, spans.lasts)))
    return starts[_count(spans, starts) >= wish.quantity]


def _to_milliwatts(watts: Floats) -> Integers:
    """Return whole numbers: their sums are exact, in any order."""
    possible = np.clip(np.nan_to_num(watts), 0, MAX_WATTS)
    return np.rint(possible * 1000).astype(np.int64)


def _choose(
    free: FreePeriods,
    spans: _Spans,
    ranks: list[Integers],
    start: int,
    wish: Wish,
    random: np.random.Generator,
) -> Choice:
    """Return the lease at a start on the best hosts of the spans around it.

    :param ranks: of the spans: by the first, among equals by the next, then by the
        time left free beside the lease; smaller is better.
    """
    end = start + wish.duration
    before, after = start - free.starts_at[spans.rows], free.ends_at[spans.rows] - end
    keys = [*ranks, np.minimum(before, after), np.maximum(before, after)]
    best = _find_best(keys, wish.hosts_max, random)
    return Choice(start, end, free.pick(np.sort(spans.rows[best])))


def _find_best(keys: list[Integers], number: int, random: np.random.Generator) -> Integers:
    """Return the indices of the best by the first key, among equals by the next; then any.

    Sorts nothing: by each key some are in, some are out, and some are on the edge.
    """
    edge = np.arange(len(keys[0]))
    best = []
    for key in keys:
        if len(edge) <= number:
            break
        values = key[edge]
        worst = np.partition(values, number - 1)[number - 1]
        best.append(edge[values < worst])
        edge = edge[values == worst]
        number -= len(best[-1])
    return np.concatenate([*best, random.permutation(edge)[:number]])
