# SPDX-License-Identifier: Apache-2.0
"""Answers of our APIs, compared with what a page of the documentation shows.

The same members, of the same kinds; numbers and names may differ.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: Before the status, at the end of what a command prints.
STATUS = "http_code="
#: At the end of a line: a value, or a tag.
_VARYING = re.compile(r"""[\d.]+$|"[\w-]+"$""")
#: Members whose names are names of things, of which a page shows one or two.
_NAMED = {"probes", "drivers"}
#: What is to be equal in an error, not only of the same kind.
_EXACT = {"code", "status", "title"}


def ask_for_status(typed: str) -> str:
    """Return a command; a bare curl prints the status at the end."""
    if re.search(r" -i | \| ", typed):
        return typed
    return re.sub(r"^curl (-s )?", rf"curl -s -w '\\n{STATUS}%{{http_code}}' ", typed)


def check(shown: str, answer: str) -> None:
    """Fail if an answer is not as the page shows it."""
    body, _, status = answer.rpartition(STATUS)
    if not status or not body:
        check_text(shown, answer)
    elif not shown.strip():
        assert status.startswith("2"), answer
    else:
        expected, got = json.loads(shown), json.loads(body)
        wanted = expected["errors"][0]["status"] if "errors" in expected else 200
        assert int(status) in ((200, 201) if wanted == 200 else (wanted,)), answer
        check_shape(expected, got)


def check_text(shown: str, answer: str) -> None:
    """Fail if the lines shown are not the first ones; digits and tags may differ."""
    wanted, got = shown.splitlines(), answer.splitlines()[: len(shown.splitlines())]
    assert wanted, f"the page shows nothing for {answer!r}"
    for line, found in zip(wanted, got, strict=True):
        if line.startswith("HTTP/"):
            assert found == line
        else:
            assert _VARYING.sub("", found) == _VARYING.sub("", line)


def check_shape(shown: Any, got: Any, where: str = "", named: bool = False) -> None:
    """Fail if a document has not the members that the page shows, each of its kind.

    :param named: whether the members are names of things, of which there may be more.
    """
    assert kind_of(shown) == kind_of(got), f"{where}: {got!r}, the page shows {shown!r}"
    if isinstance(shown, dict):
        # A probe asked for by its name stands at the top, under that name.
        named = named or all(re.fullmatch(r"server-\d", name) for name in shown)
        missing, more = shown.keys() - got.keys(), got.keys() - shown.keys()
        assert not missing and (named or not more), f"{where}: lacks {missing}, has {more}"
        for name, value in shown.items():
            check_shape(value, got[name], f"{where}.{name}", name in _NAMED)
            exact = name in _EXACT and where.startswith(".errors")
            assert not exact or value == got[name], f"{where}.{name}: {got[name]!r}"
    elif isinstance(shown, list) and shown:
        assert got or isinstance(shown[0], str), f"{where}: is empty"
        same = len(shown) == len(got)
        for number, value in enumerate(got):
            check_shape(shown[number if same else 0], value, f"{where}[{number}]")


def kind_of(value: Any) -> str:
    """Return a name of what something is in JSON."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type(value).__name__
