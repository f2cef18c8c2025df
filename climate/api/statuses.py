# SPDX-License-Identifier: Apache-2.0
"""Looks up the status of leases' hosts, as far as the inventory answers.

Owns that leases are shown also while climate-inventory is away.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from oslo_context import context

from climate import lease as leases
from climate.api import types
from climate.rpc import inventory as inventories
from energybase import exception
from energybase import outage

LOG = logging.getLogger(__name__)


class Statuses:
    """Asks for the status of hosts; an outage is logged once, and once when it is over."""

    def __init__(self, inventory: inventories.InventoryAPI) -> None:
        self._inventory = inventory
        self._outage = outage.Outage(
            LOG,
            "Leases are shown without the status of their hosts: %(reason)s",
            "The status of leased hosts is known again",
        )

    def get(self, who: context.RequestContext, leased: Iterable[leases.Lease]) -> types.Statuses:
        """Return the status of the leases' hosts by id, or None: nobody knows."""
        ids = sorted({host.id for lease in leased for host in lease.hosts})
        if not ids:
            return {}
        failure = None
        try:
            names = self._inventory.list_names(who, ids)
        except exception.EnergyException as exc:
            failure = exc
        self._outage.note(failure)
        return None if failure else {host["id"]: host["status"] for host in names}
