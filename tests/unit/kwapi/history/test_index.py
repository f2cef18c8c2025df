# SPDX-License-Identifier: Apache-2.0
"""The file that tells which probes there are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi.history import index as indexes

STATE = indexes.ProbeState("pdu-1.3", 1_700_000_000.25, 107.3, None, "pdu-1", 1.0)
OTHER = indexes.ProbeState("bmc:node-7", 1_700_000_001.0, 0.0, None, 'a "name"/../', None)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    indexes.Index(tmp_path).write([STATE, OTHER], 1_700_000_002.0)
    assert indexes.Index(tmp_path).read() == {"pdu-1.3": STATE, "bmc:node-7": OTHER}


def test_the_file_is_as_documented(tmp_path: Path) -> None:
    indexes.Index(tmp_path).write([STATE], 1_700_000_002.0)
    document = json.loads((tmp_path / "index.json").read_text())
    assert document == {
        "probes": {
            "pdu-1.3": {
                "wattmeter": "pdu-1",
                "timestamp": 1_700_000_000.25,
                "w": 107.3,
                "period_seconds": 1.0,
            }
        },
        "written_at": 1_700_000_002.0,
    }


def test_without_a_file_there_are_no_probes(tmp_path: Path) -> None:
    index = indexes.Index(tmp_path / "missing")
    assert index.read() == {}
    assert index.version() == ""


def test_a_reader_sees_each_new_version(tmp_path: Path) -> None:
    reader, writer = indexes.Index(tmp_path), indexes.Index(tmp_path)
    writer.write([STATE], 1.0)
    first = reader.version()
    assert reader.read() == {STATE.probe_id: STATE}
    writer.write([OTHER], 2.0)
    assert reader.version() != first
    assert reader.read() == {OTHER.probe_id: OTHER}


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    """What was read is given out again: pages ask for it with every request."""
    index = indexes.Index(tmp_path)
    index.write([STATE], 1.0)
    assert index.read() is index.read()


def test_a_vanished_file_leaves_no_probes(tmp_path: Path) -> None:
    index = indexes.Index(tmp_path)
    index.write([STATE], 1.0)
    assert index.read()
    os.unlink(tmp_path / "index.json")
    assert index.read() == {}


GARBAGE = [
    b"",
    b"{",
    b"[]",
    b"7",
    b"\xff\xfe",
    b'{"probes": []}',
    b'{"probes": {"a": 1}}',
    b"[" * 100_000,
    b'{"probes": {"a": {"wattmeter": "w", "timestamp": 1, "w": NaN, "period_seconds": 1}}}',
    b'{"probes": {"a": {"wattmeter": "w", "timestamp": 1e999, "w": 1, "period_seconds": 1}}}',
    b'{"probes": {"a": {"wattmeter": "w", "timestamp": 1, "w": [], "period_seconds": 1}}}',
    b'{"probes": {"a": {"wattmeter": 5, "timestamp": 1, "w": 1, "period_seconds": 1}}}',
    b'{"probes": {"../a": {"wattmeter": "w", "timestamp": 1, "w": 1, "period_seconds": 1}}}',
    b'{"probes": {"a": {"wattmeter": "w", "timestamp": 1' + b"0" * 400 + b', "w": 1, '
    b'"period_seconds": 1}}}',
]


@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_is_no_probe(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.json").write_bytes(content)
    assert indexes.Index(tmp_path).read() == {}


def test_a_probe_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    indexes.Index(tmp_path).write([STATE], 1.0)
    document = json.loads((tmp_path / "index.json").read_text())
    document["probes"]["broken"] = {"w": "much"}
    (tmp_path / "index.json").write_text(json.dumps(document))
    assert indexes.Index(tmp_path).read() == {STATE.probe_id: STATE}


@hypothesis.given(st.binary(max_size=200))
def test_no_content_makes_it_fail(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("index")
    (folder / "index.json").write_bytes(content)
    assert indexes.Index(folder).read() == {}


def test_what_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    index = indexes.Index(tmp_path)
    index.write([STATE], 1.0)
    (tmp_path / ".index.json.new").mkdir()
    with pytest.raises(OSError, match="index"):
        index.write([OTHER], 2.0)
    assert index.read() == {STATE.probe_id: STATE}
