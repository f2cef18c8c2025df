# SPDX-License-Identifier: Apache-2.0
"""kwapi-rrd: writes a file per probe, and serves the pages that show them.

Owns what is written and what is served: one process listens to the bus, beside
those that answer browsers; :mod:`energybase.web.workers` has these.  For any other
WSGI server there is :mod:`kwapi.wsgi.rrd`.
"""

from __future__ import annotations

import functools
import multiprocessing
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cotyledon
from cotyledon import oslo_config_glue
from oslo_config import cfg

from energybase import service
from energybase.web import workers
from kwapi import conf as options
from kwapi import exception
from kwapi.bus import listener as listeners
from kwapi.bus import transport as transports
from kwapi.history import options as history_options
from kwapi.history import store as stores
from kwapi.history import writer as writers
from kwapi.pages import app


class Writing:
    """The writer and its listener, as one component."""

    def __init__(self, conf: cfg.ConfigOpts, transport: object) -> None:
        self._conf = conf
        directory, rules = Path(conf.rrd.directory), history_options.rules_of(conf)
        store = stores.Store(
            directory,
            history_options.layout_of(conf),
            max_watts=rules.max_watts,
            program=conf.rrd.rrdtool,
            rrdcached=conf.rrd.rrdcached,
        )
        self._writer = writers.Writer(store, directory, rules)
        self._listener = listeners.Listener(
            transport,
            transports.verifier_of(conf),
            self._writer.handle,
            conf.bus.topic,
            pool=conf.rrd.pool,
            batch_seconds=conf.rrd.flush_seconds,
            max_batch=max(1, conf.bus.prefetch // 2),
        )

    def start(self) -> None:
        """Write from now on."""
        self._writer.start()
        self._listener.start()

    def stop(self) -> None:
        """Finish the batch under way, if it can be written."""
        self._writer.stop()
        self._listener.stop()
        self._writer.close()

    def reload(self) -> None:
        """Take up the signing keys that are configured now."""
        service.reread(self._conf)
        self._listener.set_verifier(transports.verifier_of(self._conf))


class _Process(cotyledon.Service):
    """The one process that writes; on SIGHUP it gives way to one with the new configuration."""

    name = "kwapi-rrd-writer"

    def __init__(self, worker_id: Any, conf: cfg.ConfigOpts) -> None:
        super().__init__(worker_id)
        # Built here, after the fork: no two processes may share a connection.
        self._writing = Writing(conf, transports.get_transport(conf))

    def run(self) -> None:
        """Write from now on."""
        self._writing.start()

    def terminate(self) -> None:
        """Finish what is under way."""
        self._writing.stop()


def require_rrdtool(conf: cfg.ConfigOpts) -> None:
    """Refuse to go on without the program.

    :raises ConfigurationInvalid: it is not on this machine.
    """
    if shutil.which(conf.rrd.rrdtool) is None:
        raise exception.ConfigurationInvalid(
            where="[rrd] rrdtool",
            reason=f"{conf.rrd.rrdtool} is not installed; Debian's package is rrdtool",
        )


PROGRAM = workers.Program("kwapi-rrd", "rrd", options.load, app.open_app, require_rrdtool)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    refusals = (exception.EnergyException, ValueError, OSError)
    return service.exit_status(PROGRAM.name, run, *refusals)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, PROGRAM.name)
    # What is wrong with the configuration shows here, once, not in every process.
    Writing(conf, transports.get_transport(conf))
    manager = cotyledon.ServiceManager(mp_context=multiprocessing.get_context("fork"))
    manager.add(_Process, workers=1, args=(conf,))
    require_rrdtool(conf)
    if conf.rrd.workers != 0:
        workers.add(manager, PROGRAM, conf)
    oslo_config_glue.setup(manager, conf)
    manager.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
