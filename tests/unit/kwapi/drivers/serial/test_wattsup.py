# SPDX-License-Identifier: Apache-2.0
"""A Watts Up? on a pseudo-terminal: reports when told to, in packets that may break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.serial import wattsup
from kwapi.drivers.serial import wattsup_codec
from tests.contracts import driver as driver_contract
from tests.fakes import terminal

SAMPLE = (Path(__file__).parent / "samples" / "wattsup-pro.txt").read_bytes()
HEADER, FIRST, SECOND = SAMPLE.splitlines(keepends=True)


class Meter(terminal.Terminal):
    """A meter whose seconds are short."""

    probes = ("lyon.node-1", "lyon.nobody")
    expected = {"lyon.node-1": measurement.Measurement(123.4, 4.5678)}
    period_seconds = 1.0
    resolution_watts = 0.1
    interval_seconds = 0.1

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.parameters = {"device": str(self.path), "timeout_seconds": 0.5}
        self.header, self.sample = HEADER, FIRST
        self.starts: tuple[bytes, ...] = (b"#L,W,3,E,,1", b"#L,W,3,E,1,1")
        self.commands: list[bytes] = []
        self._reports, self._heard = False, b""

    def start_anew(self) -> None:
        self._reports = False

    def hear(self, data: bytes) -> None:
        *commands, self._heard = (self._heard + data).split(b";")
        for command in filter(None, commands):
            self.commands.append(command)
            if command in self.starts:
                self._reports = True
            elif command == b"#L,R,0":
                self._reports = False
                self.say(b"#l,-,2,0,1;\r\n")
            elif command == b"#H,R,0":
                self.say(self.header)

    def tick(self) -> None:
        if self._reports:
            self.say(self.sample)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Meter]:
    """A meter that is plugged in."""
    meter = Meter(tmp_path)
    meter.plug()
    yield meter
    meter.unplug()


def make(meter: Meter, **parameters: Any) -> wattsup.Wattsup:
    """Return a driver that was not opened."""
    return wattsup.Wattsup(
        "meter", meter.probes, lambda _reading: None, **{**meter.parameters, **parameters}
    )


class TestContract(driver_contract.DriverContract):
    """What every driver does."""

    driver_name = "wattsup"


def test_the_first_kwapis_parameters_load() -> None:
    """Unchanged, and with its period; silence is two intervals."""
    driver = wattsup.Wattsup("meter", ["a"], lambda _reading: None, device="/dev/ttyUSB0")
    assert (driver.period_seconds, driver._interval, driver._timeout_seconds) == (1.0, 1, 2.0)


def test_the_meter_is_told_to_report_and_keeps_its_memory(device: Meter) -> None:
    """Nothing is erased that nobody asked to erase."""
    driver = make(device)
    driver.open()
    driver.read()
    driver.close()
    assert device.commands[:2] == [b"#H,R,0", b"#L,W,3,E,,1"]
    assert b"#R,W,0" not in device.commands


def test_the_memory_is_cleared_when_asked(device: Meter) -> None:
    """As the first Kwapi always did."""
    driver = make(device, clear_memory=True)
    driver.open()
    driver.read()
    driver.close()
    assert device.commands[:3] == [b"#H,R,0", b"#R,W,0", b"#L,W,3,E,,1"]


def test_a_meter_of_the_other_spelling_is_asked_again(device: Meter) -> None:
    """One that does not take an empty field gets a number in it."""
    device.starts = (b"#L,W,3,E,1,1",)
    driver = make(device)
    driver.open()
    assert driver.read().keys() == {"lyon.node-1"}
    driver.close()


def test_a_silent_meter_is_unreachable_after_asking_again(device: Meter) -> None:
    """The line is there, but the meter has no power."""
    driver = make(device)
    driver.open()
    driver.read()
    device.change(fault="silence")
    with pytest.raises(exception.WattmeterUnreachable, match="says nothing"):
        for _ in range(3):
            driver.read()
    assert device.commands.count(b"#L,W,3,E,1,1") == 1
    driver.close()


def test_fields_are_found_by_the_header(device: Meter) -> None:
    """A meter may report others, or in another order."""
    device.header, device.sample = b"#h,-,3,WH,PF,W;", b"#d,-,3,20,97,1000;"
    driver = make(device)
    driver.open()
    assert driver.read()["lyon.node-1"][:2] == (100.0, pytest.approx(0.002))
    driver.close()


def test_watts_that_are_not_measured_are_missing(device: Meter) -> None:
    """And not 0."""
    device.sample = FIRST.replace(b",1234,", b",_,")
    driver = make(device)
    driver.open()
    assert driver.read() == {}
    driver.close()


def test_the_counter_may_be_missing_alone(device: Meter) -> None:
    """Watts go on without it."""
    device.sample = FIRST.replace(b",45678,", b",_,")
    driver = make(device)
    driver.open()
    assert driver.read()["lyon.node-1"][:2] == (123.4, None)
    driver.close()


def test_it_says_that_it_is_not_proved(device: Meter, caplog: pytest.LogCaptureFixture) -> None:
    """Once."""
    caplog.set_level("INFO")
    driver = make(device)
    for _ in range(2):
        driver.open()
        driver.close()
    assert caplog.text.count("not yet tried on a real meter") == 1


def test_a_sample_is_read() -> None:
    """Header and samples, as the meter sends them."""
    header, first, second = wattsup_codec.Decoder().feed(SAMPLE)
    fields = wattsup_codec.find_fields(header.arguments)
    assert [wattsup_codec.watts(p.arguments, fields) for p in (first, second)] == [123.4, 123.8]
    assert wattsup_codec.kwh(second.arguments, fields) == pytest.approx(4.5679)


@given(st.binary(max_size=200), st.lists(st.integers(0, 40), max_size=20))
def test_packets_after_noise_are_found_however_they_arrive(noise: bytes, cuts: list[int]) -> None:
    """At most the packet that the noise runs into is lost."""
    decoder = wattsup_codec.Decoder()
    data, packets = noise + FIRST + SECOND, []
    for cut in cuts:
        packets += decoder.feed(data[:cut])
        data = data[cut:]
    packets += decoder.feed(data)
    assert packets[-1].arguments[0] == "1238"
    assert [p for p in packets if p.arguments[:1] == ("1234",)]


@given(st.integers(0, len(FIRST) - 1), st.integers(0, len(FIRST) - 1))
def test_a_cut_packet_is_never_half_read(start: int, end: int) -> None:
    """The count tells: what lost a part is dropped, and the next one is whole."""
    packets = wattsup_codec.Decoder().feed(FIRST[start:end] + SECOND)
    assert [p.arguments[0] for p in packets if p.command == "d"][-1] == "1238"
    assert all(len(p.arguments) == 18 for p in packets)


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(data: bytes) -> None:
    """And what comes of them is a number or nothing."""
    for packet in wattsup_codec.Decoder().feed(data):
        watts = wattsup_codec.watts(packet.arguments, wattsup_codec.Fields())
        assert watts is None or watts >= 0
