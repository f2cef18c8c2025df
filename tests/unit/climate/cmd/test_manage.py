# SPDX-License-Identifier: Apache-2.0
"""climate-manage, from its command line to what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from climate.cmd import manage
from climate.db import models
from energybase.db import migration


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    """The path of a configuration file."""
    path = tmp_path / "climate.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n")
    return str(path)


def test_upgrade_then_version(
    configuration: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = migration.get_newest_revision(models.SCHEMA)
    assert manage.main(["--config-file", configuration, "db", "upgrade"]) == 0
    assert manage.main(["--config-file", configuration, "db", "version"]) == 0
    assert re.findall(r"^\w+$", capsys.readouterr().out, re.MULTILINE) == [newest, newest]
    assert (tmp_path / "state" / "climate.sqlite").exists()


def test_version_of_an_empty_database(
    configuration: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    assert manage.main(["--config-file", configuration, "db", "version"]) == 0
    assert re.search(r"^empty \(this release needs \w+\)$", capsys.readouterr().out, re.MULTILINE)


def test_an_error_is_a_sentence(configuration: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["--config-file", configuration, "db", "upgrade", "9999"]) == 1
    assert capsys.readouterr().err.startswith("climate-manage: revision 9999: ")


def test_a_database_that_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "climate.conf"
    path.write_text("[database]\nconnection = mysql+pymysql://climate:s3cret@127.0.0.1:1/climate\n")
    assert manage.main(["--config-file", str(path), "db", "upgrade"]) == 1
    told = capsys.readouterr().err
    assert "refused" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("arguments", [[], ["db"], ["db", "sideways"]])
def test_a_wrong_command_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        manage.main(arguments)
    assert "usage: climate-manage" in capsys.readouterr().err


def test_a_configuration_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["--config-file", "/absent.conf", "db", "version"]) == 1
    assert "/absent.conf" in capsys.readouterr().err
