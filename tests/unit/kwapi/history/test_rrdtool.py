# SPDX-License-Identifier: Apache-2.0
"""rrdtool answers many threads, and its end is nobody's but a log's."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import signal
from pathlib import Path

import pytest

from kwapi import exception
from kwapi.graphs import syntax
from kwapi.history import rrdtool as reader

_PICTURE = syntax.line(["graphv", "-", "--start", "-60", "HRULE:1#ff0000"])


def _program(tmp_path: Path, script: str) -> str:
    program = tmp_path / "not-rrdtool"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_threads_get_their_own_answers(tmp_path: Path) -> None:
    """More threads than processes, and no answer is mixed up with another."""
    rrdtool = reader.Reader(tmp_path, processes=2)

    def draw(number: int) -> bool:
        command = ["graphv", "-", "--imgformat", "SVG", "--start", "-60", "HRULE:1#ff0000"]
        title = f"number {number}"
        [picture, where] = rrdtool.ask([syntax.line([*command, "--title", title]), "pwd"])
        return picture.startswith(b"<?xml") and where.strip() == str(tmp_path).encode()

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert all(pool.map(draw, range(48)))
    rrdtool.close()


def test_a_process_that_ended_is_replaced(tmp_path: Path) -> None:
    """Killed while idle: who asks next does not notice."""
    wrapper = _program(tmp_path, f'echo $$ >> {tmp_path}/pids; exec rrdtool "$@"')
    rrdtool = reader.Reader(tmp_path, program=wrapper)
    rrdtool.ask([_PICTURE])
    os.kill(int((tmp_path / "pids").read_text()), signal.SIGKILL)
    assert rrdtool.ask([_PICTURE])[0].startswith(b"\x89PNG")
    assert len((tmp_path / "pids").read_text().split()) == 2
    rrdtool.close()


def test_one_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    """Its end is not waited for."""
    silent = _program(tmp_path, "exec sleep 600")
    rrdtool = reader.Reader(tmp_path, program=silent, hung_after_seconds=0.2)
    with pytest.raises(exception.GraphUnavailable):
        rrdtool.ask([_PICTURE])


def test_an_outage_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why and when it is over; a client is told no path."""
    caplog.set_level(logging.INFO)
    program = tmp_path / "rrdtool"
    rrdtool = reader.Reader(tmp_path, program=str(program))
    for _ in range(3):
        with pytest.raises(exception.GraphUnavailable) as caught:
            rrdtool.ask([_PICTURE])
    assert str(tmp_path) not in str(caught.value)
    assert caplog.text.count("cannot be started") == 1
    program.write_text('#!/bin/sh\nexec rrdtool "$@"\n')
    program.chmod(0o755)
    rrdtool.ask([_PICTURE])
    assert caplog.text.count("Graphs are back") == 1
    rrdtool.close()


def test_a_directory_may_come_later(tmp_path: Path) -> None:
    """Before a writer made it there are no files, but an empty graph can be drawn."""
    directory = tmp_path / "rrd"
    rrdtool = reader.Reader(directory)
    assert rrdtool.ask([_PICTURE])[0].startswith(b"\x89PNG")
    directory.mkdir()
    assert rrdtool.ask(["pwd"])[0].strip() == str(directory).encode()
    rrdtool.close()
