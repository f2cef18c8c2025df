# SPDX-License-Identifier: Apache-2.0
"""Runs an API as a program: several processes that answer on one socket.

Owns these processes, and what must be right before they start.  What is served is the
:class:`Program`'s; where, is in its group of :mod:`energybase.web.options`.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import os
import socket
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from wsgiref.types import WSGIApplication

import cotyledon
from cotyledon import oslo_config_glue
from oslo_config import cfg

from energybase import exception
from energybase import service
from energybase.web import loopback
from energybase.web import server

LOG = logging.getLogger(__name__)
_MOST_WORKERS = 4


def _require_nothing(_conf: cfg.ConfigOpts) -> None:
    """Refuse nothing."""


class Program(NamedTuple):
    """An API to serve.

    :ivar name: as it is called on the command line, such as ``kwapi-api``.
    :ivar group: its options, such as ``api``.
    :ivar load: returns the configuration; takes the command line and the name.
    :ivar build_app: returns the application; connects to nothing yet.
    :ivar require: raises what it is to refuse to start with, such as a database
        of another release.
    """

    name: str
    group: str
    load: Callable[[Sequence[str] | None, str], cfg.ConfigOpts]
    build_app: Callable[[cfg.ConfigOpts], WSGIApplication]
    require: Callable[[cfg.ConfigOpts], object] = _require_nothing


class _Worker(cotyledon.Service):
    """One process that answers; on SIGHUP it gives way to one with the new configuration."""

    def __init__(
        self, worker_id: Any, program: Program, conf: cfg.ConfigOpts, listening: socket.socket
    ) -> None:
        super().__init__(worker_id)
        # Built here, after the fork: no two processes may share a connection.
        self._server = build_server(program.build_app(conf), conf, program.group, listening)

    def run(self) -> None:
        """Answer from now on."""
        self._server.start()

    def terminate(self) -> None:
        """Finish what was asked."""
        self._server.stop()


def main(program: Program, argv: Sequence[str] | None = None) -> int:
    """Run the program until a signal; return the exit status."""
    run = functools.partial(_run, program, argv)
    refusals = (exception.EnergyException, ValueError, OSError)
    return service.exit_status(program.name, run, *refusals)


def require_safe(conf: cfg.ConfigOpts, group: str) -> None:
    """Refuse to serve everybody without asking who they are.

    :raises ConfigurationInvalid: noauth, and an address that others reach.
    """
    host = conf[group].host
    if conf[group].auth_strategy == "noauth" and not loopback.is_loopback(host):
        raise exception.ConfigurationInvalid(
            where=f"[{group}] host",
            reason="with auth_strategy = noauth it must be a loopback address such as 127.0.0.1, "
            f"not {host}",
        )


def build_server(
    application: WSGIApplication,
    conf: cfg.ConfigOpts,
    group: str,
    listening: socket.socket | None = None,
) -> server.Server:
    """Return what serves an application from this process; a component of it.

    :param listening: a socket that several processes share; else one is made.
    :raises ConfigurationInvalid: nobody can listen there.
    """
    options = conf[group]
    return server.Server(
        application,
        options.host,
        threads=options.threads,
        listening=listening or _listen(conf, group),
    )


def add(manager: cotyledon.ServiceManager, program: Program, conf: cfg.ConfigOpts) -> None:
    """Have a manager run the processes that answer, beside others of its own.

    :raises ConfigurationInvalid: everybody would be served without being asked
        who they are, or nobody can listen there, or what ``require`` raises.
    """
    require_safe(conf, program.group)
    program.require(conf)
    # What is wrong with the configuration shows here, once, not in every worker.
    program.build_app(conf)
    options = conf[program.group]
    listening = _listen(conf, program.group)
    workers = options.workers or min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    # Cotyledon titles a process by its class's name.
    worker = type("Worker", (_Worker,), {"name": program.name})
    manager.add(worker, workers=workers, args=(program, conf, listening))
    url = server.get_url(options.host, listening.getsockname()[1])
    LOG.info("Serving %s from %d processes, auth_strategy %s", url, workers, options.auth_strategy)


def _run(program: Program, argv: Sequence[str] | None) -> int:
    conf = program.load(argv, program.name)
    manager = cotyledon.ServiceManager(mp_context=multiprocessing.get_context("fork"))
    add(manager, program, conf)
    oslo_config_glue.setup(manager, conf)
    manager.run()
    return 0


def _listen(conf: cfg.ConfigOpts, group: str) -> socket.socket:
    host, port = conf[group].host, conf[group].port
    try:
        return server.listen(host, port)
    except OSError as exc:
        raise exception.ConfigurationInvalid(
            where=f"[{group}] host, port",
            reason=f"cannot listen on {host}, port {port}: {exc.strerror}",
        ) from exc
