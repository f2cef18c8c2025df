# SPDX-License-Identifier: Apache-2.0
"""Adds the figures of climate-ranking to the properties of hosts.

Owns which: ``flop_per_watt``, by which matching hosts are preferred, and ``watts``,
each only where neither the source nor an aggregate has it.  Climate works without
climate-ranking; then nothing is added.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple

from oslo_context import context

from climate.inventory import figures
from climate.inventory import host
from climate.rpc import ranking as rankings
from energybase import exception
from energybase import outage

LOG = logging.getLogger(__name__)

#: Whoever has a host in memory reads it anew when it has changed, and measured
#: values always do: these many digits are enough to prefer hosts by.
_DIGITS = 2


class _Known(NamedTuple):
    flop_per_watt: float | None
    watts: float | None


class Efficiency:
    """Asks climate-ranking; an outage is logged once, and once when it is over.

    What it said last counts while it is away.
    """

    def __init__(self, ranking: rankings.RankingAPI) -> None:
        self._ranking = ranking
        self._known: dict[str, _Known] = {}
        self._outage = outage.Outage(
            LOG,
            "Hosts are not ranked by flop/W just now: %(reason)s",
            "Hosts are ranked by flop/W again",
            # No fault: a cloud may do without climate-ranking.
            level=logging.INFO,
        )

    def ask(self) -> bool:
        """Ask anew; return whether the answer is another one."""
        failure = None
        try:
            answer = self._ranking.rank_hosts(context.RequestContext(overwrite=False))
        except exception.EnergyException as exc:
            failure = exc
        self._outage.note(failure)
        # One that has only just started knows no host yet.
        if failure is not None or not answer["as_of"]:
            return False
        before, self._known = self._known, {each["host"]: _know(each) for each in answer["hosts"]}
        return before != self._known

    def fill(self, hosts: Iterable[host.Host]) -> list[host.Host]:
        """Return the hosts with what is known of them."""
        return [self._fill(each) for each in hosts]

    def _fill(self, of: host.Host) -> host.Host:
        known = self._known.get(of.name)
        if known is None:
            return of
        filled = {}
        if known.flop_per_watt is not None and figures.find_flop_per_watt(of.properties) is None:
            filled["flop_per_watt"] = known.flop_per_watt
        if known.watts is not None and figures.find_watts(of.properties) is None:
            filled["watts"] = known.watts
        # Another mapping: the source may keep its own.
        return of._replace(properties={**of.properties, **filled}) if filled else of


def _know(ranked: rankings.Ranked) -> _Known:
    return _Known(_round(ranked["score"]), _round(ranked["watts_average"]))


def _round(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.{_DIGITS}g}")
