# SPDX-License-Identifier: Apache-2.0
"""kwapi-manage, from its command line to what it prints."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from energybase.db import migration
from kwapi import signing
from kwapi.cmd import manage
from kwapi.store import tables


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    """The path of a configuration file."""
    path = tmp_path / "kwapi.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n")
    return str(path)


def test_upgrade_then_version(configuration: str, capsys: pytest.CaptureFixture[str]) -> None:
    newest = migration.get_newest_revision(tables.SCHEMA)
    assert manage.main(["--config-file", configuration, "db", "upgrade"]) == 0
    assert manage.main(["--config-file", configuration, "db", "version"]) == 0
    assert capsys.readouterr().out == f"{newest}\n{newest}\n"


def test_version_of_an_empty_database(
    configuration: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    assert manage.main(["--config-file", configuration, "db", "version"]) == 0
    assert re.fullmatch(r"empty \(this release needs \w+\)\n", capsys.readouterr().out)


def test_an_error_is_a_sentence(configuration: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["--config-file", configuration, "db", "upgrade", "9999"]) == 1
    assert manage.main(["--config-file", configuration, "db", "version"]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("kwapi-manage: revision 9999: ")
    assert len(told.err.splitlines()) == 1


def test_a_database_that_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "kwapi.conf"
    path.write_text("[database]\nconnection = mysql+pymysql://kwapi:s3cret@127.0.0.1:1/kwapi\n")
    assert manage.main(["--config-file", str(path), "db", "upgrade"]) == 1
    told = capsys.readouterr().err
    assert "refused" in told
    assert "s3cret" not in told
    assert len(told.splitlines()) == 1


def test_a_key_can_sign(capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["key", "generate"]) == 0
    assert manage.main(["key", "generate", "--id", "second"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    key_id, key = first.removeprefix("signing_keys = ").split(":")
    datetime.date.fromisoformat(key_id)
    signing.Signer(key_id, key.encode(), "host", "run")
    assert re.fullmatch(r"signing_keys = second:[0-9a-f]{64}", second)
    assert key not in second


@pytest.mark.parametrize(
    "arguments", [[], ["db"], ["db", "sideways"], ["key", "generate", "--id", "a,b"]]
)
def test_a_wrong_command_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        manage.main(arguments)
    assert "usage: kwapi-manage" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        manage.main(["db", "upgrade", "--help"])
    assert "by default the newest" in capsys.readouterr().out


def test_a_configuration_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["--config-file", "/absent.conf", "db", "version"]) == 1
    assert "/absent.conf" in capsys.readouterr().err
