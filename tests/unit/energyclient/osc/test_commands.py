# SPDX-License-Identifier: Apache-2.0
"""What each command takes, and that the examples of its help are right."""

from __future__ import annotations

import argparse
import configparser
import importlib.metadata
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energyclient.osc import arguments
from tests import patience

TOP = Path(__file__).resolve().parents[4]
LEASE = "0b9f4a1e-6f0e-4a36-9a0f-0f5d5a1f3a52"


def read_commands() -> dict[str, importlib.metadata.EntryPoint]:
    """Return the commands that setup.cfg promises, by name."""
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    group = "openstack.energy.v1"
    lines = setup["entry_points"][group].strip().splitlines()
    pairs = [[part.strip() for part in line.split("=")] for line in lines]
    return {
        name.replace("_", " "): importlib.metadata.EntryPoint(name, value, group)
        for name, value in pairs
    }


COMMANDS = read_commands()


def make_parser(name: str) -> argparse.ArgumentParser:
    command = COMMANDS[name].load()
    parser: argparse.ArgumentParser = command(None, None).get_parser(f"openstack {name}")
    return parser


def list_examples() -> list[str]:
    """Return the examples of all commands that are our own."""
    lines = [
        line.strip() for point in COMMANDS.values() for line in point.load().examples.splitlines()
    ]
    return [line for line in lines if line and not line.startswith(("#", "openstack server "))]


def test_all_commands_that_are_promised_are_there() -> None:
    energy = {"probe list", "probe show", "top", "driver list", "ranking list"}
    lease = {"create", "list", "show", "delete", "confirm", "extend", "host list"}
    assert set(COMMANDS) == {f"energy {n}" for n in energy} | {f"lease {n}" for n in lease}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_as_they_are_typed(name: str) -> None:
    text = make_parser(name).format_help()
    assert f"\n  openstack {name}" in text
    assert "\nexamples:\n  # " in text
    assert "==SUPPRESS==" not in text


@pytest.mark.parametrize("example", list_examples())
def test_an_example_is_right(example: str) -> None:
    typed = example.replace("<id or name>", LEASE).replace("<id>", LEASE)
    words = shlex.split(typed.partition(" > ")[0])
    name = max((n for n in COMMANDS if words[1:][: len(n.split())] == n.split()), key=len)
    make_parser(name).parse_args(words[1 + len(name.split()) :])


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("lease create --duration 90", "argument --duration: '90' has no unit"),
        ("lease create --start tomorrow", "argument --start: 'tomorrow' is a day: say at what"),
        ("lease create --end yesterday", "argument --end: 'yesterday' is no time; write"),
        ("lease create --quantity 0", "argument --quantity: '0' is no whole number from 1"),
        ("lease create --max-hosts x", "argument --max-hosts: 'x' is no whole number"),
        ("lease create --property vcpus", "argument --property: 'vcpus' is no comparison"),
        ("lease create --host-properties {}", "must be a JSON array such as"),
        ("lease create --objective cheapest", "invalid choice: 'cheapest'"),
        ("lease extend x", "one of the arguments --by --to is required"),
        ("lease extend x --by 1h --to 18:00", "not allowed with argument"),
        ("lease list --all-projects --project p", "not allowed with argument"),
        ("energy top --interval 0", "must be from 0.5 seconds to an hour"),
        ("energy top --count -1", "'-1' is no whole number"),
        ("energy ranking list --by colour", "invalid choice: 'colour'"),
    ],
)
def test_a_wrong_argument_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], command: str, reason: str
) -> None:
    words = shlex.split(command)
    name = next(n for n in COMMANDS if words[: len(n.split())] == n.split())
    with pytest.raises(SystemExit) as exit_status:
        make_parser(name).parse_args(words[len(name.split()) :])
    assert exit_status.value.code == 2
    assert reason in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("text", "seconds"), [("1", 1.0), ("0.5", 0.5), ("1m", 60.0)])
def test_an_interval(text: str, seconds: float) -> None:
    assert arguments.interval(text) == seconds


def run_python(text: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        timeout=patience.SECONDS,
        check=True,
    )
    return done.stdout


def test_the_plugin_imports_little() -> None:
    """Every openstack command loads it."""
    loaded = run_python(
        "import sys, energyclient.osc.plugin\n"
        "print(*(n for n in sys.modules if n.startswith(('energyclient', 'keystone', 'cliff'))))"
    )
    assert loaded.split() == ["energyclient", "energyclient.osc", "energyclient.osc.plugin"]


def test_a_program_needs_keystoneauth_alone() -> None:
    """The typed client works where OpenStackClient is not installed."""
    loaded = run_python(
        "import sys, energyclient.client\n"
        "print(*(n for n in ('osc_lib', 'cliff', 'openstackclient', 'openstack') "
        "if n in sys.modules))"
    )
    assert not loaded.strip()
