# SPDX-License-Identifier: Apache-2.0
"""climate-planning: makes proposals, and sees to it that leases start and end.

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
from climate.planning import events
from climate.planning import janitor
from climate.planning import manager
from climate.planning import options as planning_options
from climate.planning import store as stores
from climate.rpc import planning as rpc
from climate.rpc import transport as transports
from energybase import clock as clocks
from energybase import service
from energybase.db import transaction

_PROG = "climate-planning"


class Planning:
    """The planner, what calls it, and the janitor, as one component."""

    def __init__(self, conf: cfg.ConfigOpts, transport: Any) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: an option or the price file is wrong.
        """
        self._conf = conf
        host, clock = socket.gethostname(), clocks.Clock()
        store = stores.Store(transaction.build(conf, models.SCHEMA.sqlite_file))
        self._planner = manager.Planner(store, clock, planning_options.options_of(conf))
        endpoint = manager.Endpoint(self._planner)
        self._server = transports.Server(transport, rpc.TOPIC, host, endpoint)
        self._janitor = janitor.Janitor(
            store,
            events.Sender(transport, conf.planning.topic, f"{_PROG}.{host}"),
            clock,
            tick_seconds=conf.planning.tick_seconds,
            keep_ended_days=conf.planning.keep_ended_days,
        )

    def start(self) -> None:
        """Plan from now on."""
        self._janitor.start()
        self._server.start()

    def stop(self) -> None:
        """Finish what was asked."""
        self._server.stop()
        self._janitor.stop()

    def reload(self) -> None:
        """Take up what requests are planned by, the price file and quotas among it.

        :raises ConfigurationInvalid: some of it is wrong; it stays as it was.
        """
        service.reread(self._conf)
        self._planner.options = planning_options.options_of(self._conf)


def build(conf: cfg.ConfigOpts, transport: Any) -> list[service.Component]:
    """Return the parts, in the order to start them.

    :raises ConfigurationInvalid: an option or the price file is wrong.
    """
    return [Planning(conf, transport)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return process.main(_PROG, build, argv)


if __name__ == "__main__":
    sys.exit(main())
