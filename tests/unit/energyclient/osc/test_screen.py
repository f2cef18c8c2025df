# SPDX-License-Identifier: Apache-2.0
"""What ``openstack energy top`` draws: what uses most first, as far as there is room."""

from __future__ import annotations

import io

import hypothesis
import pytest
from hypothesis import strategies

from energyclient import records
from energyclient.osc import screen

NOW = 1_790_000_000.0
PROBES = (
    records.Probe("idle", NOW - 2, 0.0, 1.0, "pdu-1", 5.0),
    records.Probe("busy", NOW - 2, 400.0, 2.5, "pdu-1", 5.0),
    records.Probe("silent", NOW - 90, 200.0, 3.0, "pdu-2", 5.0),
)
texts = strategies.text(max_size=30)
numbers = strategies.floats(0, 1e12)
probes = strategies.lists(
    strategies.builds(records.Probe, texts, numbers, numbers, numbers, texts), max_size=30
)


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_what_uses_most_comes_first() -> None:
    head, _, columns, *rows = screen.draw(PROBES, NOW, screen.Size())
    assert head.startswith("3 probes   600.0 W   6.500 kWh   2026-09-21")
    assert columns.split() == ["PROBE", "W", "KWH", "AGE", "WATTMETER"]
    assert [row.split()[0] for row in rows] == ["busy", "silent", "idle"]
    assert [row.count("#") for row in rows] == [20, 10, 0]
    assert "1m" in rows[1] and rows[0].endswith("pdu-1")


def test_what_is_wrong_takes_the_place_of_the_time() -> None:
    head = screen.draw(PROBES, NOW, screen.Size(), "Kwapi is away.")[0]
    assert head.endswith("600.0 W   6.500 kWh   Kwapi is away.")


def test_nothing_is_measured() -> None:
    assert screen.draw([], NOW, screen.Size())[0].startswith("0 probes   0.0 W")


@hypothesis.given(probes, strategies.integers(40, 200), strategies.integers(4, 50))
def test_a_frame_fits(found: list[records.Probe], width: int, height: int) -> None:
    """Whatever the probes are called, a terminal gets nothing to obey."""
    lines = screen.draw(found, NOW, screen.Size(width, height))
    assert len(lines) <= height
    assert all(len(line) <= width and line.isprintable() for line in lines)


def test_who_is_late_is_dimmed_on_a_terminal_only() -> None:
    plain = screen.draw(PROBES, NOW, screen.Size(80, 20))
    styled = screen.draw(PROBES, NOW, screen.Size(80, 20), style=True)
    assert "\x1b" not in "".join(plain)
    assert [line for line in styled if "\x1b[2m" in line] == [f"\x1b[2m{plain[4]}\x1b[0m"]


def test_a_terminal_is_left_as_it_was_found() -> None:
    """Also when the picture is left in the middle."""
    output = Terminal()
    with (
        pytest.raises(KeyboardInterrupt),
        screen.Screen(output, {"TERM": "xterm"}).open() as shown,
    ):
        shown.show(PROBES, NOW)
        raise KeyboardInterrupt
    assert output.getvalue().startswith("\x1b[?1049h\x1b[?25l\x1b[H3 probes")
    assert output.getvalue().endswith("\x1b[?25h\x1b[?1049l")


def test_without_colours_if_somebody_wants_none() -> None:
    """As NO_COLOR says; the picture is renewed all the same."""
    output = Terminal()
    with screen.Screen(output, {"TERM": "xterm", "NO_COLOR": "1"}).open() as shown:
        shown.show(PROBES, NOW)
    assert "\x1b[H" in output.getvalue()
    assert "\x1b[7m" not in output.getvalue() and "\x1b[2m" not in output.getvalue()


@pytest.mark.parametrize("output", [io.StringIO(), Terminal()])
def test_elsewhere_one_frame_follows_the_other(output: io.StringIO) -> None:
    """In a file, and on a terminal that obeys nothing."""
    with screen.Screen(output, {"TERM": "dumb"}).open() as shown:
        shown.show(PROBES, NOW)
        shown.show(PROBES, NOW)
    assert "\x1b" not in output.getvalue()
    assert output.getvalue().count("3 probes") == 2
    assert output.getvalue().count("\n\n3 probes") == 1
