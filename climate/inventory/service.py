# SPDX-License-Identifier: Apache-2.0
"""climate-inventory as one component: reads which hosts there are, answers which match.

Owns how its parts are put together, and what a reload changes.
"""

from __future__ import annotations

import functools
import socket
from typing import Any

from oslo_config import cfg

from climate.db import models
from climate.inventory import efficiency
from climate.inventory import manager
from climate.inventory import options
from climate.inventory import store as stores
from climate.inventory import worker
from climate.inventory.sources import source
from climate.rpc import inventory as rpc
from climate.rpc import ranking as rankings
from climate.rpc import transport as transports
from energybase import service
from energybase.db import transaction

#: The next reading of the source waits for it.
_RANKING_SECONDS = 10.0


class InventoryService(service.Group):
    """What reads the source, the hosts and what answers calls."""

    def __init__(self, conf: cfg.ConfigOpts, transport: Any) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: there is no such source of hosts, or no such database.
        """
        store = stores.Store(transaction.build(conf, models.SCHEMA.sqlite_file))
        self._inventory = manager.Inventory(store, options.limits_of(conf))
        self._worker = worker.Worker(
            functools.partial(source.load, conf),
            store,
            options.pace_of(conf),
            refreshed=self._inventory.refresh,
            ranked=efficiency.Efficiency(rankings.RankingAPI(transport, _RANKING_SECONDS)),
        )
        endpoint = manager.Endpoint(self._inventory)
        server = transports.Server(transport, rpc.TOPIC, socket.gethostname(), endpoint)
        super().__init__(conf, self._worker, server)

    def configure(self, conf: cfg.ConfigOpts) -> None:
        """Read the source at once, as it is configured now; take up how often, and the limits.

        :raises ConfigurationInvalid: some of it is wrong; it stays as it was.
        """
        pace, limits = options.pace_of(conf), options.limits_of(conf)
        self._worker.reload(pace)
        self._inventory.limits = limits
