# SPDX-License-Identifier: Apache-2.0
"""A copy of all hosts' free periods in memory.

Owns when it is read anew.  A period may be taken by the time it is booked:
the booking's transaction notices.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from collections.abc import Mapping

from climate.planning import availability
from climate.planning import calendars
from climate.planning import store as stores


class Memory:
    """Free periods, and the hosts that have a calendar; for any number of threads."""

    def __init__(self, store: stores.Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._version = -1
        self._free = availability.FreePeriods.of(())
        self._host_ids: set[int] = set()
        self._names: dict[int, str] = {}
        self._learnt: Mapping[int, str] | None = None

    def refresh(self) -> availability.FreePeriods:
        """Return what is free now.

        :raises StoreUnavailable: the database is away.
        """
        with self._lock:
            loaded = self._store.read(calendars.load, self._version)
            if loaded.complete:
                self._begin(loaded)
            elif loaded.host_ids:
                self._free = self._free.replace(loaded.host_ids, loaded.rows)
                self._host_ids |= loaded.host_ids
            self._version = loaded.version
            return self._free

    def _begin(self, loaded: calendars.Loaded) -> None:
        if self._version >= 0:
            # A backup was restored: whom we told of is not in it, perhaps.
            self._names.clear()
            self._learnt = None
        self._free = availability.FreePeriods.of(loaded.rows)
        self._host_ids = set(loaded.host_ids)

    def learn(self, hosts: Mapping[int, str]) -> None:
        """Have the store know these hosts, by these names.

        :param hosts: not to be changed afterwards.
        :raises StoreUnavailable: the database is away.
        """
        with self._lock:
            # The same once more, most often.  Else as a set at first: nearly
            # always there is nothing new in ten thousand.
            if hosts is self._learnt:
                return
            if hosts.items() <= self._names.items():
                self._learnt = hosts
                return
            new = {id_: name for id_, name in hosts.items() if self._names.get(id_) != name}
        self._tell(new)

    def learn_ids(self, host_ids: Iterable[int]) -> None:
        """Have the store know these hosts, by any name.

        :raises StoreUnavailable: the database is away.
        """
        self.refresh()
        with self._lock:
            new = {id_: str(id_) for id_ in host_ids if id_ not in self._host_ids}
        self._tell(new)

    def _tell(self, hosts: Mapping[int, str]) -> None:
        if hosts:
            self._store.learn(hosts)
            with self._lock:
                self._names.update(hosts)
                # By other names now, perhaps.
                self._learnt = None
