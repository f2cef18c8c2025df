# SPDX-License-Identifier: Apache-2.0
"""make lint counts the lines of a commit that a reviewer must read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import commit_sizes


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with one commit, and the current directory."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    (tmp_path / "old.py").write_text("".join(f"line {n}\n" for n in range(1000)))
    commit("First, and large")
    return tmp_path


def git(*arguments: str) -> None:
    somebody = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    subprocess.run(["git", *somebody, *arguments], check=True)


def commit(subject: str) -> None:
    git("add", "-A")
    git("commit", "-q", "-m", subject)


def test_a_move_and_generated_files_are_not_counted(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of a module goes to another, which is no rename for git."""
    lines = (tree / "old.py").read_text().splitlines(keepends=True)
    (tree / "old.py").write_text("".join(lines[:500]))
    (tree / "new.py").write_text("".join(["import old\n", *lines[500:]]))
    (tree / "constraints.txt").write_text("x==1\n" * 900)
    commit("Move")
    assert commit_sizes.main(["--base", "HEAD~1"]) == 0
    assert capsys.readouterr().out == "0 of 1 commits change more than 400 lines.\n"


def test_a_large_commit_is_named(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A branch with one fails; the past is only told."""
    (tree / "new.py").write_text("".join(f"other line {n}\n" for n in range(401)))
    commit("Too much")
    assert commit_sizes.main([]) == 0
    assert commit_sizes.main(["--base", "HEAD~1"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith(" changes 401 lines: Too much")
    assert told[1] == "1 of 1 commits change more than 400 lines."


def test_a_tree_without_history_is_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one from an archive."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_sizes.main([]) == 0
    assert "not checked" in capsys.readouterr().out
