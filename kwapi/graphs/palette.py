# SPDX-License-Identifier: Apache-2.0
"""Colours of the graphs, the same on light and on dark.

Owns which colours there are and their order.  Neighbours in a stack are told
apart by readers of any kind of colour vision: the order was searched for the
greatest distance between neighbours as such readers see them, and the test
beside this module measures it.
"""

from __future__ import annotations

from typing import NamedTuple

#: One for each band of a stack, from the bottom; used anew beyond the last.
BANDS = (
    "317dca",
    "efbc4b",
    "af2f02",
    "58a2f2",
    "5746a0",
    "cf7b26",
    "86cdff",
    "714a5e",
    "d2a061",
    "2f5bc2",
    "aa6743",
    "acd28e",
    "8f7df3",
    "116b1a",
    "deb6d3",
    "954e9c",
    "f68c11",
    "a0a8d1",
    "944a47",
    "d58873",
)

#: What is left over: no colour, hence taken for none of the bands.
REST = "8c939b"


class Theme(NamedTuple):
    """What is drawn around and above the bands; RRGGBB, or RRGGBBAA.

    :ivar total: the line above the stack.
    """

    background: str
    text: str
    grid: str
    major_grid: str
    axis: str
    total: str


THEMES = {
    "light": Theme("ffffff", "24292f", "00000012", "00000026", "6e7781", "1b1f24"),
    "dark": Theme("10151c", "d0d7de", "ffffff12", "ffffff26", "8b949e", "f0f6fc"),
}


def colour(index: int, *, is_rest: bool = False) -> str:
    """Return the colour of the band of that index, RRGGBB.

    :param is_rest: it shows all that have no band of their own.
    """
    return REST if is_rest else BANDS[index % len(BANDS)]
