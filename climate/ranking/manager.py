# SPDX-License-Identifier: Apache-2.0
"""Answers in what order hosts are, and records what they can compute.

Owns what is told, from what the sampler saw last and what is recorded in the
database now.  Nothing else is asked for while somebody waits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from collections.abc import Mapping

from oslo_context import context

from climate import exception
from climate import kinds
from climate.ranking import board
from climate.ranking import observed
from climate.ranking import options as ranking_options
from climate.ranking import performance
from climate.ranking import recorded
from climate.ranking import store as stores
from climate.rpc import ranking as rpc
from climate.rpc import transport
from energybase import clock as clocks
from energybase import exception as floor
from energybase import outage

LOG = logging.getLogger(__name__)

_MOST_CHARACTERS = 255


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
        if by is not None and by not in kinds.KINDS:
            reason = f"must be one of {', '.join(kinds.KINDS)}"
            raise exception.RequestInvalid(where="by", reason=reason)
        return self._refresh().rank(by or self._options.by, hosts)

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
        self, who: context.RequestContext, hosts: object = None, by: object = None
    ) -> rpc.Ranking:
        """Return hosts in order, best first."""
        if hosts is not None and not _is_list_of_texts(hosts):
            raise exception.RequestInvalid(where="hosts", reason="must be a list of names")
        if by is not None and not isinstance(by, str):
            raise exception.RequestInvalid(where="by", reason="must be a text")
        return self._ranking.rank_hosts(hosts, by)  # type: ignore[arg-type]  # texts they are

    @transport.expected
    def set_performance(
        self,
        who: context.RequestContext,
        host: object = None,
        flops: object = None,
        detail: object = "",
    ) -> None:
        """Record what a host can compute."""
        name = _require_line("host", host)
        if not recorded.is_flops(flops):
            raise exception.RequestInvalid(where="flops", reason="must be a number above 0")
        told = _require_line("detail", detail) if detail else ""
        self._ranking.set_performance(name, float(flops), told)  # type: ignore[arg-type]  # it is a number

    @transport.expected
    def delete_performance(self, who: context.RequestContext, host: object = None) -> None:
        """Forget what was recorded of a host."""
        self._ranking.delete_performance(_require_line("host", host))


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _require_line(where: str, value: object) -> str:
    if not (isinstance(value, str) and 0 < len(value) <= _MOST_CHARACTERS and value.isprintable()):
        reason = f"must be a line of 1 to {_MOST_CHARACTERS} characters"
        raise exception.RequestInvalid(where=where, reason=reason)
    return value
