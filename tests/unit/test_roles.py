# SPDX-License-Identifier: Apache-2.0
"""Each extra of setup.cfg brings everything that the programs of its role import.

Owns which program is of which role.  The tests' own environment has every
extra, so what the role's requirements do not bring is hidden here; that pip
really installs them is tested by :mod:`tests.integration.test_roles`.
"""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging import requirements

from tests import patience

TOP = Path(__file__).resolve().parents[2]

#: Console scripts and WSGI modules of each role.
ROLES = {
    "kwapi": ["kwapi-api", "kwapi-ceilometer", "kwapi-collector", "kwapi-drivers", "kwapi-manage",
              "kwapi-rrd", "kwapi-simulator"],
    "climate": ["climate-api", "climate-inventory", "climate-manage", "climate-planning",
                "climate-ranking"],
    "web": ["kwapi-rrd"],
}  # fmt: skip
#: Whatever setup.cfg calls so.
_OSC = ("openstack.cli.extension", "openstack.energy.v1")

#: Loads modules where there are only some distributions' packages.
_LOADER = """
import importlib, importlib.metadata, sys
hidden, modules = set(sys.argv[1].split(",")), sys.argv[2:]
class Hider:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden and "." not in name:
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)
sys.meta_path.insert(0, Hider())
for name in modules:
    importlib.import_module(name)
"""


def read_setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    return setup


def modules_of(role: str) -> list[str]:
    points = read_setup()["entry_points"]
    if role == "osc":
        lines = [line for group in _OSC for line in points[group].strip().splitlines()]
    else:
        scripts = points["console_scripts"].strip().splitlines()
        lines = [line for line in scripts if line.partition("=")[0].strip() in ROLES[role]]
        assert len(lines) == len(ROLES[role])
    return sorted({line.partition("=")[2].partition(":")[0].strip() for line in lines})


def list_brought(extra: str) -> set[str]:
    """Return the distributions which an extra brings, by what they say they require."""
    texts = (TOP / "requirements.txt").read_text() + read_setup()["extras"][extra]
    lines = [line.partition("#")[0].strip() for line in texts.splitlines()]
    todo = [requirements.Requirement(line) for line in lines if line]
    brought: set[str] = set()
    while todo:
        wanted = todo.pop()
        name = normal(wanted.name)
        key = f"{name}[{','.join(sorted(wanted.extras))}]"
        if key in brought:
            continue
        brought |= {name, key}
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another Python or platform than this one
        for each in map(requirements.Requirement, requires):
            extras = wanted.extras or {""}
            if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in extras):
                todo.append(each)
    return brought


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("role", [*ROLES, "osc"])
def test_a_role_has_all_that_it_imports(role: str) -> None:
    brought = list_brought(role)
    hidden = [
        package
        for package, owners in importlib.metadata.packages_distributions().items()
        if not {normal(owner) for owner in owners} & {*brought, "kwapi-climate", "pip"}
        # Some install a folder by such a name.
        and package not in sys.stdlib_module_names
    ]
    assert "pytest" in hidden
    command = [sys.executable, "-c", _LOADER, ",".join(hidden), *modules_of(role)]
    done = subprocess.run(
        command, cwd=TOP, capture_output=True, text=True, check=False, timeout=patience.SECONDS
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_climate_brings_no_wattmeter() -> None:
    assert not list_brought("climate") & {"pysnmp", "pymodbus", "pyserial", "pyghmi", "paho-mqtt"}


def test_an_extra_asks_for_what_others_ask_for() -> None:
    """Of one distribution, every extra wants the same versions."""
    wanted: dict[str, set[str]] = {}
    for text in read_setup()["extras"].values():
        for line in text.strip().splitlines():
            if not line.startswith("#"):
                wanted.setdefault(normal(re.split(r"[<>=]", line)[0]), set()).add(line)
    assert {name: lines for name, lines in wanted.items() if len(lines) > 1} == {}
