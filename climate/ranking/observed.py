# SPDX-License-Identifier: Apache-2.0
"""Observations of hosts, and recorded performances, as values.

Owns no SQL; :mod:`climate.ranking.store` reads and writes these.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from climate.ranking import performance
from climate.ranking import power_model


class Sample(NamedTuple):
    """What was observed of a host at a moment.

    :ivar measured_at: epoch seconds, of the measurement.
    :ivar load: 0 to 1.
    """

    measured_at: float
    load: float
    watts: float


class Observed(NamedTuple):
    """What was observed of some hosts in a time; ``hours``: of each, in how many of them."""

    hosts: Sequence[str] = ()
    statistics: power_model.Statistics = power_model.Statistics(*np.zeros((8, 0)))
    hours: Any = np.zeros(0)

    def align(self, hosts: Iterable[str]) -> Observed:
        """Return the same of these hosts, in this order; nothing of one that is unknown."""
        wanted = tuple(hosts)
        places = {host: place for place, host in enumerate(self.hosts)}
        order = np.array([places.get(host, -1) for host in wanted], dtype=int)
        nothing = (*power_model.Statistics(), 0)
        columns = [
            np.append(column, fill)[order]
            for column, fill in zip((*self.statistics, self.hours), nothing)
        ]
        return Observed(wanted, power_model.Statistics(*columns[:-1]), columns[-1])


class Recorded(NamedTuple):
    """Performances by host, as of a version; None if there is nothing newer."""

    version: int
    performances: dict[str, performance.Performance] | None
