# SPDX-License-Identifier: Apache-2.0
"""An OmegaWatt box on a pseudo-terminal: frames come by themselves, some of them broken."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.serial import omegawatt
from kwapi.drivers.serial import omegawatt_codec
from tests.contracts import driver as driver_contract
from tests.fakes import terminal

SAMPLE = (Path(__file__).parent / "samples" / "omegawatt-12.bin").read_bytes()
SIZE = len(SAMPLE) // 2
FIRST, SECOND = SAMPLE[:SIZE], SAMPLE[SIZE:]


def frame(watts: list[float], samples: int = 80, number: int = 0, age_seconds: float = 0) -> bytes:
    """Return a frame as the box sends it."""
    body = struct.pack("<HII3f", number, int(age_seconds * 2**32), samples, 1.0, 0.0, 0.0)
    for start in range(0, len(watts), 6):
        module = [value * samples for value in watts[start : start + 6]]
        body += struct.pack("<12f", *[0.0] * 6, *module)
    covered = struct.pack("<H", len(body)) + body
    check = 0
    for byte in covered:
        check ^= byte
    return omegawatt_codec.MARK + covered + bytes([check])


class Box(terminal.Terminal):
    """A box of twelve sockets, the fifth of which is broken; 50 frames a second."""

    baud = 921600
    interval_seconds = 0.02
    probes = ("lyon.node-1", "lyon.node-2", None, "lyon.node-4", "lyon.broken", "lyon.node-1")
    # The first is at sockets 1 and 6; 12 has no neighbour to be mistaken for.
    expected = {
        "lyon.node-1": measurement.Measurement(70.0),
        "lyon.node-2": measurement.Measurement(20.0),
        "lyon.node-4": measurement.Measurement(40.0),
    }
    period_seconds = 1.0
    resolution_watts = 0.125

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.parameters = {"device": str(self.path), "timeout_seconds": 0.5}
        self.sends = FIRST

    def hear(self, data: bytes) -> None:
        """It listens to nobody."""

    def tick(self) -> None:
        self.say(self.sends)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Box]:
    """A box that is plugged in."""
    box = Box(tmp_path)
    box.plug()
    yield box
    box.unplug()


def make(box: Box, **parameters: Any) -> omegawatt.Omegawatt:
    """Return a driver that was not opened."""
    return omegawatt.Omegawatt(
        "box", box.probes, lambda _reading: None, **{**box.parameters, **parameters}
    )


class TestContract(driver_contract.DriverContract):
    """What every driver does."""

    driver_name = "omegawatt"


def test_frames_are_averaged_over_the_period(device: Box) -> None:
    """The mean of the whole windows, by their samples, not the newest alone."""
    device.change(sends=frame([10.0] * 6, 100) + frame([40.0] * 6, 50))
    driver = make(device)
    driver.open()
    try:
        assert driver.read()["lyon.node-4"].watts == pytest.approx(20.0)
    finally:
        driver.close()


def test_broken_frames_are_dropped_and_counted(
    device: Box, caplog: pytest.LogCaptureFixture
) -> None:
    """Those between them are used."""
    device.change(sends=FIRST[:100] + SECOND[:-1] + bytes([SECOND[-1] ^ 1]) + FIRST)
    driver = make(device)
    driver.open()
    try:
        assert driver.read()["lyon.node-4"].watts == pytest.approx(40.0)
        assert driver._decoder.dropped >= 2
    finally:
        driver.close()
    assert "broken frames since the line was opened" in caplog.text


def test_a_silent_box_is_unreachable(device: Box) -> None:
    """The line is there, but the box has no power."""
    device.change(fault="silence")
    driver = make(device)
    driver.open()
    with pytest.raises(exception.WattmeterUnreachable, match="says nothing"):
        driver.read()
    driver.close()


def test_the_time_is_the_windows(device: Box) -> None:
    """The box says how long ago it measured."""
    device.change(sends=frame([1.0] * 12, age_seconds=0.75))
    driver = make(device)
    driver.open()
    before = driver._clock.time()
    measured = driver.read()["lyon.node-2"].timestamp
    after = driver._clock.time()
    driver.close()
    assert measured is not None
    assert before - 0.75 - 1 <= measured <= after - 0.75


def test_it_says_that_it_is_not_proved(device: Box, caplog: pytest.LogCaptureFixture) -> None:
    """Once."""
    caplog.set_level("INFO")
    driver = make(device)
    for _ in range(2):
        driver.open()
        driver.close()
    assert caplog.text.count("not yet tried on a real one") == 1


def test_a_sample_is_read() -> None:
    """Both frames, all sockets but the broken one."""
    frames = omegawatt_codec.Decoder().feed(SAMPLE)
    assert [f.number for f in frames] == [0, 1]
    assert frames[0].age_seconds == pytest.approx(0.0125)
    means = omegawatt_codec.mean_watts(frames)
    assert means.keys() == set(range(1, 13)) - {5}
    assert means[12] == pytest.approx(120.0625)


def test_a_window_without_samples_measures_nothing() -> None:
    """And noise about zero is zero."""
    (empty,) = omegawatt_codec.Decoder().feed(frame([50.0] * 6, samples=0))
    assert omegawatt_codec.mean_watts([empty]) == {}
    (noisy,) = omegawatt_codec.Decoder().feed(frame([-0.2, -5.0, math.inf, 0.0, 1.0, 2.0]))
    assert omegawatt_codec.mean_watts([noisy]) == {1: 0.0, 4: 0.0, 5: 1.0, 6: 2.0}


@given(st.binary(max_size=300), st.integers(1, 64))
def test_frames_after_noise_are_found_however_they_arrive(noise: bytes, size: int) -> None:
    """Noise costs no frame after it, and makes none."""
    decoder = omegawatt_codec.Decoder()
    data = noise + FIRST + SECOND
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    frames = [found for chunk in chunks for found in decoder.feed(chunk)]
    assert [f.number for f in frames] == [0, 1]


@given(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1))
def test_a_cut_frame_is_never_half_read(start: int, end: int) -> None:
    """What lost a part is dropped; the frames after it are whole."""
    decoder = omegawatt_codec.Decoder()
    frames = decoder.feed(FIRST[start:end] + SECOND + SECOND)
    assert [f.number for f in frames] == [1, 1]


@given(st.integers(0, SIZE * 8 - 1))
def test_a_flipped_bit_is_noticed_wherever_it_is(bit: int) -> None:
    """No wrong watts come of it, and the frames behind it are found once their bytes are there."""
    broken = bytearray(FIRST)
    broken[bit // 8] ^= 1 << bit % 8
    # Enough behind it to fill the longest frame that a broken length can claim.
    frames = omegawatt_codec.Decoder().feed(bytes(broken) + SECOND * 12)
    assert [f.number for f in frames] == [1] * 12


@given(st.binary(max_size=1000))
def test_any_bytes_are_survived(data: bytes) -> None:
    """Whatever comes after them is still found, after at most one longest frame."""
    decoder = omegawatt_codec.Decoder()
    decoder.feed(omegawatt_codec.MARK + data)
    assert decoder.feed(FIRST * 9)[-1].number == 0
