# SPDX-License-Identifier: Apache-2.0
"""climate-manage config check and status upgrade check, on files as operators write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from climate.cmd import manage

_KEYSTONE = """\
auth_type = password
auth_url = http://127.0.0.1:5000
username = climate
password = hunter2
project_name = service
user_domain_name = Default
project_domain_name = Default
"""
_GOOD = f"""\
[DEFAULT]
state_path = {{folder}}
[nova]
{_KEYSTONE}
[ranking]
kwapi_url = http://127.0.0.1:9280
[keystone_authtoken]
{_KEYSTONE}
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A file with which every service starts."""
    path = tmp_path / "climate.conf"
    path.write_text(_GOOD.format(folder=tmp_path))
    return path


def check(path: Path, *services: str) -> int:
    return manage.main(["--config-file", str(path), "config", "check", *services])


def test_a_right_file(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(good) == 0
    assert capsys.readouterr().out == f"No mistake in {good}.\n"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("[planing]\ntick_seconds = 1", r"did you mean \[planning\]"),
        ("[planning]\ntick_second = 1", "did you mean tick_seconds"),
        ("[planning]\nprices_file = /absent.csv", "absent.csv"),
        ("[quota]\nproject_hosts = p:many", "project_hosts"),
        ("[inventory]\nsource = nowhere", r"\[inventory\] source: no source 'nowhere'"),
        ("[nova]\npage_size = 0", "greater than or equal to 1"),
        ("[ranking]\nby = price", "Valid values"),
        ("[ranking]\nprobes = host-1:", "host-1"),
        ("[lease_api]\nhost = 0.0.0.0\nauth_strategy = noauth", "loopback"),
        ("[DEFAULT]\ntransport_url = rabit://u:hunter2@h/", "rabit is no transport"),
        ("[database]\nconnection = hunter2", "is no database URL"),
        ("[nova]\nusername = $nobody", "nobody"),
    ],
)
def test_a_mistake_is_told(
    lines: str, told: str, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of output for it, and no secret in that."""
    good.write_text(good.read_text() + lines + "\n")
    assert check(good) == 1
    mistake, _summary = capsys.readouterr().out.splitlines()
    assert re.search(told, mistake)
    assert "hunter2" not in mistake


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "climate.conf"
    path.write_text("[nova]\nauth_type = password\n")
    assert check(path) == 1
    told = capsys.readouterr().out
    assert f"{path}:1: [nova]" in told
    assert "[keystone_authtoken] auth_type: is not set" in told
    assert "[ranking]: does not say how to reach Kwapi" in told
    assert check(path, "climate-planning") == 0


def test_ready(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--config-file", str(good), "status", "upgrade", "check"]
    assert manage.main(command) == 2
    assert "run `climate-manage db upgrade`" in capsys.readouterr().out
    assert manage.main(["--config-file", str(good), "db", "upgrade"]) == 0
    assert manage.main(command) == 0
    assert "Failure" not in capsys.readouterr().out
