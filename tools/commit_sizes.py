# SPDX-License-Identifier: Apache-2.0
"""Prints the commits that change more lines than a person can review.

    tools/commit_sizes.py [--base REVISION] [--last N]

Without ``--base`` it looks at the last commits and only informs: history does not
change.  With it, it looks at the commits since that revision, a branch's own, and
fails if one is too large.  Not counted are merges, a first commit (of a shallow clone,
too), generated files, and lines that leave one place and arrive at another in the same
commit: a move.
"""

from __future__ import annotations

import argparse
import collections
import fnmatch
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

MOST_LINES = 400
#: Written by tools, recorded from devices, or not ours.
GENERATED = (
    "*.sample",
    "*.snmprec",
    "*.min.js",
    "*.min.css",
    "*.png",
    "*constraints*.txt",
    "tests/devstack/devstack_functions.txt",
)
_COMMIT = "\x01"


class Commit(NamedTuple):
    """A commit, and how many lines of it a reviewer must read."""

    revision: str
    subject: str
    lines: int


def read(text: str) -> Iterator[Commit]:
    """Return the commits of a log with patches, whose commits begin with a control character."""
    for part in text.split(_COMMIT)[1:]:
        head, _, patch = part.partition("\n")
        revision, _, subject = head.partition(" ")
        yield Commit(revision, subject, count(patch))


def count(patch: str) -> int:
    """Return how many lines come or go, and do not move."""
    balance: collections.Counter[str] = collections.Counter()
    counted = in_hunk = False
    for line in patch.splitlines():
        if line.startswith("diff --git "):
            name = line.rpartition(" b/")[2]
            counted = not any(fnmatch.fnmatch(name, pattern) for pattern in GENERATED)
            in_hunk = False
        elif line.startswith("@@"):
            in_hunk = True
        elif counted and in_hunk and line[:1] in ("+", "-") and line[1:].strip():
            balance[line[1:].strip()] += 1 if line[0] == "+" else -1
    return sum(map(abs, balance.values()))


def main(arguments: list[str] | None = None) -> int:
    """Print the commits that are too large; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base", default="", help="look at the commits since this one, and fail")
    parser.add_argument("--last", type=int, default=20, help="else at so many")
    wanted = parser.parse_args(arguments)
    which = [f"{wanted.base}..HEAD"] if wanted.base else [f"-{wanted.last}"]
    log = [
        "git",
        "log",
        "--no-merges",
        "--min-parents=1",
        "--no-ext-diff",
        "--no-color",
        "-p",
        "-M",
    ]
    done = subprocess.run(  # noqa: S603  # its arguments are this module's
        [*log, f"--format={_COMMIT}%h %s", *which], capture_output=True, check=False
    )
    if done.returncode:
        # An archive without history, or a clone that ends before the base.
        print("Commit sizes are not checked:", done.stderr.decode(errors="replace").strip())
        return 0
    found = list(read(done.stdout.decode(errors="replace")))
    large = [commit for commit in found if commit.lines > MOST_LINES]
    for commit in large:
        print(f"{commit.revision} changes {commit.lines} lines: {commit.subject}")
    print(f"{len(large)} of {len(found)} commits change more than {MOST_LINES} lines.")
    return 1 if large and wanted.base else 0


if __name__ == "__main__":
    sys.exit(main())
