# SPDX-License-Identifier: Apache-2.0
"""The services behind the API, in memory, with a note of every call.

As much of them as shows what the API asks, and what it makes of the answers.
"""

from __future__ import annotations

import uuid
from typing import Any

from oslo_context import context

from climate import exception
from climate import lease as leases
from climate import states
from climate.rpc import inventory as inventories
from climate.rpc import planning as plannings
from climate.rpc import ranking as rankings

NOW = 1_700_000_000


class Inventory(inventories.InventoryAPI):
    """Three hosts, the last of them missing; an expression is answered as the test says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.expressions: list[str] = []
        self.away = False
        self.matching: inventories.Matching = {
            "ids": [1, 2],
            "names": ["node-1", "node-2"],
            "tiers": [0, 1],
            "watts": [None, 200.0],
            "known": 3,
            "excluded": [],
        }
        self.hosts: list[inventories.HostName] = [
            {"id": 1, "name": "node-1", "status": "up"},
            {"id": 2, "name": "node-2", "status": "down"},
            {"id": 3, "name": "node-3", "status": "missing"},
        ]

    def match_hosts(
        self, who: context.RequestContext, properties: str = "[]"
    ) -> inventories.Matching:
        self._note("match_hosts")
        self.expressions.append(properties)
        return self.matching

    def list_names(
        self, who: context.RequestContext, ids: list[int] | None = None
    ) -> list[inventories.HostName]:
        self._note("list_names")
        return [host for host in self.hosts if ids is None or host["id"] in ids]

    def get_host_details(self, who: context.RequestContext, host_id: int | str) -> dict[str, Any]:
        self._note("get_host_details")
        for host in self.hosts:
            if host_id in (host["id"], host["name"]):
                return {**host, "on": True, "seen_at": NOW, "properties": {"vcpus": 8}}
        raise exception.HostNotFound(host_id=host_id)

    def _note(self, method: str) -> None:
        self.calls.append(method)
        if self.away:
            raise exception.ServiceUnavailable(service="climate-inventory", reason="test")


class Ranking(rankings.RankingAPI):
    """No host but node-1; remembers what is recorded."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str] | None, str | None]] = []
        self.performances: dict[str, tuple[float, str]] = {}
        self.away = False

    def rank_hosts(
        self, who: context.RequestContext, hosts: list[str] | None = None, by: str | None = None
    ) -> rankings.Ranking:
        self.asked.append((hosts, by))
        if self.away:
            raise exception.ServiceUnavailable(service="climate-ranking", reason="test")
        return {"by": by or "marginal", "as_of": NOW, "hosts": []}

    def set_performance(
        self, who: context.RequestContext, host: str, flops: float, detail: str
    ) -> None:
        self.performances[host] = (flops, detail)

    def delete_performance(self, who: context.RequestContext, host: str) -> None:
        self.performances.pop(host, None)


class Planning(plannings.PlanningAPI):
    """Leases as they are put in; every wish is granted at the start of its window.

    :ivar failing: exceptions to raise, by method.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.leases: dict[str, leases.Lease] = {}
        self.failing: dict[str, Exception] = {}
        self.reserved: leases.Reserved = leases.Reserved([], None)

    def put(self, **values: Any) -> leases.Lease:
        """Return a lease that is there from now on."""
        lease = make_lease(**values)
        self.leases[lease.id] = lease
        return lease

    def make_proposal(self, who: context.RequestContext, hosts: Any, wish: leases.Wish) -> Any:
        self._note("make_proposal", hosts=hosts, wish=wish)
        return self.put(
            project_id=who.project_id,
            user_id=who.user_id,
            status=states.PROPOSED,
            start_time=wish.start_time,
            end_time=wish.start_time + wish.duration,
            window_start=wish.start_time,
            window_end=wish.end_time,
            duration=wish.duration,
            quantity=wish.quantity,
            name=wish.name,
            host_properties=wish.host_properties,
            hosts_max=wish.hosts_max or wish.quantity,
            objective=wish.objective,
            expires_at=NOW + 300,
        )

    def get_proposal_details(self, who: context.RequestContext, lease_id: str) -> leases.Lease:
        self._note("get_proposal_details", lease_id=lease_id)
        if lease_id not in self.leases:
            raise exception.LeaseNotFound(lease_id=lease_id)
        return self.leases[lease_id]

    def confirm_proposal(self, who: context.RequestContext, lease_id: str) -> leases.Lease:
        self._note("confirm_proposal", lease_id=lease_id)
        return self._change(lease_id, status=states.CONFIRMED, expires_at=None)

    def cancel_proposal(self, who: context.RequestContext, lease_id: str) -> leases.Lease:
        self._note("cancel_proposal", lease_id=lease_id)
        return self._change(lease_id, status=states.CANCELLED)

    def change_lease(self, who: context.RequestContext, lease_id: str, **more: Any) -> Any:
        self._note("change_lease", lease_id=lease_id, **more)
        return self.leases[lease_id]

    def list_leases(
        self,
        who: context.RequestContext,
        filters: leases.Filters = leases.Filters(),  # noqa: B008  # immutable
        *,
        limit: int = 100,
        marker: str | None = None,
    ) -> leases.Page:
        self._note("list_leases", filters=filters, limit=limit, marker=marker)
        found = list(self.leases.values())
        return leases.Page(found[:limit], found[-1].id if len(found) > limit else None)

    def list_reserved_hosts(
        self, who: context.RequestContext, lead_seconds: int | None = None
    ) -> leases.Reserved:
        self._note("list_reserved_hosts", lead_seconds=lead_seconds)
        return self.reserved

    def names(self) -> list[str]:
        """Return which methods were called."""
        return [name for name, _arguments in self.calls]

    def _change(self, lease_id: str, **values: Any) -> leases.Lease:
        self.leases[lease_id] = self.leases[lease_id]._replace(**values)
        return self.leases[lease_id]

    def _note(self, method: str, **arguments: Any) -> None:
        self.calls.append((method, arguments))
        if method in self.failing:
            raise self.failing[method]


def make_lease(**values: Any) -> leases.Lease:
    """Return a lease of project ``p``, but for what is said."""
    lease = leases.Lease(
        id=str(uuid.uuid4()),
        name=None,
        project_id="p",
        user_id="u",
        status=states.CONFIRMED,
        start_time=NOW + 100,
        end_time=NOW + 3700,
        window_start=NOW,
        window_end=NOW + 7200,
        duration=3600,
        quantity=2,
        hosts_max=2,
        host_properties='["=", "$id", 1]',
        objective="earliest",
        created_at=NOW,
        updated_at=NOW,
        expires_at=None,
        hosts=(leases.LeasedHost(1, "node-1"), leases.LeasedHost(2, "node-2")),
    )
    return lease._replace(**values)
