# SPDX-License-Identifier: Apache-2.0
"""The long-lived rrdtool: the real one, and programs that behave worse."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import signal
from pathlib import Path

import pytest

from kwapi import exception
from kwapi.graphs import syntax
from kwapi.history import rrdtool

_PICTURE = syntax.line(["graphv", "-", "--start", "-60", "HRULE:1#ff0000"])
CREATE = "create {} -s 1 -b 1700000000 DS:w:GAUGE:60:0:U RRA:AVERAGE:0.5:1:10"


def script(folder: Path, text: str) -> str:
    """Return a program of the test's own."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_each_command_gets_its_answer_in_order(tmp_path: Path) -> None:
    pipe = rrdtool.Pipe("rrdtool", tmp_path)
    made, known, missing, last = pipe.run(
        [CREATE.format("a:b.rrd"), "info a:b.rrd", "info none.rrd", "last a:b.rrd"]
    )
    pipe.close()
    assert made.error is None
    assert "ds[w].minimal_heartbeat = 60\n" in known.text
    assert missing.error == "opening 'none.rrd': No such file or directory"
    assert last.text == "1700000000\n"


def test_thousands_of_commands_go_through_at_a_time(tmp_path: Path) -> None:
    """More than both pipes together hold, either way."""
    pipe = rrdtool.Pipe("rrdtool", tmp_path)
    pipe.run([CREATE.format("a.rrd")])
    answers = pipe.run(["info a.rrd"] * 5000)
    assert len(answers) == 5000
    assert len(set(answers)) == 1
    long = "update -s a.rrd " + " ".join(f"{1_700_000_000 + n}.5:{n}" for n in range(20_000))
    assert pipe.run([long, "last a.rrd"])[1].text == "1700019999\n"
    pipe.close()


def test_its_directory_may_be_called_anything(tmp_path: Path) -> None:
    folder = tmp_path / "a b'c\"d\\e $(x)\n:é"
    folder.mkdir()
    pipe = rrdtool.Pipe("rrdtool", folder)
    assert pipe.run([CREATE.format("a.rrd")])[0].error is None
    pipe.close()
    assert (folder / "a.rrd").exists()


def test_no_commands_need_no_rrdtool(tmp_path: Path) -> None:
    assert rrdtool.Pipe("/no/such/program", tmp_path).run([]) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_one_is_replaced(tmp_path: Path, number: signal.Signals) -> None:
    """The command after which it is missed has failed; the next goes on."""
    before = children(os.getpid(), "rrdtool")
    pipe = rrdtool.Pipe("rrdtool", tmp_path)
    pipe.run([CREATE.format("a.rrd")])
    (child,) = children(os.getpid(), "rrdtool") - before
    os.kill(child, number)
    first, second = pipe.run(["last a.rrd", "last a.rrd"])
    assert first.is_crash
    assert f"status -{int(number)}" in str(first.error)
    assert second.text == "1700000000\n"
    pipe.close()


def children(parent: int, name: str) -> set[int]:
    """Return the processes of that name which another has started.

    Tests before this one may have left some to the end of their process.
    """
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        if head.endswith(f"({name}") and int(rest.split()[1]) == parent:
            found.add(int(path.parent.name))
    return found


def test_nothing_is_left_after_closing(tmp_path: Path) -> None:
    before = children(os.getpid(), "rrdtool")
    pipe = rrdtool.Pipe("rrdtool", tmp_path)
    pipe.run(["pwd"])
    pipe.close()
    pipe.close()
    assert children(os.getpid(), "rrdtool") - before == set()


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(exception.StoreUnavailable) as caught:
        rrdtool.Pipe("no-such-rrdtool", tmp_path).run(["pwd"])
    assert "no-such-rrdtool: No such file" in caught.value.details["reason"]


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(exception.StoreUnavailable) as caught:
        rrdtool.Pipe("rrdtool", tmp_path / "none").run(["pwd"])
    assert str(tmp_path / "none") in caught.value.details["reason"]


def test_a_program_that_ends_at_once_says_why(tmp_path: Path) -> None:
    """Not a command's fault: to try the next one would be of no use."""
    program = script(tmp_path, "echo librrd.so.8: cannot open >&2; exit 127")
    with pytest.raises(exception.StoreUnavailable) as caught:
        rrdtool.Pipe(program, tmp_path).run(["pwd"])
    assert "status 127: librrd.so.8: cannot open" in caught.value.details["reason"]


def test_one_that_hangs_is_given_up(tmp_path: Path) -> None:
    program = script(tmp_path, "read line; echo OK u:0 s:0 r:0; exec sleep 60")
    pipe = rrdtool.Pipe(program, tmp_path, hung_after_seconds=0.2)
    with pytest.raises(exception.StoreUnavailable) as caught:
        pipe.run(["last a.rrd"])
    assert "did not answer for 0.2 s" in caught.value.details["reason"]
    assert children(os.getpid(), "sleep") == set()


def test_a_file_over_which_it_ends_stops_no_other(tmp_path: Path) -> None:
    text = """while read verb name; do
        [ "$name" = poison ] && exit 3
        echo "$name"; echo OK u:0 s:0 r:0
    done"""
    pipe = rrdtool.Pipe(script(tmp_path, text), tmp_path)
    answers = pipe.run(["last a", "last poison", "last b", "last poison", "last c"])
    pipe.close()
    assert [answer.is_crash for answer in answers] == [False, True, False, True, False]
    assert [answer.text for answer in answers] == ["a\n", "", "b\n", "", "c\n"]
    assert "status 3" in str(answers[1].error)


def test_threads_get_their_own_answers(tmp_path: Path) -> None:
    """More threads than processes, and no answer is mixed up with another."""
    reader = rrdtool.Reader(tmp_path, processes=2)

    def draw(number: int) -> bool:
        command = ["graphv", "-", "--imgformat", "SVG", "--start", "-60", "HRULE:1#ff0000"]
        title = f"number {number}"
        [picture, where] = reader.ask([syntax.line([*command, "--title", title]), "pwd"])
        return picture.startswith(b"<?xml") and where.strip() == str(tmp_path).encode()

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert all(pool.map(draw, range(48)))
    reader.close()


def test_a_process_that_ended_is_replaced(tmp_path: Path) -> None:
    """Killed while idle: who asks next does not notice."""
    wrapper = script(tmp_path, f'echo $$ >> {tmp_path}/pids; exec rrdtool "$@"')
    reader = rrdtool.Reader(tmp_path, program=wrapper)
    reader.ask([_PICTURE])
    os.kill(int((tmp_path / "pids").read_text()), signal.SIGKILL)
    assert reader.ask([_PICTURE])[0].startswith(b"\x89PNG")
    assert len((tmp_path / "pids").read_text().split()) == 2
    reader.close()


def test_one_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    """Its end is not waited for."""
    silent = script(tmp_path, "exec sleep 600")
    reader = rrdtool.Reader(tmp_path, program=silent, hung_after_seconds=0.2)
    with pytest.raises(exception.GraphUnavailable):
        reader.ask([_PICTURE])


def test_an_outage_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why and when it is over; a client is told no path."""
    caplog.set_level(logging.INFO)
    program = tmp_path / "rrdtool"
    reader = rrdtool.Reader(tmp_path, program=str(program))
    for _ in range(3):
        with pytest.raises(exception.GraphUnavailable) as caught:
            reader.ask([_PICTURE])
    assert str(tmp_path) not in str(caught.value)
    assert caplog.text.count("cannot be started") == 1
    program.write_text('#!/bin/sh\nexec rrdtool "$@"\n')
    program.chmod(0o755)
    reader.ask([_PICTURE])
    assert caplog.text.count("Graphs are drawn again") == 1
    reader.close()


def test_a_directory_may_come_later(tmp_path: Path) -> None:
    """Before a writer made it there are no files, but an empty graph can be drawn."""
    directory = tmp_path / "rrd"
    reader = rrdtool.Reader(directory)
    assert reader.ask([_PICTURE])[0].startswith(b"\x89PNG")
    directory.mkdir()
    assert reader.ask(["pwd"])[0].strip() == str(directory).encode()
    reader.close()


@pytest.mark.parametrize("cut", [1, 60, 1000])
def test_a_picture_may_hold_what_looks_like_an_answer(tmp_path: Path, cut: int) -> None:
    """Its size says where it ends, however it arrives."""
    picture = b"\x89PNG\nOK u:0.00 s:0.00 r:0.00\nERROR: none\nimage = BLOB_SIZE:3\n"
    said = b"graph_left = 1\nimage = BLOB_SIZE:%d\n" % len(picture) + picture
    for number, part in enumerate([said[:cut], said[cut:] + b"OK u:0 s:0 r:0\n"]):
        (tmp_path / f"part{number}").write_bytes(part)
    text = "read line; cat part0; sleep 0.2; cat part1; read line; echo OK u:0 s:0 r:0"
    reader = rrdtool.Reader(tmp_path, program=script(tmp_path, text))
    assert reader.ask(["graphv", "pwd"]) == [picture, b""]
    reader.close()
