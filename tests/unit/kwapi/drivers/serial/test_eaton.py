# SPDX-License-Identifier: Apache-2.0
"""An ePDU's console on a pseudo-terminal at 9600 baud: one log-in, all outlets at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.serial import eaton
from kwapi.drivers.serial import eaton_codec as codec
from tests.contracts import driver as driver_contract
from tests.fakes import terminal

SAMPLES = Path(__file__).parent / "samples"
WATTS = "PDU.OutletSystem.Outlet[x].ActivePower"
WH = "PDU.OutletSystem.Outlet[x].Statistic[5].Energy"
AMPERES = "PDU.Input[1].Phase[x].Current"


def load(name: str) -> dict[str, str]:
    """Return the objects of a sample."""
    lines = (SAMPLES / f"{name}.txt").read_text().splitlines()
    return dict(line.split(" = ", 1) for line in lines)


class Console(terminal.Terminal):
    """A console with room for one."""

    baud = 9600
    probes = ("lyon.node-1", None, "lyon.broken", "lyon.node-4", "lyon.node-5", "lyon.node-1")
    expected = {
        "lyon.node-1": measurement.Measurement(101.5, 120.035),
        "lyon.node-4": measurement.Measurement(230.0, 4294.967),
        "lyon.node-5": measurement.Measurement(57.25, 0.88),
    }
    secrets = ("hunter2hunter2",)
    period_seconds = 5.0
    resolution_watts = 1.0

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.parameters = {
            "device": str(self.path),
            "user": "kwapi",
            "password": self.secrets[0],
            "timeout_seconds": 1.5,
        }
        self.objects = load("eaton-epdu-g3-console")
        self.password = self.secrets[0]
        self.asked: list[str] = []
        self._line, self._state = b"", "login"

    def start_anew(self) -> None:
        self._line, self._state = b"", "login"

    def come_back(self) -> None:
        super().come_back()
        self.password = self.secrets[0]

    def refuse(self) -> None:
        self.password = "another"

    def count_sessions(self) -> int:
        return int(self._state == "command")

    def hear(self, data: bytes) -> None:
        *lines, self._line = re.split(rb"\r\n|\r|\n", self._line + data)
        for line in lines:
            # The command's own bytes take the line's time as well.
            wire = len(line) * 10 / self.baud
            self.say(self._answer(line.decode("latin-1")), seconds_before=wire)

    def _answer(self, line: str) -> bytes:
        state, self._state = self._state, "command"
        if line == "quit" or (state == "login" and not line):
            self._state = "login"
            return b"\r\nEnter Login: "
        if state == "login":
            self._state = "password"
            return f"{line}\r\nEnter Password: ".encode()
        if state == "password" and line != self.password:
            self._state = "login"
            return b"\r\nAccess denied\r\nEnter Login: "
        value = ""
        if state == "command" and line.startswith("get "):
            self.asked.append(line[4:])
            value = self.objects.get(line[4:], "Unknown object") + "\r"
            line += "\r\n"
        else:
            line = ""
        return f"{line}{value}\r\npdu#0>".encode()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Console]:
    """A console that is connected."""
    console = Console(tmp_path)
    console.plug()
    yield console
    console.unplug()


def make(console: Console, **parameters: Any) -> eaton.EatonSerial:
    """Return a driver that was not opened."""
    return eaton.EatonSerial(
        "epdu", console.probes, lambda _reading: None, **{**console.parameters, **parameters}
    )


class TestContract(driver_contract.DriverContract):
    """What every driver does."""

    driver_name = "eaton_serial"


def read(driver: eaton.EatonSerial) -> dict[str, measurement.Measurement]:
    """Return one reading of a session of its own."""
    driver.open()
    try:
        return dict(driver.read())
    finally:
        driver.close()


def test_24_outlets_are_two_exchanges(device: Console) -> None:
    """Watts of all, counters of all; at the line's own speed that is well within the period."""
    device.objects["PDU.OutletSystem.Outlet.Count"] = "24"
    device.objects[WATTS] = "|".join(f"{outlet}.5" for outlet in range(1, 25))
    device.objects[WH] = "|".join(str(outlet * 1000) for outlet in range(1, 25))
    device.probes = tuple(f"node-{outlet}" for outlet in range(1, 25))
    driver = make(device, timeout_seconds=5.0)
    driver.open()
    device.asked.clear()
    answer = driver.read()
    driver.close()
    assert device.asked == [WATTS, WH]
    assert answer == {
        f"node-{n}": measurement.Measurement(n + 0.5, pytest.approx(float(n))) for n in range(1, 25)
    }


def test_whole_numbers_are_tenths_of_watts(
    device: Console, caplog: pytest.LogCaptureFixture
) -> None:
    """The same ePDU printing by the manual's units measures the same."""
    caplog.set_level("INFO")
    device.objects = load("eaton-epdu-g3-console-deci")
    answer = read(make(device))
    assert answer["lyon.node-1"].watts == pytest.approx(101.5)
    assert "lyon.broken" not in answer
    assert "scale 0.1 is right" in caplog.text


@pytest.mark.parametrize(
    ("objects", "scale", "told"),
    (
        ({}, None, "scale 1 is right"),
        ({}, 0.1, "with scale 0.1 the outlets take 39 W, but the input 415 VA"),
        ({AMPERES: "0.0"}, None, "not proved"),
        ({AMPERES: "Unknown object"}, None, "not proved"),
    ),
)
def test_the_unit_is_checked_against_the_input(
    device: Console,
    caplog: pytest.LogCaptureFixture,
    objects: dict[str, str],
    scale: float | None,
    told: str,
) -> None:
    """It is told whether it is proved, not proved, or likely wrong."""
    caplog.set_level("INFO")
    device.objects.update(objects)
    read(make(device, scale=scale))
    assert told in caplog.text


def test_it_says_that_it_is_not_proved(device: Console, caplog: pytest.LogCaptureFixture) -> None:
    """Once."""
    caplog.set_level("INFO")
    driver = make(device)
    for _ in range(2):
        read(driver)
    assert caplog.text.count("not yet tried on a real one") == 1


def test_a_value_too_few_is_no_answer(device: Console) -> None:
    """Values have no names: with one missing all others may be somebody else's."""
    device.objects[WATTS] = "1.0|2.0|3.0|4.0|5.0"
    with pytest.raises(exception.MalformedAnswer, match="5 values of .* for 6 outlets"):
        read(make(device))


def test_counters_that_are_not_to_be_had_cost_only_themselves(
    device: Console, caplog: pytest.LogCaptureFixture
) -> None:
    """Watts go on, and the counters are asked for no more."""
    del device.objects[WH]
    driver = make(device)
    driver.open()
    assert driver.read()["lyon.node-5"] == measurement.Measurement(57.25, None)
    driver.read()
    driver.close()
    assert device.asked.count(WH) == 1
    assert "going on without energy counters" in caplog.text


def test_a_silent_console_is_unreachable(device: Console) -> None:
    """The adapter is there, the ePDU's end is not."""
    device.fault = "silence"
    with pytest.raises(exception.WattmeterUnreachable, match="says nothing"):
        read(make(device, timeout_seconds=0.4))


def test_a_session_that_was_left_open_is_used(device: Console) -> None:
    """After a crash the console is still logged in."""
    device._state = "command"
    assert read(make(device)).keys() == device.expected.keys()


def test_a_log_in_that_was_left_half_way_is_begun_anew(device: Console) -> None:
    """The first line we send was taken for a password."""
    device._state = "password"
    assert read(make(device)).keys() == device.expected.keys()


@given(st.lists(st.sampled_from(["0", "12", "7.5", "-1", "N/A", ""]), min_size=1, max_size=24))
def test_every_value_is_its_own_outlets(values: list[str]) -> None:
    """What is missing shifts nothing."""
    command = f"get {WATTS}"
    text = f"\r\npdu#0>{command}\r\n{'|'.join(values)}\r\r\npdu#0>".encode()
    answer = codec.parse_answer(text, command)
    assert answer is not None
    parsed = codec.parse_values(answer)
    assert parsed == values
    found = codec.numbers(parsed)
    for place, value in enumerate(values, start=1):
        assert found.get(place) == codec.number(value)


@given(st.integers(0, 300))
def test_a_cut_answer_is_none(length: int) -> None:
    """The prompt comes last: what has none is not all there."""
    command = f"get {WATTS}"
    whole = f"{command}\r\n101.5|0.0|N/A\r\r\npdu#0>".encode()
    cut = whole[:length]
    assert (codec.parse_answer(cut, command) is None) == (cut != whole)


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(noise: bytes) -> None:
    """An answer is what stands behind our own command."""
    command = f"get {WATTS}"
    codec.parse_answer(noise, command)
    text = noise + f"\r\npdu#0>{command}\r\n1.0|2.0\r\r\npdu#0>".encode()
    assert codec.parse_answer(text, command) == "1.0|2.0"


@given(st.floats(100, 20000), st.floats(0.25, 1.0))
def test_never_do_both_units_pass(voltamperes: float, power_factor: float) -> None:
    """A tenfold mistake is always seen."""
    watts = voltamperes * power_factor
    assert codec.is_proved(watts, voltamperes)
    assert codec.is_proved(watts * 10, voltamperes) is False
    assert codec.is_proved(watts / 10, voltamperes) is False


def test_three_phases_add_up() -> None:
    """In either unit; volts that are none are not guessed at."""
    assert codec.find_voltamperes(["230.0"] * 3, ["1.5", "2.0", "0.5"]) == pytest.approx(920)
    assert codec.find_voltamperes(["23000"] * 3, ["1500", "2000", "500"]) == pytest.approx(920)
    assert codec.find_voltamperes(["2300"] * 3, ["1500", "2000", "500"]) is None
    assert codec.find_voltamperes(["230.0"], ["1.5", "2.0"]) is None
