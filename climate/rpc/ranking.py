# SPDX-License-Identifier: Apache-2.0
"""Calls climate-ranking over RPC.

Owns the names, arguments and shapes of its calls, and their version.
"""

from __future__ import annotations

from typing import Any
from typing import TypedDict

from oslo_context import context

from climate.rpc import transport as transports

TOPIC = "climate.ranking"
#: Of the newest call.
VERSION = "1.0"


class Ranked(TypedDict):
    """What is known of a host; None if it is not.

    ``score``: flop/W by the kind asked for.  ``flops``: flop/s, and
    ``flops_source`` where that is from: ``benchmark``, ``table`` (of CPU
    models) or ``cpu_info``.  ``watts_idle``: by the model of its watts,
    ``watts_average`` and ``watts_max``: observed while it was on; all over the
    window.  ``watts_now``: its probe's, unless that is stale.  ``load``: the share of its
    vCPUs that servers have, 0 to 1.  ``marginal_watts``: of one more vCPU,
    ``marginal_watts_error`` its standard error.  ``confidence``: ``measured``,
    ``estimated`` or ``unknown``, after so many ``samples``.
    """

    host: str
    score: float | None
    flops: float | None
    flops_source: str | None
    flops_detail: str
    watts_idle: float | None
    watts_average: float | None
    watts_max: float | None
    watts_source: str | None
    watts_now: float | None
    load: float | None
    on: bool
    marginal_watts: float | None
    marginal_watts_error: float | None
    samples: int
    confidence: str
    vcpus: int | None


class Ranking(TypedDict):
    """Hosts, best first; those without a score last.

    ``by``: one of :data:`climate.kinds.KINDS`.  ``as_of``: epoch seconds, when hosts and watts
    were last looked at; 0 if never.
    """

    by: str
    as_of: int
    hosts: list[Ranked]


class RankingAPI:
    """Calls climate-ranking."""

    def __init__(self, transport: Any, timeout_seconds: float = 20.0) -> None:
        self._client = transports.Client(
            transport, TOPIC, transports.FIRST, "climate-ranking", timeout_seconds
        )

    def rank_hosts(
        self, who: context.RequestContext, hosts: list[str] | None = None, by: str | None = None
    ) -> Ranking:
        """Return the hosts in order of flop/W.

        :param hosts: names; None is all. Unknown ones come last.
        :param by: one of :data:`climate.kinds.KINDS`; None is what the operator chose.
        :raises RequestInvalid: there is no such kind.
        """
        ranking: Ranking = self._client.call(who, "rank_hosts", hosts=hosts, by=by)
        return ranking

    def set_performance(
        self, who: context.RequestContext, host: str, flops: float, detail: str
    ) -> None:
        """Record what a host can compute, instead of what was recorded before.

        :param flops: flop/s, double precision.
        :param detail: a line on how that was found.
        :raises RequestInvalid: one of them is wrong; which, and why.
        """
        self._client.call(who, "set_performance", host=host, flops=flops, detail=detail)

    def delete_performance(self, who: context.RequestContext, host: str) -> None:
        """Forget what was recorded of a host; no mistake if nothing was."""
        self._client.call(who, "delete_performance", host=host)
