# SPDX-License-Identifier: Apache-2.0
"""Lines of a configuration file, and their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies
from oslo_config import cfg

from energybase.cli import inifile

_WORDS = strategies.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)


def write(folder: Path, text: str) -> str:
    path = folder / "some.conf"
    path.write_text(text)
    return str(path)


def test_each_key_has_its_own_line(tmp_path: Path) -> None:
    """Blank lines, comments and continued values do not shift it."""
    path = write(tmp_path, "# c\n[a]\n\nk = 1,\n  2\nl=3\n[b]\nm: 4\n")
    found = inifile.read(path)
    assert [(entry.line, entry.section, entry.key, entry.value) for entry in found.entries] == [
        (2, "a", "", ""),
        (4, "a", "k", "1,\n2"),
        (6, "a", "l", "3"),
        (7, "b", "", ""),
        (8, "b", "m", "4"),
    ]
    assert found.mistakes == []


def test_every_unreadable_line_is_told(tmp_path: Path) -> None:
    """The first does not end the reading, and none is repeated: it may hold a password."""
    path = write(tmp_path, "k = 0\n[a]\nhunter2\nk = 1\n= 2\n[b\nz = 3\n[c]\nl = 4\n")
    found = inifile.read(path)
    assert [mistake.line for mistake in found.mistakes] == [1, 3, 5, 6]
    assert "hunter2" not in str(found.mistakes)
    assert [(entry.section, entry.key) for entry in found.entries if entry.key] == [
        ("a", "k"),
        ("c", "l"),
    ]


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "some.conf"
    if content:
        path.write_bytes(content)
    [mistake] = inifile.read(str(path)).mistakes
    assert str(mistake).startswith(f"{path}: ")


def test_a_value_is_not_shown(tmp_path: Path) -> None:
    assert "hunter2" not in repr(inifile.read(write(tmp_path, "[a]\nk = hunter2\n")))


def test_what_stands_last_is_found(tmp_path: Path) -> None:
    """That is what oslo.config takes; a key that is missing is where its section begins."""
    entries = inifile.read(write(tmp_path, "[a]\nk = 1\n[b]\n[a]\nk = 2\n")).entries
    assert inifile.find(entries, "a", "k") == entries[4]
    assert inifile.find(entries, "a", "l") == entries[0]
    assert inifile.find(entries, "c", "l") is None


@given(
    strategies.dictionaries(_WORDS, strategies.dictionaries(_WORDS, _WORDS, min_size=1), min_size=1)
)
def test_it_reads_what_oslo_config_reads(
    tmp_path_factory: pytest.TempPathFactory, sections: dict[str, dict[str, str]]
) -> None:
    lines = [
        line
        for name, keys in sections.items()
        for line in (f"[{name}]", *(f"{key} = {value}" for key, value in keys.items()))
    ]
    path = write(tmp_path_factory.mktemp("ini"), "\n".join(lines))
    parsed: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(path, parsed).parse()
    found = [entry for entry in inifile.read(path).entries if entry.key]
    told = {(entry.section, entry.key): [entry.value] for entry in found}
    assert told == {(s, k): value for s, keys in parsed.items() for k, value in keys.items()}
    for entry in found:
        assert lines[entry.line - 1] == f"{entry.key} = {entry.value}"
