# SPDX-License-Identifier: Apache-2.0
"""Measurements into files, by the real rrdtool, read back by ``rrdtool fetch``."""

from __future__ import annotations

import itertools
import logging
import math
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi.history import layout as layouts
from kwapi.history import periods
from kwapi.history import store as stores
from tests import conftest
from tests import rrd_files

T0 = 1_700_000_000
T0_US = T0 * 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[stores.Store]:
    """A store over a directory that is not there yet."""
    made = stores.Store(tmp_path / "rrd")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for many examples."""
    return tmp_path_factory.mktemp("rrd")


def reading(
    at: float, watts: float = 100.0, probe: str = "p", period_seconds: float | None = None
) -> measurement.Reading:
    return measurement.Reading("pdu", at, (probe,), (watts,), (), period_seconds)


def readings(sent: Sequence[rrd_files.Sent], probe: str = "p") -> list[measurement.Reading]:
    return [reading(at_us / 1e6, watts, probe) for at_us, watts in sent]


def dump(path: Path) -> str:
    """Return all that is in a file."""
    return rrd_files.rrdtool(path, "dump")


# ---- what is written

#: How long after the one before: often a second or so, at times a gap.
STEPS_US = st.one_of(
    st.sampled_from([1, 500_000, 1_000_000, 2_000_000, 60_000_000, 60_000_001]),
    st.integers(1, 3_000_000),
    st.integers(1, 90_000_000),
)
WATTS = st.one_of(st.sampled_from([0.0, 100.0]), st.floats(0.0, 1000.0, allow_subnormal=False))


@st.composite
def series(draw: st.DrawFn) -> list[rrd_files.Sent]:
    """Measurements of five minutes at most: for so long each second is kept."""
    steps = draw(st.lists(STEPS_US, min_size=1, max_size=40))
    moments = itertools.accumulate(steps, initial=T0_US + draw(st.integers(0, 10_000_000)))
    kept = list(itertools.takewhile(lambda at_us: at_us < T0_US + 310_000_000, moments))
    return [(at_us, draw(WATTS)) for at_us in kept]


def check(path: Path, sent: Sequence[rrd_files.Sent], steps: Sequence[int] = (1, 10)) -> None:
    """Compare a file with what should be in it."""
    archives = list(itertools.product(layouts.CONSOLIDATIONS, steps))
    start, end = sent[0][0] // 1_000_000 - 1, sent[-1][0] // 1_000_000
    for archive, found in zip(archives, rrd_files.fetch_each(path, archives, start, end)):
        # rrdtool cuts times to whole microseconds.
        expected = rrd_files.consolidate(sent, *archive)
        assert found == pytest.approx(expected, rel=1e-5, abs=0.005), archive


@hypothesis.given(series())
def test_a_file_holds_what_was_measured(shared: Path, sent: list[rrd_files.Sent]) -> None:
    """Averages, minima and maxima equal those of an independent calculation."""
    store, probe = stores.Store(shared), uuid.uuid4().hex
    store.update(readings(sent, probe))
    store.close()
    assert store.counts["written"] == len(sent)
    check(stores.path_of(shared, probe), sent)


@hypothesis.given(series(), st.lists(st.integers(0, 40), max_size=3), st.integers(0, 5))
def test_restarts_and_repetitions_change_nothing(
    shared: Path, sent: list[rrd_files.Sent], cuts: list[int], repeated: int
) -> None:
    """Each new process is told again the last that the one before was told."""
    probe = uuid.uuid4().hex
    for first, last in itertools.pairwise(
        sorted({0, len(sent), *(min(c, len(sent)) for c in cuts)})
    ):
        store = stores.Store(shared)
        store.update(readings(sent[max(0, first - repeated) : last], probe))
        store.close()
    check(stores.path_of(shared, probe), sent)


@hypothesis.given(series(), st.data())
def test_late_ones_change_nothing(
    shared: Path, sent: list[rrd_files.Sent], data: st.DataObject
) -> None:
    """Nor do those that come twice or out of order, wherever they come in between."""
    probe = uuid.uuid4().hex
    told: list[rrd_files.Sent] = []
    for position, one in enumerate(sent):
        told.append(one)
        told += data.draw(st.lists(st.sampled_from(sent[: position + 1]), max_size=2))
    late = data.draw(st.lists(st.integers(T0_US - 10**9, sent[-1][0]), max_size=3))
    told += [(at_us, 1e5) for at_us in late]
    store = stores.Store(shared)
    size = data.draw(st.integers(1, 50))
    for first in range(0, len(told), size):
        store.update(readings(told[first : first + size], probe))
    store.close()
    assert store.counts["written"] == len(sent)
    assert store.counts["late"] == len(told) - len(sent)
    check(stores.path_of(shared, probe), sent)


def test_after_a_restart_the_last_time_is_known_exactly(tmp_path: Path) -> None:
    """To the microsecond: of what comes again nothing is new, and what is new is written."""
    for number in range(5):
        at = T0 + 0.123456 + number * 0.000001
        store = stores.Store(tmp_path)
        store.update([reading(at - 0.000001), reading(at)] if number else [reading(at)])
        store.close()
        assert (store.counts["written"], store.counts["late"]) == (1, int(number > 0))


def test_hours_are_consolidated_too(tmp_path: Path) -> None:
    """Rows of a quarter of an hour and of two hours, with gaps, from measurements of any second."""
    sent, at_us = [], T0_US + 123_456
    for number in range(3000):
        at_us += 4_900_001 if number % 500 else 1_800_000_000
        sent.append((at_us, 50.0 + 50.0 * math.sin(number / 40)))
    store = stores.Store(tmp_path)
    store.update(readings(sent))
    store.close()
    check(tmp_path / "p.rrd", sent, (900, 7200))


def test_a_spike_is_not_averaged_away(store: stores.Store, tmp_path: Path) -> None:
    """A device that measures every five seconds, not on the second: its maximum is what it said."""
    sent = [(T0_US + 700_000 + 5_000_000 * n, 900.0 if n == 20 else 100.0) for n in range(60)]
    store.update(readings(sent))
    found = rrd_files.fetch(tmp_path / "rrd/p.rrd", "MAX", 10, T0, T0 + 250)
    assert max(found.values()) == 900.0


def test_both_ends_of_a_gap_are_as_measured(store: stores.Store, tmp_path: Path) -> None:
    """rrdtool would count the unknown part of their seconds as 0 W."""
    moments = [0.7, 1.7, 2.7, 100.3, 101.3, 102.3]
    store.update([reading(T0 + at, 100.0) for at in moments])
    found = rrd_files.fetch(tmp_path / "rrd/p.rrd", "MIN", 1, T0, T0 + 110)
    assert found == dict.fromkeys([T0 + 1, T0 + 2, T0 + 3, T0 + 101, T0 + 102], 100.0)


def test_energy_equals_the_collectors(store: stores.Store, tmp_path: Path) -> None:
    """To one percent, over five minutes of a load that changes."""
    sent = [(T0_US + 1_000_000 * n + 250_000, 150.0 + 100.0 * math.sin(n / 10)) for n in range(301)]
    store.update(readings(sent))
    joules = sum(
        (later[0] - one[0]) / 1e6 * (one[1] + later[1]) / 2
        for one, later in itertools.pairwise(sent)
    )
    found = rrd_files.fetch(tmp_path / "rrd/p.rrd", "AVERAGE", 1, T0, T0 + 300)
    assert sum(found.values()) == pytest.approx(joules, rel=0.01)


REFUSED = [math.nan, math.inf, -math.inf, -0.001, 100_000.1, 1e308]


@pytest.mark.parametrize("watts", REFUSED)
def test_what_no_wattmeter_can_mean_is_refused(
    store: stores.Store, tmp_path: Path, watts: float
) -> None:
    store.update([reading(T0 + 1, 100.0)])
    before = dump(tmp_path / "rrd/p.rrd")
    store.update([reading(T0 + 2, watts)])
    assert store.counts["refused"] == 1
    assert dump(tmp_path / "rrd/p.rrd") == before


HOSTILE = [
    "",
    "..",
    "../p",
    "../../etc/cron.d/p",
    "/tmp/p",
    "a/b",
    "a b",
    "a'b",
    'a"b',
    "a\\b",
    "a\x00b",
    "a\nupdate q.rrd N:1",
    "-p",
    ".p",
    "p" * 300,
    "\u202ep",
    "%s%n",
    "%2e%2e",
    "p;q",
]


@pytest.mark.parametrize("probe", HOSTILE)
def test_a_hostile_name_is_no_file(store: stores.Store, tmp_path: Path, probe: str) -> None:
    """It is refused, and the wattmeter's other probes are written."""
    told = measurement.Reading("pdu", T0 + 1.0, ("p", probe, "q"), (1.0, 2.0, 3.0))
    store.update([told])
    assert store.counts["refused"] == 1
    assert {path.name for path in tmp_path.rglob("*")} == {"rrd", ".lock", "p.rrd", "q.rrd"}
    with pytest.raises(exception.ProbeNotFound):
        stores.path_of(tmp_path, probe)
    with pytest.raises(exception.ProbeNotFound):
        store.flush([probe])


STRANGE = ["a" * 255, "a:b", "a,b=c", "a@b+c~d", "0", "a..b", "a.rrd.broken-1", "index.json"]


@pytest.mark.parametrize("probe", STRANGE)
def test_an_unusual_name_is_written_to(store: stores.Store, tmp_path: Path, probe: str) -> None:
    store.update([reading(T0 + 1.5, 7.0, probe), reading(T0 + 3.5, 7.0, probe)])
    path = stores.path_of(tmp_path / "rrd", probe)
    assert path.parent == tmp_path / "rrd"
    assert rrd_files.fetch(path, "AVERAGE", 1, T0, T0 + 3)[T0 + 3] == 7.0


def test_files_are_of_the_documented_size(tmp_path: Path) -> None:
    """At most 10 kB with averages alone."""
    sizes = {}
    for kept in (("AVERAGE",), layouts.CONSOLIDATIONS):
        store = stores.Store(tmp_path / str(len(kept)), layouts.Layout(60.0, kept))
        store.update([reading(T0 + 1.0)])
        store.close()
        sizes[len(kept)] = (tmp_path / str(len(kept)) / "p.rrd").stat().st_size
    assert sizes == {1: 9984, 3: 29_200}


def test_a_slower_probe_may_be_silent_longer(store: stores.Store, tmp_path: Path) -> None:
    """Also when it becomes slower, or faster, after its file was made."""
    path = tmp_path / "rrd/p.rrd"

    def heartbeat() -> str:
        (line,) = [x for x in rrd_files.rrdtool(path, "info").splitlines() if "heartbeat" in x]
        return line.rpartition(" ")[2]

    store.update([reading(T0 + 1.0, period_seconds=60.0)])
    assert heartbeat() == "180"
    store.update([reading(T0 + 2.0, period_seconds=1.0)])
    assert heartbeat() == "60"
    store.close()
    store.update([reading(T0 + 3.0, period_seconds=300.0)])
    assert heartbeat() == "900"


# ---- broken files


def ruin(path: Path, kind: str) -> None:
    """Leave something in a file's place."""
    content = path.read_bytes()
    if kind == "directory":
        path.unlink()
        path.mkdir()
    elif kind == "dangling link":
        path.unlink()
        path.symlink_to("nowhere/at/all")
    else:
        flipped = bytearray(content)
        flipped[200:400] = b"\xff" * 200
        row = bytearray(content)
        # At which row each archive is stands just before all rows.
        values = 8 * 3 * sum(period.rows for period in periods.PERIODS)
        row[-values - 144 : -values] = b"\x7f" * 144
        path.write_bytes(
            {
                "empty": b"",
                "text": b"hello\n" * 2000,
                "cut": content[:5000],
                "header only": content[:130],
                "flipped": bytes(flipped),
                "flipped rows": bytes(row),
            }[kind]
        )


RUINS = [
    "empty",
    "text",
    "cut",
    "header only",
    "flipped",
    "flipped rows",
    "directory",
    "dangling link",
]


# rrdtool itself sets right at which row an archive is, when it writes to an open file.
@pytest.mark.parametrize(
    ("kind", "is_open"),
    [*itertools.product(RUINS, [False]), *((kind, True) for kind in RUINS if "rows" not in kind)],
)
def test_a_broken_file_is_set_aside(
    store: stores.Store,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    is_open: bool,
) -> None:
    """Whether it breaks under our hands or was found so: loudly, once, and nothing else suffers."""
    folder = tmp_path / "rrd"
    store.update([reading(T0 + 1.0, 1.0), reading(T0 + 1.0, 1.0, "q")])
    ruin(folder / "p.rrd", kind)
    if not is_open:
        store.close()
    for second in (2, 3, 4):
        store.update([reading(T0 + second, 5.0), reading(T0 + second, 5.0, "q")])
    assert rrd_files.fetch(folder / "p.rrd", "AVERAGE", 1, T0, T0 + 4) == dict.fromkeys(
        [T0 + 2, T0 + 3, T0 + 4], 5.0
    )
    assert len(rrd_files.fetch(folder / "q.rrd", "AVERAGE", 1, T0, T0 + 4)) == 4
    (aside,) = folder.glob("p.rrd.broken-*")
    (told,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert told.levelno == logging.ERROR
    assert aside.name in told.getMessage()
    assert store.counts["broken"] == 1


def test_a_file_of_another_step_is_set_aside(store: stores.Store, tmp_path: Path) -> None:
    folder = tmp_path / "rrd"
    folder.mkdir()
    made = ["-s", "300", "-b", str(T0), "DS:w:GAUGE:600:0:U", "RRA:AVERAGE:0.5:1:10"]
    rrd_files.rrdtool(folder / "p.rrd", "create", *made)
    store.update([reading(T0 + 1.0)])
    assert len(list(folder.glob("p.rrd.broken-*"))) == 1


def test_a_file_from_the_future_is_set_aside(tmp_path: Path) -> None:
    """Made while the clock was wrong: nothing could be written to it for years."""
    clock = conftest.FakeClock(T0)
    later = stores.Store(tmp_path, clock=conftest.FakeClock(T0 + 10**8))
    later.update([reading(T0 + 10**8)])
    later.close()
    store = stores.Store(tmp_path, clock=clock)
    store.update([reading(T0 + 1.0)])
    store.close()
    assert store.counts["written"] == 1
    assert [path.name for path in tmp_path.glob("p.rrd.*")] == [f"p.rrd.broken-{T0}"]


def test_a_removed_file_is_made_anew(store: stores.Store, tmp_path: Path) -> None:
    """An operator may remove one at any time; that is no fault to tell of."""
    store.update([reading(T0 + 1.0)])
    (tmp_path / "rrd/p.rrd").unlink()
    store.update([reading(T0 + 2.0)])
    assert list(rrd_files.fetch(tmp_path / "rrd/p.rrd", "AVERAGE", 1, T0, T0 + 2)) == [T0 + 2]
    assert store.counts["broken"] == 0


def test_a_removed_directory_is_made_anew(store: stores.Store, tmp_path: Path) -> None:
    store.update([reading(T0 + 1.0)])
    shutil.rmtree(tmp_path / "rrd")
    store.update([reading(T0 + 2.0)])
    assert (tmp_path / "rrd/p.rrd").exists()


def test_a_file_over_which_rrdtool_ends_is_set_aside(tmp_path: Path) -> None:
    """A sound one at first sight; the others are written meanwhile."""
    program = tmp_path / "rrdtool"
    # Ends when it is to update p, as long as that is the first p.
    program.write_text(
        f"#!{sys.executable}\n"
        "import glob, subprocess, sys\n"
        "tool = subprocess.Popen(['rrdtool', '-'], stdin=subprocess.PIPE)\n"
        "for line in sys.stdin:\n"
        "    if line.startswith('update -s p.rrd') and not glob.glob('p.rrd.broken*'):\n"
        "        break\n"
        "    tool.stdin.write(line.encode()); tool.stdin.flush()\n"
        "tool.stdin.close(); sys.exit(tool.wait())\n"
    )
    program.chmod(0o755)
    folder = tmp_path / "rrd"
    store = stores.Store(folder, program=str(program))
    store.update([reading(T0 + 1.0), reading(T0 + 1.0, 1.0, "q")])
    store.close()
    assert len(list(folder.glob("p.rrd.broken-*"))) == 1
    assert len(rrd_files.fetch(folder / "p.rrd", "AVERAGE", 1, T0, T0 + 1)) == 1
    assert len(rrd_files.fetch(folder / "q.rrd", "AVERAGE", 1, T0, T0 + 1)) == 1


# ---- when nothing can be written


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """What was not written is told; told again, it is written when there is room."""
    # A file size limit, which rrdtool meets as it meets a full disk: write fails.
    program = tmp_path / "rrdtool"
    program.write_text("#!/bin/sh\ntrap '' XFSZ\nulimit -f 4\nexec rrdtool \"$@\"\n")
    program.chmod(0o755)
    folder = tmp_path / "rrd"
    store = stores.Store(folder, program=str(program))
    told = readings([(T0_US + n * 1_000_000, 7.0) for n in range(1, 5)])
    for _ in range(2):
        with pytest.raises(exception.StoreUnavailable) as caught:
            store.update(told)
        assert "p.rrd could not be made; is the disk full?" in caught.value.details["reason"]
    program.write_text('#!/bin/sh\nexec rrdtool "$@"\n')
    store.update(told)
    store.close()
    assert len(rrd_files.fetch(folder / "p.rrd", "AVERAGE", 1, T0, T0 + 4)) == 4
    assert {path.name for path in folder.iterdir()} == {".lock", "p.rrd"}
    assert store.counts["broken"] == 0


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = stores.Store(tmp_path / "file/rrd")
    with pytest.raises(exception.StoreUnavailable) as caught:
        store.update([reading(T0 + 1.0)])
    assert str(tmp_path / "file") in caught.value.details["reason"]


def test_a_directory_that_is_read_only_is_told(store: stores.Store, tmp_path: Path) -> None:
    store.update([reading(T0 + 1.0)])
    (tmp_path / "rrd").chmod(0o500)
    if os.access(tmp_path / "rrd", os.W_OK):
        pytest.skip("root may write anywhere")
    with pytest.raises(exception.StoreUnavailable):
        store.update([reading(T0 + 1.0, 1.0, "q")])
    (tmp_path / "rrd").chmod(0o700)
    store.update([reading(T0 + 1.0, 1.0, "q")])
    assert store.counts["written"] == 2


def test_a_directory_has_one_writer(store: stores.Store, tmp_path: Path) -> None:
    """Another process's is told so, until the first ends, however that does."""
    folder = tmp_path / "rrd"
    hold = (
        "import pathlib, sys, time; from kwapi.history import store\n"
        f"held = store.Store(pathlib.Path({str(folder)!r})); held.update([])\n"
        "print('held', flush=True); time.sleep(600)"
    )
    other = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(exception.StoreUnavailable) as caught:
            store.update([reading(T0 + 1.0)])
        assert "another process writes to" in caught.value.details["reason"]
    finally:
        other.kill()
        other.communicate()
    store.update([reading(T0 + 1.0)])
    assert store.counts["written"] == 1


# ---- silent probes


def test_files_not_written_to_for_long_are_removed(store: stores.Store, tmp_path: Path) -> None:
    """With what was set aside of them; nothing else in the directory is touched."""
    folder = tmp_path / "rrd"
    store.update([reading(T0 + 1.0, 1.0, probe) for probe in ("old", "new", "back")])
    for name in ("old.rrd.broken-1700000000", "index.json", "mine.txt"):
        (folder / name).write_text("")
    for path in folder.iterdir():
        if not path.name.startswith("new"):
            os.utime(path, (T0, T0))
    store.remove(T0 + 1)
    assert {path.name for path in folder.iterdir()} == {
        ".lock",
        "index.json",
        "mine.txt",
        "new.rrd",
    }
    assert store.counts["removed"] == 3
    # And one of them speaks again.
    store.update([reading(T0 + 9.0, 1.0, "back")])
    assert (folder / "back.rrd").exists()
