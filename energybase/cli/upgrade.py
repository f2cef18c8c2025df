# SPDX-License-Identifier: Apache-2.0
"""``status upgrade check``: can this release start on the present database and files?

Owns oslo.upgradecheck, and the checks that every product needs.  They change
nothing; run them before the new release is started.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import yaml
from oslo_config import cfg
from oslo_policy import policy
from oslo_upgradecheck import upgradecheck

from energybase import exception
from energybase.cli import configuration
from energybase.db import migration
from energybase.db import transaction

#: The outcome of a check.
Result = upgradecheck.Result


class Check(NamedTuple):
    """One row of the table; ``look`` returns its result; ConfigurationInvalid is a failure."""

    name: str
    look: Callable[[], Result]


def run(checks: Sequence[Check]) -> int:
    """Run all checks, print a table, and return the worst result: 0, 1 or 2."""
    return int(_Commands(checks).check())


def succeed(details: str | None = None) -> Result:
    """Return that all is well."""
    return Result(upgradecheck.Code.SUCCESS, details)


def warn(details: str) -> Result:
    """Return that it may be well."""
    return Result(upgradecheck.Code.WARNING, details)


def fail(details: str) -> Result:
    """Return that the release must not be started so."""
    return Result(upgradecheck.Code.FAILURE, details)


def check_files(plan: configuration.Plan, paths: Sequence[str], command: str) -> Result:
    """Check the configuration files."""
    mistakes = configuration.check(plan, paths)
    if mistakes:
        return warn(f"There are {len(mistakes)} mistakes: run `{command}`.")
    return succeed(", ".join(paths) or "None; the defaults hold.")


def check_database(
    conf: cfg.ConfigOpts, schema: migration.Schema, group: str = "database"
) -> Result:
    """Check that the schema is the one that this release works with."""
    engine = transaction.build(conf, schema.sqlite_file, group).writer.get_engine()
    newest = migration.get_newest_revision(schema)
    try:
        found = migration.get_revision(engine, schema)
    except exception.StoreUnavailable as exc:
        return fail(f"The database cannot be reached: {exc.details.get('reason', exc)}.")
    if found == newest:
        return succeed(f"Revision {found}.")
    if found is None:
        return fail(f"The database is empty: run `{schema.command}`.")
    return fail(f"Revision {found}, this release needs {newest}: run `{schema.command}`.")


def check_broker(conf: cfg.ConfigOpts) -> Result:
    """Check that messages outlive a restart of the broker.

    :param conf: with oslo.messaging's options, their defaults set as a service does.
    """
    if not (conf.transport_url or "rabbit:").startswith("rabbit:"):
        return succeed("The broker is not RabbitMQ: make sure that messages outlive its restart.")
    if not conf.oslo_messaging_rabbit.amqp_durable_queues:
        return warn(
            "[oslo_messaging_rabbit] amqp_durable_queues is false: messages that wait in the "
            "broker are lost when it restarts."
        )
    return succeed()


def check_policy(conf: cfg.ConfigOpts, rules: Sequence[policy.RuleDefault]) -> Result:
    """Check that the policy file can be read, and names rules that exist."""
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(rules)
    path = conf.find_file(conf.oslo_policy.policy_file)
    if path is None:
        return succeed("There is no policy file; the defaults hold.")
    try:
        enforcer.load_rules()
    except (ValueError, yaml.YAMLError, OSError) as exc:
        return fail(f"{path}: {_first_line(exc)}")
    if path.endswith(".json"):
        return fail(
            f"{path}: JSON is not supported; convert it with `oslopolicy-convert-json-to-yaml`."
        )
    if not enforcer.check_rules():
        return fail(
            f"{path}: a rule refers to one that is not defined, or to itself; the log names it."
        )
    unused = _list_unused(enforcer, [rule.name for rule in rules])
    return warn(f"{path}: {'; '.join(unused)}") if unused else succeed(f"{path}.")


def _list_unused(enforcer: Any, names: Sequence[str]) -> list[str]:
    """Return a warning for each unknown rule that no other refers to."""
    ours = set(names)
    texts = [str(check) for check in enforcer.rules.values()]
    told = []
    for name in enforcer.file_rules:
        if name not in ours and not any(f"rule:{name}" in text for text in texts):
            close = difflib.get_close_matches(name, names, 1)
            told.append(f"no rule is called {name}" + (f", but {close[0]} is" if close else ""))
    return told


class _Commands(upgradecheck.UpgradeCommands):
    """The library's table over our checks."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._upgrade_checks = tuple((check.name, _bound(check.look)) for check in checks)


def _bound(look: Callable[[], Result]) -> Callable[[Any], Result]:
    def call(_commands: Any) -> Result:
        try:
            return look()
        except exception.EnergyException as exc:
            return fail(str(exc))

    return call


def _first_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())
