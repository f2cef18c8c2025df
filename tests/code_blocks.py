# SPDX-License-Identifier: Apache-2.0
"""Reads files and commands from the code blocks of documentation pages.

Owns finding their code blocks.  What is done with them is the affair of the
tests that ask.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parents[1]
PAGES = TOP / "doc/source"

_DIRECTIVE = re.compile(r"^(?P<indent> *)\.\. code-block:: (?P<language>\S+)$")
_OPTION = re.compile(r"^ *:(?P<name>\w+): (?P<value>.*)$")


class Block(NamedTuple):
    """A code block.

    :ivar caption: its ``:caption:``, a file's name as a rule; empty if there is none.
    :ivar line: where it begins in its page, for messages.
    """

    language: str
    caption: str
    text: str
    line: int


class Command(NamedTuple):
    """What a page says to type, and what it shows as the answer.

    :ivar root: whether its prompt is root's.
    """

    typed: str
    shown: str
    root: bool


def read(page: str) -> list[Block]:
    """Return the code blocks of a page.

    :param page: its path below ``doc/source``.
    """
    lines = (PAGES / page).read_text().splitlines()
    found = ((number, _DIRECTIVE.match(line)) for number, line in enumerate(lines))
    return [_block(lines, number, match) for number, match in found if match]


def read_commands(text: str) -> list[Command]:
    """Return the commands of a console block, each on one line."""
    parts = re.split(r"(?m)^([$#]) ", text.replace("\\\n", " "))[1:]
    return [_command(prompt, rest) for prompt, rest in zip(parts[::2], parts[1::2])]


def _command(prompt: str, rest: str) -> Command:
    typed, _, shown = rest.partition("\n")
    return Command(" ".join(typed.split("  ")), shown, prompt == "#")


def _block(lines: list[str], number: int, match: re.Match[str]) -> Block:
    indent = len(match["indent"])
    body = _indented(lines[number + 1 :], indent)
    caption = ""
    while body and (option := _OPTION.match(body[0])):
        caption = option["value"] if option["name"] == "caption" else caption
        body.pop(0)
    text = textwrap.dedent("\n".join(body)).strip("\n") + "\n"
    return Block(match["language"], caption, text, number + 1)


def _indented(lines: list[str], indent: int) -> list[str]:
    """Return the lines before the first that is not indented any more."""
    body: list[str] = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        body.append(line)
    return body
