# SPDX-License-Identifier: Apache-2.0
"""kwapi-collector: listens to the bus, counts energy, stores it.

Owns how the parts of this process are put together.
"""

from __future__ import annotations

import functools
import gc
import logging
from collections.abc import Sequence

from oslo_config import cfg

from energybase import service
from energybase.db import migration
from kwapi import conf as options
from kwapi import exception
from kwapi.bus import listener as listeners
from kwapi.bus import transport as transports
from kwapi.collector import collector
from kwapi.collector import options as collector_options
from kwapi.store import store as stores
from kwapi.store import tables

LOG = logging.getLogger(__name__)


class Listening:
    """The collector and its listener, as one component."""

    def __init__(self, conf: cfg.ConfigOpts, transport: object, store: stores.Store) -> None:
        self._conf = conf
        self._collector = collector.Collector(store, collector_options.rules_of(conf))
        self._listener = listeners.Listener(
            transport,
            transports.verifier_of(conf),
            self._collector.handle,
            conf.bus.topic,
            batch_seconds=conf.collector.flush_seconds,
            max_batch=max(1, conf.bus.prefetch // 2),
        )

    def start(self) -> None:
        """Count from now on."""
        self._collector.start()
        self._listener.start()

    def stop(self) -> None:
        """Finish the batch under way, if the store takes it."""
        self._collector.stop()
        self._listener.stop()

    def reload(self) -> None:
        """Take up the signing keys that are configured now."""
        service.reread(self._conf)
        self._listener.set_verifier(transports.verifier_of(self._conf))


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    return service.exit_status("kwapi-collector", run, exception.EnergyException)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, "kwapi-collector")
    migration.require(conf, tables.SCHEMA)
    listening = Listening(conf, transports.get_transport(conf), stores.open_store(conf))
    # What is loaded by now stays to the end.  To look through it for garbage
    # again and again took a twentieth of this process's time.
    gc.freeze()
    service.run(listening)
    return 0
