# SPDX-License-Identifier: Apache-2.0
"""Objectives: which time and hosts are chosen where several would do.

Owns the search of each objective.  A new one is a function here, with its line in
:data:`SEARCHES`, and its name in :data:`climate.lease.OBJECTIVES`; tests then
demand it of the documents and of the client.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from climate.planning import availability
from climate.planning import prices


class Candidates(NamedTuple):
    """What a search chooses from.

    :ivar free: the free periods of all hosts.
    :ivar hosts: those that match the request.
    :ivar energy_prices: what a watt costs at which time.
    :ivar random: decides between equal hosts.
    """

    free: availability.FreePeriods
    hosts: availability.Hosts
    energy_prices: prices.Prices
    random: np.random.Generator


#: Returns the lease to book, or None if there is none in the window.
Search = Callable[[Candidates, availability.Wish], availability.Choice | None]


def find_earliest(given: Candidates, wish: availability.Wish) -> availability.Choice | None:
    """Return the lease that starts first."""
    return availability.find_earliest(given.free, given.hosts, wish, given.random)


def find_greenest(given: Candidates, wish: availability.Wish) -> availability.Choice | None:
    """Return the lease whose energy costs least."""
    return availability.find_greenest(
        given.free, given.hosts, wish, given.energy_prices, given.random
    )


SEARCHES: Mapping[str, Search] = {
    "earliest": find_earliest,
    "greenest": find_greenest,
}
