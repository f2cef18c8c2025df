# SPDX-License-Identifier: Apache-2.0
"""Reads and writes the ranking's tables: RANKING, PERFORMANCES and OBSERVATIONS.

Owns the only SQL of the ranking.  Any number of services
may write: the only row of RANKING is written first, so that its lock orders
them, and says which moment was observed already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa

from climate.db import models
from climate.ranking import observed
from climate.ranking import performance
from climate.ranking import power_model
from energybase import exception
from energybase.db import transaction
from energybase.db import upsert

HOUR_SECONDS = 3600
#: No two services' clocks are further apart.  A moment beyond that was noted by
#: a clock that was wrong, and would else keep all from observing until then.
_MOST_SKEW_SECONDS = HOUR_SECONDS

_TABLE = models.OBSERVATIONS.c
_SUMS = ("n", "sum_load", "sum_watts", "sum_load2", "sum_load_watts", "sum_watts2")


class Store:
    """The database, as sampler and manager see it.  Any number of threads may use one.

    Every method raises StoreUnavailable when the database is not to be had.
    """

    def __init__(self, transactions: transaction.TransactionContext) -> None:
        """Use the transactions that :func:`energybase.db.transaction.build` returned."""
        self._transactions = transactions

    def add(self, sampled_at: int, samples: Mapping[str, observed.Sample]) -> bool:
        """Count a sample of each host, unless another service did so at that moment.

        One whose measurement was counted before is left out: two moments may
        see the same.

        :param sampled_at: epoch seconds, the same at all services.
        :return: whether this service was the one.
        """
        with transaction.writing(self._transactions) as connection:
            if not _claim(connection, sampled_at):
                return False
            hour = sampled_at - sampled_at % HOUR_SECONDS
            counted = _list_measured(connection, hour - HOUR_SECONDS)
            known = _list_rows(connection, hour)
            rows = [
                _count(hour, host, sample, known.get(host))
                for host, sample in samples.items()
                if sample.measured_at > counted.get(host, 0.0)
            ]
            upsert.upsert(connection, models.OBSERVATIONS, rows)
        return True

    def sum_up(self, begins_at: int, ends_at: int) -> observed.Observed:
        """Return what was observed in the hours that begin in [begins_at, ends_at)."""
        columns = [
            sa.func.count(),
            *(sa.func.sum(_TABLE[name]) for name in _SUMS),
            sa.func.min(_TABLE.min_watts),
            sa.func.max(_TABLE.max_watts),
        ]
        query = (
            sa.select(_TABLE.host, *columns)
            .where(_TABLE.hour >= begins_at, _TABLE.hour < ends_at)
            .group_by(_TABLE.host)
        )
        with transaction.reading(self._transactions) as connection:
            rows = connection.execute(query).all()
        if not rows:
            return observed.Observed()
        hosts, *numbers = zip(*rows)
        # Sums of whole numbers are decimals on some databases.
        hours, *statistics = (np.array(column, dtype=float) for column in numbers)
        return observed.Observed(hosts, power_model.Statistics(*statistics), hours)

    def forget(self, before: int, after: int) -> None:
        """Remove what was observed before a moment, or after one: by a clock that was wrong."""
        outside = sa.or_(_TABLE.hour < before, _TABLE.hour > after)
        with transaction.writing(self._transactions) as connection:
            connection.execute(sa.delete(models.OBSERVATIONS).where(outside))

    def set_performance(self, host: str, flops: float, detail: str, now: int) -> None:
        """Record what a host can compute.

        :param flops: flop/s.
        :param now: epoch seconds.
        """
        with transaction.writing(self._transactions) as connection:
            _advance(connection)
            upsert.upsert(connection, models.PERFORMANCES, [(host, flops, detail, now)])

    def delete_performance(self, host: str) -> None:
        """Forget what was recorded of a host, if anything was."""
        with transaction.writing(self._transactions) as connection:
            _advance(connection)
            own = models.PERFORMANCES.c.host == host
            connection.execute(sa.delete(models.PERFORMANCES).where(own))

    def load_performances(self, seen_version: int = -1) -> observed.Recorded:
        """Return all that is recorded, if there is something newer; -1: in any case."""
        table = models.PERFORMANCES.c
        with transaction.reading(self._transactions) as connection:
            # Before the rows: what is written in between is loaded again next time.
            version = connection.scalar(sa.select(models.RANKING.c.version))
            if version is None:
                raise _without_row()
            if version == seen_version:
                return observed.Recorded(version, None)
            rows = connection.execute(sa.select(table.host, table.flops, table.detail)).all()
        recorded = {
            host: performance.Performance(flops, performance.BENCHMARK, detail)
            for host, flops, detail in rows
        }
        return observed.Recorded(version, recorded)


def _claim(connection: sa.Connection, sampled_at: int) -> bool:
    """Claim a sampling instant; return False if another process has it."""
    table = models.RANKING.c
    open_yet = sa.or_(
        table.sampled_at < sampled_at, table.sampled_at > sampled_at + _MOST_SKEW_SECONDS
    )
    claim = sa.update(models.RANKING).where(table.id == models.ONLY_ROW, open_yet)
    return connection.execute(claim.values(sampled_at=sampled_at)).rowcount == 1


def _advance(connection: sa.Connection) -> None:
    update = sa.update(models.RANKING).where(models.RANKING.c.id == models.ONLY_ROW)
    if connection.execute(update.values(version=models.RANKING.c.version + 1)).rowcount != 1:
        raise _without_row()


def _without_row() -> exception.StoreUnavailable:
    return exception.StoreUnavailable(reason="table ranking is empty")


def _list_measured(connection: sa.Connection, since: int) -> dict[str, float]:
    """Return each host's newest measurement that was counted since an hour."""
    newest = sa.func.max(_TABLE.measured_at)
    query = sa.select(_TABLE.host, newest).where(_TABLE.hour >= since).group_by(_TABLE.host)
    return dict(connection.execute(query).all())


def _list_rows(connection: sa.Connection, hour: int) -> dict[str, power_model.Statistics]:
    columns = [_TABLE[name] for name in power_model.Statistics._fields]
    query = sa.select(_TABLE.host, *columns).where(_TABLE.hour == hour)
    return {host: power_model.Statistics(*rest) for host, *rest in connection.execute(query)}


def _count(
    hour: int, host: str, sample: observed.Sample, known: power_model.Statistics | None
) -> tuple[Any, ...]:
    """Return the row of a host with one more sample."""
    # By hand: ten thousand times a minute, and the driver wants plain numbers.
    _, load, watts = sample
    added = (1, load, watts, load * load, load * watts, watts * watts)
    if known is None:
        return (hour, host, sample.measured_at, *added, watts, watts)
    sums = (mine + more for mine, more in zip(known, added))
    extremes = min(known.min_watts, watts), max(known.max_watts, watts)
    return (hour, host, sample.measured_at, *sums, *extremes)
