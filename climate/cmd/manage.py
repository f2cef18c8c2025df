# SPDX-License-Identifier: Apache-2.0
"""climate-manage: brings the database's schema up to date.

Owns its command line; what is done is the affair of :mod:`kwapi.db.migration`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from climate import conf as options
from climate.db import models
from kwapi import exception
from kwapi.db import migration
from kwapi.db import transaction


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    commands = cfg.SubCommandOpt("command", title="commands", handler=_add_commands)
    try:
        conf = options.load(argv, "climate-manage", cli_opts=[commands])
        conf.command.function(conf)
    except cfg.Error as exc:
        return _refuse(str(exc))
    except exception.KwapiException as exc:
        reason = exc.details.get("reason")
        return _refuse(
            str(exc) if reason is None or str(reason) in str(exc) else f"{exc} ({reason})"
        )
    return 0


def _refuse(told: str) -> int:
    print(f"climate-manage: {told}", file=sys.stderr)
    return 1


def _add_commands(subparsers: Any) -> None:
    database = subparsers.add_parser("db", help="the database's schema")
    below = database.add_subparsers(title="commands", metavar="COMMAND", required=True)
    upgrade = _add(below, "upgrade", _upgrade, "bring the schema up to date, or to a revision")
    upgrade.add_argument("revision", nargs="?", default="head", help="by default the newest")
    _add(below, "version", _print_version, "print the revision of the schema")


def _add(subparsers: Any, name: str, function: Any, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=about, description=about)
    parser.set_defaults(function=function)
    return parser


def _upgrade(conf: cfg.ConfigOpts) -> None:
    engine = _engine(conf)
    migration.upgrade(engine, conf.command.revision, models.SCHEMA)
    print(migration.get_revision(engine, models.SCHEMA))


def _print_version(conf: cfg.ConfigOpts) -> None:
    found = migration.get_revision(_engine(conf), models.SCHEMA)
    newest = migration.get_newest_revision(models.SCHEMA)
    suffix = "" if found == newest else f" (this release needs {newest})"
    print(f"{found or 'empty'}{suffix}")


def _engine(conf: cfg.ConfigOpts) -> Any:
    return transaction.build(conf, models.SCHEMA.sqlite_file).writer.get_engine()


if __name__ == "__main__":
    sys.exit(main())
