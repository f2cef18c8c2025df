# SPDX-License-Identifier: Apache-2.0
"""climate-manage: brings the database's schema up to date, and checks the configuration.

Owns which commands there are; what they do is the affair of
:mod:`energybase.cli.database`, what is checked that of :mod:`climate.cmd.readiness`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from climate import conf as options
from climate.cmd import readiness
from climate.db import models
from energybase.cli import checks as checkup
from energybase.cli import database


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    status = checkup.main(readiness.PLAN, readiness.FILES, argv)
    if status is not None:
        return status
    return database.main("climate-manage", options.load, _add_commands, argv)


def _add_commands(subparsers: Any) -> None:
    database.add_database(subparsers, models.SCHEMA)
    checkup.add(subparsers, readiness.PLAN, readiness.list_checks)


if __name__ == "__main__":
    sys.exit(main())
