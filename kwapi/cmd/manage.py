# SPDX-License-Identifier: Apache-2.0
"""kwapi-manage: upgrades the database's schema, checks the configuration, makes signing keys.

Owns which commands there are, and keys; what becomes of the database is the
affair of :mod:`energybase.cli.database`, what is checked that of
:mod:`kwapi.cmd.readiness`.
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

from energybase.cli import checks as checkup
from energybase.cli import database
from kwapi import conf as options
from kwapi.cmd import readiness
from kwapi.store import tables

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,255}")
_KEY_BYTES = 32


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    status = checkup.main(readiness.PLAN, readiness.FILES, argv)
    if status is not None:
        return status
    return database.main("kwapi-manage", options.load, _add_commands, argv)


def _add_commands(subparsers: Any) -> None:
    database.add_database(subparsers, tables.SCHEMA)
    checkup.add(subparsers, readiness.PLAN, readiness.list_checks)
    keys = database.add_group(subparsers, "key", "keys that sign messages")
    generate = database.add(keys, "generate", _generate, "print a new key, to put under [bus]")
    generate.add_argument("--id", type=_key_id, help="the key's name, by default today's date")


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
