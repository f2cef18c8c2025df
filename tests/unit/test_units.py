# SPDX-License-Identifier: Apache-2.0
"""The files in etc/ for systemd and logrotate, judged by those who read them.

None of this wants a running systemd: its tools are given a root of the tests'
own, in which there is what an installed machine has.
"""

from __future__ import annotations

import configparser
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from climate.cmd import readiness as climate_readiness
from kwapi.cmd import readiness
from tests import patience

TOP = Path(__file__).resolve().parents[2]
UNITS = sorted((TOP / "etc/systemd").glob("*.service"))
OURS = [unit for unit in UNITS if unit.stem != "kwapi-rrdcached"]
#: From this on, systemd-analyze says MEDIUM, not OK.
_MEDIUM = 5.0
#: Known from systemd 254 on.
_TOO_NEW = re.compile(r".*: Unknown key.* 'Restart(Steps|MaxDelaySec)' in section .*, ignoring\.")


def read(unit: Path) -> dict[str, list[str]]:
    """Return the values of each key, sections left out."""
    values: dict[str, list[str]] = {}
    for line in unit.read_text().replace("\\\n", "").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            values.setdefault(key, []).append(value)
    return values


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path="/usr/bin:/usr/sbin:/bin:/sbin")
    assert program, f"{command[0]} is missing; Debian's packages are systemd and logrotate"
    return subprocess.run(
        [program, *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=patience.SECONDS,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine with our units, systemd's targets, and every program that one starts."""
    made = tmp_path_factory.mktemp("root")
    units = made / "etc/systemd/system"
    units.mkdir(parents=True)
    for unit in UNITS:
        shutil.copy(unit, units)
    targets = made / "lib/systemd/system"
    targets.mkdir(parents=True)
    for target in Path("/lib/systemd/system").glob("*.target"):
        shutil.copy(target, targets)
    for unit in UNITS:
        for key in ("ExecStart", "ExecReload"):
            for command in read(unit).get(key, []):
                program = made / command.split()[0].lstrip("/")
                program.parent.mkdir(parents=True, exist_ok=True)
                program.write_text("#!/bin/sh\n")
                program.chmod(0o755)
    for folder in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(TOP / "etc" / folder, made / "usr/lib" / folder)
    return made


def test_every_service_has_a_unit_and_every_unit_a_service() -> None:
    scripts = configparser.ConfigParser()
    scripts.read(TOP / "setup.cfg")
    names = {
        line.partition("=")[0].strip()
        for line in scripts["entry_points"]["console_scripts"].strip().splitlines()
    }
    services = {*readiness.PLAN.services, *climate_readiness.PLAN.services}
    started = {read(unit)["ExecStart"][0].rpartition("/")[2] for unit in OURS}
    assert started == {unit.stem for unit in OURS} == services
    assert started <= names


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_verify(unit: Path, root: Path) -> None:
    """What systemd would complain of, it does here."""
    done = run("systemd-analyze", f"--root={root}", "verify", unit.name)
    complaints = [line for line in done.stderr.splitlines() if not _TOO_NEW.fullmatch(line)]
    assert (done.returncode, complaints) == (0, [])


def test_verify_finds_what_is_wrong(root: Path) -> None:
    """A test that cannot fail proves nothing."""
    wrong = root / "etc/systemd/system/wrong.service"
    wrong.write_text("[Service]\nExecStart=/absent/program\nNoNewPrivilege=yes\n")
    done = run("systemd-analyze", f"--root={root}", "verify", wrong.name)
    assert done.returncode == 1
    assert "/absent/program" in done.stderr
    assert "NoNewPrivilege" in done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_security_is_ok_or_better(unit: Path) -> None:
    """As systemd itself rates how much of the machine a service is exposed to."""
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(unit))
    rated = re.search(r"Overall exposure level for \S+: ([0-9.]+) (\w+)", done.stdout)
    assert rated, done.stderr
    assert float(rated[1]) < _MEDIUM
    assert rated[2] in ("OK", "SAFE", "PERFECT")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_what_every_unit_promises(unit: Path) -> None:
    """Its own user, nothing to gain, nothing of the system to write, and back when it dies."""
    values = {key: found[-1] for key, found in read(unit).items()}
    assert values["User"] in ("kwapi", "kwapi-drivers", "climate")
    assert values["NoNewPrivileges"] == "yes"
    assert values["ProtectSystem"] == "strict"
    assert values["CapabilityBoundingSet"] == ""
    assert values["Restart"] == "on-failure"
    assert values["StartLimitIntervalSec"] == "0"
    assert int(values["RestartSec"]) < int(values["RestartMaxDelaySec"])


@pytest.mark.parametrize("unit", OURS, ids=lambda unit: unit.stem)
def test_a_service_reloads_and_waits_for_the_network(unit: Path) -> None:
    values = read(unit)
    assert values["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert "network-online.target" in values["After"][0].split()
    assert "network-online.target" in values["Wants"][0].split()


def test_serial_ports_are_for_drivers_alone() -> None:
    for unit in UNITS:
        values = read(unit)
        has_ports = any("char-ttyUSB" in value for value in values.get("DeviceAllow", []))
        assert has_ports == (unit.stem == "kwapi-drivers") == ("PrivateDevices" not in values)


def test_users_are_made(root: Path) -> None:
    """And what the units call them."""
    (root / "etc").mkdir(exist_ok=True)
    done = run("systemd-sysusers", f"--root={root}")
    assert done.returncode == 0, done.stderr
    users = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    groups = {
        name: set(filter(None, members.split(",")))
        for name, _, _, members in (
            line.split(":") for line in (root / "etc/group").read_text().splitlines()
        )
    }
    for unit in UNITS:
        values = read(unit)
        assert values["User"][0] in users
        wanted = {values["Group"][0], *values.get("SupplementaryGroups", [""])[0].split()}
        assert wanted <= groups.keys()
    assert "kwapi-drivers" in groups["kwapi"] & groups["dialout"]
    shells = {line.rpartition(":")[2] for line in (root / "etc/passwd").read_text().splitlines()}
    assert shells <= {"/usr/sbin/nologin", "/sbin/nologin"}


def test_directories_are_made(root: Path) -> None:
    """Passwords that lie there already are for one group from then on."""
    if (uid := Path("/proc/self").stat().st_uid) != 0:
        pytest.skip(f"only root gives files away, and this is user {uid}")
    test_users_are_made(root)
    (root / "etc/kwapi").mkdir(exist_ok=True)
    secret = root / "etc/kwapi/drivers.conf"
    secret.write_text("")
    done = run("systemd-tmpfiles", f"--root={root}", "--create", "kwapi-climate.conf")
    assert done.returncode == 0, done.stderr
    users, groups = _names(root / "etc/passwd"), _names(root / "etc/group")
    found = secret.stat()
    assert stat.filemode(found.st_mode) == "-rw-r-----"
    assert (found.st_uid, groups[found.st_gid]) == (0, "kwapi-drivers")
    for folder, owner in (("lib/kwapi", "kwapi"), ("lib/climate", "climate")):
        assert users[(root / "var" / folder).stat().st_uid] == owner


def _names(path: Path) -> dict[int, str]:
    """Return who has which number."""
    lines = [line.split(":") for line in path.read_text().splitlines()]
    return {int(line[2]): line[0] for line in lines}


def test_logrotate(tmp_path: Path) -> None:
    """It takes the file as it is, and moves a log that has something in it."""
    text = (TOP / "etc/logrotate.d/kwapi-climate").read_text()
    logs = tmp_path / "log"
    for folder in ("kwapi", "kwapi-drivers", "climate"):
        (logs / folder).mkdir(parents=True)
        (logs / folder / "a.log").write_text("line\n")
    rules = tmp_path / "rules"
    rules.write_text(text.replace("/var/log", str(logs)))
    rules.chmod(0o644)
    done = run("logrotate", "--force", "--state", tmp_path / "state", rules)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in sorted(logs.rglob("*.log*"))] == ["a.log.1"] * 3
