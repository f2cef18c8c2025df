# SPDX-License-Identifier: Apache-2.0
"""The plugin in a devstack: its phases with devstack's own functions, under systemd.

The root is this machine's own, with a layer above that takes what is written.
Keystone, MariaDB, RabbitMQ, Apache and uWSGI are real.  Needs root, Debian's
packages of profile ``devstack`` in bindep.txt, and a checkout of
openstack/devstack that DEVSTACK_DIR names; else it is skipped, and says why.
"""

from __future__ import annotations

import configparser
import json
import os
import pathlib
import re
import shutil
import subprocess
from typing import Any

import pytest

_HERE = pathlib.Path(__file__).parent
_PROGRAMS = ("systemd-nspawn", "apache2", "uwsgi", "sudo", "memcached", "mariadbd")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_STACKED = ("stacked", "stacked-again")
_UNITS = {
    *(f"devstack@kwapi-{name}.service" for name in ("simulator", "drivers", "collector")),
    *(f"devstack@kwapi-{name}.service" for name in ("api", "rrd", "pages")),
    *(f"devstack@climate-{name}.service" for name in ("inventory", "planning", "ranking", "api")),
}

pytestmark = [pytest.mark.timeout(1800), pytest.mark.xdist_group("devstack")]


class Found:
    """What was seen in the scratch root."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def text(self, name: str) -> str:
        """Return a file of what was found."""
        return (self._folder / name).read_text(errors="replace")

    def json(self, name: str) -> Any:
        """Return what a command printed."""
        return json.loads(self.text(name))

    def units(self, when: str) -> dict[str, str]:
        """Return in which state each of our units was."""
        rows = [line.split() for line in self.text(f"{when}/units").splitlines()]
        return {row[0]: row[3] for row in rows if re.match(r"devstack@(kwapi|climate)-", row[0])}


@pytest.fixture(scope="module")
def devstack() -> pathlib.Path:
    """The checkout."""
    named = os.environ.get("DEVSTACK_DIR")
    if not named:
        pytest.skip("DEVSTACK_DIR does not name a checkout of openstack/devstack")
    return pathlib.Path(named)


@pytest.fixture(scope="module")
def found(devstack: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What came of stack, unstack, stack, unstack and clean."""
    if os.getuid() != 0:
        pytest.skip("only root can boot a scratch root")
    if missing := [name for name in _PROGRAMS if not shutil.which(name, path=_PATH)]:
        pytest.skip(f"not installed: {', '.join(missing)}; see bindep.txt, profile devstack")
    venv = pathlib.Path(os.environ.get("KWAPI_DEVSTACK_VENV", "/tmp/kwapi-devstack/venv"))
    venv.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([_HERE / "make_venv.sh", venv], check=True)
    output = tmp_path_factory.mktemp("devstack")
    # Whoever runs in there is another user, and finds it below a private directory.
    subprocess.run([_HERE / "scratch_root.sh", devstack, venv, output], check=True)
    return Found(output)


def test_recorded_functions_are_devstacks(devstack: pathlib.Path) -> None:
    """Each name that the plugin may use without this checkout is still there."""
    places = ("functions*", "inc/*", "lib/apache", "lib/database", "lib/keystone")
    text = "".join(
        path.read_text()
        for place in (*places, "lib/rpc_backend")
        for path in sorted(devstack.glob(place))
    )
    there = set(re.findall(r"^ *function (\w+)", text, re.MULTILINE))
    lines = (_HERE / "devstack_functions.txt").read_text().splitlines()
    recorded = {line for line in lines if not line.startswith("#")}
    assert recorded - there == set()


@pytest.mark.parametrize("phase", ["stack1", "unstack1", "stack2", "unstack2", "clean1"])
def test_phase_ends_well(found: Found, phase: str) -> None:
    """The shell ends at the first command that fails."""
    assert found.text(f"{phase}.status").strip() == "0", found.text("log")[-6000:]


@pytest.mark.parametrize("when", _STACKED)
def test_every_unit_runs_after_stack(found: Found, when: str) -> None:
    """Ceilometer is not there, so neither is what sends it samples."""
    assert found.units(when) == dict.fromkeys(_UNITS, "running")


@pytest.mark.parametrize("when", _STACKED)
@pytest.mark.parametrize("name", ["energy", "kwapi", "lease"])
def test_apis_say_that_they_are_well(found: Found, when: str, name: str) -> None:
    """Through Apache and uWSGI, where everybody finds them."""
    assert found.text(f"{when}/{name}.status") == "200", found.text(f"{when}/{name}.body")


@pytest.mark.parametrize("when", _STACKED)
def test_simulated_rack_is_measured(found: Found, when: str) -> None:
    """And one of its servers is this host."""
    probes = {row["Probe"]: row for row in found.json(f"{when}/probes.json")}
    assert len(probes) == 8
    assert "devstack-1" in probes
    assert {row["State"] for row in found.json(f"{when}/drivers.json")} == {"running"}


@pytest.mark.parametrize("when", _STACKED)
def test_hosts_can_be_leased(found: Found, when: str) -> None:
    """A second stack begins anew: it has no lease of the first."""
    assert {row["Name"] for row in found.json(f"{when}/hosts.json")} == {"devstack-1", "server-2"}
    assert found.json(f"{when}/lease.json")["status"].lower() in {"proposed", "confirmed", "active"}


def test_pages_are_for_who_has_the_link(found: Found) -> None:
    """Below a path, and without the key in the address."""
    status, url = found.text("stacked/page.status").split()
    assert (status, "key=" in url) == ("200", False)
    assert "devstack-1" in found.text("stacked/page.html")
    assert found.text("stacked/no-link.status") in {"401", "403"}


def test_energy_is_for_who_has_a_token(found: Found) -> None:
    """Keystone is asked."""
    assert found.text("stacked/no-token.status") == "401"
    links = json.dumps(found.json("stacked/version.json"))
    assert "http://127.0.0.1/energy/v1/" in links


def test_catalogue_has_both_once(found: Found) -> None:
    """Also after a second stack."""
    rows = found.json("stacked-again/endpoints.json")
    ours = {row["Service Type"]: row["URL"] for row in rows if "identity" not in row["URL"]}
    assert ours == {"energy": "http://127.0.0.1/energy/v1", "lease": "http://127.0.0.1/lease/v1"}


def test_nova_is_configured(found: Found) -> None:
    """By devstack's own lib/nova and by the plugin, in one file."""
    text = found.text("stacked/nova/nova.conf")
    conf = configparser.ConfigParser(strict=False, interpolation=None)
    conf.read_string(text)
    section = conf["filter_scheduler"]
    assert section["enabled_filters"].split(",").count("LeaseFilter") == 1
    assert section["weight_classes"].endswith(",nova_ext.weights.EfficiencyWeigher")
    assert re.findall(r"^available_filters *= *(.*)$", text, re.MULTILINE) == [
        "nova.scheduler.filters.all_filters",
        "nova_ext.filters.LeaseFilter",
    ]
    assert conf["climate"]["username"] == "nova"


@pytest.mark.parametrize("when", ["unstacked", "cleaned"])
def test_unstack_leaves_no_process_and_no_port(found: Found, when: str) -> None:
    """Neither running nor enabled."""
    assert "running" not in found.units(when).values()
    names = "|".join(re.split("[@.]", unit)[1] for unit in _UNITS)
    # As programs are called, and as uWSGI's workers are: kwapi-apiuWSGI.
    assert not re.search(rf"[/ ]({names})(\b|uWSGI)", found.text(f"{when}/processes"))
    assert not re.search(r":(17161|9280|9281|1234)\b", found.text(f"{when}/ports"))


def test_clean_leaves_nothing(found: Found) -> None:
    """Of what unstack leaves: configuration, files, Apache's sites."""
    assert "/etc/kwapi" in found.text("unstacked/files")
    assert found.text("cleaned/files") == ""


def test_no_secret_is_told(found: Found) -> None:
    """By the services; devstack itself shows all that it does."""
    conf = found.text("stacked/kwapi/kwapi.conf")
    key = re.search(r"^signing_keys *= *devstack:(\w+)$", conf, re.MULTILINE)
    link = re.search(r"^link_key *= *(\w+)$", conf, re.MULTILINE)
    assert key and link
    journal = found.text("unstacked/journal")
    assert key[1] not in journal
    assert link[1] not in journal
