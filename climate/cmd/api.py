# SPDX-License-Identifier: Apache-2.0
"""climate-api: serves the API from several processes on one socket.

Owns these processes, and what must be right before they start.  For any other
WSGI server there is :mod:`climate.wsgi.api`.
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

from climate import conf as options
from climate.api import app
from climate.rpc import inventory as inventories
from climate.rpc import planning as plannings
from climate.rpc import ranking as rankings
from climate.rpc import transport as transports
from kwapi import exception
from kwapi import service
from kwapi.web import loopback
from kwapi.web import server

LOG = logging.getLogger(__name__)
_MOST_WORKERS = 4
#: Longer bodies, which nobody but the application may refuse in its own words.
_BODY_MARGIN_BYTES = 1024 * 1024


class Api(cotyledon.Service):
    """One process that answers; on SIGHUP it gives way to one with the new configuration."""

    name = "climate-api"

    def __init__(self, worker_id: Any, conf: cfg.ConfigOpts, listening: socket.socket) -> None:
        super().__init__(worker_id)
        # Built here, after the fork: no two processes may share a connection.
        self._server = build_server(conf, build_app(conf), listening)

    def run(self) -> None:
        """Answer from now on."""
        self._server.start()

    def terminate(self) -> None:
        """Finish what was asked."""
        self._server.stop()


def build_app(conf: cfg.ConfigOpts, transport: Any = None) -> Any:
    """Return the API over the configured broker; connects to nothing yet.

    :param transport: one that the process already has.
    :raises ConfigurationInvalid: there is no such transport.
    """
    transport = transport or transports.get_transport(conf)
    timeout_seconds = conf.lease_api.rpc_timeout_seconds
    return app.build_app(
        conf,
        inventories.InventoryAPI(transport, timeout_seconds),
        plannings.PlanningAPI(transport, timeout_seconds),
        rankings.RankingAPI(transport, timeout_seconds),
    )


def build_server(
    conf: cfg.ConfigOpts, built: Any, listening: socket.socket | None = None
) -> server.Server:
    """Return what serves the API in one process; a component of it.

    :param listening: a socket that several processes share; else one is made.
    :raises OSError: the address is taken, or not this machine's.
    """
    return server.Server(
        built,
        conf.lease_api.host,
        conf.lease_api.port,
        conf.lease_api.threads,
        listening=listening,
        max_body_bytes=conf.lease_api.max_body_bytes + _BODY_MARGIN_BYTES,
    )


def require_safe(conf: cfg.ConfigOpts) -> None:
    """Refuse to serve everybody without asking who they are.

    :raises ConfigurationInvalid: noauth, and an address that others reach.
    """
    host = conf.lease_api.host
    if conf.lease_api.auth_strategy == "noauth" and not loopback.is_loopback(host):
        raise exception.ConfigurationInvalid(
            where="[lease_api] host",
            reason="with auth_strategy = noauth it must be a loopback address such as 127.0.0.1, "
            f"not {host}",
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    refusals = (exception.KwapiException, ValueError, OSError)
    return service.exit_status("climate-api", run, *refusals)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(argv, "climate-api")
    require_safe(conf)
    # What is wrong with the configuration shows here, once, not in every worker.
    build_app(conf)
    _serve(conf, server.listen(conf.lease_api.host, conf.lease_api.port))
    return 0


def _serve(conf: cfg.ConfigOpts, listening: socket.socket) -> None:
    workers = conf.lease_api.workers or min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    manager = cotyledon.ServiceManager(mp_context=multiprocessing.get_context("fork"))
    manager.add(Api, workers=workers, args=(conf, listening))
    oslo_config_glue.setup(manager, conf)
    url = server.get_url(conf.lease_api.host, listening.getsockname()[1])
    strategy = conf.lease_api.auth_strategy
    LOG.info("Serving %s from %d processes, auth_strategy %s", url, workers, strategy)
    manager.run()


if __name__ == "__main__":
    sys.exit(main())
