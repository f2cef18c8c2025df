# SPDX-License-Identifier: Apache-2.0
"""The ranking service's operations: rank hosts, record what they can compute.

Owns the present ranking, made of what the sampler saw last and of what the
database has recorded now.  No other service is asked while a caller waits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from oslo_context import context

from climate import kinds
from climate.ranking import board
from climate.ranking import observed
from climate.ranking import options as ranking_options
from climate.ranking import performance
from climate.ranking import recorded
from climate.ranking import store as stores
from climate.rpc import arguments
from climate.rpc import ranking as rpc
from climate.rpc import transport
from energybase import clock as clocks
from energybase import exception as floor
from energybase import outage

LOG = logging.getLogger(__name__)


class Ranking:
    """The hosts in order, for any number of threads."""

    def __init__(
        self,
        store: stores.Store,
        options: ranking_options.Options,
        table: performance.Table,
        clock: clocks.Clock | None = None,
    ) -> None:
        """Prepare; before the first :meth:`update` there are no hosts.

        :param table: of CPU models.
        """
        self._store, self._table, self._clock = store, table, clock or clocks.Clock()
        self._options = options
        self._lock = threading.Lock()
        self._seen = board.NOTHING
        self._version, self._recorded = -1, dict[str, performance.Performance]()
        self._outage = outage.Outage(
            LOG,
            "The database is away, hosts are ranked by what is known: %(reason)s",
            "The database is back",
        )
        self._board = self._make()

    def update(self, seen: board.Seen) -> None:
        """Rank by what was seen now."""
        with self._lock:
            self._seen = seen
            self._board = self._make()

    def configure(self, options: ranking_options.Options) -> None:
        """Rank by these options from now on."""
        with self._lock:
            self._options = options
            self._board = self._make()

    def rank_hosts(self, hosts: Iterable[str] | None = None, by: str | None = None) -> rpc.Ranking:
        """Return hosts in order, best first; see :class:`climate.rpc.ranking.RankingAPI`.

        :raises RequestInvalid: there is no such kind.
        """
        wanted = arguments.optional(arguments.one_of, "by", by, kinds.KINDS)
        return self._refresh().rank(wanted or self._options.by, hosts)

    def set_performance(self, host: str, flops: float, detail: str) -> None:
        """Record what a host can compute, flop/s.

        :raises StoreUnavailable: it cannot be recorded just now.
        """
        self._store.set_performance(host, flops, detail, int(self._clock.time()))
        LOG.info("Host %a computes %.4g flop/s from now on: %a", host, flops, detail)

    def delete_performance(self, host: str) -> None:
        """Forget what was recorded of a host.

        :raises StoreUnavailable: that cannot be done just now.
        """
        self._store.delete_performance(host)
        LOG.info("What host %a computes is not recorded any more", host)

    def _refresh(self) -> board.Board:
        """Take up what was recorded meanwhile; without the database, go on with what is known."""
        with self._lock:
            loaded, failure = observed.Recorded(self._version, None), None
            try:
                loaded = self._store.load_performances(self._version)
            except floor.StoreUnavailable as exc:
                failure = exc.details.get("reason", exc)
            self._outage.note(failure)
            if loaded.performances is not None:
                self._version, self._recorded = loaded.version, loaded.performances
                self._board = self._make()
            return self._board

    def _make(self) -> board.Board:
        counting: tuple[Mapping[str, performance.Performance], ...]
        counting = (self._recorded, self._options.performances)
        return board.Board(self._seen, counting, self._table)


class Endpoint:
    """What others may call; see :class:`climate.rpc.ranking.RankingAPI`."""

    target = transport.endpoint_target(rpc.VERSION)

    def __init__(self, ranking: Ranking) -> None:
        self._ranking = ranking

    @transport.expected
    def rank_hosts(
        self, who: context.RequestContext, hosts: Any = None, by: Any = None
    ) -> rpc.Ranking:
        """Return hosts in order, best first."""
        return self._ranking.rank_hosts(arguments.optional(arguments.texts, "hosts", hosts), by)

    @transport.expected
    def set_performance(
        self,
        who: context.RequestContext,
        host: Any = None,
        flops: Any = None,
        detail: Any = "",
    ) -> None:
        """Record what a host can compute."""
        name = arguments.line("host", host)
        if not recorded.is_flops(flops):
            raise arguments.invalid("flops", "must be a number above 0")
        told = arguments.line("detail", detail) if detail else ""
        self._ranking.set_performance(name, float(flops), told)

    @transport.expected
    def delete_performance(self, who: context.RequestContext, host: Any = None) -> None:
        """Forget what was recorded of a host."""
        self._ranking.delete_performance(arguments.line("host", host))
