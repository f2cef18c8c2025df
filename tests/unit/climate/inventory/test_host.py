# SPDX-License-Identifier: Apache-2.0
"""What of a source's answer is stored."""

from __future__ import annotations

import math
from typing import Any

import pytest

from climate.inventory import host


def make(name: Any = "node-1", up: bool = True, **properties: Any) -> host.Host:
    """Return a host."""
    return host.Host(name, up, properties)


def test_the_same_host_is_the_same_text() -> None:
    told = make(b=[1, "é"], a={"z": None, "y": 1.5}), make("n", up=False)
    again = make(a={"y": 1.5, "z": None}, b=[1, "é"]), make("n", up=False)
    entries, complaints = host.encode(told)
    assert entries == host.encode(again)[0] == [
        ("node-1", "up", '{"a":{"y":1.5,"z":null},"b":[1,"\\u00e9"]}'),
        ("n", "down", "{}"),
    ]  # fmt: skip
    assert complaints == []


@pytest.mark.parametrize(
    "unfit",
    [
        make(""),
        make("x" * 256),
        make("a\nb"),
        make("\ud800"),
        make(None),
        make(watts=math.nan),
        make(watts=math.inf),
        make(at=object()),
        make(cpu_info={1: 2, "a": 3}),
    ],
)
def test_one_unfit_host_stops_no_other(unfit: host.Host) -> None:
    entries, complaints = host.encode([unfit, make("node-2")])
    assert [entry.name for entry in entries] == ["node-2"]
    assert len(complaints) == 1
    # It goes into a log.
    assert complaints[0].isascii() and complaints[0].isprintable()


def test_of_two_of_one_name_the_first_counts() -> None:
    entries, complaints = host.encode([make(a=1), make(a=2)])
    assert entries == [("node-1", "up", '{"a":1}')]
    assert complaints == [
        "host 'node-1' is left out: the source has several of this name, the first counts"
    ]
