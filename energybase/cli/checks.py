# SPDX-License-Identifier: Apache-2.0
"""``config check`` and ``status upgrade check``: command lines and exit status.

``config check`` parses its own command line and reads the files itself: with
oslo.config the first mistake in a file would end the program.
"""

from __future__ import annotations

import argparse
import functools
import glob
import os
import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from oslo_config import cfg

from energybase import service
from energybase.cli import configuration
from energybase.cli import database
from energybase.cli import upgrade


def add(
    subparsers: Any, plan: configuration.Plan, list_checks: Callable[[cfg.ConfigOpts], Any]
) -> None:
    """Add both commands to those of a program.

    :param list_checks: returns what an upgrade needs, as :func:`upgrade.run` takes it.
    """
    config = database.add_group(subparsers, "config", "the configuration files")
    check = functools.partial(_check_loaded, plan)
    _add_services(database.add(config, "check", check, "tell every mistake in them"), plan)
    status = database.add_group(subparsers, "status", "whether this release may be started")
    # As every service of OpenStack has it.
    upgrading = database.add_group(status, "upgrade", "whether this release may be started")
    ready = functools.partial(_check_upgrade, list_checks)
    database.add(upgrading, "check", ready, "0 if so, 1 with warnings, 2 if not")


def main(
    plan: configuration.Plan, default_files: Sequence[str], argv: Sequence[str] | None = None
) -> int | None:
    """Do ``config check``, and return its exit status; None if something else is asked for.

    :param default_files: looked at, those of them that there are, if none is named.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-file", action="append", default=[])
    parser.add_argument("--config-dir", action="append", default=[])
    parser.add_argument("words", nargs=2)
    _add_services(parser, plan)
    try:
        asked = parser.parse_intermixed_args(sys.argv[1:] if argv is None else argv)
    except _SomethingElse:
        return None
    if asked.words != ["config", "check"]:
        return None
    paths = [*asked.config_file]
    for folder in asked.config_dir:
        paths += sorted(glob.glob(os.path.join(folder, "*.conf")))
    return _check(plan, paths or list(filter(os.path.exists, default_files)), asked.services)


class _SomethingElse(Exception):
    """It is no ``config check``, or one that oslo.config shall say the usage of."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _SomethingElse(message)


def _add_services(parser: argparse.ArgumentParser, plan: configuration.Plan) -> None:
    def known(name: str) -> str:
        if name not in plan.services:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(plan.services)}")
        return name

    parser.add_argument(
        "services",
        nargs="*",
        metavar="SERVICE",
        type=known,
        help=f"that runs with these files: {', '.join(plan.services)}; by default all",
    )


def _check(plan: configuration.Plan, paths: Sequence[str], services: Sequence[str]) -> int:
    mistakes = configuration.check(plan, paths, services)
    for line in configuration.render(mistakes, paths):
        print(line)
    return 1 if mistakes else 0


def _check_loaded(plan: configuration.Plan, conf: cfg.ConfigOpts) -> int:
    return _check(plan, service.paths(conf), conf.command.services)


def _check_upgrade(
    list_checks: Callable[[cfg.ConfigOpts], Sequence[upgrade.Check]], conf: cfg.ConfigOpts
) -> int:
    return upgrade.run(list_checks(conf))
