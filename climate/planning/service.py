# SPDX-License-Identifier: Apache-2.0
"""climate-planning as one component: makes proposals, and starts and ends leases.

Owns how its parts are put together, and what a reload changes.
"""

from __future__ import annotations

import socket
from typing import Any

from oslo_config import cfg

from climate.db import models
from climate.planning import events
from climate.planning import janitor
from climate.planning import manager
from climate.planning import options
from climate.planning import store as stores
from climate.rpc import planning as rpc
from climate.rpc import transport as transports
from energybase import clock as clocks
from energybase import service
from energybase.db import transaction


class PlanningService(service.Group):
    """The planner, what answers calls, and the janitor."""

    def __init__(self, conf: cfg.ConfigOpts, transport: Any) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: an option or the price file is wrong.
        """
        host, clock = socket.gethostname(), clocks.Clock()
        store = stores.Store(transaction.build(conf, models.SCHEMA.sqlite_file))
        self._planner = manager.Planner(store, clock, options.options_of(conf))
        endpoint = manager.Endpoint(self._planner)
        keeper = janitor.Janitor(
            store,
            events.Sender(transport, conf.planning.topic, f"climate-planning.{host}"),
            clock,
            tick_seconds=conf.planning.tick_seconds,
            keep_ended_days=conf.planning.keep_ended_days,
        )
        super().__init__(conf, keeper, transports.Server(transport, rpc.TOPIC, host, endpoint))

    def configure(self, conf: cfg.ConfigOpts) -> None:
        """Take up what requests are planned by, the price file and quotas among it.

        :raises ConfigurationInvalid: some of it is wrong; it stays as it was.
        """
        self._planner.options = options.options_of(conf)
