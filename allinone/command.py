# SPDX-License-Identifier: Apache-2.0
"""kwapi-climate: Kwapi and Climate in one process, on SQLite and an in-process transport.

Owns how the two are put together there.  Without a configuration a simulated
rack is measured, and its servers are the hosts to lease.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from oslo_config import cfg
from oslo_policy import policy

from allinone import benchmark
from allinone import introduction
from allinone import measuring
from allinone.simulator import rack
from climate.cmd import api
from climate.cmd import conf as climate_options
from climate.db import models
from climate.inventory import service as inventory
from climate.planning import service as planning
from climate.ranking import service as ranking
from climate.rpc import transport as transports
from energybase import exception
from energybase import service
from energybase.db import migration
from energybase.db import transaction
from energybase.web import server
from energybase.web import workers
from kwapi.cmd import conf as kwapi_options
from kwapi.cmd import drivers

_PROG = "kwapi-climate"
#: Two FMA units of four doubles each, two operations a multiply-add (AVX2).
_FLOPS_PER_CYCLE = 16
_MHZ = 2600
#: What a simulated server has for each watt it uses at most.
_WATTS_PER_CORE = 15


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal, or ``benchmark``; return the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["benchmark"]:
        return benchmark.main(arguments[1:])
    run = functools.partial(_run, argv)
    refusals = (exception.EnergyException, policy.InvalidDefinitionError)
    return service.exit_status(_PROG, run, *refusals)


def _run(argv: Sequence[str] | None) -> int:
    leases = climate_options.load(argv, _PROG)
    conf = kwapi_options.load(argv, _PROG, files=("kwapi.conf", "drivers.conf"))
    drivers.allow_many_sockets()
    measuring.set_defaults(conf)
    service.run(*build(conf, leases))
    return 0


def build(conf: cfg.ConfigOpts, leases: cfg.ConfigOpts) -> list[service.Component]:
    """Return the parts, in the order to start them.

    :param conf: Kwapi's configuration, ``leases`` Climate's.
    """
    measured = measuring.build(conf)
    _set_defaults(leases, conf.state_path, measured.url, simulated=measured.simulated)
    serving = _build_climate(leases) if leases.inventory.file else []
    web = serving[-1] if serving else None
    told = introduction.Introduction(
        conf.state_path,
        measured.store,
        energy_url=measured.url,
        leases_url=web.url if isinstance(web, server.Server) else None,
        pages=measured.pages,
        simulated=measured.simulated,
    )
    return [*measured.components, *serving, told]


def _set_defaults(
    conf: cfg.ConfigOpts, state_path: str, kwapi_url: str, *, simulated: bool
) -> None:
    conf.set_default("state_path", state_path)
    conf.set_default("auth_strategy", "noauth", "lease_api")
    conf.set_default("source", "file", "inventory")
    conf.set_default("kwapi_url", kwapi_url, "ranking")
    if simulated and not conf.inventory.file:
        path = Path(state_path) / "simulated-hosts.yaml"
        path.write_text(yaml.safe_dump([_describe(made) for made in rack.SERVERS], sort_keys=False))
        conf.set_default("file", str(path), "inventory")


def _build_climate(conf: cfg.ConfigOpts) -> list[service.Component]:
    workers.require_safe(conf, "lease_api")
    transport = transports.get_transport(conf, "fake://")
    engine = transaction.build(conf, models.SCHEMA.sqlite_file).writer.get_engine()
    migration.upgrade(engine, schema=models.SCHEMA)
    return [
        inventory.InventoryService(conf, transport),
        planning.PlanningService(conf, transport),
        ranking.RankingService(conf, transport),
        workers.build_server(api.build_app(conf, transport), conf, "lease_api"),
    ]


def _describe(made: rack.Server) -> dict[str, object]:
    """Return a simulated server as the inventory's file has hosts."""
    cores = int(made.peak_watts // _WATTS_PER_CORE)
    flops = cores * _MHZ * 1e6 * _FLOPS_PER_CYCLE
    return {
        "name": made.name,
        "on": True,
        "vcpus": 2 * cores,
        "memory_mb": 2 * cores * 4096,
        "running_vms": 0,
        "cpu_info": {
            "arch": "x86_64",
            "vendor": "Intel",
            "model": "simulated",
            "mhz": _MHZ,
            "topology": {"sockets": 1, "cores": cores, "threads": 2},
            "features": ["avx", "avx2", "fma"],
        },
        "watts": (made.idle_watts + made.peak_watts) / 2,
        "flop_per_watt": round(flops / made.peak_watts),
    }


if __name__ == "__main__":
    sys.exit(main())
