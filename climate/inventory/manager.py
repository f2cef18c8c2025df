# SPDX-License-Identifier: Apache-2.0
"""The inventory service's operations on hosts.

Owns the newest version of all hosts, parsed, in memory: ten thousand take part of
a second to read from the database.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any
from typing import NamedTuple

from oslo_context import context

from climate import exception
from climate.inventory import figures
from climate.inventory import host
from climate.inventory import options
from climate.inventory import properties as expressions
from climate.inventory import store as stores
from climate.rpc import arguments
from climate.rpc import inventory as rpc
from climate.rpc import transport


class _Known(NamedTuple):
    """A host; ``view`` is what expressions see of it."""

    id: int
    name: str
    status: str
    seen_at: int
    view: dict[str, Any]


class _Sharing:
    """Keeps what many hosts have alike, such as the features of a CPU, in memory once.

    Half the memory, and twice as fast to look through.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def share(self, properties: dict[str, Any]) -> dict[str, Any]:
        """Return the properties with values that others have too."""
        return {key: self._kept.setdefault(repr(value), value) for key, value in properties.items()}


class _Snapshot:
    """All hosts as of a version; does not change.

    :ivar candidates: hosts that are not missing, by id; ``tiers`` and ``watts``
        are theirs, in that order.
    """

    def __init__(self, version: int, rows: Iterable[stores.Row]) -> None:
        self.version = version
        sharing = _Sharing()
        self.hosts = {row.id: _know(row, sharing) for row in rows}
        self.by_name = {known.name: known for known in self.hosts.values()}
        self.candidates = [k for k in self.hosts.values() if k.status != host.MISSING]
        self.tiers = figures.rank_tiers([known.view for known in self.candidates])
        self.watts = [figures.find_watts(known.view) for known in self.candidates]


class Inventory:
    """The hosts, for any number of threads.

    :ivar limits: of expressions; may be exchanged at any time.
    """

    def __init__(self, store: stores.Store, limits: options.Limits) -> None:
        self._store, self.limits = store, limits
        self._lock = threading.Lock()
        self._snapshot = _Snapshot(-1, ())

    def refresh(self) -> None:
        """Take up what the database has newer; the next who asks need not wait for it.

        :raises StoreUnavailable: it cannot be read.
        """
        self._load()

    def get_hosts(self, properties: object) -> list[int]:
        """Return the ids of the hosts that match, smallest first.

        :raises PropertiesInvalid: the expression is wrong, and where.
        """
        wanted = self._parse(properties)
        return [k.id for k in self._load().candidates if wanted.matches(k.view)]

    def get_host_details(self, host_id: int | str) -> dict[str, Any]:
        """Return what is known of a host, by id or name.

        :raises HostNotFound: it is not known.
        """
        known = _find(self._load(), host_id)
        if known is None:
            raise exception.HostNotFound(host_id=host_id)
        return {
            "id": known.id,
            "name": known.name,
            "status": known.status,
            "on": known.status == host.UP,
            "seen_at": known.seen_at,
            "properties": {k: v for k, v in known.view.items() if k not in host.RESERVED},
        }

    def match_hosts(self, properties: object) -> rpc.Matching:
        """Return the hosts that match, smallest id first, and why none does.

        :raises PropertiesInvalid: the expression is wrong, and where.
        """
        wanted, snapshot = self._parse(properties), self._load()
        columns = zip(snapshot.candidates, snapshot.tiers, snapshot.watts, strict=True)
        found = [column for column in columns if wanted.matches(column[0].view)]
        return {
            "ids": [known.id for known, _, _ in found],
            "names": [known.name for known, _, _ in found],
            "tiers": [tier for _, tier, _ in found],
            "watts": [watts for _, _, watts in found],
            "known": len(snapshot.candidates),
            "excluded": [] if found else _count_excluded(snapshot, wanted),
        }

    def list_names(self, ids: Iterable[int] | None = None) -> rpc.Names:
        """Return name and status of the hosts of these ids, or of all, smallest id first."""
        hosts = self._load().hosts
        wanted = hosts if ids is None else sorted(set(ids) & hosts.keys())
        known = [hosts[host_id] for host_id in wanted]
        return {
            "ids": [each.id for each in known],
            "names": [each.name for each in known],
            "statuses": [each.status for each in known],
        }

    def list_capacities(self) -> rpc.Capacities:
        """Return what all hosts are that are not missing, and how much of them is in use."""
        candidates = self._load().candidates
        views = [known.view for known in candidates]
        cpu, cpus = figures.number_cpus(views)
        vcpus = [figures.find_vcpus(view) for view in views]
        return {
            "ids": [known.id for known in candidates],
            "names": [known.name for known in candidates],
            "on": [known.status == host.UP for known in candidates],
            "vcpus": [None if number is None else int(number) for number in vcpus],
            "vcpus_used": [figures.find_vcpus_used(view) for view in views],
            "cpu": cpu,
            "cpus": cpus,
        }

    def _parse(self, properties: object) -> expressions.Expression:
        limits = self.limits
        return expressions.parse(properties, limits.max_length, limits.max_depth)

    def _load(self) -> _Snapshot:
        with self._lock:
            loaded = self._store.load(self._snapshot.version)
            if loaded.rows is not None:
                self._snapshot = _Snapshot(loaded.version, loaded.rows)
            return self._snapshot


class Endpoint:
    """What others may call; see :class:`climate.rpc.inventory.InventoryAPI`."""

    target = transport.endpoint_target(rpc.VERSION)

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    @transport.expected
    def get_hosts(self, who: context.RequestContext, properties: object = "[]") -> list[int]:
        """Return the ids of the hosts that match, smallest first."""
        return self._inventory.get_hosts(properties)

    @transport.expected
    def get_host_details(self, who: context.RequestContext, host_id: Any = None) -> dict[str, Any]:
        """Return what is known of a host, by id or name."""
        if type(host_id) not in (int, str):
            raise arguments.invalid("host_id", "must be a number or a name")
        return self._inventory.get_host_details(host_id)

    @transport.expected
    def match_hosts(self, who: context.RequestContext, properties: object = "[]") -> rpc.Matching:
        """Return the hosts that match, and why none does."""
        return self._inventory.match_hosts(properties)

    @transport.expected
    def list_capacities(self, who: context.RequestContext) -> rpc.Capacities:
        """Return what all hosts are that are not missing, and how much of them is in use."""
        return self._inventory.list_capacities()

    @transport.expected
    def list_names(self, who: context.RequestContext, ids: Any = None) -> rpc.Names:
        """Return name and status of the hosts of these ids, or of all."""
        return self._inventory.list_names(arguments.optional(arguments.wholes, "ids", ids))


def _know(row: stores.Row, sharing: _Sharing) -> _Known:
    view = sharing.share(json.loads(row.properties))
    view |= {"id": row.id, "name": row.name, "status": row.status, "on": row.status == host.UP}
    return _Known(row.id, row.name, row.status, row.seen_at, view)


def _find(snapshot: _Snapshot, host_id: int | str) -> _Known | None:
    # Out of a URL either may come as the other; a host may be named 7.
    if isinstance(host_id, int):
        return snapshot.hosts.get(host_id) or snapshot.by_name.get(str(host_id))
    known = snapshot.by_name.get(host_id)
    if known is None and host_id.isascii() and host_id.isdecimal() and len(host_id) < 20:
        known = snapshot.hosts.get(int(host_id))
    return known


def _count_excluded(snapshot: _Snapshot, wanted: expressions.Expression) -> list[rpc.Excluded]:
    views = [known.view for known in snapshot.candidates]
    return [
        {"clause": clause.text, "hosts": sum(not clause.matches(view) for view in views)}
        for clause in wanted.clauses
    ]
