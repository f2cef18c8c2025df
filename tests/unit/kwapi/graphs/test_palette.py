# SPDX-License-Identifier: Apache-2.0
"""Colours are told apart, whatever colours a reader sees.

Distances are in OKLab, where a just noticeable one is about 0.02; what readers
without one kind of cones see is simulated (Machado, Oliveira, Fernandes 2009).
"""

from __future__ import annotations

import itertools
import math

import pytest

from kwapi.graphs import palette

Triple = tuple[float, ...]
_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_VISIONS = {
    "usual": _IDENTITY,
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
_TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def _multiply(matrix: tuple[Triple, ...], vector: Triple) -> Triple:
    return tuple(sum(a * b for a, b in zip(row, vector)) for row in matrix)


def _linear(rgb: str) -> Triple:
    values = [int(rgb[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    return tuple(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)


def _see(rgb: str, vision: str) -> Triple:
    light = _multiply(_VISIONS[vision], _linear(rgb))
    cones = _multiply(_TO_CONES, tuple(min(1.0, max(0.0, one)) for one in light))
    return _multiply(_TO_LAB, tuple(math.cbrt(max(0.0, one)) for one in cones))


def _distance(one: str, other: str, vision: str) -> float:
    return math.dist(_see(one, vision), _see(other, vision))


@pytest.mark.parametrize("vision", _VISIONS)
def test_neighbours_differ_much(vision: str) -> None:
    """Two bands that touch are never taken for one."""
    pairs = itertools.pairwise((*palette.BANDS, palette.BANDS[0]))
    assert min(_distance(one, other, vision) for one, other in pairs) > 0.15


@pytest.mark.parametrize("vision", _VISIONS)
def test_any_two_differ(vision: str) -> None:
    """A colour in the legend is found in the stack."""
    pairs = itertools.combinations(palette.BANDS, 2)
    assert min(_distance(one, other, vision) for one, other in pairs) > 0.04


@pytest.mark.parametrize("vision", _VISIONS)
def test_the_first_ones_differ_more(vision: str) -> None:
    """Most graphs have few bands."""
    pairs = itertools.combinations(palette.BANDS[:8], 2)
    assert min(_distance(one, other, vision) for one, other in pairs) > 0.09


@pytest.mark.parametrize("theme", palette.THEMES.values())
def test_bands_and_text_stand_out(theme: palette.Theme) -> None:
    """Against the background, and text as WCAG 2 wants it."""
    backdrop = _see(theme.background, "usual")[0]
    assert all(abs(_see(one, "usual")[0] - backdrop) > 0.12 for one in palette.BANDS)
    light = sorted(_luminance(one) for one in (theme.background, theme.text))
    assert (light[1] + 0.05) / (light[0] + 0.05) > 7


def _luminance(rgb: str) -> float:
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), _linear(rgb)))
