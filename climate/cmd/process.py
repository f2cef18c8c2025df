# SPDX-License-Identifier: Apache-2.0
"""Runs a service that has a database and a broker, such as climate-planning.

Owns what such a service refuses to start with.  Its parts are put together
beside them, in its ``service`` module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from climate.cmd import conf as options
from climate.db import models
from climate.rpc import transport as transports
from energybase import exception
from energybase import service
from energybase.db import migration

#: Returns the service, not started, on a transport.
Build = Callable[[cfg.ConfigOpts, Any], service.Component]


def main(prog: str, build: Build, argv: Sequence[str] | None = None) -> int:
    """Run a service until a signal; return the exit status."""
    run = functools.partial(_run, prog, build, argv)
    return service.exit_status(prog, run, exception.EnergyException)


def _run(prog: str, build: Build, argv: Sequence[str] | None) -> int:
    conf = options.load(argv, prog)
    migration.require(conf, models.SCHEMA)
    service.run(build(conf, transports.get_transport(conf)))
    return 0
