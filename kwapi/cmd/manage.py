# SPDX-License-Identifier: Apache-2.0
"""kwapi-manage: brings the database's schema up to date, and makes signing keys.

Owns its command line; what is done is the affair of :mod:`kwapi.db.migration`.
"""

from __future__ import annotations

import argparse
import datetime
import re
import secrets
import sys
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from kwapi import conf as options
from kwapi import exception
from kwapi.db import migration
from kwapi.db import transaction

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,255}")
_KEY_BYTES = 32


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    commands = cfg.SubCommandOpt("command", title="commands", handler=_add_commands)
    try:
        conf = options.load(argv, "kwapi-manage", cli_opts=[commands])
        conf.command.function(conf)
    except cfg.Error as exc:
        print(f"kwapi-manage: {exc}", file=sys.stderr)
        return 1
    except exception.KwapiException as exc:
        reason = exc.details.get("reason")
        told = str(exc) if reason is None or str(reason) in str(exc) else f"{exc} ({reason})"
        print(f"kwapi-manage: {told}", file=sys.stderr)
        return 1
    return 0


def _add_commands(subparsers: Any) -> None:
    database = _add_group(subparsers, "db", "the database's schema")
    upgrade = _add(database, "upgrade", _upgrade, "bring the schema up to date, or to a revision")
    upgrade.add_argument("revision", nargs="?", default="head", help="by default the newest")
    _add(database, "version", _print_version, "print the revision of the schema")
    keys = _add_group(subparsers, "key", "keys that sign messages")
    generate = _add(keys, "generate", _generate, "print a new key, to put under [bus]")
    generate.add_argument("--id", type=_key_id, help="the key's name, by default today's date")


def _add_group(subparsers: Any, name: str, about: str) -> Any:
    group = subparsers.add_parser(name, help=about, description=about)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _add(subparsers: Any, name: str, function: Any, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=about, description=about)
    parser.set_defaults(function=function)
    return parser


def _upgrade(conf: cfg.ConfigOpts) -> None:
    engine = transaction.build(conf).writer.get_engine()
    migration.upgrade(engine, conf.command.revision)
    print(migration.get_revision(engine))


def _print_version(conf: cfg.ConfigOpts) -> None:
    engine = transaction.build(conf).writer.get_engine()
    found, newest = migration.get_revision(engine), migration.get_newest_revision()
    suffix = "" if found == newest else f" (this release needs {newest})"
    print(f"{found or 'empty'}{suffix}")


def _generate(conf: cfg.ConfigOpts) -> None:
    key_id = conf.command.id or datetime.datetime.now(datetime.UTC).date().isoformat()
    print(f"signing_keys = {key_id}:{secrets.token_hex(_KEY_BYTES)}")


def _key_id(text: str) -> str:
    # It stands in a list of id:key pairs that commas separate.
    if not _KEY_ID.fullmatch(text):
        raise argparse.ArgumentTypeError("letters, digits, dots, dashes and underscores only")
    return text


if __name__ == "__main__":
    sys.exit(main())
