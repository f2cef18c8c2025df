# SPDX-License-Identifier: Apache-2.0
"""kwapi-ceilometer: listens to the bus, counts energy, sends samples to Ceilometer.

Owns how the parts of this process are put together.  It counts in a database
of its own, which it makes itself.
"""

from __future__ import annotations

import functools
import gc
import logging
import sys
import threading
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from energybase import clock as clocks
from energybase import outage
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from kwapi import conf as options
from kwapi import exception
from kwapi.bus import listener as listeners
from kwapi.bus import transport as transports
from kwapi.ceilometer import outlet as outlets
from kwapi.ceilometer import publisher as publishers
from kwapi.ceilometer import publisher_options
from kwapi.ceilometer import transport as ceilometer_transports
from kwapi.collector import collector
from kwapi.collector import options as collector_options
from kwapi.store import store as stores
from kwapi.store import tables

LOG = logging.getLogger(__name__)

_SQLITE_FILE = "kwapi-ceilometer.sqlite"


class Publishing:
    """Listener, counting, and the way to Ceilometer, as one component."""

    def __init__(
        self, conf: cfg.ConfigOpts, transport: object, outlet: outlets.Outlet, store: stores.Store
    ) -> None:
        self._conf, self._outlet = conf, outlet
        self._publisher = publishers.Publisher(outlet.deliver, publisher_options.rules_of(conf))
        self._collector = collector.Collector(
            store, collector_options.rules_of(conf), sink=self._publisher
        )
        self._listener = listeners.Listener(
            transport,
            transports.verifier_of(conf),
            self._collector.handle,
            conf.bus.topic,
            pool=conf.ceilometer.pool,
            batch_seconds=conf.ceilometer.flush_seconds,
            max_batch=max(1, conf.bus.prefetch // 2),
        )

    def start(self) -> None:
        """Publish from now on."""
        self._outlet.start()
        self._collector.start()
        self._listener.start()

    def stop(self) -> None:
        """Finish the batch under way, if Ceilometer and the store take it."""
        self._outlet.stop()
        self._collector.stop()
        self._listener.stop()

    def reload(self) -> None:
        """Take up what is configured now: signing keys, what is sampled, and how much is sent."""
        service.reread(self._conf)
        verifier, rules = transports.verifier_of(self._conf), publisher_options.rules_of(self._conf)
        self._listener.set_verifier(verifier)
        self._publisher.use(rules)
        self._outlet.limits = publisher_options.limits_of(self._conf)


def build_outlet(conf: cfg.ConfigOpts) -> outlets.Outlet:
    """Return the way to Ceilometer."""
    group = conf.ceilometer
    address = ceilometer_transports.Address(
        group.exchange, group.topic, group.event_type, f"kwapi-ceilometer.{conf.bus.sender}"
    )
    transport = ceilometer_transports.open_transport(conf)
    return outlets.Outlet(transport, address, publisher_options.limits_of(conf))


def open_store(conf: cfg.ConfigOpts) -> stores.Store:
    """Return the store, its schema upgraded; wait for a server that is away.

    :raises ConfigurationInvalid: there can be no such database.
    """
    transactions = transaction.build(conf, _SQLITE_FILE, "ceilometer")
    engine = transactions.writer.get_engine()
    if engine.url == transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine().url:
        raise _wrong_database("must not be that of [database]: kwapi-collector counts in it")
    backoff, clock, never = clocks.Backoff(0.5, 10.0), clocks.Clock(), threading.Event()
    away = outage.Outage(
        LOG,
        "The database is away, nothing is published meanwhile: %(reason)s",
        "The database is back after %(seconds).0f s",
        level=logging.ERROR,
    )
    while (reason := _upgrade(engine)) is not None:
        if engine.dialect.name == "sqlite":
            raise _wrong_database(f"{engine.url.database}: {reason}")
        away.begin(reason)
        clock.wait(never, backoff.next())
    away.end()
    return stores.Store(transactions)


def _upgrade(engine: Any) -> str | None:
    """Return None when the schema is this release's, else why it is not."""
    try:
        migration.upgrade(engine, tables.SCHEMA)
    except exception.StoreUnavailable as exc:
        return str(exc.details.get("reason", exc))
    except OSError as exc:
        return str(exc.strerror)
    return None


def _wrong_database(reason: str) -> exception.ConfigurationInvalid:
    return exception.ConfigurationInvalid(where="[ceilometer] connection", reason=reason)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    return service.exit_status("kwapi-ceilometer", run, exception.EnergyException)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, "kwapi-ceilometer")
    transport = transports.get_transport(conf)
    publishing = Publishing(conf, transport, build_outlet(conf), open_store(conf))
    # As in kwapi-collector: what is loaded by now stays to the end.
    gc.freeze()
    service.run(publishing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
