# SPDX-License-Identifier: Apache-2.0
"""Reduces a PNG to a palette: a third of the size of four bytes for each pixel.

Owns Pillow, which is optional: without it the graphs are as small, since
nothing in them is smoothed then, text neither, and look it.
"""

from __future__ import annotations

import io

try:
    from PIL import Image
except ImportError:  # pragma: no cover - tests have it
    _HAS_PILLOW = False
else:
    _HAS_PILLOW = True

#: A graph has some three hundred, most of them at the edges of letters.
_COLOURS = 128
#: The most zlib knows, 9, saves another tenth and takes three times as long.
_EFFORT = 6


def is_possible() -> bool:
    """Tell whether there is what it needs."""
    return _HAS_PILLOW


def shrink(png: bytes) -> bytes:
    """Return the same picture in fewer bytes."""
    with Image.open(io.BytesIO(png)) as picture:
        reduced = picture.convert("RGB").quantize(
            _COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
    written = io.BytesIO()
    reduced.save(written, "PNG", compress_level=_EFFORT)
    return written.getvalue()
