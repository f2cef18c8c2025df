# SPDX-License-Identifier: Apache-2.0
"""climate-ranking: observes hosts' watts and load, and answers in what order they are.

Owns how the parts of this process are put together.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from climate.cmd import process
from climate.db import models
from climate.ranking import manager
from climate.ranking import options as ranking_options
from climate.ranking import performance
from climate.ranking import sampler
from climate.ranking import store as stores
from climate.rpc import inventory as inventories
from climate.rpc import ranking as rpc
from climate.rpc import transport as transports
from energybase import service
from energybase.db import transaction

_PROG = "climate-ranking"
#: The next look at the hosts waits for it.
_INVENTORY_SECONDS = 20.0


class Ranking:
    """The sampler, the ranking and what calls it, as one component."""

    def __init__(self, conf: cfg.ConfigOpts, transport: Any) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: an option or the performances file is wrong.
        """
        self._conf = conf
        chosen = ranking_options.options_of(conf)
        store = stores.Store(transaction.build(conf, models.SCHEMA.sqlite_file))
        self._ranking = manager.Ranking(store, chosen, performance.packaged_table())
        self._sampler = sampler.Sampler(
            self._ranking,
            store,
            inventories.InventoryAPI(transport, _INVENTORY_SECONDS),
            ranking_options.open_kwapi(conf),
            chosen,
        )
        endpoint = manager.Endpoint(self._ranking)
        self._server = transports.Server(transport, rpc.TOPIC, socket.gethostname(), endpoint)

    def start(self) -> None:
        """Observe and answer from now on."""
        self._sampler.start()
        self._server.start()

    def stop(self) -> None:
        """Finish what was asked."""
        self._server.stop()
        self._sampler.stop()

    def reload(self) -> None:
        """Take up how hosts are ranked, and where their watts are from.

        :raises ConfigurationInvalid: some of it is wrong; it stays as it was.
        """
        service.reread(self._conf)
        chosen = ranking_options.options_of(self._conf)
        kwapi = ranking_options.open_kwapi(self._conf)
        self._ranking.configure(chosen)
        self._sampler.configure(kwapi, chosen)


def build(conf: cfg.ConfigOpts, transport: Any) -> list[service.Component]:
    """Return the parts, in the order to start them.

    :raises ConfigurationInvalid: an option or the performances file is wrong.
    """
    return [Ranking(conf, transport)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return process.main(_PROG, build, argv)


if __name__ == "__main__":
    sys.exit(main())
