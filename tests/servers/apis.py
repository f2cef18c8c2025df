# SPDX-License-Identifier: Apache-2.0
"""Kwapi's API over a real store on SQLite, filled with known records."""

from __future__ import annotations

import pathlib
from typing import Any

from oslo_config import cfg

from energybase import clock
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from kwapi import measurement
from kwapi.api import app
from kwapi.cmd import conf as options
from kwapi.store import record
from kwapi.store import snapshot
from kwapi.store import state as states
from kwapi.store import store
from kwapi.store import tables

NOW = 1_700_000_100.0
#: Ids that a careless route takes for something else.
ODD_IDS = ("index", "rack.1", "lyon.pdu-1.2.json", "a@b~c", "probes", "10:0+1,2=3")


class StoppedClock(clock.Clock):
    """It is always the same instant."""

    def time(self) -> float:
        return NOW


def configure(folder: pathlib.Path, text: str) -> cfg.ConfigOpts:
    """Return a configuration read from a file of this text, its database made."""
    path = folder / "kwapi.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {folder}\n{text}")
    conf = service.prepare(
        ["--config-file", str(path)], "test", register=(options.register_opts,), project="kwapi"
    )
    migration.upgrade(
        transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine(), tables.SCHEMA
    )
    return conf


def make_records() -> list[record.Record]:
    """Return the records that are shown."""
    first = record.Record(
        "A",
        timestamp=1357730232.68754,
        watts=107.3,
        kwh=0.001058,
        wattmeter="rack-1",
        period_seconds=5.0,
        resolution_watts=1.0,
    )
    odd = [record.Record(name, NOW, 50.0, 2.5, wattmeter='p"du\\') for name in ODD_IDS]
    many = [record.Record(f"node-{number}", NOW, 60.0, 3.5) for number in range(10)]
    return [first, *odd, *many]


def make_drivers() -> list[states.DriverRow]:
    """Return what the drivers said: well, badly, and nothing for long."""
    well = measurement.DriverStatus("rack-1", "snmp", "running", NOW - 60, 24, ("A",), NOW - 1)
    badly = measurement.DriverStatus(
        "rack-2", "snmp", "failing", NOW - 30, 8, (), None, "192.0.2.1 does not answer", 3
    )
    return [
        states.DriverRow("host-1", NOW - 10, well),
        states.DriverRow("host-1", NOW - 10, badly),
        states.DriverRow("host-2", NOW - 61, well._replace(wattmeter="rack-3")),
        states.DriverRow("host-0", NOW - 500, well._replace(driver="dummy", state="failing")),
    ]


def fill(kept: store.Store) -> None:
    """Lay down what is shown, as the collector does."""
    records = make_records()
    shown = snapshot.Snapshot()
    shown.update(records)
    kept.save(
        states.Changes(
            0,
            records=records,
            drivers=make_drivers(),
            tallies={"received": 7, "forged": 2, "measurements": 70, "late": 1},
            probes_body=shown.probes_body(),
            probe_ids_body=shown.probe_ids_body(),
        )
    )


def build(conf: cfg.ConfigOpts) -> Any:
    """Return the API over the configured database."""
    return app.build_app(conf, store.open_store(conf), StoppedClock())
