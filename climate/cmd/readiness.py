# SPDX-License-Identifier: Apache-2.0
"""What each of Climate's services refuses to start with, tried without starting it."""

from __future__ import annotations

from climate.cmd import conf as options
from climate.db import models
from climate.inventory.sources import source
from climate.planning import options as planning
from climate.ranking import options as ranking
from climate.rpc import transport as transports
from energybase.cli import configuration as checkup
from energybase.cli import manage

FILES = ("/etc/climate/climate.conf",)
_STORING = frozenset(("climate-inventory", "climate-planning", "climate-ranking"))

PLAN = checkup.Plan(
    services=("climate-api", "climate-inventory", "climate-planning", "climate-ranking"),
    # One file may configure Kwapi too.
    namespaces=("climate", "climate.inventory.nova", "climate.ranking", "kwapi"),
    register=options.register_opts,
    trials=[
        checkup.Trial(_STORING | {"climate-api"}, transports.get_transport),
        manage.database_trial(_STORING, models.SCHEMA),
        manage.api_trial("climate-api", "lease_api"),
        checkup.Trial(frozenset(("climate-inventory",)), source.load),
        checkup.Trial(frozenset(("climate-planning",)), planning.options_of),
        checkup.Trial(frozenset(("climate-ranking",)), ranking.options_of),
        checkup.Trial(frozenset(("climate-ranking",)), ranking.open_kwapi),
    ],
)
