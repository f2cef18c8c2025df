# SPDX-License-Identifier: Apache-2.0
"""Lines become samples: what is cut, remarked or not valid is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi.drivers.serial import lines

SAMPLES = Path(__file__).parent / "samples"
FORMAT = lines.Columns(watts={1: 1, 2: 2}, fields=2)
watts = st.floats(0, 5000).map(lambda value: round(value, 1))


def parse(preset: str) -> list[lines.Sample]:
    """Return what a sample says."""
    splitter = lines.Splitter(lines.PRESETS[preset])
    return splitter.feed((SAMPLES / f"{preset}.csv").read_bytes())


def test_wattmetre_read_2() -> None:
    """Time third, OK fourth, then ports; nan and nothing are missing."""
    merged = lines.merge(parse("wattmetre-read-2"))
    assert merged.watts == {1: 100.25, 2: 20.5, 5: 3.0}
    assert merged.timestamp == 1671527189.334471465


def test_wattmetre_read_3() -> None:
    """Amperes and watts by port; the last six columns are no port's."""
    samples = parse("wattmetre-read-3")
    assert len(samples) == 2, "the line that is not valid is dropped"
    merged = lines.merge(samples)
    assert merged.watts == {1: pytest.approx(21.0), 2: 270.5}
    assert merged.timestamp == 1671527189.334471465


@pytest.mark.parametrize(
    "line",
    ["", "1,0,167.5,KO,1.0", "1,0,,OK,1.0", "1,0,167.5,OK", "1,0,nan,OK,5.0", "1,0"],
)
def test_a_line_that_says_nothing_is_none(line: str) -> None:
    """A time that is none, a frame that was broken, no ports at all."""
    assert lines.PRESETS["wattmetre-read-2"].parse(line) is None


@given(st.lists(st.tuples(watts, watts), min_size=1), st.integers(1, 20))
def test_lines_are_whole_however_they_arrive(rows: list[tuple[float, float]], size: int) -> None:
    """Bytes have no respect for lines."""
    data = "".join(f"{a},{b}\r\n" for a, b in rows).encode()
    splitter = lines.Splitter(FORMAT)
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    samples = [sample for chunk in chunks for sample in splitter.feed(chunk)]
    assert [(s.watts[1], s.watts[2]) for s in samples] == rows


@given(watts, watts, st.integers(0, 30))
def test_a_line_begun_before_we_listened_is_not_read(a: float, b: float, cut: int) -> None:
    """Its beginning may be lost, and 101.5 look like 1.5."""
    line = f"{a},{b}\n".encode()
    splitter = lines.Splitter(FORMAT, skip_first=True)
    samples = splitter.feed(line[min(cut, len(line) - 1) :] + b"7.0,8.0\n")
    assert [s.watts for s in samples] == [{1: 7.0, 2: 8.0}]


@given(watts, watts, st.data())
def test_two_lines_that_lost_what_is_between_are_dropped(
    a: float, b: float, data: st.DataObject
) -> None:
    """As long as the number of columns tells; the next line is whole."""
    line = f"{a},{b}".encode()
    cut = data.draw(st.integers(line.index(b",") + 1, len(line)))
    splitter = lines.Splitter(FORMAT)
    samples = splitter.feed(line[:cut] + line + b"\n" + b"7.0,8.0\n")
    assert [s.watts for s in samples] == [{1: 7.0, 2: 8.0}]
    assert splitter.dropped == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data: bytes) -> None:
    """And no number comes of them that is none."""
    for format_ in (*lines.PRESETS.values(), FORMAT, lines.Pattern(r"(?P<w>\S+)")):
        for sample in lines.Splitter(format_).feed(data + b"\n"):
            assert all(abs(value) < float("inf") for value in sample.watts.values())


def test_a_line_without_an_end_is_given_up() -> None:
    """It does not fill the memory; the next is read."""
    splitter = lines.Splitter(FORMAT)
    for _ in range(100):
        assert splitter.feed(b"9" * 1000) == []
    assert len(splitter._rest) <= 17_000
    assert [s.watts for s in splitter.feed(b"\n7.0,8.0\n")] == [{1: 7.0, 2: 8.0}]


@pytest.mark.parametrize("text", ["", "-", "_", "nan", "inf", "1,5", "0x10", "1e999", "١"])
def test_what_is_no_number_is_missing(text: str) -> None:
    """And not 0."""
    assert lines.number(text) is None


def test_watts_are_averaged_and_counters_are_the_newest() -> None:
    """Of all lines between two readings."""
    merged = lines.merge(
        [lines.Sample({1: 10.0}, {1: 1.0}), lines.Sample({1: 30.0, 2: 5.0}, {1: 2.0}, 9.0)]
    )
    assert merged == ({1: 20.0, 2: 5.0}, {1: 2.0}, 9.0)
