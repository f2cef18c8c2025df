# SPDX-License-Identifier: Apache-2.0
"""climate-ranking as one component: observes hosts' watts and load, answers in what order they are.

Owns how its parts are put together, and what a reload changes.
"""

from __future__ import annotations

import socket
from typing import Any

from oslo_config import cfg

from climate.db import models
from climate.ranking import manager
from climate.ranking import options
from climate.ranking import performance
from climate.ranking import sampler
from climate.ranking import store as stores
from climate.rpc import inventory as inventories
from climate.rpc import ranking as rpc
from climate.rpc import transport as transports
from energybase import service
from energybase.db import transaction

#: The next look at the hosts waits for it.
_INVENTORY_SECONDS = 20.0


class RankingService(service.Group):
    """The sampler, the ranking and what answers calls."""

    def __init__(self, conf: cfg.ConfigOpts, transport: Any) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: an option or the performances file is wrong.
        """
        chosen = options.options_of(conf)
        store = stores.Store(transaction.build(conf, models.SCHEMA.sqlite_file))
        self._ranking = manager.Ranking(store, chosen, performance.packaged_table())
        self._sampler = sampler.Sampler(
            self._ranking,
            store,
            inventories.InventoryAPI(transport, _INVENTORY_SECONDS),
            options.open_kwapi(conf),
            chosen,
        )
        endpoint = manager.Endpoint(self._ranking)
        server = transports.Server(transport, rpc.TOPIC, socket.gethostname(), endpoint)
        super().__init__(conf, self._sampler, server)

    def configure(self, conf: cfg.ConfigOpts) -> None:
        """Take up how hosts are ranked, and where their watts are from.

        :raises ConfigurationInvalid: some of it is wrong; it stays as it was.
        """
        chosen, kwapi = options.options_of(conf), options.open_kwapi(conf)
        self._ranking.configure(chosen)
        self._sampler.configure(kwapi, chosen)
