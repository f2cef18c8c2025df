# SPDX-License-Identifier: Apache-2.0
"""What is in a probe's file and how it is called, without a file."""

from __future__ import annotations

import re
import struct

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi.history import layout as layouts

INFO = """filename = "a.rrd"
step = 1
last_update = 1700000002
header_size = 900
ds[w].index = 0
ds[w].type = "GAUGE"
ds[w].minimal_heartbeat = 60
ds[w].last_ds = "30.5"
ds[w].value = 2.2875000000e+01
""" + "".join(
    f'rra[{number}].cf = "AVERAGE"\nrra[{number}].rows = 50\nrra[{number}].cur_row = {number}\n'
    f"rra[{number}].pdp_per_row = {step}\n"
    for number, step in enumerate((1, 10, 900, 7200, 21_600, 604_800))
)
#: As a file begins that has six archives: the last value's time before what is being consolidated.
PLACE = 900 - 6 * 88 - 112 - 16
HEAD = bytes(PLACE) + struct.pack("@ll", 1_700_000_002, 750_000) + bytes(6 * 88 + 112)
NOW = 1_700_000_100.0


def test_a_probes_file_is_called_after_it() -> None:
    assert layouts.name_of("lyon.pdu-1:3") == "lyon.pdu-1:3.rrd"


def test_a_long_id_gives_a_name_that_any_file_system_takes() -> None:
    """And no other probe can have it: no id begins with its first character."""
    names = {layouts.name_of("a" * length) for length in range(190, 256)}
    assert len(names) == 66
    assert max(map(len, names)) <= 255 - len(".broken-1700000000")
    assert not measurement.PROBE_ID.fullmatch(layouts.name_of("a" * 255))


HOSTILE = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\x00b",
    "a b",
    "a\nb",
    "a'b",
    'a"b',
    "-a",
    ".a",
    "a" * 300,
    "\u202egnp.exe",
    "%2e%2e%2f",
    "a%n",
    "a\n",
    "é",
    "_" + "0" * 64,
    "a;b",
    "$(reboot)",
]


@pytest.mark.parametrize("probe_id", HOSTILE)
def test_what_is_no_probes_id_is_no_file(probe_id: str) -> None:
    with pytest.raises(exception.ProbeNotFound) as caught:
        layouts.name_of(probe_id)
    assert str(caught.value).isprintable()


@hypothesis.given(st.text(max_size=300) | st.from_regex(measurement.PROBE_ID, fullmatch=True))
def test_no_name_leaves_the_directory(probe_id: str) -> None:
    """Nor does it mean anything to rrdtool, rrdcached or a shell but a name."""
    try:
        name = layouts.name_of(probe_id)
    except exception.ProbeNotFound:
        return
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._:@+~,=-]*\.rrd", name)
    assert len(name) <= 204


@hypothesis.given(st.sets(st.from_regex(measurement.PROBE_ID, fullmatch=True)))
def test_no_two_probes_share_a_file(probe_ids: set[str]) -> None:
    assert len({layouts.name_of(probe_id) for probe_id in probe_ids}) == len(probe_ids)


@pytest.mark.parametrize(
    ("period_seconds", "expected"), [(None, 60), (1.0, 60), (20.0, 60), (20.1, 61), (300.0, 900)]
)
def test_a_slow_device_may_take_three_of_its_periods(
    period_seconds: float | None, expected: int
) -> None:
    assert layouts.Layout(60.0).heartbeat_seconds(period_seconds) == expected


@pytest.mark.parametrize(("timestamp", "begin"), [(100.0, 99), (100.25, 100), (100.999999, 100)])
def test_a_file_begins_with_the_second_of_its_first_value(timestamp: float, begin: int) -> None:
    command = layouts.DEFAULT.create("a.rrd", timestamp, 60)
    assert f" -s 1 -b {begin} DS:w:GAUGE:60:0:U " in command


def test_only_what_is_configured_is_kept() -> None:
    command = layouts.Layout(60.0, ("AVERAGE",)).create("a.rrd", 100.0, 60)
    assert command.count("RRA:") == command.count("RRA:AVERAGE:") == 6


def test_a_file_of_ours_is_known() -> None:
    assert layouts.judge(INFO, HEAD, NOW) == layouts.Known(1_700_000_002_750_000, 60, 30.5)


def test_a_file_that_ends_in_a_gap_has_no_last_value() -> None:
    assert layouts.judge(INFO.replace("30.5", "U"), HEAD, NOW).watts is None


@pytest.mark.parametrize(
    "head", [b"", HEAD[:PLACE], bytes(900), HEAD.replace(struct.pack("@l", 750_000), b"\xff" * 8)]
)
def test_of_a_file_of_another_machine_the_last_second_is_over(head: bytes) -> None:
    """Nothing in it can be told to be new."""
    assert layouts.judge(INFO, head, NOW).last_us == 1_700_000_002_999_999


STRANGERS = {
    "another step": ("step = 1\n", "step = 300\n", "step is 300"),
    "no step": ("step = 1\n", "", "step is unknown"),
    "another name": ("ds[w]", "ds[o]", "not w"),
    "a further source": ("ds[w].index", "ds[x].index = 1\nds[w].index", "not w"),
    "a counter": ('"GAUGE"', '"DERIVE"', "no gauge"),
    "no year": ("pdp_per_row = 604800", "pdp_per_row = 604801", "year"),
    "no averages": ("AVERAGE", "LAST", "minute, hour"),
    "a row too far": ("cur_row = 3", "cur_row = 50", "row 50 of 50"),
    "the future": ("= 1700000002", "= 1900000000", "future"),
    "no time": ("last_update = 1700000002\n", "", "invalid literal"),
    "no heartbeat": ("minimal_heartbeat = 60", "minimal_heartbeat = x", "invalid literal"),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_file_of_others_is_told_why(kind: str) -> None:
    old, new, expected = STRANGERS[kind]
    assert old in INFO
    with pytest.raises(ValueError, match=expected):
        layouts.judge(INFO.replace(old, new), HEAD, NOW)
