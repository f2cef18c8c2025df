# SPDX-License-Identifier: Apache-2.0
"""Which probes measure a host."""

from __future__ import annotations

import pytest

from climate.ranking import probes
from kwapi import client

NOW = 1000.0


def read(**watts: float) -> dict[str, client.Probe]:
    """Return probes that were read just now."""
    return {name: client.Probe(name, NOW, value) for name, value in watts.items()}


@pytest.mark.parametrize(
    ("hosts", "named", "wanted"),
    [
        (["a"], {}, {"a": ("a",)}),
        (["c"], {}, {}),
        # Named for it, though others would do; and though nobody knows them.
        (["a"], {"a": ("b", "x")}, {"a": ("b", "x")}),
        (["a.example.org"], {}, {"a.example.org": ("a",)}),
        # Whose is it?
        (["a.one.org", "a.two.org"], {}, {}),
        (["a.one.org", "a"], {}, {"a": ("a",)}),
    ],
)
def test_assign(
    hosts: list[str], named: dict[str, tuple[str, ...]], wanted: dict[str, tuple[str, ...]]
) -> None:
    assert probes.assign(hosts, named, read(a=1, b=2)) == wanted


def test_several_probes_are_added_up() -> None:
    known = {**read(a=100), "b": client.Probe("b", NOW - 5, 20.5)}
    assert probes.measure(["h"], {"h": ("a", "b")}, known, NOW, 60) == {"h": (NOW - 5, 120.5)}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"b": client.Probe("b", NOW - 61, 20)},
        {"b": client.Probe("b", NOW + 61, 20)},
        {"b": client.Probe("b", NOW, -1)},
    ],
)
def test_part_of_the_watts_is_none(odd: dict[str, client.Probe]) -> None:
    assert probes.measure(["h"], {"h": ("a", "b")}, {**read(a=1), **odd}, NOW, 60) == {}
