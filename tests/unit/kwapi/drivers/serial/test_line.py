# SPDX-License-Identifier: Apache-2.0
"""Meters that print lines, on a pseudo-terminal: some unasked, some when asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.serial import line
from tests.contracts import driver as driver_contract
from tests.fakes import terminal

SAMPLE = (Path(__file__).parent / "samples" / "line-meter.csv").read_bytes()


class Meter(terminal.Terminal):
    """A meter of three outlets at 9600 baud; the second says nothing."""

    baud = 9600
    interval_seconds = 0.15
    probes = ("lyon.node-1", "lyon.broken", "lyon.node-3")
    expected = {
        "lyon.node-1": measurement.Measurement(101.5, 12.5),
        "lyon.node-3": measurement.Measurement(57.25, 880.25),
    }
    period_seconds = 1.0
    resolution_watts = 0.25

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.parameters = {
            "device": str(self.path),
            "columns": [2, 3, 4],
            "kwh_columns": [5, 6, 7],
            "fields": 7,
            "resolution_watts": 0.25,
            "timeout_seconds": 0.8,
        }
        self.sends, self.answers = SAMPLE, dict[bytes, bytes]()
        self.heard = b""

    def hear(self, data: bytes) -> None:
        self.heard += data
        for question, answer in self.answers.items():
            if self.heard.endswith(question):
                self.say(answer)

    def tick(self) -> None:
        self.say(self.sends)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Meter]:
    """A meter that is plugged in."""
    meter = Meter(tmp_path)
    meter.plug()
    yield meter
    meter.unplug()


def read(meter: Meter, **parameters: Any) -> dict[str, measurement.Measurement]:
    """Return one reading, of a meter read in another way than by its own columns."""
    common = {"device": str(meter.path), "timeout_seconds": 2.0}
    made = line.Line("meter", meter.probes, lambda _reading: None, **common, **parameters)
    made.open()
    try:
        return dict(made.read())
    finally:
        made.close()


class TestContract(driver_contract.DriverContract):
    """What every driver does."""

    driver_name = "line"


def test_a_pattern_names_outlets(device: Meter) -> None:
    """Groups w1, kwh1 and so on; scaled to W and kWh."""
    device.change(sends=b"A=1015 B=n/a C=572 E=125\r\n")
    pattern = r"A=(?P<w1>\S+) B=(?P<w2>\S+) C=(?P<w3>\S+) E=(?P<kwh1>\S+)"
    answer = read(device, pattern=pattern, scale=0.1, kwh_scale=0.1)
    assert answer["lyon.node-1"][:2] == (pytest.approx(101.5), pytest.approx(12.5))
    assert answer["lyon.node-3"][:2] == (pytest.approx(57.2), None)
    assert "lyon.broken" not in answer


def test_lines_of_one_outlet_each_are_gathered(device: Meter) -> None:
    """A round takes several lines; the reading waits for all of them."""
    device.change(sends=b"Outlet 1: 10.5 W\r\nOutlet 2: 20 W\r\nOutlet 3: 30 W\r\n")
    pattern = r"Outlet (?P<outlet>\d+): (?P<w>[\d.]+) W"
    answer = read(device, pattern=pattern)
    assert {probe: m.watts for probe, m in answer.items()} == {
        "lyon.node-1": 10.5,
        "lyon.broken": 20.0,
        "lyon.node-3": 30.0,
    }


def test_a_meter_that_must_be_asked(device: Meter) -> None:
    """It is started once, asked each time, and told when it is over."""
    device.change(sends=b"", answers={b"READ?\r": b"1;2;3\r"})
    answer = read(
        device,
        init=["REMOTE\r", "UNIT W\r"],
        ask="READ?\r",
        bye="LOCAL\r",
        terminator="\r",
        columns=[1, 2, 3],
        separator=";",
    )
    assert [m.watts for m in answer.values()] == [1.0, 2.0, 3.0]
    driver_contract.wait(lambda: device.heard.endswith(b"LOCAL\r"))
    assert device.heard == b"REMOTE\rUNIT W\rREAD?\rLOCAL\r"


def test_a_silent_meter_is_unreachable(device: Meter) -> None:
    """The line is there, but nothing comes."""
    device.change(fault="silence")
    with pytest.raises(exception.WattmeterUnreachable, match="says nothing for 2 s"):
        read(device, columns=[1])


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    (
        ({"columns": None}, "one of format, pattern, columns"),
        ({"pattern": "(?P<w>.)"}, "given: pattern, columns"),
        ({"columns": 2}, "columns must be a list"),
        ({"columns": [0]}, "columns must be a whole number from 1 to 10000, not 0"),
        ({"columns": None, "pattern": "(?P<w>"}, "pattern is not a regular expression"),
        ({"columns": None, "pattern": "(?P<watts>.)"}, "has a group 'watts'"),
        ({"columns": None, "pattern": "(.)"}, "no group for watts"),
        (
            {"columns": None, "format": "wattmetre-read"},
            "format must be one of wattmetre-read-2, wattmetre-read-3, not 'wattmetre-read'",
        ),
        ({"device": ""}, "device"),
        ({"baud": "9600"}, "baud must be a whole number from 50 to 4000000, not '9600'"),
        ({"parity": "X"}, "parity must be one of N, E, O, M, S, not 'X'"),
        ({"flow": "some"}, "flow must be one of none, rtscts, xonxoff, not 'some'"),
        ({"init": 7}, "init must be a text"),
        ({"ask": "\u20ac"}, "ask has characters"),
        ({"terminator": ""}, "terminator"),
        ({"scale": 0}, "scale must be a number other than 0, not 0"),
        ({"fields": 0}, "fields must be a whole number from 1 to 10000, not 0"),
        ({"outlets": {"lyon.node-1": 0}}, "outlets of 'lyon.node-1'"),
        ({"resolution_watts": -1}, "resolution_watts must be a number above 0, not -1"),
    ),
)
def test_wrong_parameters_are_told(
    tmp_path: Path, parameters: dict[str, Any], complaint: str
) -> None:
    """Each complaint names the parameter."""
    meter = Meter(tmp_path)
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        line.Line(
            "meter", meter.probes, lambda _reading: None, **{**meter.parameters, **parameters}
        )
    assert complaint in str(caught.value)
