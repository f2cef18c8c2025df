# SPDX-License-Identifier: Apache-2.0
"""The plugin by itself: its style, and what each phase asks of devstack.

Here devstack only tells what it was asked.  What comes of it in a real one is
:mod:`tests.devstack.test_phases`'s.
"""

from __future__ import annotations

import configparser
import importlib.metadata
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

_HERE = pathlib.Path(__file__).parent
_TREE = _HERE.parents[1]
_DEVSTACK = _TREE / "devstack"
_BIN = pathlib.Path(sys.executable).parent
_FUNCTIONS = _HERE / "devstack_functions.txt"
_SHELL = [
    *(_DEVSTACK / name for name in ("override-defaults", "plugin.sh", "settings")),
    *sorted((_DEVSTACK / "lib").iterdir()),
]
_OWN = sorted(_HERE.glob("*.sh"))
#: What a devstack with Ceilometer and Gnocchi runs beside the plugin's services.
_ALL = "key,rabbit,mysql,n-sch,ceilometer-anotification,ceilometer-acentral,gnocchi-api"
_STACK = ("pre-install", "install", "post-config", "extra", "test-config")
_UNITS = {
    *(f"kwapi-{name}" for name in ("simulator", "drivers", "collector", "api")),
    *(f"kwapi-{name}" for name in ("rrd", "pages", "ceilometer")),
    *(f"climate-{name}" for name in ("inventory", "planning", "ranking", "api")),
}


class Said(NamedTuple):
    """What came of some phases.

    :ivar calls: what devstack was asked, in that order.
    """

    status: int
    calls: list[str]
    output: str

    def called(self, pattern: str) -> list[str]:
        """Return the calls that match."""
        return [call for call in self.calls if re.match(pattern, call)]


class Plugin:
    """The plugin in a directory of its own, between Nova's files and Ceilometer's."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        (root / "nova.conf").write_text(
            "[filter_scheduler]\nenabled_filters = ComputeFilter,LeaseFilter\n"
        )
        (root / "ceilometer").mkdir()
        for name in ("polling", "pipeline"):
            text = {"name": "all", "meters": ["*", "!switch.port"], "sinks": ["there"]}
            sinks = [{"name": "there", "publishers": ["gnocchi://?archive_policy=low"]}]
            file = {"sources": [text], "sinks": sinks}
            (root / "ceilometer" / f"{name}.yaml").write_text(yaml.safe_dump(file))

    def run(self, *phases: str, services: str = _ALL, **settings: str) -> Said:
        """Run phases in one shell that ends at the first failure or unset variable."""
        calls = self.root / "calls"
        lines = [
            *(f"{name}={value}" for name, value in settings.items()),
            f"source {_HERE}/stand_in.sh",
            f"source {_DEVSTACK}/override-defaults",
            f"source {_DEVSTACK}/settings",
            *(f"source {_DEVSTACK}/plugin.sh {phase}" for phase in phases),
        ]
        environ = {
            "PATH": os.environ["PATH"],
            "FUNCTIONS": str(_FUNCTIONS),
            "ROOT": str(self.root),
            "BIN": str(_BIN),
            "SERVICES": services,
        }
        with open(calls, "w") as told:
            done = subprocess.run(
                ["bash", "-c", f"exec 3>&{told.fileno()}\n" + "\n".join(lines)],
                env=environ,
                pass_fds=[told.fileno()],
                capture_output=True,
                text=True,
                check=False,
            )
        return Said(done.returncode, calls.read_text().splitlines(), done.stdout + done.stderr)

    def stack(self, services: str = _ALL, **settings: str) -> Said:
        """Run all that stack.sh runs; it must succeed."""
        said = self.run(*(f"stack {name}" for name in _STACK), services=services, **settings)
        assert said.status == 0, said.output
        return said

    def settings(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield section and option of each line that was set in a file."""
        section = ""
        for line in (self.root / path).read_text().splitlines():
            if line.startswith("["):
                section = line[1:-1]
            elif "=" in line:
                yield section, line.split("=", 1)[0].strip()


class Stacked(NamedTuple):
    """The plugin after all that stack.sh runs, and what it asked of devstack."""

    plugin: Plugin
    said: Said


@pytest.fixture
def plugin(tmp_path: pathlib.Path) -> Plugin:
    """The plugin, before anything was done."""
    return Plugin(tmp_path)


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Stacked:
    """Stacked once with every default, for tests that only look at it."""
    plugin = Plugin(tmp_path_factory.mktemp("stacked"))
    return Stacked(plugin, plugin.stack())


def test_shellcheck_finds_nothing() -> None:
    """Nor in what tests it."""
    program = shutil.which("shellcheck")
    assert program, "shellcheck is not installed; it is Debian's package of that name"
    done = subprocess.run(
        [program, "--external-sources", *_SHELL, *_OWN],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_bashate_finds_nothing() -> None:
    """E005 wants a name or a first line that devstack's plugins do not have."""
    done = subprocess.run(
        [_BIN / "bashate", "--ignore", "E005", "--max-line-length", "100"]
        + ["--error", "E006", *_SHELL, _HERE / "phases.sh", _HERE / "stand_in.sh"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_stack_starts_every_service_once(stacked: Stacked) -> None:
    """By an absolute path, as systemd wants it, and each after its configuration."""
    calls = stacked.said.called("run_process ")
    started = [call.split()[1] for call in calls]
    assert set(started) == _UNITS
    assert len(started) == len(_UNITS)
    assert all(call.split()[2].startswith(str(_BIN)) for call in calls if "uwsgi" not in call)


def test_stack_makes_accounts_and_endpoints(stacked: Stacked) -> None:
    """The account of Climate reads Nova's hypervisors, so it is an administrator's."""
    assert stacked.said.called("create_service_user") == [
        "create_service_user kwapi",
        "create_service_user climate admin",
    ]
    assert stacked.said.called("get_or_create_endpoint") == [
        "get_or_create_endpoint energy RegionOne http://127.0.0.1/energy/v1",
        "get_or_create_endpoint lease RegionOne http://127.0.0.1/lease/v1",
    ]


def test_databases_are_made_anew_before_anything_starts(stacked: Stacked) -> None:
    """By kwapi-manage and climate-manage, run for real."""
    assert stacked.said.called("recreate_database") == [
        "recreate_database kwapi",
        "recreate_database climate",
    ]
    first = next(n for n, call in enumerate(stacked.said.calls) if call.startswith("run_process"))
    last = max(
        n for n, call in enumerate(stacked.said.calls) if call.startswith("recreate_database")
    )
    assert last < first
    assert (stacked.plugin.root / "data/kwapi/kwapi.sqlite").stat().st_size > 0
    assert (stacked.plugin.root / "data/climate/climate.sqlite").stat().st_size > 0


@pytest.mark.parametrize("project", ["kwapi", "climate"])
def test_every_option_that_is_set_exists(stacked: Stacked, project: str) -> None:
    """Those that devstack's own functions set are theirs."""
    known = _list_options(_TREE / f"etc/{project}/config-generator.conf")
    assert set(stacked.plugin.settings(f"{project}/{project}.conf")) - known == set()


def test_every_option_for_nova_exists(stacked: Stacked) -> None:
    """Of ours; Nova's own are looked at in the environment of Nova."""
    known = _list_options(_TREE / "etc/nova/config-generator.conf")
    ours = {entry for entry in stacked.plugin.settings("nova.conf") if entry[0] == "climate"}
    assert ours - known == set()


def test_nova_gets_filter_and_weigher(stacked: Stacked) -> None:
    """Beside its own, and by what they are called in our distribution."""
    assert stacked.said.called("iniadd") == [
        f"iniadd {stacked.plugin.root}/nova.conf filter_scheduler available_filters {name}"
        for name in ("nova.scheduler.filters.all_filters", "nova_ext.filters.LeaseFilter")
    ]
    assert stacked.said.called("iniset .* weight_classes ")[0].endswith(
        " nova.scheduler.weights.all_weighers,nova_ext.weights.EfficiencyWeigher"
    )
    assert stacked.said.called("configure_keystoneauth .*/nova.conf nova climate")


def test_nova_is_left_alone_without_lease_api(plugin: Plugin) -> None:
    """Nobody would answer the filter."""
    before = (plugin.root / "nova.conf").read_text()
    plugin.stack(DISABLED_SERVICES="climate-api")
    assert (plugin.root / "nova.conf").read_text() == before


def test_simulated_rack_has_this_host(plugin: Plugin) -> None:
    """Without wattmeters of its own, at the port that the simulator is told."""
    said = plugin.stack(KWAPI_SIMULATOR_PORT="17999", KWAPI_SIMULATED_HOST="compute-1")
    conf = configparser.ConfigParser(interpolation=None)
    conf.read(plugin.root / "kwapi/drivers.conf")
    assert "'compute-1'" in conf["simulated-rack"]["probes"]
    assert "'port': 17999" in conf["simulated-rack"]["parameters"]
    assert "--port 17999" in said.called("run_process kwapi-simulator")[0]


def test_own_wattmeters_replace_the_rack(plugin: Plugin) -> None:
    """The file is copied, for nobody else to read."""
    own = plugin.root / "own.conf"
    own.write_text("[dummy]\ndriver = dummy\nprobes = ['a']\n")
    said = plugin.stack(KWAPI_DRIVERS_CONF=str(own))
    copied = plugin.root / "kwapi/drivers.conf"
    assert copied.read_text() == own.read_text()
    assert copied.stat().st_mode & 0o077 == 0
    assert not said.called("run_process kwapi-simulator")


def test_wattmeters_that_cannot_be_read_are_told(plugin: Plugin) -> None:
    """By the setting's name."""
    said = plugin.run("stack post-config", KWAPI_DRIVERS_CONF="/nowhere")
    assert said.status == 9
    assert "KWAPI_DRIVERS_CONF is /nowhere" in said.called("die")[0]


@pytest.mark.parametrize("way", ["publisher", "pollsters", "none"])
def test_ceilometer_gets_each_value_once(plugin: Plugin, way: str) -> None:
    """Its own source takes whatever is installed, and so would poll ours in any case."""
    said = plugin.stack(KWAPI_CEILOMETER=way)
    sources = yaml.safe_load((plugin.root / "ceilometer/polling.yaml").read_text())["sources"]
    ours = {"!energy", "!power", "!hardware.ipmi.node.power"}
    assert ours <= set(sources[0]["meters"])
    assert len(sources) == (2 if way == "pollsters" else 1)
    assert len(said.called("run_process kwapi-ceilometer")) == (way == "publisher")


def test_gnocchi_keeps_our_meters_by_our_definitions(plugin: Plugin) -> None:
    """Stacked twice, as once."""
    plugin.stack()
    plugin.stack()
    file = yaml.safe_load((plugin.root / "ceilometer/pipeline.yaml").read_text())
    there, ours = file["sinks"]
    assert there["publishers"] == ["gnocchi://?archive_policy=low"]
    path = plugin.root / "ceilometer/kwapi_gnocchi_resources.yaml"
    assert ours["publishers"] == [f"gnocchi://?resources_definition_file={path}"]
    assert path.exists()
    assert [source["sinks"] for source in file["sources"]] == [["there"], ["energy_sink"]]
    assert file["sources"][0]["meters"].count("!energy") == 1


def test_other_ways_to_ceilometer_are_refused(plugin: Plugin) -> None:
    """With those that there are."""
    said = plugin.run("stack post-config", KWAPI_CEILOMETER="dynamic")
    assert said.status == 9
    assert "publisher, pollsters or none" in said.called("die")[0]


def test_ceilometer_need_not_be_there(plugin: Plugin) -> None:
    """Nor Gnocchi, nor Nova's scheduler."""
    said = plugin.stack(services="key,rabbit,mysql")
    assert not said.called("run_process kwapi-ceilometer")
    assert not said.called("openstack .* metric")
    assert not said.called("iniadd")


def test_unstack_stops_every_service(plugin: Plugin) -> None:
    """Also those that these settings would not have started."""
    said = plugin.run("unstack", KWAPI_CEILOMETER="none", KWAPI_DRIVERS_CONF="/nowhere")
    assert said.status == 0, said.output
    assert {call.split()[1] for call in said.called("stop_process")} == _UNITS


def test_clean_removes_all_that_stack_made(plugin: Plugin) -> None:
    """Files, and the sites of the web server."""
    plugin.stack()
    said = plugin.run("clean")
    assert said.status == 0, said.output
    left = {path.name for path in plugin.root.iterdir()}
    assert left & {"kwapi", "climate"} == set()
    assert list((plugin.root / "data").iterdir()) == []
    assert {call.split()[-1] for call in said.called("remove_uwsgi_config")} == {
        "kwapi-api",
        "kwapi-pages",
        "climate-api",
    }


def test_phases_do_nothing_when_all_services_are_disabled(plugin: Plugin) -> None:
    """Not even a directory is made."""
    disabled = ",".join(sorted(_UNITS))
    said = plugin.stack(DISABLED_SERVICES=disabled)
    assert not said.called("run_process|recreate_database|iniset|create_service_user")
    assert not (plugin.root / "kwapi").exists()


def test_keys_are_nobody_elses(stacked: Stacked) -> None:
    """The files of both services hold passwords."""
    for path in ("kwapi/kwapi.conf", "kwapi/drivers.conf", "climate/climate.conf"):
        assert (stacked.plugin.root / path).stat().st_mode & 0o077 == 0, path


def test_readme_tells_every_setting_and_service() -> None:
    """With its default, if that is a plain one."""
    readme = (_DEVSTACK / "README.rst").read_text()
    text = (_DEVSTACK / "settings").read_text()
    found = re.findall(r"^([A-Z_]+)=\$\{\1:-(.*)\}$", text, re.MULTILINE)
    assert len(found) > 10
    for name, default in found:
        assert f"``{name}``" in readme, name
        if re.fullmatch(r"[\w.,]+", default):
            assert re.search(rf"``{name}`` \(.?.?{re.escape(default)}", readme), (name, default)
    for unit in _UNITS:
        assert f"``{unit}``" in readme, unit


def _list_options(generator: pathlib.Path) -> set[tuple[str, str]]:
    """Return section and name of every option in a sample configuration file."""
    names = re.findall(r"^namespace = (\S+)", generator.read_text(), re.MULTILINE)
    known = set()
    for entry in importlib.metadata.entry_points(group="oslo.config.opts"):
        if entry.name in names:
            for group, opts in entry.load()():
                section = str(getattr(group, "name", group) or "DEFAULT")
                known |= {(section, opt.dest) for opt in opts}
    return known
