# SPDX-License-Identifier: Apache-2.0
"""kwapi-manage config check and status upgrade check, on files as operators write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from energybase.db import migration
from kwapi.cmd import manage
from kwapi.store import tables

_KEY = "0123456789abcdef0123456789abcdef"
_GOOD = f"""\
[DEFAULT]
state_path = {{folder}}
transport_url = rabbit://kwapi:hunter2@127.0.0.1:5672/

[bus]
signing_keys = first:{_KEY}

[keystone_authtoken]
auth_type = password
auth_url = http://127.0.0.1:5000
username = kwapi
password = hunter2
"""

#: A line that is added, and what is told of it.
_MISTAKES = [
    ("[bus]\nprefetsh = 20", r"\[bus\] has no option 'prefetsh'; did you mean prefetch\?"),
    ("[bus]\nsigning-keys = a:b", "did you mean signing_keys"),
    ("[bus]\nmax_watts = 3", r"it is one of \[collector\]"),
    ("[buss]\nprefetch = 20", r"there is no section \[buss\]; did you mean \[bus\]\?"),
    ("[bus]\nprefetch = many", r"\[bus\] prefetch: invalid literal"),
    ("[bus]\nprefetch = 3", "greater than or equal to 10"),
    ("[api]\nport = 70000", "65535"),
    ("[api]\nauth_strategy = none", "Valid values are"),
    ("[api]\nworkers = $nothing", "nothing"),
    ("[api]\nhost = 0.0.0.0\nauth_strategy = noauth", "loopback"),
    ("[DEFAULT]\ndebug = perhaps", "boolean"),
    ("[DEFAULT]\ntransport_url = rabit://u:hunter2@h/", "rabit is no transport"),
    ("[database]\nconnection = mysql:hunter2", "is no database URL"),
    ("[bus]\nsigning_keys = hunter2", "signing_keys: must be a Dict"),
    ("[bus]\nsigning_keys = a:hunter2", "shorter than 32"),
    ("[bus]\nsigning_key_id = absent", "must be one of first"),
    ("[keystone_authtoken]\nauth_type = pasword", "did you mean password"),
    ("[keystone_authtoken]\npasswort = hunter2", "did you mean password"),
    ("[rrd]\ntariff = 25-6: 0.1", "tariff"),
    ("[ceilometer]\nhost_pattern = (", "host_pattern"),
    ("[pdu]\ndriver = snmpp\nprobes = ['a']", "no driver 'snmpp'"),
    ("[pdu]\ndriver = dummy\nprobes = 'a'", "probes must be a list"),
    ("[pdu]\ndriver = dummy\nprobes = ['a']\nparameters = {'x': 'hunter2'}", "parameter 'x'"),
    ("[bus]\nhunter2", "No ':' or '='"),
]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A file with which every service starts."""
    path = tmp_path / "kwapi.conf"
    path.write_text(_GOOD.format(folder=tmp_path))
    return path


def check(path: Path, *services: str) -> int:
    return manage.main(["--config-file", str(path), "config", "check", *services])


def test_a_right_file(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(good) == 0
    assert capsys.readouterr().out == f"No mistake in {good}.\n"


@pytest.mark.parametrize(("lines", "told"), _MISTAKES)
def test_a_mistake_is_told_with_its_line(
    lines: str, told: str, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of output for it, and no secret in that."""
    above = good.read_text().count("\n")
    good.write_text(good.read_text() + lines + "\n")
    assert check(good) == 1
    out, err = capsys.readouterr()
    mistake, summary = out.splitlines()
    found = re.match(rf"{re.escape(str(good))}:(\d+): (.*)", mistake)
    assert found
    assert above < int(found[1]) <= above + lines.count("\n") + 1
    assert re.search(told, found[2])
    assert summary == f"1 mistake in {good}."
    assert err == ""
    assert "hunter2" not in out


def test_all_mistakes_are_told_at_once(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """None hides another one, unless a line cannot be read."""
    each = [lines for lines, _ in _MISTAKES if lines != "[bus]\nhunter2"]
    # No two about the same option, of which the last counts.
    alone = [lines for lines in each if "signing_key" not in lines and "host = " not in lines]
    renamed = [
        lines.replace("pdu]", f"{n}]").replace("'a'", f"'{n}'") for n, lines in enumerate(alone)
    ]
    good.write_text(good.read_text() + "\n".join(renamed) + "\n")
    assert check(good) == 1
    told = capsys.readouterr().out
    for lines, pattern in _MISTAKES:
        if lines in alone:
            assert re.search(pattern, told), pattern
    assert re.search(rf"^{len(alone)} mistakes in ", told, re.MULTILINE), told
    assert "hunter2" not in told


def test_what_is_missing_is_told_of_the_services_that_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine that has the wattmeters alone asks no Keystone."""
    path = tmp_path / "kwapi.conf"
    path.write_text(f"[bus]\nsigning_keys = first:{_KEY}\n")
    assert check(path, "kwapi-drivers", "kwapi-collector") == 0
    assert check(path) == 1
    assert "[keystone_authtoken] auth_type: is not set" in capsys.readouterr().out
    path.write_text("[bus]\n")
    assert check(path, "kwapi-drivers") == 1
    assert f"{path}:1: [bus] signing_keys: no key is set" in capsys.readouterr().out


def test_a_library_may_have_an_option_called_driver(good: Path) -> None:
    """That makes no wattmeter of its section."""
    good.write_text(f"{good.read_text()}[oslo_messaging_notifications]\ndriver = noop\nretry = 1\n")
    assert check(good) == 0


def test_several_keys_want_one_named_that_signs(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good.write_text(f"[bus]\nsigning_keys = a:{_KEY},b:{_KEY}\n")
    assert check(good, "kwapi-drivers") == 1
    assert f"{good}:1: [bus] signing_key_id: must be one of a, b" in capsys.readouterr().out


def test_a_folder_of_files(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (good.parent / "more.conf").write_text("[bus]\nnone = 1\n")
    assert manage.main(["--config-dir", str(good.parent), "config", "check"]) == 1
    assert f"{good.parent}/more.conf:2: " in capsys.readouterr().out


def test_an_unknown_service_is_told(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        check(good, "kwapi-api", "kwapi-apy")
    assert "'kwapi-apy' is none of kwapi-api" in capsys.readouterr().err


def ready(path: Path) -> int:
    return manage.main(["--config-file", str(path), "status", "upgrade", "check"])


def results(text: str) -> dict[str, str]:
    """Return each check's result by its name."""
    return dict(re.findall(r"Check: (.*?) *\|\n\| Result: (\w+)", text))


def test_ready(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["--config-file", str(good), "db", "upgrade"]) == 0
    assert ready(good) == 0
    assert set(results(capsys.readouterr().out).values()) == {"Success"}


def test_a_database_of_another_release(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ready(good) == 2
    told = capsys.readouterr().out
    assert results(told)["Database"] == "Failure"
    assert "The database is empty: run `kwapi-manage db upgrade`" in told
    assert migration.get_newest_revision(tables.SCHEMA) not in told


@pytest.mark.parametrize(
    ("lines", "name", "result"),
    [
        ("[bus]\nsigning_keys = a:short", "Signing keys", "Failure"),
        ("[bus]\nsigning_key_id = absent", "Signing keys", "Failure"),
        ("[bus]\nnone = 1", "Configuration files", "Warning"),
        ("[oslo_messaging_rabbit]\namqp_durable_queues = false", "Broker", "Warning"),
        ("[DEFAULT]\ntransport_url = hunter2://", "Broker", "Failure"),
        ("[database]\nconnection = mysql+pymysql://k:hunter2@127.0.0.1:1/k", "Database", "Failure"),
    ],
)
def test_what_an_upgrade_is_warned_of(
    lines: str, name: str, result: str, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert manage.main(["--config-file", str(good), "db", "upgrade"]) == 0
    good.write_text(good.read_text() + lines + "\n")
    assert ready(good) == {"Warning": 1, "Failure": 2}[result]
    told = capsys.readouterr().out
    assert results(told)[name] == result
    assert "k:hunter2" not in told


@pytest.mark.parametrize(
    ("text", "result", "told"),
    [
        ("kwapi:probes:list: role:auditor", "Success", "policy.yaml"),
        ("mine: role:x\nkwapi:probes:list: rule:mine", "Success", "policy.yaml"),
        ("kwapi:probe:list: role:x", "Warning", "but kwapi:probes:list is"),
        ("kwapi:probes:list: rule:absent", "Failure", "not defined"),
        ("kwapi:probes:list: [", "Failure", "policy.yaml"),
    ],
)
def test_policy_files(
    text: str, result: str, told: str, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manage.main(["--config-file", str(good), "db", "upgrade"])
    (good.parent / "policy.yaml").write_text(text)
    ready(good)
    out = capsys.readouterr().out
    assert results(out)["Policy"] == result, out
    # Lines of the table are short.
    assert told in re.sub(r"\s*\|\n\|\s*", " ", out)
