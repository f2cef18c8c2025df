# SPDX-License-Identifier: Apache-2.0
"""A serial line never blocks for ever, and tells what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kwapi import exception
from kwapi.drivers.serial import port as serial_port
from tests.fakes import terminal


class Silent(terminal.Terminal):
    """A line with nobody who says anything."""

    probes = ()
    parameters: dict[str, object] = {}
    expected = {}
    period_seconds = 1.0

    def hear(self, data: bytes) -> None:
        """Nothing."""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Silent]:
    """A line that is plugged in."""
    made = Silent(tmp_path)
    made.plug()
    yield made
    made.unplug()


def test_silence_is_no_bytes(line: Silent) -> None:
    """After a moment."""
    port = serial_port.Port(serial_port.Settings(str(line.path), 115200))
    port.open()
    assert port.read() == b""
    port.close()


def test_a_line_is_ours_alone(line: Silent) -> None:
    """Two readers would each get half of what is said."""
    how = serial_port.Settings(str(line.path), 115200)
    first, second = serial_port.Port(how), serial_port.Port(how)
    first.open()
    with pytest.raises(exception.WattmeterUnreachable, match="in use by another program"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_every_call_says_when_the_line_is_gone(line: Silent) -> None:
    """Reading, writing and discarding alike; closing is quiet."""
    port = serial_port.Port(serial_port.Settings(str(line.path), 115200))
    port.open()
    line.unplug()
    with pytest.raises(exception.WattmeterUnreachable, match="unplugged"):
        port.read()
    with pytest.raises(exception.WattmeterUnreachable, match="unplugged"):
        port.write(b"x")
    with pytest.raises(exception.WattmeterUnreachable, match="unplugged"):
        port.discard()
    port.farewell(b"bye")
    with pytest.raises(exception.WattmeterUnreachable, match="not open"):
        port.read()


def test_a_line_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name, and what to look at."""
    port = serial_port.Port(serial_port.Settings(str(tmp_path / "ttyUSB7"), 9600))
    with pytest.raises(exception.WattmeterUnreachable, match=r"ttyUSB7 .*is it plugged in\?"):
        port.open()


def test_what_is_no_line_is_told(tmp_path: Path) -> None:
    """A file, for example."""
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(exception.WattmeterUnreachable, match="file does not answer"):
        serial_port.Port(serial_port.Settings(str(path), 9600)).open()


def test_a_line_that_takes_nothing_does_not_block() -> None:
    """As with flow control and nobody at the far end."""
    master, slave = os.openpty()
    port = serial_port.Port(serial_port.Settings(os.ttyname(slave), 9600))
    port.open()
    with pytest.raises(exception.WattmeterUnreachable, match="takes nothing"):
        port.write(b"x" * 1_000_000)
    port.close()
    os.close(master)
    os.close(slave)
