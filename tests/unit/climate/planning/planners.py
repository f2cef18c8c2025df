# SPDX-License-Identifier: Apache-2.0
"""Planners on an SQLite file, as tests of the planning service want them."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from oslo_config import cfg

from climate import lease as leases
from climate.cmd import conf as options
from climate.db import models
from climate.planning import manager
from climate.planning import options as planning_options
from climate.planning import store as stores
from energybase import clock
from energybase import service
from energybase.db import migration
from energybase.db import transaction

DAY = 86_400
HOUR = 3600


def configure(folder: Path) -> cfg.ConfigOpts:
    """Return all of Climate's options at their defaults; what is written goes to the folder."""
    conf = service.prepare(
        [], "test", register=(options.register_opts,), project="climate", config_files=[]
    )
    conf.set_override("state_path", str(folder))
    return conf


def open_store(conf: cfg.ConfigOpts) -> stores.Store:
    """Return the store on the configured database, its schema up to date."""
    path = Path(conf.state_path) / models.SCHEMA.sqlite_file
    if not path.exists():
        path.write_bytes(_make_empty())
    return stores.Store(transaction.build(conf, models.SCHEMA.sqlite_file))


@functools.cache
def _make_empty() -> bytes:
    """Return an SQLite file without hosts: to copy it takes no time."""
    with tempfile.TemporaryDirectory() as folder:
        conf = configure(Path(folder))
        engine = transaction.build(conf, models.SCHEMA.sqlite_file).writer.get_engine()
        migration.upgrade(engine, schema=models.SCHEMA)
        # Closes the file, and so has its log written into it.
        engine.dispose()
        return (Path(folder) / models.SCHEMA.sqlite_file).read_bytes()


def build(
    store: stores.Store, time: clock.Clock, options: planning_options.Options | None = None
) -> manager.Planner:
    """Return a planner that always chooses alike."""
    options = options or planning_options.Options()
    return manager.Planner(store, time, options, np.random.default_rng(1))


def columns(count: int, **changed: Any) -> dict[str, Any]:
    """Return so many hosts as the inventory answers."""
    ids = list(range(1, count + 1))
    names = [f"host-{id_}" for id_ in ids]
    return {"ids": ids, "names": names, "tiers": [0] * count, "watts": [None] * count} | changed


def propose(planner: manager.Planner, now: float, **changed: Any) -> leases.Lease:
    """Have a lease proposed: by default, of one hour on one host of three, within a day."""
    hosts = changed.pop("hosts", columns(3))
    project_id, user_id = changed.pop("project_id", "project"), changed.pop("user_id", "user")
    wish = leases.Wish(int(now), int(now) + DAY, HOUR, 1)
    return planner.make_proposal(project_id, user_id, hosts, wish._replace(**changed))
