# SPDX-License-Identifier: Apache-2.0
"""What Climate's services need before they are started, tried without starting them.

Owns which refusal is of which service, for ``climate-manage config check``, and
what ``climate-manage status upgrade check`` looks at.
"""

from __future__ import annotations

import functools

from oslo_config import cfg
from oslo_log import log

from climate import conf as options
from climate import policies
from climate.db import models
from climate.inventory.sources import source
from climate.planning import options as planning
from climate.ranking import options as ranking
from climate.rpc import transport as transports
from energybase import service
from energybase.cli import configuration as checkup
from energybase.cli import keystone
from energybase.cli import upgrade
from energybase.db import transaction
from energybase.web import workers

FILES = ("/etc/climate/climate.conf",)
_STORING = frozenset(("climate-inventory", "climate-planning", "climate-ranking"))


def _register(conf: cfg.ConfigOpts) -> None:
    log.register_options(conf)
    options.register_opts(conf)


def _require_database(conf: cfg.ConfigOpts) -> None:
    transaction.build(conf, models.SCHEMA.sqlite_file)


def _require_api(conf: cfg.ConfigOpts) -> None:
    workers.require_safe(conf, "lease_api")
    keystone.require(conf, "lease_api")


PLAN = checkup.Plan(
    services=("climate-api", "climate-inventory", "climate-planning", "climate-ranking"),
    register=_register,
    trials=[
        checkup.Trial(_STORING | {"climate-api"}, transports.get_transport),
        checkup.Trial(_STORING, _require_database),
        checkup.Trial(frozenset(("climate-api",)), _require_api),
        checkup.Trial(frozenset(("climate-inventory",)), source.load),
        checkup.Trial(frozenset(("climate-planning",)), planning.options_of),
        checkup.Trial(frozenset(("climate-ranking",)), ranking.options_of),
        checkup.Trial(frozenset(("climate-ranking",)), ranking.open_kwapi),
    ],
)


def list_checks(conf: cfg.ConfigOpts) -> list[upgrade.Check]:
    """Return what an upgrade of Climate needs."""
    return [
        upgrade.Check("Configuration files", functools.partial(_check_files, conf)),
        upgrade.Check("Database", functools.partial(upgrade.check_database, conf, models.SCHEMA)),
        upgrade.Check("Broker", functools.partial(_check_broker, conf)),
        upgrade.Check(
            "Policy", functools.partial(upgrade.check_policy, conf, policies.list_rules())
        ),
    ]


def _check_files(conf: cfg.ConfigOpts) -> upgrade.Result:
    return upgrade.check_files(PLAN, service.paths(conf), "climate-manage config check")


def _check_broker(conf: cfg.ConfigOpts) -> upgrade.Result:
    transports.get_transport(conf)
    return upgrade.check_broker(conf)
