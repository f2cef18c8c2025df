# SPDX-License-Identifier: Apache-2.0
"""Programs that print: started without a shell, killed to the last, started anew."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.serial import child
from kwapi.drivers.serial import command
from tests.contracts import driver as driver_contract

SAMPLE = Path(__file__).parent / "samples" / "wattmetre-read-2.csv"

PROGRAM = """
    import os, sys, time
    directory, sample = sys.argv[1:]
    open(f"{directory}/{os.getpid()}.pid", "w").close()
    first = True
    while True:
        fault = open(f"{directory}/fault").read()
        lines = open(sample, "rb").read()
        if fault == "gone":
            print("no meter at all", os.environ["METER_TOKEN"], file=sys.stderr)
            sys.exit(1)
        if fault == "refused" or os.environ["METER_TOKEN"] != "hunter2hunter2":
            print("bad token", os.environ["METER_TOKEN"], file=sys.stderr)
            sys.exit(77)
        if fault == "garbage":
            lines = bytes(b ^ 0x55 for b in lines).replace(b"\\n", b"") + b"\\n"
        if fault == "half":
            lines = lines[:20]
        sys.stdout.buffer.write(lines)
        sys.stdout.flush()
        time.sleep(0.05)
"""


class Program(driver_contract.Device):
    """A program that stands in for wattmetre-read, and misbehaves as a file says."""

    probes = ("lyon.node-1", "lyon.node-2", "lyon.nan", "lyon.empty", "lyon.node-2")
    expected = {
        "lyon.node-1": measurement.Measurement(100.25),
        "lyon.node-2": measurement.Measurement(23.5),
    }
    secrets = ("hunter2hunter2",)
    period_seconds = 1.0
    resolution_watts = 0.125

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._say("")
        (directory / "program.py").write_text(textwrap.dedent(PROGRAM))
        self.parameters = {
            "command": [sys.executable, str(directory / "program.py"), str(directory), str(SAMPLE)],
            "environment": {"METER_TOKEN": self.secrets[0]},
            "format": "wattmetre-read-2",
            "resolution_watts": 0.125,
            "timeout_seconds": 3.0,
        }

    def _say(self, fault: str) -> None:
        # In one step: the program reads it at any time.
        (self.directory / "new").write_text(fault)
        (self.directory / "new").replace(self.directory / "fault")

    def vanish(self) -> None:
        self._say("gone")

    def come_back(self) -> None:
        self._say("")

    def garble(self) -> None:
        self._say("garbage")

    def cut(self) -> None:
        self._say("half")

    def refuse(self) -> None:
        self._say("refused")

    def count_sessions(self) -> int:
        return sum(is_alive(int(path.stem)) for path in self.directory.glob("*.pid"))


def is_alive(pid: int) -> bool:
    """Tell whether a process is there, and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Program]:
    """A program that can be run."""
    program = Program(tmp_path)
    yield program
    assert program.count_sessions() == 0, "a program was left behind"


class TestContract(driver_contract.DriverContract):
    """What every driver does."""

    driver_name = "command"


def read_until_it_fails(made: child.Child) -> bytes:
    """Return what a program printed before its end."""
    data = b""
    with contextlib.suppress(exception.WattmeterError):
        while True:
            data += made.read()
    return data


def make(**parameters: Any) -> command.Command:
    """Return a driver that was not opened."""
    return command.Command("meter", ["a"], lambda _reading: None, columns=[1], **parameters)


def test_no_shell_is_involved(tmp_path: Path) -> None:
    """What a shell would do with an argument is not done."""
    made = child.Child(["/bin/echo", "$HOME;", f"> {tmp_path}/file"], {})
    made.start()
    assert read_until_it_fails(made) == f"$HOME; > {tmp_path}/file\n".encode()
    made.stop()
    assert not (tmp_path / "file").exists()


def test_our_own_environment_stays_with_us(tmp_path: Path) -> None:
    """It may hold the secrets of other services."""
    made = child.Child(["/usr/bin/env"], {"METER_TOKEN": "abc"})
    made.start()
    printed = read_until_it_fails(made).decode()
    made.stop()
    assert "METER_TOKEN=abc" in printed
    names = {line.split("=")[0] for line in printed.splitlines()}
    assert names <= {"HOME", "LANG", "LC_ALL", "PATH", "TZ", "METER_TOKEN"}


def test_what_a_program_started_is_killed_with_it(tmp_path: Path) -> None:
    """Also when both do not listen."""
    script = (
        "trap '' TERM; (trap '' TERM; echo $BASHPID; while :; do sleep 0.1; done) & "
        "while :; do sleep 0.1; done"
    )
    made = child.Child(["/bin/bash", "-c", script], {})
    made.start()
    printed = b""
    while not printed.endswith(b"\n"):
        printed += made.read()
    assert is_alive(int(printed))
    made.stop()
    driver_contract.wait(lambda: not is_alive(int(printed)))


def test_a_program_that_is_not_there_is_told() -> None:
    """By its name, without its arguments."""
    driver = make(command=["/nowhere/wattmetre-read", "--token=hunter2"])
    with pytest.raises(exception.WattmeterUnreachable) as caught:
        driver.open()
    assert str(caught.value) == (
        "wattmetre-read does not answer: it cannot be started: No such file or directory"
    )


def test_a_program_that_ends_says_why() -> None:
    """Status and last complaint, without what may be secret in it."""
    script = 'echo first >&2; echo "cannot open $1 with $TOKEN" >&2; exit 3'
    driver = make(
        command=["/bin/sh", "-c", script, "sh", "--key=letmein"], environment={"TOKEN": "hunter2"}
    )
    driver.open()
    with pytest.raises(exception.WattmeterUnreachable) as caught:
        driver.read()
    driver.close()
    assert str(caught.value) == (
        "sh does not answer: it ended with status 3: cannot open *** with ***"
    )


def test_a_silent_program_is_unreachable() -> None:
    """It lives, and prints nothing."""
    driver = make(command=["/bin/sleep", "60"], timeout_seconds=0.3)
    driver.open()
    with pytest.raises(exception.WattmeterUnreachable, match="sleep .* says nothing for 0.3 s"):
        driver.read()
    driver.close()


def test_a_talkative_complainer_does_not_block() -> None:
    """Its complaints are drained, however many, and one that closes them is no trouble."""
    script = "yes complaint | head -c 1000000 >&2; exec 2>&-; while :; do echo 5; sleep 0.05; done"
    driver = make(command=["/bin/sh", "-c", script])
    driver.open()
    assert driver.read()["a"].watts == 5
    driver.close()


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    (
        ({"command": "wattmetre-read /dev/ttyUSB0"}, "command must be a list of texts"),
        ({"command": []}, "command must be a list"),
        ({"command": ["a\0b"]}, "command must be a list"),
        ({"command": ["a"], "environment": ["SECRET"]}, "environment must be a mapping"),
        ({"command": ["a"], "environment": {"A": 1}}, "environment: the value of A"),
        ({"command": ["a"], "environment": {"A=B": "c"}}, "environment has a key"),
        (
            {"command": ["a"], "timeout_seconds": 0},
            "timeout_seconds must be a number above 0, not 0",
        ),
    ),
)
def test_wrong_parameters_are_told(parameters: dict[str, Any], complaint: str) -> None:
    """Each complaint names the parameter."""
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        make(**parameters)
    assert complaint in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_presets_say_that_they_are_not_proved(
    device: Program, caplog: pytest.LogCaptureFixture
) -> None:
    """Once."""
    caplog.set_level("INFO")
    driver = command.Command("meter", ["a"], lambda _reading: None, **device.parameters)
    for _ in range(2):
        driver.open()
        driver.read()
        driver.close()
    assert caplog.text.count("not yet tried with the program itself") == 1
    assert os.fspath(device.directory) not in caplog.text
