# SPDX-License-Identifier: Apache-2.0
"""What setup.cfg and etc/ promise is there: entry points, help texts, samples."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from oslo_config import cfg

from allinone import conf as allinone_conf
from climate import policies as climate_policies
from climate.cmd import conf as climate_conf
from kwapi import policies
from kwapi.drivers import configuration

TOP = Path(__file__).resolve().parents[2]
PACKAGES = ("allinone", "climate", "energybase", "energyclient", "kwapi", "nova_ext")


def read_setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    return setup


def list_entry_points() -> list[tuple[str, str]]:
    lines = read_setup()["entry_points"].items()
    return [(group, line) for group, text in lines for line in text.strip().splitlines()]


def list_options() -> list[tuple[str | None, cfg.Opt]]:
    groups = [*allinone_conf.list_opts(), *climate_conf.list_opts()]
    return [(group, opt) for group, opts in groups for opt in opts]


@pytest.mark.parametrize(("group", "line"), list_entry_points())
def test_entry_point_imports(group: str, line: str) -> None:
    """Each name in setup.cfg stands for something that is there."""
    name, value = (part.strip() for part in line.split("="))
    entry_point = importlib.metadata.EntryPoint(name, value, group)
    found = entry_point.load()
    # OpenStackClient takes a whole module for a plugin.
    assert callable(found) or group == "openstack.cli.extension"


@pytest.mark.parametrize(("group", "opt"), list_options())
def test_option_is_explained(group: str | None, opt: cfg.Opt) -> None:
    """An operator reads a whole sentence about each option."""
    assert opt.help, f"[{group}] {opt.name} has no help"
    assert opt.help.endswith("."), f"[{group}] {opt.name}: {opt.help}"


@pytest.mark.parametrize(
    "rule", [*policies.list_rules(), *climate_policies.list_rules()], ids=lambda rule: rule.name
)
def test_policy_rule_is_explained(rule: object) -> None:
    """An operator reads what a rule is for."""
    assert getattr(rule, "description", None)


def test_drivers_sample_is_right_as_it_stands() -> None:
    found = configuration.read([str(TOP / "etc/kwapi/drivers.conf.sample")])
    assert not found.mistakes
    assert found.wattmeters


def test_drivers_sample_is_right_with_all_comments_taken_off(tmp_path: Path) -> None:
    """Who takes a # away gets a section that loads."""
    text = (TOP / "etc/kwapi/drivers.conf.sample").read_text()
    path = tmp_path / "drivers.conf"
    path.write_text(re.sub(r"(?m)^#(?=\S| {4})", "", text))
    found = configuration.read([str(path)])
    assert not found.mistakes
    shown = {wattmeter.driver for wattmeter in found.wattmeters.values()}
    drivers = {point.name for point in importlib.metadata.entry_points(group="kwapi.drivers")}
    assert shown == drivers


@pytest.mark.parametrize("folder", ["etc/climate", "etc/kwapi"])
@pytest.mark.parametrize("name", ["config-generator.conf", "policy-generator.conf"])
def test_generators_write_beside_themselves(folder: str, name: str) -> None:
    generator = configparser.ConfigParser(strict=False)
    generator.read(TOP / folder / name)
    assert generator["DEFAULT"]["output_file"].startswith(f"{folder}/")


def test_one_file_may_configure_both() -> None:
    """No group of options is Kwapi's and Climate's at once, but the one without a name."""
    both = {group for group, _ in allinone_conf.list_opts()} & {
        group for group, _ in climate_conf.list_opts()
    }
    assert both == {None}


def test_every_requirement_is_pinned() -> None:
    """CI installs the same versions today and tomorrow."""
    pinned = {normal(line.split("==")[0]) for line in lines_of("constraints.txt")}
    wanted = [
        *runtime_requirements(),
        *lines_of("test-requirements.txt"),
        *lines_of("doc/requirements.txt"),
    ]
    names = {normal(re.split(r"[<>=!\[ ]", line)[0]) for line in wanted}
    assert names <= pinned


def test_every_import_is_required() -> None:
    """What the sources import is asked for by name, not by luck of what others need."""
    brings = importlib.metadata.packages_distributions()
    asked = {normal(re.split(r"[<>=!\[ ]", line)[0]) for line in runtime_requirements()}
    sources = [path for package in PACKAGES for path in (TOP / package).rglob("*.py")]
    imported = {name for path in sources for name in imports_of(path)}
    # Ceilometer loads our pollsters, Nova our filter: where they are imported, those are there.
    imported -= {*sys.stdlib_module_names, *PACKAGES, "ceilometer", "nova"}
    assert imported, "no import found: this test looks in the wrong place"
    unasked = {name for name in imported if not asked & set(map(normal, brings.get(name, ())))}
    assert not unasked


def runtime_requirements() -> list[str]:
    extras = read_setup()["extras"].values()
    in_extras = [line for text in extras for line in text.strip().splitlines()]
    return [*lines_of("requirements.txt"), *in_extras]


def imports_of(path: Path) -> set[str]:
    """Return the top-level names of the packages that a source imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def lines_of(name: str) -> list[str]:
    lines = (TOP / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
