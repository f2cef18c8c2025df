# SPDX-License-Identifier: Apache-2.0
"""kwapi-drivers: reads the wattmeters that the configuration names, and publishes.

Owns how the parts of this process are put together.  With ``--check FILE`` it
tries every wattmeter of a file once instead, and says what came of it.
"""

from __future__ import annotations

import functools
import logging
import resource
import sys
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from energybase import exception
from energybase import service
from kwapi.bus import producer
from kwapi.bus import transport as transports
from kwapi.cmd import conf as options
from kwapi.drivers import check
from kwapi.drivers import configuration
from kwapi.drivers import manager
from kwapi.drivers import options as driver_options

LOG = logging.getLogger(__name__)

CLI_OPTS = [
    cfg.StrOpt(
        "check",
        metavar="FILE",
        help="Try every wattmeter of this file once, print a table, and exit: with 0 if all "
        "of them answered in full, with 1 if not.",
    ),
]
#: From how many wattmeters on a check shows how far it is.
_MANY = 10
_BAR_WIDTH = 30


def build(conf: cfg.ConfigOpts, transport: Any, paths: Sequence[str]) -> list[service.Component]:
    """Return the parts, in the order to start them.

    :param paths: of the files that name the wattmeters.
    :raises ConfigurationInvalid: there is no key, or it is not said which one signs.
    """
    sending = producer.Producer(conf, transport)
    load = functools.partial(configuration.read, paths)
    publisher = sending.publisher
    chosen = driver_options.options_of(conf)
    return [sending, manager.Manager(load, publisher.publish, publisher.report, chosen)]


def check_wattmeters(path: str, patience_seconds: float) -> int:
    """Try every wattmeter of a file once, and print what came of it.

    :returns: the exit status.
    :raises ConfigurationInvalid: the file cannot be read.
    """
    config = configuration.read([path])
    if not config.wattmeters and not config.mistakes:
        raise exception.ConfigurationInvalid(
            where=path, reason="there is no wattmeter in it: no section with a key `driver`"
        )
    limits = check.Limits(patience_seconds=patience_seconds)
    findings = check.check(config, limits, show_progress)
    for line in check.render(findings):
        print(line)
    return 0 if all(finding.is_good for finding in findings) else 1


def show_progress(done: int, total: int) -> None:
    """Draw a bar on the terminal, if there is one and it takes a while."""
    if total < _MANY or not sys.stderr.isatty():
        return
    bar = "#" * (done * _BAR_WIDTH // total)
    end = "\r\033[K" if done == total else ""
    print(f"\r[{bar:.<{_BAR_WIDTH}}] {done}/{total}{end}", end="", file=sys.stderr, flush=True)


def allow_many_sockets() -> None:
    """Take all the file descriptors the process may have: a wattmeter may need one or two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    run = functools.partial(_run, argv)
    return service.exit_status("kwapi-drivers", run, exception.EnergyException)


def _run(argv: Sequence[str] | None) -> int:
    conf = options.load(
        argv, "kwapi-drivers", cli_opts=CLI_OPTS, files=("kwapi.conf", "drivers.conf")
    )
    allow_many_sockets()
    if conf.check:
        return check_wattmeters(conf.check, conf.drivers.hung_after_seconds)
    service.run(*build(conf, transports.get_transport(conf), service.paths(conf)))
    return 0
