# SPDX-License-Identifier: Apache-2.0
"""Each import contract of setup.cfg can fail: a forbidden import is planted, and is refused.

The imports are planted in the graph that import-linter checks; one test plants a line in a
source file and runs ``lint-imports`` itself, so that the way from a file to a refusal is tried too.
"""

from __future__ import annotations

import configparser
import copy
import itertools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import configuration
from importlinter.application import use_cases
from importlinter.domain import contract as contracts

TOP = Path(__file__).resolve().parents[2]
FAMILIES = ("ipmi", "modbus", "mqtt", "prometheus", "redfish", "serial", "snmp", "sql")
#: By contract: imports that it forbids.
PLANTS = {
    "floor": [
        ("energybase.clock", "kwapi.measurement"),
        ("energybase.web.errors", "climate.exception"),
        ("energybase.cli.checks", "allinone.command"),
    ],
    "floor-layers": [
        ("energybase.clock", "energybase.outage"),
        ("energybase.db", "energybase.cli"),
    ],
    "kwapi-alone": [("kwapi.pages.app", "climate.client"), ("kwapi.conf", "allinone.simulator")],
    "climate-alone": [
        ("climate.ranking.sampler", "kwapi.measurement"),
        ("climate.planning.prices", "kwapi.store.record"),
        ("climate.exception", "kwapi.exception"),
        ("climate.cmd.manage", "allinone.command"),
    ],
    "kwapi-client": [("kwapi.client", "kwapi.exception"), ("kwapi.client", "oslo_config")],
    "nova-ext": [("nova_ext.filters", "climate.states"), ("nova_ext.answers", "energybase.outage")],
    "climate-client": [("climate.client", "climate.states"), ("climate.client", "oslo_config")],
    "client-alone": [("energyclient.rest", "kwapi.client"), ("energyclient.osc", "climate.states")],
    "client-layers": [("energyclient.rest", "energyclient.client")],
    "kwapi-layers": [
        ("kwapi.bus.listener", "kwapi.collector.ledger"),
        ("kwapi.store.record", "kwapi.drivers.driver"),
        ("kwapi.api.app", "kwapi.pages.app"),
    ],
    # Whatever module of a family it is, and whichever it reaches for: the door or a helper.
    "families": [
        *[
            (f"kwapi.drivers.{one}.planted", f"kwapi.drivers.{other}.{name}")
            for one, other in itertools.permutations(FAMILIES, 2)
            for name in ("driver", "planted")
        ],
        ("kwapi.drivers.mqtt.session", "kwapi.drivers.snmp.client"),
        ("kwapi.drivers.sql.driver", "kwapi.drivers.manager"),
        ("kwapi.drivers.dummy", "kwapi.drivers.rapl"),
    ],
    "rooms": [
        ("kwapi.history.index", "kwapi.graphs.cache"),
        ("kwapi.graphs.series", "kwapi.pages.sites"),
    ],
    "door": [
        ("kwapi.pages.app", "kwapi.graphs.cache"),
        ("kwapi.pages.controllers.numbers", "kwapi.history.index"),
    ],
    "api": [("kwapi.api.types", "kwapi.drivers.driver"), ("kwapi.api.app", "kwapi.history.index")],
    "ceilometer-alone": [
        ("kwapi.ceilometer.samples", "kwapi.measurement"),
        ("kwapi.ceilometer.pollsters", "oslo_messaging"),
    ],
    "ceilometer-stays": [("kwapi.ceilometer.publisher", "ceilometer")],
    "climate-layers": [
        ("climate.planning.manager", "climate.inventory.manager"),
        ("climate.db.models", "climate.planning.store"),
    ],
    "climate-api": [
        ("climate.api.booking", "climate.planning.manager"),
        ("climate.api.backend", "energybase.db.transaction"),
    ],
    "pure": [
        ("kwapi.store.record", "sqlalchemy"),
        ("kwapi.collector.ledger", "oslo_messaging"),
        ("climate.planning.availability", "oslo_config"),
    ],
    "sql": [("climate.planning.manager", "sqlalchemy"), ("kwapi.collector.ledger", "oslo_db")],
    "messaging": [
        ("kwapi.collector.collector", "oslo_messaging"),
        ("kwapi.bus.listener", "oslo_messaging"),
    ],
    "http": [("kwapi.api.controllers.root", "pecan"), ("climate.rpc.planning", "wsme")],
    "webob": [("climate.planning.manager", "webob")],
    "snmp": [("kwapi.drivers.manager", "pysnmp")],
    "wattmeter-libraries": [("kwapi.collector.ledger", "serial"), ("climate.conf", "pyghmi")],
    "nova-stays": [("climate.inventory.sources.nova", "nova")],
    "novaclient": [("climate.inventory.manager", "novaclient")],
    "client-osc": [("energyclient.client", "osc_lib")],
}


@pytest.fixture(scope="module")
def options() -> Any:
    configuration.configure()
    read = use_cases.read_user_options(str(TOP / "setup.cfg"))
    use_cases._register_contract_types(read)
    return read


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    setup = read_setup()
    roots = setup["importlinter"]["root_packages"].split()
    return grimp.build_graph(*roots, include_external_packages=True, cache_dir=None)


def read_setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    return setup


def list_contracts() -> list[str]:
    prefix = "importlinter:contract:"
    return [name.removeprefix(prefix) for name in read_setup() if name.startswith(prefix)]


def is_kept(options: Any, graph: grimp.ImportGraph, name: str) -> bool:
    (chosen,) = [each for each in options.contracts_options if each["id"] == name]
    kind = contracts.registry.get_contract_class(chosen["type"])
    checked = kind(
        name=chosen["name"], session_options=options.session_options, contract_options=chosen
    ).check(copy.deepcopy(graph), verbose=False)  # takes what is ignored out of it
    return bool(checked.kept)


def plant(graph: grimp.ImportGraph, importer: str, imported: str) -> grimp.ImportGraph:
    planted = copy.deepcopy(graph)
    for module in (importer, imported):
        if module not in planted.modules:
            planted.add_module(module)
    planted.add_import(importer=importer, imported=imported, line_number=1, line_contents="planted")
    return planted


def test_every_contract_is_tried() -> None:
    assert set(list_contracts()) == set(PLANTS)


def test_every_family_is_tried() -> None:
    """A new family of wattmeters is kept from the others as well."""
    folders = {path.parent.name for path in (TOP / "kwapi/drivers").glob("*/__init__.py")}
    assert folders == set(FAMILIES)


@pytest.mark.parametrize("name", PLANTS)
def test_a_forbidden_import_is_refused(options: Any, graph: grimp.ImportGraph, name: str) -> None:
    assert is_kept(options, graph, name)
    for importer, imported in PLANTS[name]:
        assert not is_kept(options, plant(graph, importer, imported), name), (importer, imported)


def test_a_module_in_no_layer_is_refused(options: Any, graph: grimp.ImportGraph) -> None:
    """Who makes a new room says where it stands."""
    rooms = {
        "floor-layers": "energybase.planted",
        "kwapi-layers": "kwapi.planted",
        "families": "kwapi.drivers.planted",
        "climate-layers": "climate.planted",
        "client-layers": "energyclient.planted",
    }
    for name, module in rooms.items():
        planted = copy.deepcopy(graph)
        planted.add_module(module)
        assert not is_kept(options, planted, name), name


def test_a_line_in_a_source_file_is_refused(tmp_path: Path) -> None:
    """The way from a file to the command that CI runs."""
    setup = read_setup()
    for root in setup["importlinter"]["root_packages"].split():
        ignored = shutil.ignore_patterns("__pycache__", "static", "data")
        shutil.copytree(TOP / root, tmp_path / root, ignore=ignored)
    shutil.copy(TOP / "setup.cfg", tmp_path)
    session = tmp_path / "kwapi/drivers/mqtt/session.py"
    session.write_text(session.read_text() + "\nfrom kwapi.drivers.snmp import client\n")
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "kwapi.drivers.mqtt.session -> kwapi.drivers.snmp.client" in ran.stdout
    assert "1 broken" in ran.stdout


def test_pure_modules_load_no_framework() -> None:
    """Packages in which they lie load none either, which import-linter does not see."""
    pure = read_setup()["importlinter:contract:pure"]
    modules, frameworks = pure["source_modules"].split(), pure["forbidden_modules"].split()
    program = f"import sys, {', '.join(modules)}\nprint(*set({frameworks}) & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=TOP, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.split()) == (0, []), ran.stderr
