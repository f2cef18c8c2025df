# SPDX-License-Identifier: Apache-2.0
"""Samples the watts and the load of every host once a minute, and stores the samples.

Owns when, and what an operator is told of it.  Any number of services may do so
at once: each looks, for it wants to know, and the store lets one of them count.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping

import numpy as np
from oslo_context import context

from climate.ranking import board
from climate.ranking import history
from climate.ranking import manager
from climate.ranking import observed as observations
from climate.ranking import options as ranking_options
from climate.ranking import probes
from climate.ranking import store as stores
from climate.rpc import inventory as inventories
from energybase import clock as clocks
from energybase import exception
from energybase import outage
from energybase import repeat
from kwapi import client

LOG = logging.getLogger(__name__)

#: Sooner than the next turn: at start, everything may start.
_FIRST_RETRY_SECONDS = 3.0
#: Hosts named in one message.
_MOST_NAMES = 20
#: Of a host that is on and whose source does not say how many vCPUs are in use:
#: somewhere between none and all.
_ASSUMED_LOAD = 0.5
#: In vain, before it is told that no host has a probe: at start, none has yet.
_TRIES_WITHOUT_PROBES = 3


class Sampler:
    """Looks from a thread of its own; a component of a process."""

    def __init__(
        self,
        ranking: manager.Ranking,
        store: stores.Store,
        inventory: inventories.InventoryAPI,
        kwapi: client.Client,
        options: ranking_options.Options,
        clock: clocks.Clock | None = None,
    ) -> None:
        """Prepare; what is seen goes to the ranking."""
        self._ranking, self._inventory = ranking, inventory
        self._clock = clock or clocks.Clock()
        self._kwapi, self._options = kwapi, options
        self._history = history.History(store)
        self._store = store
        self._seen = board.NOTHING
        self._probes: Mapping[str, client.Probe] = {}
        self._inventory_outage = _outage_of("The inventory")
        self._kwapi_outage = _outage_of("Kwapi")
        self._database_outage = _outage_of("The database")
        self._unmeasured: set[str] = set()
        self._tries = 0
        self._repeater = repeat.Repeater(
            "sampler", self._take_turn, _Retry(self._seconds_to_next), clock=self._clock
        )

    def start(self) -> None:
        """Look from now on."""
        self._repeater.start()

    def stop(self) -> None:
        """End; a look that hangs is left behind."""
        self._repeater.stop()

    def configure(self, kwapi: client.Client, options: ranking_options.Options) -> None:
        """Look at this Kwapi from now on, by these options."""
        self._kwapi, self._options = kwapi, options
        self._repeater.wake()

    def reload(self) -> None:
        """Nothing of its own; see :meth:`configure`."""

    def look(self) -> bool:
        """Look once, and have what is seen counted; return whether there was all to be seen."""
        now = self._clock.time()
        moment = int(now - now % self._options.sample_seconds)
        hosts_told, probes_told = self._ask_inventory(), self._ask_kwapi()
        capacities = self._seen.capacities
        measured = probes.measure(
            capacities["names"],
            self._options.probes,
            self._probes,
            now,
            self._options.max_probe_age_seconds,
        )
        if probes_told:
            self._tell_measured(capacities["names"], measured)
        complete = hosts_told and probes_told and bool(measured)
        kept = self._keep(moment, self._sample(measured) if complete else {})
        self._update(now, measured)
        return complete and kept

    def _take_turn(self) -> float | None:
        """Look once; return the seconds until the next turn, None if not all was to be seen."""
        return self._seconds_to_next() if self.look() else None

    def _seconds_to_next(self) -> float:
        every = self._options.sample_seconds
        return every - self._clock.time() % every

    def _ask_inventory(self) -> bool:
        """Take up which hosts there are; return whether the inventory told."""
        failure: object = None
        try:
            capacities = self._inventory.list_capacities(context.RequestContext(overwrite=False))
        except exception.EnergyException as exc:
            failure = exc
        else:
            self._seen = self._seen._replace(capacities=capacities)
        self._inventory_outage.note(failure)
        return failure is None

    def _ask_kwapi(self) -> bool:
        """Take up what probes measured; return whether Kwapi told."""
        failure: object = None
        try:
            self._probes = self._kwapi.get_probes()
        except client.ClientError as exc:
            failure = exc
        self._kwapi_outage.note(failure)
        return failure is None

    def _sample(self, measured: Mapping[str, probes.Measured]) -> dict[str, observations.Sample]:
        """Return what is to be counted: of hosts that are on."""
        capacities = self._seen.capacities
        known = np.nan_to_num(board.loads(capacities), nan=_ASSUMED_LOAD).tolist()
        return {
            name: observations.Sample(measured[name].measured_at, load, measured[name].watts)
            for name, on, load in zip(capacities["names"], capacities["on"], known)
            if on and name in measured
        }

    def _keep(self, moment: int, samples: Mapping[str, observations.Sample]) -> bool:
        """Have samples counted, and take up what all services counted; return whether it went."""
        failure: object = None
        try:
            counted = bool(samples) and self._store.add(moment, samples)
            self._history.refresh(moment, self._options.window_hours, forget=counted)
        except (exception.StoreUnavailable, exception.NotStorable) as exc:
            failure = exc.details.get("reason", exc)
        self._database_outage.note(failure)
        return failure is None

    def _update(self, now: float, measured: Mapping[str, probes.Measured]) -> None:
        names = self._seen.capacities["names"]
        watts = [measured[name].watts if name in measured else np.nan for name in names]
        self._seen = self._seen._replace(
            as_of=int(now) if names else self._seen.as_of,
            watts=np.array(watts, dtype=float),
            observed=self._history.observed.align(names),
        )
        self._ranking.update(self._seen)

    def _tell_measured(self, names: Collection[str], measured: Collection[str]) -> None:
        """Tell of hosts that have no watts any more, and of those that have again."""
        self._tries = 0 if measured or not names else self._tries + 1
        if self._tries == _TRIES_WITHOUT_PROBES:
            LOG.warning(
                "Kwapi measures none of the %d hosts; see [ranking] probes and "
                "max_probe_age_seconds",
                len(names),
            )
        if not measured:
            return
        unmeasured = set(names) - set(measured)
        if gone := unmeasured - self._unmeasured:
            LOG.warning("Without watts, as no fresh probe measures them: %s", _list(gone))
        if back := (self._unmeasured & set(names)) - unmeasured:
            LOG.info("With watts again: %s", _list(back))
        self._unmeasured = unmeasured


class _Retry(clocks.Backoff):
    """Ever later, but no later than the next turn: each turn counts a sample."""

    def __init__(self, seconds_to_next: Callable[[], float]) -> None:
        super().__init__(_FIRST_RETRY_SECONDS, math.inf)
        self._seconds_to_next = seconds_to_next

    def next(self) -> float:
        return min(super().next(), self._seconds_to_next())


def _outage_of(what: str) -> outage.Outage:
    return outage.Outage(
        LOG,
        f"{what} is away, hosts are ranked by what is known: %(reason)s",
        f"{what} is back, hosts are observed again",
    )


def _list(names: Collection[str]) -> str:
    more = len(names) - _MOST_NAMES
    listed = ", ".join(sorted(names)[:_MOST_NAMES])
    return listed + (f" and {more} more" if more > 0 else "")
