# SPDX-License-Identifier: Apache-2.0
"""A product's ``PRODUCT-manage``: ``db``, ``config check``, ``status upgrade check``.

Owns which commands every product has, and what an upgrade needs of each.  What a
product's services refuse to start with is in its :class:`configuration.Plan`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from oslo_config import cfg
from oslo_policy import policy

from energybase import service
from energybase.cli import checks
from energybase.cli import configuration
from energybase.cli import database
from energybase.cli import keystone
from energybase.cli import upgrade
from energybase.db import migration
from energybase.db import transaction
from energybase.web import workers


class Program(NamedTuple):
    """What the commands work on.

    :ivar load: returns the configuration; takes the command line, the
        program's name and ``cli_opts``.
    :ivar files: checked, those of them that exist, when the command line names none.
    :ivar open_transport: opens the message bus; connects to nothing yet.
    :ivar rules: of policy, with their defaults.
    :ivar list_checks: returns what an upgrade needs beside what every product does.
    :ivar add_commands: adds the product's own commands.
    """

    name: str
    load: Callable[..., cfg.ConfigOpts]
    plan: configuration.Plan
    files: Sequence[str]
    schema: migration.Schema
    open_transport: Callable[[cfg.ConfigOpts], Any]
    rules: Sequence[policy.RuleDefault]
    list_checks: Callable[[cfg.ConfigOpts], list[upgrade.Check]] = lambda _conf: []
    add_commands: Callable[[Any], None] = lambda _subparsers: None


def main(program: Program, argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    status = checks.main(program.plan, program.files, argv)
    if status is not None:
        return status
    return database.main(program.name, program.load, functools.partial(_add, program), argv)


def database_trial(services: frozenset[str], schema: migration.Schema) -> configuration.Trial:
    """Return that these services need a database's URL, and its driver."""
    build = functools.partial(transaction.build, sqlite_file=schema.sqlite_file)
    return configuration.Trial(services, build)


def api_trial(name: str, group: str) -> configuration.Trial:
    """Return that an API needs to know who asks, unless it listens on a loopback address.

    :param group: the API's options.
    """
    return configuration.Trial(frozenset((name,)), functools.partial(require_api, group=group))


def require_api(conf: cfg.ConfigOpts, group: str) -> None:
    """Pass if an API may be served as it is configured.

    :raises ConfigurationInvalid: anybody could use it, or Keystone cannot be asked.
    """
    workers.require_safe(conf, group)
    keystone.require(conf, group)


def _add(program: Program, subparsers: Any) -> None:
    database.add_database(subparsers, program.schema)
    checks.add(subparsers, program.plan, functools.partial(_list_checks, program))
    program.add_commands(subparsers)


def _list_checks(program: Program, conf: cfg.ConfigOpts) -> list[upgrade.Check]:
    """Return what an upgrade needs, in the order of the table."""
    command = f"{program.name} config check"

    def check_files() -> upgrade.Result:
        return upgrade.check_files(program.plan, service.paths(conf), command)

    def check_broker() -> upgrade.Result:
        program.open_transport(conf)
        return upgrade.check_broker(conf)

    return [
        upgrade.Check("Configuration files", check_files),
        upgrade.Check("Database", functools.partial(upgrade.check_database, conf, program.schema)),
        *program.list_checks(conf),
        upgrade.Check("Broker", check_broker),
        upgrade.Check("Policy", functools.partial(upgrade.check_policy, conf, program.rules)),
    ]
