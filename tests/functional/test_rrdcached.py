# SPDX-License-Identifier: Apache-2.0
"""Files written through a real rrdcached equal those written without it; its protocol."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kwapi import exception
from kwapi import measurement
from kwapi.history import rrdcached as daemons
from kwapi.history import store as stores
from tests import rrd_files
from tests.servers import rrdcached

T0 = 1_700_000_000


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[rrdcached.RRDCached]:
    """A running rrdcached."""
    made = rrdcached.RRDCached(tmp_path)
    made.start()
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path, daemon: rrdcached.RRDCached) -> Iterator[stores.Store]:
    """A store that writes through it, into a directory with a name that wants care."""
    made = stores.Store(tmp_path / "a b\\c'd", rrdcached=daemon.socket)
    yield made
    made.close()


def reading(at: float, watts: float = 100.0, *probes: str) -> measurement.Reading:
    probes = probes or ("p",)
    return measurement.Reading("pdu", at, probes, (watts,) * len(probes))


def reason_of(caught: pytest.ExceptionInfo[exception.StoreUnavailable]) -> str:
    return str(caught.value.details["reason"])


# ---- the protocol


def test_a_batch_tells_what_failed_by_its_place(
    tmp_path: Path, daemon: rrdcached.RRDCached
) -> None:
    made = ["-s", "1", "-b", str(T0), "DS:w:GAUGE:60:0:U", "RRA:AVERAGE:0.5:1:100"]
    rrd_files.rrdtool(tmp_path / "a.rrd", "create", *made)
    path = daemons.path_in(tmp_path)
    client = daemons.Client(daemon.socket)
    failures = client.batch(
        [f"UPDATE {path}{name} {T0 + 1}.5:7" for name in ("a.rrd", "none.rrd", "a.rrd")]
    )
    client.close()
    assert failures.keys() == {1, 2}
    assert failures[1].startswith("No such file")
    assert failures[2].startswith("illegal attempt to update")


def test_an_empty_batch_is_one(daemon: rrdcached.RRDCached) -> None:
    assert daemons.Client(daemon.socket).batch([]) == {}


def test_a_large_batch_goes_through(tmp_path: Path, daemon: rrdcached.RRDCached) -> None:
    """Megabytes, every line of which fails."""
    path = daemons.path_in(tmp_path)
    lines = [f"UPDATE {path}none-{n}.rrd {T0}:7" for n in range(50_000)]
    assert len(daemons.Client(daemon.socket).batch(lines)) == 50_000


def test_it_is_away_and_comes_back(daemon: rrdcached.RRDCached) -> None:
    """Told with its socket, each time; then the connection is made anew."""
    client = daemons.Client(daemon.socket)
    client.batch([])
    daemon.kill()
    for _ in range(2):
        with pytest.raises(exception.StoreUnavailable) as caught:
            client.batch([])
        assert f"rrdcached at {daemon.socket}: " in reason_of(caught)
    daemon.start()
    assert client.batch([]) == {}


@pytest.mark.parametrize(
    "answer", [b"", b"hello\n", b"220 smtp.example.org ESMTP\n", b"-1 no\n", b"0", b"\xff\n"]
)
def test_what_is_no_rrdcached_is_away(
    tmp_path_factory: pytest.TempPathFactory, answer: bytes
) -> None:
    """A server of another kind, or one that breaks off."""
    path = str(tmp_path_factory.mktemp("s") / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            link, _ = listening.accept()
            with link:
                link.recv(100)
                link.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        client = daemons.Client(path, hung_after_seconds=5.0)
        with pytest.raises(exception.StoreUnavailable):
            client.batch(["UPDATE x 1:2"])
        thread.join()
        client.close()


def test_one_that_hangs_is_given_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        with pytest.raises(exception.StoreUnavailable) as caught:
            daemons.Client(path, hung_after_seconds=0.2).batch([])
    assert "timed out" in reason_of(caught)


# ---- files


def test_files_are_as_if_written_directly(tmp_path: Path, store: stores.Store) -> None:
    """Whatever comes: late, repeated, after a gap, after a restart of ours."""
    direct = stores.Store(tmp_path / "direct")
    moments = random.Random(1)
    at, told = T0 + 0.5, []
    for _ in range(400):
        at += moments.choice([0.1, 0.9, 1.0, 3.3, 80.7])
        told.append(reading(at, moments.uniform(0, 1000), "p", "q:1"))
        if moments.random() < 0.3:
            told.append(moments.choice(told))
    for first in range(0, len(told), 50):
        part = told[max(0, first - 10) : first + 50]
        store.update(part)
        direct.update(part)
        if first == 200:
            # It knows the files only from rrdcached now, which has not written them yet.
            store.close()
            direct.close()
    store.flush(["p", "q:1"])
    for probe in ("p", "q:1"):
        mine = stores.path_of(tmp_path / "a b\\c'd", probe)
        assert dump(mine) == dump(stores.path_of(tmp_path / "direct", probe))
    direct.close()
    assert store.counts == direct.counts


def dump(path: Path) -> str:
    return rrd_files.rrdtool(path, "dump")


def test_flushing_makes_files_current(tmp_path: Path, store: stores.Store) -> None:
    """Before that rrdcached has what was written; one without a file is no fault."""
    path = tmp_path / "a b\\c'd/p.rrd"
    store.update([reading(T0 + 1.0)])
    assert rrd_files.fetch(path, "AVERAGE", 1, T0, T0 + 1) == {}
    store.flush(["p", "unknown"])
    assert rrd_files.fetch(path, "AVERAGE", 1, T0, T0 + 1) == {T0 + 1: 100.0}


def test_nothing_is_lost_with_rrdcached(
    tmp_path: Path, store: stores.Store, daemon: rrdcached.RRDCached
) -> None:
    """Killed with everything in memory: it finds all in its journal."""
    probes = tuple(f"p{n}" for n in range(200))
    for second in range(1, 6):
        store.update([reading(T0 + second, 7.0, *probes)])
    daemon.kill()
    with pytest.raises(exception.StoreUnavailable):
        store.update([reading(T0 + 6, 7.0, *probes)])
    daemon.start()
    store.update([reading(T0 + 6, 7.0, *probes)])
    store.flush(probes)
    for probe in probes:
        path = tmp_path / f"a b\\c'd/{probe}.rrd"
        assert len(rrd_files.fetch(path, "AVERAGE", 1, T0, T0 + 6)) == 6


def test_a_broken_file_is_set_aside(tmp_path: Path, store: stores.Store) -> None:
    """rrdcached is told to forget it, else it would go on with what it knew."""
    path = tmp_path / "a b\\c'd/p.rrd"
    store.update([reading(T0 + 1.0)])
    store.close()
    store.flush(["p"])
    path.write_text("hello")
    for second in (2, 3):
        store.update([reading(T0 + second)])
    store.flush(["p"])
    assert rrd_files.fetch(path, "AVERAGE", 1, T0, T0 + 3).keys() == {T0 + 2, T0 + 3}
    assert store.counts["broken"] == 1


def test_files_of_silent_probes_are_removed(tmp_path: Path, store: stores.Store) -> None:
    """And not made again by what rrdcached still had of them."""
    store.update([reading(T0 + 1.0)])
    store.remove(4e9)
    store.flush(["p"])
    assert not (tmp_path / "a b\\c'd/p.rrd").exists()
    store.update([reading(T0 + 2.0)])
    assert (tmp_path / "a b\\c'd/p.rrd").exists()


def test_without_rrdcached_graphs_show_what_is_there(
    store: stores.Store, daemon: rrdcached.RRDCached, caplog: pytest.LogCaptureFixture
) -> None:
    """That it is away is told once, and that it is back."""
    caplog.set_level("INFO")
    daemon.kill()
    for _ in range(3):
        store.flush(["p"])
    daemon.start()
    store.flush(["p"])
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
