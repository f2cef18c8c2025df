# SPDX-License-Identifier: Apache-2.0
"""kwapi-rrd: writes a file per probe, and serves the pages that show them.

Owns the processes: one writes what it hears on the bus, beside those that answer
browsers; :mod:`energybase.web.workers` has these.  For any other WSGI server
there is :mod:`kwapi.wsgi.rrd`.
"""

from __future__ import annotations

import functools
import multiprocessing
import sys
from collections.abc import Sequence
from typing import Any

import cotyledon
from cotyledon import oslo_config_glue
from oslo_config import cfg

from energybase import exception
from energybase import service
from energybase.web import workers
from kwapi.bus import transport as transports
from kwapi.cmd import conf as options
from kwapi.history import service as history
from kwapi.pages import app

PROGRAM = workers.Program("kwapi-rrd", "rrd", options.load, app.open_app, history.require_rrdtool)


class _Process(cotyledon.Service):
    """The one process that writes; on SIGHUP it gives way to one with the new configuration."""

    name = "kwapi-rrd-writer"

    def __init__(self, worker_id: Any, conf: cfg.ConfigOpts) -> None:
        super().__init__(worker_id)
        # Built here, after the fork: no two processes may share a connection.
        self._writing = history.HistoryService(conf, transports.get_transport(conf))

    def run(self) -> None:
        """Write from now on."""
        self._writing.start()

    def terminate(self) -> None:
        """Finish what is under way."""
        self._writing.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    refusals = (exception.EnergyException, ValueError, OSError)
    return service.exit_status(PROGRAM.name, run, *refusals)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, PROGRAM.name)
    # What is wrong with the configuration shows here, once, not in every process.
    history.HistoryService(conf, transports.get_transport(conf))
    manager = cotyledon.ServiceManager(mp_context=multiprocessing.get_context("fork"))
    manager.add(_Process, workers=1, args=(conf,))
    history.require_rrdtool(conf)
    if conf.rrd.workers != 0:
        workers.add(manager, PROGRAM, conf)
    oslo_config_glue.setup(manager, conf)
    manager.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
