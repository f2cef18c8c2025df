# SPDX-License-Identifier: Apache-2.0
"""``db upgrade`` and ``db version``, and the frame of a command line with such commands.

Owns how a command is added, run, and how its failure is printed.
:mod:`energybase.db.migration` does what the commands say.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from energybase import exception
from energybase.db import migration
from energybase.db import transaction


def main(
    prog: str,
    load: Callable[..., cfg.ConfigOpts],
    add_commands: Callable[[Any], None],
    argv: Sequence[str] | None = None,
) -> int:
    """Do what the command line says; return the exit status.

    :param load: returns the configuration; takes the command line, the
        program's name and ``cli_opts``.
    :param add_commands: adds the commands, by :func:`add` and the like, to
        what it is given.
    """
    commands = cfg.SubCommandOpt("command", title="commands", handler=add_commands)
    try:
        conf = load(argv, prog, cli_opts=[commands])
        return int(conf.command.function(conf) or 0)
    except (cfg.Error, exception.EnergyException) as exc:
        print(f"{prog}: {_say(exc)}", file=sys.stderr)
        return 1


def add_database(subparsers: Any, schema: migration.Schema) -> None:
    """Add the commands for the schema of a service."""
    database = add_group(subparsers, "db", "the database's schema")
    up_to = functools.partial(_upgrade, schema=schema)
    upgrade = add(database, "upgrade", up_to, "bring the schema up to date, or to a revision")
    upgrade.add_argument("revision", nargs="?", default="head", help="by default the newest")
    version = functools.partial(_print_version, schema=schema)
    add(database, "version", version, "print the revision of the schema")


def add_group(subparsers: Any, name: str, about: str) -> Any:
    """Return what commands below this name are added to."""
    group = subparsers.add_parser(name, help=about, description=about)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add(
    subparsers: Any, name: str, function: Callable[[cfg.ConfigOpts], int | None], about: str
) -> argparse.ArgumentParser:
    """Return a command's parser, to which arguments may be added.

    :param function: does it; returns the exit status, None for 0.
    """
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=about, description=about)
    parser.set_defaults(function=function)
    return parser


def _say(exc: Exception) -> str:
    reason = str(getattr(exc, "details", {}).get("reason", ""))
    return str(exc) if reason in str(exc) else f"{exc} ({reason})"


def _upgrade(conf: cfg.ConfigOpts, schema: migration.Schema) -> None:
    engine = _engine(conf, schema)
    migration.upgrade(engine, schema, conf.command.revision)
    print(migration.get_revision(engine, schema))


def _print_version(conf: cfg.ConfigOpts, schema: migration.Schema) -> None:
    found = migration.get_revision(_engine(conf, schema), schema)
    newest = migration.get_newest_revision(schema)
    suffix = "" if found == newest else f" (this release needs {newest})"
    print(f"{found or 'empty'}{suffix}")


def _engine(conf: cfg.ConfigOpts, schema: migration.Schema) -> Any:
    return transaction.build(conf, schema.sqlite_file).writer.get_engine()
