# SPDX-License-Identifier: Apache-2.0
"""The performances file."""

from __future__ import annotations

from pathlib import Path

import pytest

from climate.ranking import performance
from climate.ranking import recorded
from energybase import exception


def test_numbers_of_any_form() -> None:
    text = "# Linpack\nnode-1: 1.2e12\nnode-2: 950000000000\n7: '8e9'\n"
    flops = {host: known.flops for host, known in recorded.parse(text, "f.yaml").items()}
    assert flops == {"node-1": 1.2e12, "node-2": 9.5e11, "7": 8e9}
    assert recorded.parse("a: 1", "f.yaml")["a"] == performance.Performance(
        1.0, "benchmark", "recorded in f.yaml"
    )
    assert recorded.parse("", "f.yaml") == {}


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("a: 1\nb: fast", "f.yaml, line 2", "host 'b': flop/s is a number"),
        ("a: 0", "f.yaml, line 1", "flop/s is a number"),
        ("a: -1", "f.yaml, line 1", "flop/s is a number"),
        ("a: .nan", "f.yaml, line 1", "flop/s is a number"),
        ("a: nan", "f.yaml, line 1", "flop/s is a number"),
        ("a: inf", "f.yaml, line 1", "flop/s is a number"),
        ("a:", "f.yaml, line 1", "flop/s is a number"),
        ("a: [1]", "f.yaml, line 1", "flop/s is a number"),
        ("a: 1\na: 2", "f.yaml, line 2", "'a' is there already"),
        ("[a]: 1", "f.yaml, line 1", "a host's name is a text"),
        ("- a", "f.yaml, line 1", "a mapping is wanted"),
        ("a: 1\n b: 2", "f.yaml, line 2", ""),
        ("\x00", "f.yaml", "is no YAML"),
    ],
)
def test_mistakes(text: str, where: str, reason: str) -> None:
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        recorded.parse(text, "f.yaml")
    assert caught.value.details["where"] == where
    assert reason in caught.value.details["reason"]


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"\xff", "UTF-8")])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "f.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(exception.ConfigurationInvalid, match=reason):
        recorded.read(str(path))
