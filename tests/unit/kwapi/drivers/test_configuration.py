# SPDX-License-Identifier: Apache-2.0
"""drivers.conf: what is right loads, what is wrong is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kwapi import exception
from kwapi.drivers import configuration

FIRST_KWAPI = """\
# Kwapi config file

[DEFAULT]

# Communication endpoint
probes_endpoint = ipc:///tmp/kwapi-drivers
enable_signing = true
metering_secret = Change This Or Be Hacked
verbose = true

# Dummy
[Dummy1]
probes = ['A', 'B', 'C']
driver = Dummy
parameters = {'min': 75, 'max': 100}

# SNMP
[Eaton]
probes = ['D', 'E', None, 'F']
driver = Snmp
parameters = {'protocol': 'v1', 'community': 'public', 'ip': '10.0.0.1',
    'oid': '1.3.6.1.4.1.534.6.6.7.6.5.1.3'}
"""


def read(tmp_path: Path, *texts: str) -> configuration.Configuration:
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.conf"
        path.write_text(text)
        paths.append(str(path))
    return configuration.read(paths)


def test_a_file_of_the_first_kwapi_loads_unchanged(tmp_path: Path) -> None:
    wattmeters, mistakes = read(tmp_path, FIRST_KWAPI)
    assert not mistakes
    assert wattmeters["Dummy1"].parameters == {"min": 75, "max": 100}
    assert wattmeters["Eaton"].driver == "snmp"
    assert wattmeters["Eaton"].probes == ("D", "E", None, "F")
    assert wattmeters["Eaton"].parameters["oid"] == "1.3.6.1.4.1.534.6.6.7.6.5.1.3"


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ("driver = Dummy\n", r"0.conf:2: \[pdu\] has no probes"),
        ("driver = Dummy\nprobes = 'A'\n", r"0.conf:3: \[pdu\] probes must be a list"),
        ("driver = Dummy\nprobes = ['A'\n", r"0.conf:3: \[pdu\] probes must be a list"),
        ("driver = Dummy\nprobes = ['a/b']\n", r"a probe id must be .*, not 'a/b'"),
        ("driver = Dummy\nprobes = [7]\n", r"a probe id must be .*, not 7"),
        (
            "driver = Dummy\nprobes = []\nparameters = {'password': 'hunter2'\n",
            r"0.conf:4: \[pdu\] parameters must be a mapping",
        ),
        (
            "driver = Dummy\nprobes = []\nparameter = {}\n",
            r"0.conf:4: \[pdu\] has no key 'parameter'",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, section: str, reason: str) -> None:
    wattmeters, mistakes = read(
        tmp_path, f"[pdu]\n{section}\n[ok]\ndriver = Dummy\nprobes = ['x']\n"
    )
    assert list(wattmeters) == ["ok"]
    with pytest.raises(exception.ConfigurationInvalid, match=reason):
        raise mistakes["pdu"]
    assert "hunter2" not in str(mistakes["pdu"])


def test_a_probe_belongs_to_one_wattmeter(tmp_path: Path) -> None:
    text = "[one]\ndriver = Dummy\nprobes = ['A']\n[two]\ndriver = Dummy\nprobes = ['A']\n"
    wattmeters, mistakes = read(tmp_path, text)
    assert list(wattmeters) == ["one"]
    assert "probe 'A' is measured by [one] already" in str(mistakes["two"])


def test_oslo_messagings_driver_is_no_wattmeter(tmp_path: Path) -> None:
    """Its section may stand in the same file, and has a key of that name."""
    found = read(tmp_path, "[oslo_messaging_notifications]\ndriver = messagingv2\n")
    assert not found.wattmeters
    assert not found.mistakes


def test_a_line_that_is_none_is_told_without_its_text(tmp_path: Path) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="line 2") as caught:
        read(tmp_path, "[pdu]\npassword hunter2\n")
    assert "hunter2" not in str(caught.value)


def test_an_unreadable_file_is_told() -> None:
    with pytest.raises(
        exception.ConfigurationInvalid, match=r"/nowhere/drivers.conf: No such file"
    ):
        configuration.read(["/nowhere/drivers.conf"])


def test_parameters_are_not_shown(tmp_path: Path) -> None:
    wattmeters, _ = read(tmp_path, FIRST_KWAPI)
    assert "public" not in repr(wattmeters)
