# SPDX-License-Identifier: Apache-2.0
"""Batches into files: what is told, when, and what happens when nothing can be written."""

from __future__ import annotations

import collections
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kwapi import measurement
from kwapi import signing
from kwapi.bus import batch as batches
from kwapi.history import index as indexes
from kwapi.history import store as stores
from kwapi.history import writer as writers
from tests import conftest
from tests import rrd_files

T0 = 1_700_000_000


def batch(*readings: measurement.Reading) -> batches.Batch:
    envelope = signing.Envelope("here", "run", 1, float(T0), "")
    message = batches.Message(envelope, measurement.Body(readings))
    return batches.Batch([message], collections.Counter())


def reading(
    at: float, watts: float = 100.0, probe: str = "p", wattmeter: str = "pdu"
) -> measurement.Reading:
    return measurement.Reading(wattmeter, at, (probe,), (watts,), (), 1.0)


class Rig:
    """A writer over a directory of its own, at a time of its own."""

    def __init__(self, folder: Path, clock: conftest.FakeClock, program: str = "rrdtool") -> None:
        self.folder, self.clock = folder, clock
        self.store = stores.Store(folder, program=program, clock=clock)
        self.writer = writers.Writer(self.store, folder, clock=clock)

    def rows(self, probe: str = "p") -> dict[int, float]:
        return rrd_files.fetch(self.folder / f"{probe}.rrd", "AVERAGE", 1, T0 - 1, T0 + 200)

    def index(self) -> dict[str, indexes.ProbeState]:
        return dict(indexes.Index(self.folder).read())


@pytest.fixture
def rig(tmp_path: Path, fake_clock: conftest.FakeClock) -> Iterator[Rig]:
    made = Rig(tmp_path / "rrd", fake_clock)
    yield made
    made.writer.close()


def test_when_a_batch_is_handled_it_is_in_the_files(rig: Rig) -> None:
    rig.writer.handle(batch(reading(T0, 1.0), reading(T0, 2.0, "q")))
    assert (rig.rows("p"), rig.rows("q")) == ({T0: 1.0}, {T0: 2.0})


def test_a_batch_that_comes_again_changes_nothing(rig: Rig) -> None:
    told = batch(reading(T0 + 0.5, 1.0), reading(T0 + 1.5, 3.0), reading(T0 + 2.5, 5.0))
    rig.writer.handle(told)
    before = rrd_files.rrdtool(rig.folder / "p.rrd", "dump")
    rig.writer.handle(told)
    assert rrd_files.rrdtool(rig.folder / "p.rrd", "dump") == before
    assert rig.store.counts["late"] == 3


@pytest.mark.parametrize("at", [T0 + 300.1, T0 - 14 * 86400 - 1])
def test_what_cannot_have_been_measured_then_is_left_out(rig: Rig, at: float) -> None:
    rig.writer.handle(batch(reading(at), reading(T0, 1.0, "q")))
    rig.writer.tell()
    assert rig.index().keys() == {"q"}
    assert not (rig.folder / "p.rrd").exists()


def test_pages_are_told_what_each_probe_said_last(rig: Rig) -> None:
    rig.writer.handle(batch(reading(T0 + 1, 5.0), reading(T0 + 2, 7.0, wattmeter="other")))
    rig.writer.handle(batch(reading(T0 + 1.5, 9.0)))
    rig.writer.tell()
    assert rig.index() == {"p": indexes.ProbeState("p", T0 + 2, 7.0, None, "other", 1.0)}


@pytest.mark.parametrize(
    "told", [reading(T0, float("nan")), reading(T0, -1.0), reading(T0, 1.0, "../p")]
)
def test_pages_are_told_of_nothing_that_is_refused(rig: Rig, told: measurement.Reading) -> None:
    rig.writer.handle(batch(told, reading(T0, 1.0, "q")))
    rig.writer.tell()
    assert rig.index().keys() == {"q"}


def test_the_index_is_not_written_while_nothing_is_new(rig: Rig) -> None:
    rig.writer.handle(batch(reading(T0)))
    rig.writer.tell()
    before = indexes.Index(rig.folder).version()
    rig.writer.handle(batch(reading(T0)))
    rig.writer.tell()
    assert indexes.Index(rig.folder).version() == before


def test_silent_probes_stay_over_a_restart(rig: Rig) -> None:
    rig.writer.handle(batch(reading(T0, 1.0, "silent")))
    rig.writer.close()
    again = Rig(rig.folder, rig.clock)
    again.writer.handle(batch(reading(T0 + 1)))
    again.writer.close()
    assert rig.index().keys() == {"silent", "p"}


def test_probes_silent_for_long_go(rig: Rig) -> None:
    """Their files too; one that is renamed is silent by its old name."""
    rig.writer.handle(batch(reading(T0, 1.0, "old"), reading(T0, 1.0, "new")))
    os.utime(rig.folder / "old.rrd", (T0 - 401 * 86400, T0 - 401 * 86400))
    os.utime(rig.folder / "new.rrd", (T0, T0))
    rig.writer.tidy()
    rig.writer.tell()
    assert rig.index().keys() == {"new"}
    assert not (rig.folder / "old.rrd").exists()


def test_with_keep_days_zero_all_stay(rig: Rig) -> None:
    forever = writers.Writer(rig.store, rig.folder, writers.Rules(keep_days=0), rig.clock)
    forever.handle(batch(reading(T0, 1.0, "old")))
    os.utime(rig.folder / "old.rrd", (1, 1))
    forever.tidy()
    assert (rig.folder / "old.rrd").exists()


def test_a_probe_whose_file_an_operator_removed_goes(rig: Rig) -> None:
    rig.writer.handle(batch(reading(T0), reading(T0, 1.0, "q")))
    (rig.folder / "p.rrd").unlink()
    rig.writer.tidy()
    rig.writer.tell()
    assert rig.index().keys() == {"q"}


class Healing(conftest.FakeClock):
    """Somebody mends what is broken while the writer waits for the third time."""

    def __init__(self, mend: Path) -> None:
        super().__init__(T0)
        self._mend, self._waits = mend, 0

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self._waits += 1
        if self._waits == 3:
            self._mend.unlink()
        return super().wait(event, seconds)


def test_an_outage_is_told_once_and_nothing_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file is where the directory should be, until somebody takes it away."""
    caplog.set_level(logging.INFO)
    (tmp_path / "rrd").write_text("")
    rig = Rig(tmp_path / "rrd", Healing(tmp_path / "rrd"))
    rig.writer.handle(batch(reading(T0, 1.0)))
    assert rig.rows() == {T0: 1.0}
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in told] == ["ERROR", "INFO"]
    assert "File exists" in told[0][1]
    assert "written again after 1 s" in told[1][1]
    rig.writer.close()


def test_a_batch_that_waits_is_given_back_at_the_end(
    tmp_path: Path, fake_clock: conftest.FakeClock
) -> None:
    (tmp_path / "rrd").write_text("")
    rig = Rig(tmp_path / "rrd", fake_clock)
    rig.writer.start()
    rig.writer.stop()
    with pytest.raises(batches.Stopping):
        rig.writer.handle(batch(reading(T0)))


def test_the_end_leaves_the_newest_index(rig: Rig) -> None:
    rig.writer.handle(batch(reading(T0, 1.0)))
    rig.writer.close()
    assert rig.index()["p"].watts == 1.0


def test_it_tells_by_itself(tmp_path: Path) -> None:
    """Every few seconds, in a thread of its own."""
    store = stores.Store(tmp_path)
    writer = writers.Writer(store, tmp_path)
    writer.start()
    now = writers.clocks.Clock().time()
    writer.handle(batch(reading(now)))
    conftest.wait(lambda: indexes.Index(tmp_path).read())
    writer.stop()
    writer.close()


def test_what_is_no_message_of_a_sane_sender_stops_nothing(rig: Rig) -> None:
    """An empty reading, one probe named twice, a time of any size."""
    twice = measurement.Reading("pdu", T0 + 1.0, ("p", "p"), (1.0, 2.0))
    empty = measurement.Reading("pdu", T0 + 1.0, (), ())
    rig.writer.handle(batch(empty, twice, reading(1e308), reading(-1e308), reading(0.0)))
    assert rig.rows() == {T0 + 1: 1.0}
