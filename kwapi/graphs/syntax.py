# SPDX-License-Identifier: Apache-2.0
"""Writes rrdtool's commands: lines, quoted text, sums and steps.

Pure.  Owns every quotation mark and backslash: names come from outside, and
none of them may say more to rrdtool than what it is called.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from collections.abc import Sequence

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
#: Looks the same, and means nothing to rrdtool.
_BACKSLASH = "\N{SET MINUS}"
#: Keeps to the left what is before a name that is read from the right, and to the right the rest.
_LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"


def line(arguments: Iterable[str]) -> str:
    """Return a command as ``rrdtool -`` reads it: words in quotes, as a shell has them.

    :raises ValueError: a character in it would end the line or the text.
    """
    words = list(arguments)
    if any(character in word for word in words for character in "\n\r\0"):
        raise ValueError("a command of rrdtool's is one line")
    return " ".join("'{}'".format(word.replace("'", "'\"'\"'")) for word in words)


def escape(word: str) -> str:
    """Return a word without backslashes as it stands between two of rrdtool's colons."""
    return word.replace(":", "\\:")


def show(text: str, width: int) -> str:
    """Return text for a picture, as wide as told: made shorter in the middle, or filled up."""
    shown = shorten(clean(text), width)
    return escape(isolate(shown)) + " " * (width - measure(shown))


def isolate(text: str) -> str:
    """Return text which what stands around it does not change places with."""
    return f"{_LEFT_TO_RIGHT}{text}{_LEFT_TO_RIGHT}"


def clean(text: str) -> str:
    """Return text without what rrdtool would not show as it is."""
    visible = (one if one.isprintable() else " " for one in text)
    return "".join(visible).replace("\\", _BACKSLASH)


def shorten(text: str, width: int) -> str:
    """Return text of that width at most; beginning and end tell names apart, so both stay."""
    if measure(text) <= width:
        return text
    head = _take(text, width // 2)
    tail = _take(text[::-1], width - 1 - measure(head))[::-1]
    return f"{head}{_ELLIPSIS}{tail}"


def measure(text: str) -> int:
    """Return how many places text takes in a font of fixed width."""
    return sum(map(_places, text))


def add(names: Sequence[str]) -> str:
    """Return the sum of variables: unknown only where all of them are."""
    first, *others = names
    return ",".join([first, *(f"{name},ADDNAN" for name in others)])


def step(values: Iterable[tuple[int, float]]) -> str:
    """Return a function of time from its value for each row, named by the row's end.

    It is as long as there are changes, and not longer.
    """
    terms: list[str] = []
    before: tuple[int, float] | None = None
    for end, value in values:
        if before is None:
            terms.append(f"{value:.12g}")
        elif value != before[1]:
            terms.append(f"TIME,{before[0]},GT,{value - before[1]:.12g},*,+")
        before = end, value
    return ",".join(terms) or "0"


def _take(text: str, width: int) -> str:
    taken = ""
    for character in text:
        width -= _places(character)
        if width < 0:
            break
        taken += character
    return taken


def _places(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
