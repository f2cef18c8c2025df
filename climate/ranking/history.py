# SPDX-License-Identifier: Apache-2.0
"""A copy of the window's observations in memory.

Owns when which hours of it are read again: each minute as little as possible.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from climate.ranking import observed
from climate.ranking import power_model
from climate.ranking import store as stores

_BLOCK_SECONDS = 6 * stores.HOUR_SECONDS


class History:
    """What was counted, by whichever service; for one thread.

    Only what may have changed is read again.  A week of ten thousand hosts is a
    million and a half rows, hence the blocks: several hours that are over,
    summed up once.

    :ivar observed: over the window.
    """

    def __init__(self, store: stores.Store) -> None:
        self._store = store
        self._blocks: dict[tuple[int, int], observed.Observed] = {}
        self._summed: tuple[int, int] | None = None
        self._older = observed.Observed()
        self.observed = observed.Observed()

    def refresh(self, now: int, window_hours: int, *, forget: bool) -> None:
        """Take up what was counted since.

        :param forget: remove what is older than the window.
        :raises StoreUnavailable: nothing can be read.
        """
        hour = now - now % stores.HOUR_SECONDS
        begins_at = hour - (window_hours - 1) * stores.HOUR_SECONDS
        # The hour before may still be written to by one whose clock is behind.
        newest = max(begins_at, hour - stores.HOUR_SECONDS)
        if self._summed != (begins_at, newest):
            if forget:
                self._store.forget(begins_at, hour + 2 * stores.HOUR_SECONDS)
            self._older = _add(self._load_blocks(begins_at, newest))
            self._summed = begins_at, newest
        latest = self._store.sum_up(newest, hour + 2 * stores.HOUR_SECONDS)
        self.observed = _add([self._older, latest])

    def _load_blocks(self, begins_at: int, ends_at: int) -> list[observed.Observed]:
        first = begins_at + _BLOCK_SECONDS - begins_at % _BLOCK_SECONDS
        cuts = [begins_at, *range(first, ends_at, _BLOCK_SECONDS), ends_at]
        wanted = [cut for cut in itertools.pairwise(cuts) if cut[0] < cut[1]]
        for block in wanted:
            # One by one: if the database goes away, those before need not be read again.
            if block not in self._blocks:
                self._blocks[block] = self._store.sum_up(*block)
        self._blocks = {block: self._blocks[block] for block in wanted}
        return list(self._blocks.values())


def _add(parts: Sequence[observed.Observed]) -> observed.Observed:
    hosts = tuple(dict.fromkeys(itertools.chain.from_iterable(part.hosts for part in parts)))
    aligned = [part.align(hosts) for part in parts]
    statistics = sum((part.statistics for part in aligned), power_model.Statistics())
    return observed.Observed(hosts, statistics, np.sum([part.hours for part in aligned], axis=0))
