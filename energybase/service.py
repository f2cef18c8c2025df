# SPDX-License-Identifier: Apache-2.0
"""What every process does the same way: read its configuration, log, run, stop.

Owns signals, and in what order components start, stop and reload.  A component
is anything with these three methods; what it does is its own affair.
"""

from __future__ import annotations

import contextlib
import glob
import logging
import os
import queue
import re
import signal
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import Protocol

from oslo_config import cfg
from oslo_config import iniparser
from oslo_log import log
from pbr import version

from energybase import exception

LOG = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 1.0


class Component(Protocol):
    """A part of a process."""

    def start(self) -> None:
        """Begin; return at once."""

    def stop(self) -> None:
        """End in order; return when ended."""

    def reload(self) -> None:
        """Take up what changed in the configuration; raise, and change nothing, if it is wrong."""


class Group:
    """The components of one service as one: started in order, stopped in reverse.

    A service derives from it: it makes its components, hands them over in the
    order to start them, and says in ``configure`` what a reload changes.
    """

    def __init__(self, conf: cfg.ConfigOpts, *components: Component) -> None:
        """Start nothing yet.

        :param conf: is read anew at a reload.
        """
        self._conf, self._components = conf, components

    def start(self) -> None:
        """Start the components; if one cannot, stop those before it."""
        with contextlib.ExitStack() as started:
            for component in self._components:
                component.start()
                started.callback(component.stop)
            started.pop_all()

    def stop(self) -> None:
        """Stop the components, the last one first."""
        for component in reversed(self._components):
            component.stop()

    def reload(self) -> None:
        """Read the configuration files anew, and take up what changed.

        :raises ConfigurationInvalid: some of it is wrong; everything stays as it was.
        """
        reread(self._conf)
        self.configure(self._conf)

    def configure(self, conf: cfg.ConfigOpts) -> None:
        """Take up what is configured now: read and judge all of it, then change anything.

        :raises ConfigurationInvalid: some of it is wrong; everything stays as it was.
        """


def prepare(
    argv: Sequence[str] | None,
    prog: str,
    *,
    register: Iterable[Any] = (),
    cli_opts: Sequence[Any] = (),
    project: str,
    config_files: list[str] | None = None,
) -> cfg.ConfigOpts:
    """Return the configuration of a process, with logging set up by it.

    :param argv: command line without the program's name; None takes the process's own.
    :param project: whose configuration files and log levels these are, such as ``kwapi``.
    :param register: callables that register options on the ConfigOpts they are given.
    :param config_files: read when the command line names none; None looks in
        the usual places, ``/etc/PROJECT/PROJECT.conf`` among them.
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


def paths(conf: cfg.ConfigOpts) -> list[str]:
    """Return every configuration file that was read, in that order."""
    found = list(conf.config_file or ())
    for folder in conf.config_dir or ():
        found += sorted(glob.glob(os.path.join(folder, "*.conf")))
    return found


def reread(conf: cfg.ConfigOpts) -> None:
    """Read the configuration files anew.

    :raises ConfigurationInvalid: one cannot be read; everything stays as it was.
    """
    for path in paths(conf):
        try:
            cfg.ConfigParser(path, {}).parse()
        except iniparser.ParseError as exc:
            # oslo.config would log the line itself, which may hold a password.
            reason = f"line {exc.lineno}: {exc.msg}"
            raise exception.ConfigurationInvalid(where=path, reason=reason) from None
        except OSError as exc:
            raise exception.ConfigurationInvalid(where=path, reason=exc.strerror) from exc
    conf.reload_config_files()


def exit_status(prog: str, main: Callable[[], int], *refusals: type[Exception]) -> int:
    """Return what ``main`` returns; 2, and why in one line, if it cannot do what was asked.

    :param refusals: what it raises then, beside oslo.config's own errors.
    """
    # Who asks for a reload while we start has changed files that we read anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    refused: tuple[type[Exception], ...] = (cfg.Error, *refusals)
    try:
        return main()
    except refused as exc:
        print(f"{prog}: {_say(exc)}", file=sys.stderr)
        return 2


def _say(exc: Exception) -> str:
    # A parse error ends in the line that it could not read, and that may be a password.
    quotes = isinstance(exc, cfg.ConfigFileParseError)
    return re.sub(r": (['\"]).*", "", str(exc), flags=re.DOTALL) if quotes else str(exc)


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
        while _next(signals) == signal.SIGHUP:
            _reload(components)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        LOG.info("Stopping")
        for component in reversed(started):
            component.stop()


def _next(signals: queue.SimpleQueue[int]) -> int:
    """Return the next signal."""
    while True:
        # One that comes as we begin to wait does not end the wait: look again.
        with contextlib.suppress(queue.Empty):
            return signals.get(timeout=_LOOK_AGAIN_SECONDS)


def _reload(components: Sequence[Component]) -> None:
    LOG.info("Reloading the configuration")
    refusal: Exception | None = None
    for component in components:
        try:
            component.reload()
        except Exception as exc:  # a process outlives whatever somebody writes into its files
            refusal = exc
    if refusal is not None:
        # Out of the handler, in which oslo.log would tell it a second time.
        LOG.error("%s; going on with the configuration as it was", _say(refusal))
