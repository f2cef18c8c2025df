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

from climate import conf as options
from climate.db import models
from climate.inventory import efficiency
from climate.inventory import manager
from climate.inventory import store as stores
from climate.inventory import worker
from climate.inventory.sources import source
from climate.rpc import inventory as rpc
from climate.rpc import ranking as rankings
from climate.rpc import transport as transports
from kwapi import exception
from kwapi import service
from kwapi.db import migration
from kwapi.db import transaction

_PROG = "climate-inventory"
#: The next reading of the source waits for it.
_RANKING_SECONDS = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    return service.exit_status(_PROG, run, exception.KwapiException)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, _PROG)
    migration.require(conf, models.SCHEMA)
    service.run(*build(conf, transports.get_transport(conf)))
    return 0


def build(conf: cfg.ConfigOpts, transport: Any) -> list[service.Component]:
    """Return the parts, in the order to start them.

    :raises ConfigurationInvalid: there is no such source of hosts, or no such database.
    """
    store = stores.Store(transaction.build(conf, models.SCHEMA.sqlite_file))
    limits = manager.Limits(
        conf.inventory.max_properties_length, conf.inventory.max_properties_depth
    )
    inventory = manager.Inventory(store, limits)
    pace = worker.Pace(conf.inventory.refresh_seconds, conf.inventory.max_refresh_seconds)
    ranked = efficiency.Efficiency(rankings.RankingAPI(transport, _RANKING_SECONDS))
    reading = worker.Worker(
        functools.partial(source.load, conf),
        store,
        pace,
        refreshed=inventory.refresh,
        ranked=ranked,
    )
    endpoint = manager.Endpoint(inventory)
    return [reading, transports.Server(transport, rpc.TOPIC, socket.gethostname(), endpoint)]


if __name__ == "__main__":
    sys.exit(main())
