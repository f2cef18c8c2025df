# SPDX-License-Identifier: Apache-2.0
"""kwapi-api: serves the API from several processes on one socket.

Owns these processes, and what must be right before they start.  For any other
WSGI server there is :mod:`kwapi.wsgi.api`.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

import cotyledon
from cotyledon import oslo_config_glue
from oslo_config import cfg

from kwapi import conf as options
from kwapi import exception
from kwapi import service
from kwapi.api import app
from kwapi.collector import store as stores
from kwapi.db import migration
from kwapi.web import loopback
from kwapi.web import server

LOG = logging.getLogger(__name__)
_MOST_WORKERS = 4


class Api(cotyledon.Service):
    """One process that answers; on SIGHUP it gives way to one with the new configuration."""

    name = "kwapi-api"

    def __init__(self, worker_id: Any, conf: cfg.ConfigOpts, listening: socket.socket) -> None:
        super().__init__(worker_id)
        # Built here, after the fork: no two processes may share a connection.
        self._server = server.Server(
            build_app(conf), conf.api.host, threads=conf.api.threads, listening=listening
        )

    def run(self) -> None:
        """Answer from now on."""
        self._server.start()

    def terminate(self) -> None:
        """Finish what was asked."""
        self._server.stop()


def build_app(conf: cfg.ConfigOpts) -> Any:
    """Return the API over the configured database; connects to nothing yet."""
    return app.build_app(conf, stores.open_store(conf))


def require_safe(conf: cfg.ConfigOpts) -> None:
    """Refuse to serve everybody without asking who they are.

    :raises ConfigurationInvalid: noauth, and an address that others reach.
    """
    if conf.api.auth_strategy == "noauth" and not loopback.is_loopback(conf.api.host):
        raise exception.ConfigurationInvalid(
            where="[api] host",
            reason="with auth_strategy = noauth it must be a loopback address such as 127.0.0.1, "
            f"not {conf.api.host}",
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    refusals = (exception.KwapiException, ValueError, OSError)
    return service.exit_status("kwapi-api", run, *refusals)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, "kwapi-api")
    require_safe(conf)
    migration.require(conf)
    # What is wrong with the configuration shows here, once, not in every worker.
    build_app(conf)
    _serve(conf, server.listen(conf.api.host, conf.api.port))
    return 0


def _serve(conf: cfg.ConfigOpts, listening: socket.socket) -> None:
    workers = conf.api.workers or min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    manager = cotyledon.ServiceManager(mp_context=multiprocessing.get_context("fork"))
    manager.add(Api, workers=workers, args=(conf, listening))
    oslo_config_glue.setup(manager, conf)
    url = server.get_url(conf.api.host, listening.getsockname()[1])
    LOG.info("Serving %s from %d processes, auth_strategy %s", url, workers, conf.api.auth_strategy)
    manager.run()


if __name__ == "__main__":
    sys.exit(main())
