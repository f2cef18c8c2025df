# SPDX-License-Identifier: Apache-2.0
"""Combines all that is known of hosts at a moment, and ranks them.

Owns how values of the inventory, of Kwapi, of the database and of operators are
combined.  Values in, values out; ten thousand hosts are ranked in 50 ms.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import numpy as np
from numpy import typing as npt

from climate.ranking import efficiency
from climate.ranking import observed as observations
from climate.ranking import performance
from climate.ranking import power_model

if TYPE_CHECKING:
    # The shapes of what crosses alone: the modules load oslo.messaging.
    from climate.rpc import inventory as inventories
    from climate.rpc import ranking as rpc

KWAPI = "kwapi"
_NO_PERFORMANCE = performance.Performance(np.nan, "", "")

Floats = npt.NDArray[np.float64]


class Seen(NamedTuple):
    """What was looked at last.

    :ivar as_of: epoch seconds; 0 if never.
    :ivar capacities: of the hosts; the other columns are parallel to its own.
    :ivar watts: W now; NaN if unknown.
    :ivar observed: over the window.
    """

    as_of: int
    capacities: inventories.Capacities
    watts: Floats
    observed: observations.Observed


#: Before anything was looked at.
NOTHING = Seen(
    0,
    {"ids": [], "names": [], "on": [], "vcpus": [], "vcpus_used": [], "cpu": [], "cpus": []},
    np.zeros(0),
    observations.Observed(),
)


class Board:
    """The hosts, ready to be ranked in any way; does not change.

    :param recorded: what hosts can compute, by name; those first that count more.
    """

    def __init__(
        self,
        seen: Seen,
        recorded: Sequence[Mapping[str, performance.Performance]],
        table: performance.Table,
    ) -> None:
        self.as_of = seen.as_of
        self._names = seen.capacities["names"]
        self._numbers = {name: number for number, name in enumerate(self._names)}
        performances = _list_performances(seen.capacities, recorded, table)
        statistics, hours = seen.observed.statistics, seen.observed.hours
        models = power_model.fit_all(statistics, hours)
        on = np.array(seen.capacities["on"], dtype=bool)
        vcpus = _floats(seen.capacities["vcpus"])
        load = loads(seen.capacities)
        has_samples = statistics.n > 0
        self._hosts = efficiency.Hosts(
            flops=np.array([each.flops for each in performances], dtype=float),
            vcpus=vcpus,
            load=load,
            on=on,
            watts_now=seen.watts,
            watts_max=np.where(has_samples, statistics.max_watts, np.nan),
            idle_watts=models.idle_watts,
            watts_per_load=models.watts_per_load,
            idle_error=models.idle_error,
            slope_error=models.slope_error,
        )
        average = statistics.sum_watts / np.where(has_samples, statistics.n, np.nan)
        self._known = self._describe(performances, models, average)

    def rank(self, by: str, hosts: Iterable[str] | None = None) -> rpc.Ranking:
        """Return hosts in order, best first; unknown ones last.

        :param by: one of :data:`climate.kinds.KINDS`.
        :param hosts: names; None is all.
        """
        ranking = efficiency.rank(self._hosts, by)
        order: list[int] = ranking.order.tolist()
        unknown: list[str] = []
        if hosts is not None:
            wanted = dict.fromkeys(hosts)
            numbers = {self._numbers[name] for name in wanted if name in self._numbers}
            order = [number for number in order if number in numbers]
            unknown = [name for name in wanted if name not in self._numbers]
        scores = _list(ranking.scores)
        watts, errors = _list(ranking.marginal_watts, 3), _list(ranking.marginal_watts_error, 3)
        known = self._known
        ranked: list[Any] = [
            {
                **known[number],
                "score": scores[number],
                "marginal_watts": watts[number],
                "marginal_watts_error": errors[number],
            }
            for number in order
        ]
        return {
            "by": by,
            "as_of": self.as_of,
            "hosts": [*ranked, *(_describe_unknown(name) for name in unknown)],
        }

    def _describe(
        self,
        performances: Sequence[performance.Performance],
        models: power_model.Models,
        average: Floats,
    ) -> list[dict[str, Any]]:
        """Return of each host what is the same in whatever order."""
        hosts = self._hosts
        vcpus = [None if number is None else int(number) for number in _list(hosts.vcpus)]
        columns: dict[str, Sequence[Any]] = {
            "host": self._names,
            "score": [None] * len(self._names),
            "flops": _list(hosts.flops),
            "flops_source": [each.source or None for each in performances],
            "flops_detail": [each.detail for each in performances],
            "watts_idle": _list(models.idle_watts, 3),
            "watts_average": _list(average, 3),
            "watts_max": _list(hosts.watts_max, 3),
            "watts_source": [KWAPI if number else None for number in models.samples.tolist()],
            "watts_now": _list(hosts.watts_now, 3),
            "load": _list(hosts.load, 6),
            "on": hosts.on.tolist(),
            "marginal_watts": [None] * len(self._names),
            "marginal_watts_error": [None] * len(self._names),
            "samples": models.samples.tolist(),
            "confidence": models.confidence.tolist(),
            "vcpus": vcpus,
        }
        return [dict(zip(columns, row)) for row in zip(*columns.values())]


def loads(capacities: inventories.Capacities) -> Floats:
    """Return the share of each host's vCPUs that servers have, 0 to 1; NaN if unknown."""
    vcpus, used = _floats(capacities["vcpus"]), _floats(capacities["vcpus_used"])
    share = used / np.where(vcpus > 0, vcpus, np.nan)
    # An overcommitted host has no more to give than all.
    return np.clip(share, 0.0, 1.0)


def _list_performances(
    capacities: inventories.Capacities,
    recorded: Sequence[Mapping[str, performance.Performance]],
    table: performance.Table,
) -> list[performance.Performance]:
    deduced: dict[tuple[int, int | None], performance.Performance | None] = {}
    found = []
    for name, cpu, vcpus in zip(capacities["names"], capacities["cpu"], capacities["vcpus"]):
        known = next((each[name] for each in recorded if name in each), None)
        if known is None:
            # There are thousands of hosts, but few kinds of them.
            if (cpu, vcpus) not in deduced:
                info = capacities["cpus"][cpu]
                deduced[cpu, vcpus] = performance.deduce(info, table, vcpus)
            known = deduced[cpu, vcpus]
        found.append(known or _NO_PERFORMANCE)
    return found


def _describe_unknown(name: str) -> rpc.Ranked:
    return {
        "host": name,
        "score": None,
        "flops": None,
        "flops_source": None,
        "flops_detail": "",
        "watts_idle": None,
        "watts_average": None,
        "watts_max": None,
        "watts_source": None,
        "watts_now": None,
        "load": None,
        "on": False,
        "marginal_watts": None,
        "marginal_watts_error": None,
        "samples": 0,
        "confidence": power_model.UNKNOWN,
        "vcpus": None,
    }


def _floats(column: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in column], dtype=float)


def _list(column: Floats, places: int | None = None) -> list[float | None]:
    """Return a column as a list: None for what is unknown, or no number JSON knows."""
    rounded = column if places is None else np.round(column, places)
    return [value if value - value == 0 else None for value in rounded.tolist()]
