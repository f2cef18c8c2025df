# SPDX-License-Identifier: Apache-2.0
"""climate-inventory: reads which hosts there are, and answers which of them match.

Owns how the parts of this process are put together.
"""

from __future__ import annotations

import functools
import socket
import sys
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from climate.cmd import process
from climate.db import models
from climate.inventory import efficiency
from climate.inventory import manager
from climate.inventory import options as inventory_options
from climate.inventory import store as stores
from climate.inventory import worker
from climate.inventory.sources import source
from climate.rpc import inventory as rpc
from climate.rpc import ranking as rankings
from climate.rpc import transport as transports
from energybase import service
from energybase.db import transaction

_PROG = "climate-inventory"
#: The next reading of the source waits for it.
_RANKING_SECONDS = 10.0


class Inventory:
    """What reads the source, the hosts and what asks for them, as one component."""

    def __init__(self, conf: cfg.ConfigOpts, transport: Any) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: there is no such source of hosts, or no such database.
        """
        self._conf = conf
        store = stores.Store(transaction.build(conf, models.SCHEMA.sqlite_file))
        self._inventory = manager.Inventory(store, inventory_options.limits_of(conf))
        self._worker = worker.Worker(
            functools.partial(source.load, conf),
            store,
            inventory_options.pace_of(conf),
            refreshed=self._inventory.refresh,
            ranked=efficiency.Efficiency(rankings.RankingAPI(transport, _RANKING_SECONDS)),
        )
        endpoint = manager.Endpoint(self._inventory)
        self._server = transports.Server(transport, rpc.TOPIC, socket.gethostname(), endpoint)

    def start(self) -> None:
        """Read and answer from now on."""
        self._worker.start()
        self._server.start()

    def stop(self) -> None:
        """Finish what was asked."""
        self._server.stop()
        self._worker.stop()

    def reload(self) -> None:
        """Read the source at once, as it is configured now; take up how often, and the limits.

        :raises ConfigurationInvalid: some of it is wrong; it stays as it was.
        """
        service.reread(self._conf)
        pace = inventory_options.pace_of(self._conf)
        limits = inventory_options.limits_of(self._conf)
        self._worker.reload(pace)
        self._inventory.limits = limits


def build(conf: cfg.ConfigOpts, transport: Any) -> list[service.Component]:
    """Return the parts, in the order to start them.

    :raises ConfigurationInvalid: there is no such source of hosts, or no such database.
    """
    return [Inventory(conf, transport)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return process.main(_PROG, build, argv)


if __name__ == "__main__":
    sys.exit(main())
