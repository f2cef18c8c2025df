# SPDX-License-Identifier: Apache-2.0
"""Hosts from a YAML file: what is read, and where mistakes are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from oslo_config import cfg

from climate.inventory import host
from climate.inventory.sources import file
from energybase import exception

SAMPLE = Path(__file__).parents[5] / "etc/climate/hosts.yaml.sample"


@pytest.fixture
def path(conf: cfg.ConfigOpts, tmp_path: Path) -> Path:
    """The file that the configuration names; not there yet."""
    conf.set_override("file", str(tmp_path / "hosts.yaml"), "inventory")
    return tmp_path / "hosts.yaml"


def read(conf: cfg.ConfigOpts, path: Path, text: str | bytes) -> list[host.Host]:
    """Return the hosts of a file."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file.File(conf).list_hosts()


def test_hosts(conf: cfg.ConfigOpts, path: Path) -> None:
    text = """\
- name: node-1
  vcpus: 32
  cpu_info: {topology: {cores: 16}, features: [avx2, fma]}
- {name: node-2, on: false}
- {name: "3", up: no, yes: 1, 7: x, on_: ~, since: 2026-01-01, mac: 0x10}
"""
    assert read(conf, path, text) == [
        host.Host(
            "node-1",
            True,
            {"vcpus": 32, "cpu_info": {"topology": {"cores": 16}, "features": ["avx2", "fma"]}},
        ),
        host.Host("node-2", False, {}),
        host.Host("3", False, {"yes": 1, "7": "x", "on_": None, "since": "2026-01-01", "mac": 16}),
    ]


def test_none(conf: cfg.ConfigOpts, path: Path) -> None:
    assert read(conf, path, "[]") == []


def test_hosts_that_are_alike(conf: cfg.ConfigOpts, path: Path) -> None:
    """Anchors and merges, own keys overriding."""
    text = """\
- &first
  name: node-1
  vcpus: 32
  labels: {a: 1}
- <<: *first
  name: node-2
- &third
  <<: [*first]
  name: node-3
  vcpus: 64
- {<<: *third, name: node-4}
"""
    assert [(each.name, each.properties["vcpus"]) for each in read(conf, path, text)] == [
        ("node-1", 32),
        ("node-2", 32),
        ("node-3", 64),
        ("node-4", 64),
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "a list of hosts is wanted"),
        ("hosts: []", 1, "a list of hosts is wanted"),
        ("- name: a\n- b\n", 2, "a host is a mapping"),
        ("- name: a\n-\n", 2, "a host is a mapping"),
        ("- name: a\n\n- vcpus: 4\n", 3, "a host has a name"),
        ("- name: 7\n", 1, "a host has a name"),
        ("- name: ''\n", 1, "a host has a name"),
        ("- name: yes\n", 1, "a host has a name"),
        ('- name: "a\\tb"\n', 1, "a host has a name"),
        ("- name: a\n- name: b\n- name: a\n", 3, "host 'a' is there already, in line 1"),
        ("- name: a\n  on: perhaps\n", 1, "`on` is true or false"),
        ("- name: a\n  on: true\n  up: true\n", 1, "said once"),
        ("- name: a\n- name: b\n  id: 5\n", 2, "it is Climate that tells its id"),
        ("- name: a\n  status: up\n", 1, "it is Climate that tells its status"),
        ("- name: a\n  vcpus: 1\n  vcpus: 2\n", 3, "'vcpus' is said twice"),
        ("- name: a\n  x: {y: {z: 1, z: 2}}\n", 2, "'z' is said twice"),
        ("- name: a\n  watts: .nan\n", 2, ".nan is no number"),
        ("- name: a\n  watts: [1, -.inf]\n", 2, "-.inf is no number"),
        ("- name: a\n  ? [x]\n  : 1\n", 2, "a key is a text"),
        ("- name: a\n  x: !!binary aGk=\n", 2, "binary"),
        ("- name: a\n  x: !!set {a}\n", 2, "set"),
        ("- name: a\n  x: !!python/object:os.system []\n", 2, "python"),
        ("- name: a\n  x: *there\n", 2, "undefined alias"),
        ("- name: a\n  x: [1\n", 3, "expected"),
        ("- name: a\n\tx: 1\n", 2, "tab|token"),
        ("- name: a\n---\n- name: b\n", 2, "another document"),
        (b"- name: a\n- name: \xff\n", 2, "is no YAML"),
        ("- name: a\n- name: \x00\n", 2, "is no YAML|not allowed"),
        ("- name: a\n  x: &x [*x]\n", 2, "recursive"),
    ],
)
def test_a_mistake_is_located(
    conf: cfg.ConfigOpts, path: Path, text: str | bytes, line: int, reason: str
) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match=reason) as caught:
        read(conf, path, text)
    assert caught.value.details["where"] == f"{path}, line {line}"
    assert str(caught.value).isprintable()


def test_nested_without_end(conf: cfg.ConfigOpts, path: Path) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="nested too deep"):
        read(conf, path, "- name: a\n  x: " + "[" * 3_000 + "]" * 3_000)


def test_without_a_file(conf: cfg.ConfigOpts, path: Path) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="No such file"):
        file.File(conf)
    path.mkdir()
    with pytest.raises(exception.ConfigurationInvalid, match="directory"):
        file.File(conf)
    conf.set_override("file", None, "inventory")
    with pytest.raises(exception.ConfigurationInvalid, match=r"\[inventory\] file"):
        file.File(conf)


def test_it_is_read_when_it_changed(conf: cfg.ConfigOpts, path: Path) -> None:
    read(conf, path, "- name: a\n")
    known = file.File(conf)
    first = known.list_hosts()
    assert known.list_hosts() is first
    other = path.with_suffix(".new")
    other.write_text("- name: b\n")
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    other.replace(path)
    assert [each.name for each in known.list_hosts()] == ["b"]
    path.write_text("- nam: b\n")
    for _ in range(2):
        with pytest.raises(exception.ConfigurationInvalid):
            known.list_hosts()
    path.write_text("- name: bc\n")
    assert [each.name for each in known.list_hosts()] == ["bc"]


def test_the_sample(conf: cfg.ConfigOpts) -> None:
    conf.set_override("file", str(SAMPLE), "inventory")
    entries, complaints = host.encode(file.File(conf).list_hosts())
    assert len(entries) >= 2
    assert complaints == []
