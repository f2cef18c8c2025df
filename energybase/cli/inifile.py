# SPDX-License-Identifier: Apache-2.0
"""Reads a configuration file and keeps the line number of every section and option.

:mod:`energybase.cli.options` judges what is read.  oslo.config's own reader forgets
the line numbers, and stops at the first line that it cannot read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from typing import NoReturn

from oslo_config import iniparser


class Mistake(NamedTuple):
    """What is wrong, and where; in order of file and line.

    :ivar line: counts from 1; 0 is the file as a whole.
    """

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.reason}" if place else self.reason


class Entry(NamedTuple):
    """A key and its value; the first of a section is the section's own line, without a key."""

    path: str
    line: int
    section: str
    key: str
    value: str

    def mistake(self, reason: str) -> Mistake:
        """Return that something is wrong here."""
        return Mistake(self.path, self.line, reason)

    def __repr__(self) -> str:
        # The value may be a password.
        return f"<Entry {self.path}:{self.line} [{self.section}] {self.key}>"


class File(NamedTuple):
    """All that a file says, and what in it cannot be read."""

    entries: list[Entry]
    mistakes: list[Mistake]


def read(path: str) -> File:
    """Return what a file says; a line that cannot be read is a mistake, and left out."""
    try:
        with open(path, encoding="utf-8") as lines:
            return _parse(path, lines)
    except OSError as exc:
        reason = exc.strerror or "cannot be read"
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    return File([], [Mistake(path, 0, reason)])


class _Parser(iniparser.BaseParser):
    """Notes the number of each line that begins something."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._section: str | None = None
        self._is_lost = False
        self._key_line = 0
        self.entries: list[Entry] = []
        self.mistakes: list[Mistake] = []

    def new_section(self, section: str) -> None:
        self._section, self._is_lost = section, False
        self.entries.append(Entry(self._path, self.lineno, section, "", ""))

    def assignment(self, key: str, value: list[str]) -> None:
        if self._is_lost:
            return
        # Called when a later line is read: the key's own was noted.
        if self._section is None:
            reason = "a section, such as [DEFAULT], must begin before the first key"
            self.mistakes.append(Mistake(self._path, self._key_line, reason))
            return
        entry = Entry(self._path, self._key_line, self._section, key, "\n".join(value))
        self.entries.append(entry)

    def error_no_section_end_bracket(self, line: str) -> NoReturn:
        # Of which section the keys are that follow, nobody knows.
        self._is_lost = True
        super().error_no_section_end_bracket(line)

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self._key_line = self.lineno
        return super()._split_key_value(line)


def _parse(path: str, lines: Iterable[str]) -> File:
    """Parse as oslo.config does, but go on after a line that cannot be read."""
    parser = _Parser(path)
    text = list(lines)
    while True:
        try:
            parser.parse(text[parser.lineno :])
        except iniparser.ParseError as exc:
            # Without the line itself, which may hold a password.
            parser.mistakes.append(Mistake(path, exc.lineno, exc.msg))
        else:
            break
    return File(parser.entries, sorted(parser.mistakes))


def find(entries: Iterable[Entry], section: str, key: str = "") -> Entry | None:
    """Return where a key stands last, for that is what counts; else where its section begins."""
    there = [entry for entry in entries if entry.section == section]
    named = [entry for entry in there if entry.key == key]
    return next(iter(named[-1:] or there[:1]), None)
