# SPDX-License-Identifier: Apache-2.0
"""What every process does the same way: read its configuration, log, run, stop.

Owns signals.  A component is anything with ``start``, ``stop`` and ``reload``;
what it does is its own affair.
"""

from __future__ import annotations

import logging
import queue
import signal
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import Protocol

from oslo_config import cfg
from oslo_log import log
from pbr import version

LOG = logging.getLogger(__name__)


class Component(Protocol):
    """A part of a process."""

    def start(self) -> None:
        """Begin; return at once."""

    def stop(self) -> None:
        """End in order; return when ended."""

    def reload(self) -> None:
        """Take up what changed in the configuration."""


def prepare(
    argv: Sequence[str] | None,
    prog: str,
    *,
    register: Iterable[Any] = (),
    cli_opts: Sequence[Any] = (),
    project: str = "kwapi",
    config_files: list[str] | None = None,
) -> cfg.ConfigOpts:
    """Return the configuration of a process, with logging set up by it.

    :param argv: command line without the program's name; None takes the process's own.
    :param register: callables that register options on the ConfigOpts they are given.
    :param config_files: read when the command line names none; None looks in
        the usual places, such as ``/etc/kwapi/kwapi.conf``.
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    for register_opts in register:
        register_opts(conf)
    conf.register_cli_opts(cli_opts)
    conf(
        argv,
        project=project,
        prog=prog,
        version=version.VersionInfo("kwapi-climate").release_string(),
        default_config_files=config_files,
    )
    log.setup(conf, project)
    return conf


def run(*components: Component) -> None:
    """Start the components, serve signals, and stop them in reverse order.

    SIGTERM and SIGINT stop, a second one at once; SIGHUP reloads.
    """
    # Putting into a SimpleQueue is safe inside a signal handler; setting an
    # Event that the main thread waits for is not.
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: signals.put(received))
    started: list[Component] = []
    try:
        for component in components:
            component.start()
            started.append(component)
        while signals.get() == signal.SIGHUP:
            LOG.info("Reloading the configuration")
            for component in components:
                component.reload()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        LOG.info("Stopping")
        for component in reversed(started):
            component.stop()
