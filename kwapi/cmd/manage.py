# SPDX-License-Identifier: Apache-2.0
"""kwapi-manage: upgrades the database's schema, checks the configuration, makes signing keys.

Owns the making of keys; :mod:`energybase.cli.manage` has the commands that every
product has.
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

from energybase.cli import database
from energybase.cli import manage
from kwapi import policies
from kwapi.bus import transport as transports
from kwapi.cmd import conf as options
from kwapi.cmd import readiness
from kwapi.store import tables

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,255}")
_KEY_BYTES = 32


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    return manage.main(PROGRAM, argv)


def _add_commands(subparsers: Any) -> None:
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


PROGRAM = manage.Program(
    "kwapi-manage",
    options.load,
    readiness.PLAN,
    readiness.FILES,
    tables.SCHEMA,
    transports.get_transport,
    policies.list_rules(),
    readiness.list_checks,
    _add_commands,
)

if __name__ == "__main__":
    sys.exit(main())
