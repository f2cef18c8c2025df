# SPDX-License-Identifier: Apache-2.0
"""climate-manage: upgrades the database's schema, and checks the configuration.

Owns no command of its own: :mod:`energybase.cli.manage` has those that every product has.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from climate import policies
from climate.cmd import conf as options
from climate.cmd import readiness
from climate.db import models
from climate.rpc import transport as transports
from energybase.cli import manage

PROGRAM = manage.Program(
    "climate-manage",
    options.load,
    readiness.PLAN,
    readiness.FILES,
    models.SCHEMA,
    transports.get_transport,
    policies.list_rules(),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    return manage.main(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
