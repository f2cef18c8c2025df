# SPDX-License-Identifier: Apache-2.0
"""kwapi-collector: listens to the bus, counts energy, stores it.

Owns what the process refuses to start with; its parts are
:mod:`kwapi.collector.service`'s.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Sequence

from energybase import exception
from energybase import service
from energybase.db import migration
from kwapi.bus import transport as transports
from kwapi.cmd import conf as options
from kwapi.collector import service as collector
from kwapi.store import store as stores
from kwapi.store import tables


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    return service.exit_status("kwapi-collector", run, exception.EnergyException)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, "kwapi-collector")
    migration.require(conf, tables.SCHEMA)
    made = collector.CollectorService(conf, transports.get_transport(conf), stores.open_store(conf))
    # What is loaded by now stays to the end.  To look through it for garbage
    # again and again took a twentieth of this process's time.
    gc.freeze()
    service.run(made)
    return 0
