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
from energybase import exception
from energybase import outage
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from kwapi.bus import consumer
from kwapi.bus import transport as transports
from kwapi.ceilometer import outlet as outlets
from kwapi.ceilometer import publisher as publishers
from kwapi.ceilometer import publisher_options
from kwapi.ceilometer import transport as ceilometer_transports
from kwapi.cmd import conf as options
from kwapi.collector import collector
from kwapi.collector import options as collector_options
from kwapi.store import store as stores
from kwapi.store import tables

LOG = logging.getLogger(__name__)

_SQLITE_FILE = "kwapi-ceilometer.sqlite"


class CeilometerService(consumer.Consumer):
    """Listener, counting, and the way to Ceilometer, as one component."""

    def __init__(
        self, conf: cfg.ConfigOpts, transport: Any, outlet: outlets.Outlet, store: stores.Store
    ) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: there is no key, or it is not said which host a probe feeds.
        """
        self._outlet = outlet
        self._publisher = publishers.Publisher(outlet.deliver, publisher_options.rules_of(conf))
        counting = collector.Collector(
            store, collector_options.rules_of(conf), sink=self._publisher
        )
        super().__init__(
            conf,
            transport,
            counting.handle,
            outlet,
            counting,
            pool=conf.ceilometer.pool,
            flush_seconds=conf.ceilometer.flush_seconds,
        )

    def configure(self, conf: cfg.ConfigOpts) -> None:
        """Take up the signing keys, what is sampled, and how much is sent.

        :raises ConfigurationInvalid: some of it is wrong; everything stays as it was.
        """
        rules, limits = publisher_options.rules_of(conf), publisher_options.limits_of(conf)
        super().configure(conf)
        self._publisher.use(rules)
        self._outlet.limits = limits


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
    made = CeilometerService(conf, transport, build_outlet(conf), open_store(conf))
    # As in kwapi-collector: what is loaded by now stays to the end.
    gc.freeze()
    service.run(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
