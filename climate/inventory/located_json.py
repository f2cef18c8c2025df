# SPDX-License-Identifier: Apache-2.0
"""Parses JSON of lists and plain values, each with its position in the text.

Owns the parsing; :mod:`climate.inventory.properties` owns the meaning.  The standard
library's parser gives the position of a syntax error, but not of a value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z0-9_+.-]+")
_WORDS = {"true": True, "false": False, "null": None}
_QUOTED_LENGTH = 40
#: Public, though its stub does not say so: returns a text and where it ends.
_scan_text: Callable[[str, int], tuple[str, int]] = vars(json.decoder)["scanstring"]


class Mistake(Exception):
    """``reason``, and ``position``: characters before it."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason}, at position {position}")
        self.reason, self.position = reason, position


class Node(NamedTuple):
    """A value: text, number, truth, None, or a list of nodes; and where it begins."""

    value: Any
    position: int

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def text(self) -> str:
        """Return it as JSON, in ASCII."""
        return json.dumps(self.plain())

    def quote(self) -> str:
        """Return its beginning as JSON, for messages."""
        text = self.text()
        return text if len(text) <= _QUOTED_LENGTH else f"{text[:_QUOTED_LENGTH]}..."


def parse(text: str, max_depth: int) -> Node:
    """Return the only value of a text.

    :param max_depth: how many lists may be open at once; at most some hundreds,
        for each is a call.
    :raises Mistake: it is no such JSON.
    """
    reader = _Reader(text, max_depth)
    node, end = reader.read(0, 0)
    end = reader.skip(end)
    if end < len(text):
        raise Mistake("nothing may follow the expression", end)
    return node


class _Reader:
    def __init__(self, text: str, max_depth: int) -> None:
        self._text, self._max_depth = text, max_depth

    def skip(self, at: int) -> int:
        """Return where the next character that is no space stands."""
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def read(self, at: int, depth: int) -> tuple[Node, int]:
        """Return the value that begins there, and where it ends."""
        at = self.skip(at)
        begin = self._text[at : at + 1]
        if begin == "[":
            return self._read_list(at, depth + 1)
        if begin == '"':
            return self._read_text(at)
        return self._read_number(at) if begin in set("-0123456789") else self._read_word(at)

    def _read_list(self, at: int, depth: int) -> tuple[Node, int]:
        if depth > self._max_depth:
            raise Mistake(f"lists are nested more than {self._max_depth} deep", at)
        nodes: list[Node] = []
        end = self.skip(at + 1)
        if self._text[end : end + 1] == "]":
            return Node(nodes, at), end + 1
        while True:
            node, end = self.read(end, depth)
            nodes.append(node)
            end = self.skip(end)
            if self._text[end : end + 1] == "]":
                return Node(nodes, at), end + 1
            if self._text[end : end + 1] != ",":
                raise Mistake("this is no JSON: a comma or ] is wanted", end)
            end += 1

    def _read_text(self, at: int) -> tuple[Node, int]:
        try:
            value, end = _scan_text(self._text, at + 1)
        except json.JSONDecodeError as exc:
            raise Mistake(f"this is no JSON: {exc.msg}", exc.pos) from None
        return Node(value, at), end

    def _read_number(self, at: int) -> tuple[Node, int]:
        match = _NUMBER.match(self._text, at)
        if not match:
            raise Mistake("this is no JSON: a number is wanted", at)
        # Also bounds whole numbers, of which Python would read thousands of digits.
        if not math.isfinite(float(match[0])):
            raise Mistake("the number is too large", at)
        is_whole = match[1] is None and match[2] is None
        return Node(int(match[0]) if is_whole else float(match[0]), at), match.end()

    def _read_word(self, at: int) -> tuple[Node, int]:
        match = _WORD.match(self._text, at)
        if match and match[0] in _WORDS:
            return Node(_WORDS[match[0]], at), match.end()
        if match:
            raise Mistake(f"{match[0][:_QUOTED_LENGTH]} is no JSON", at)
        if at >= len(self._text):
            raise Mistake("this is no JSON: it ends too soon", at)
        if self._text[at] == "{":
            raise Mistake("an object has no meaning here", at)
        raise Mistake("this is no JSON: a value is wanted", at)
