# SPDX-License-Identifier: Apache-2.0
"""Finds time and hosts for a proposal and books them; tries again if another planner was faster.

Owns the race: a search works in memory on what was free a moment ago, a booking
is one transaction that fails if any of it is taken.  So any number of planners
may run, and none waits for another's search.
"""

from __future__ import annotations

import contextlib
import threading

import numpy as np

from climate import exception
from climate import lease as leases
from climate.planning import availability
from climate.planning import calendars
from climate.planning import changes
from climate.planning import memory
from climate.planning import objectives
from climate.planning import options as planning_options
from climate.planning import refusal
from climate.planning import request
from climate.planning import store as stores
from energybase import clock as clocks


class Booking:
    """Places proposals in the calendars; for any number of threads."""

    def __init__(
        self, store: stores.Store, clock: clocks.Clock, random: np.random.Generator
    ) -> None:
        self._store, self._clock, self._random = store, clock, random
        self._memory = memory.Memory(store)
        self._turn = threading.Lock()

    def place(
        self,
        proposal: leases.Lease,
        candidates: request.Candidates,
        options: planning_options.Options,
    ) -> leases.Lease:
        """Return the proposal with the time and the hosts that are now booked for it.

        :raises NotEnoughHosts: too few are free together; what would work.
        :raises QuotaExceeded: the project would hold too much.
        :raises Conflict: others were faster, every time.
        """
        self._learn(candidates)
        for attempt in range(options.max_attempts):
            # Who lost once waits for the others here who did; else each
            # would go on taking what the next one has just chosen.
            with self._turn if attempt else contextlib.nullcontext():
                choice = self._find(proposal, candidates.hosts, options)
                try:
                    return self._book(proposal, choice, candidates, options)
                except calendars.Taken:
                    continue
        raise exception.Conflict

    def _learn(self, candidates: request.Candidates) -> None:
        if candidates.names is None:
            self._memory.learn_ids(candidates.hosts.ids.tolist())
        else:
            self._memory.learn(candidates.names)

    def _find(
        self,
        proposal: leases.Lease,
        hosts: availability.Hosts,
        options: planning_options.Options,
    ) -> availability.Choice:
        wish, search = _wish_of(proposal), objectives.SEARCHES[proposal.objective]
        prices = options.energy_prices
        given = objectives.Candidates(self._memory.refresh(), hosts, prices, self._random)
        choice = search(given, wish)
        # What nobody confirmed in time is free, and only not yet given back.
        if choice is None and self._store.expire(self._now()):
            given = given._replace(free=self._memory.refresh())
            choice = search(given, wish)
        if choice is None:
            advice = availability.advise(given.free, hosts, wish)
            raise refusal.not_enough(len(hosts.ids), wish, advice)
        return choice

    def _book(
        self,
        proposal: leases.Lease,
        choice: availability.Choice,
        candidates: request.Candidates,
        options: planning_options.Options,
    ) -> leases.Lease:
        names = candidates.names or {}
        ids = [period.host_id for period in choice.periods]
        lease = proposal._replace(
            start_time=choice.start_time,
            end_time=choice.end_time,
            hosts=tuple(leases.LeasedHost(id_, names.get(id_, str(id_))) for id_ in ids),
        )
        quota = options.quotas.of(lease.project_id)
        self._store.change(changes.book, lease, choice, quota, self._now())
        # Whoever gave ids alone has the names from the store.
        return self._store.get(lease.id) if candidates.names is None else lease

    def _now(self) -> int:
        return int(self._clock.time())


def _wish_of(proposal: leases.Lease) -> availability.Wish:
    return availability.Wish(
        proposal.window_start,
        proposal.window_end,
        proposal.duration,
        proposal.quantity,
        proposal.hosts_max,
    )
