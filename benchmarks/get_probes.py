# SPDX-License-Identifier: Apache-2.0
"""GET of all probes: what it takes in the server, and through one.

Usage: python -m benchmarks.get_probes [--probes 10000,100000] [--requests 200]

A process of its own stores new measurements of every probe once a second
meanwhile, as the collector does.  Beside ours runs what the first Kwapi did,
Flask's ``jsonify`` of a dict in memory, which nobody writes to.  The two take
turns, request by request, so that the machine's mood strikes both alike.

in-process   the WSGI application is called, all its middleware included (noauth)
http         a client process, one connection kept, through waitress
200, 304     a client that has nothing; one that has the newest version
gzip         compressed, at most once for each version
"""

from __future__ import annotations

import argparse
import dataclasses
import http.client
import multiprocessing
import multiprocessing.connection
import pathlib
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import flask

from energybase import service
from energybase.db import migration
from energybase.db import transaction
from energybase.web import server
from kwapi.api import app
from kwapi.cmd import conf as options
from kwapi.store import record
from kwapi.store import snapshot
from kwapi.store import state
from kwapi.store import store as stores
from kwapi.store import tables

PATH = "/v1/probes/"
_SPAWN = multiprocessing.get_context("spawn")

#: Asks with these headers; returns status, entity tag and bytes received.
Ask = Callable[[dict[str, str]], tuple[int, str, int]]


def main() -> None:
    """Measure, and print a table for each number of probes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.get_probes")
    parser.add_argument("--probes", default="10000,100000")
    parser.add_argument("--requests", type=int, default=200)
    arguments = parser.parse_args()
    for probes in map(int, arguments.probes.split(",")):
        with tempfile.TemporaryDirectory(prefix="kwapi-bench-") as folder:
            measure(pathlib.Path(folder), probes, arguments.requests)


def measure(folder: pathlib.Path, probes: int, requests: int) -> None:
    """Print how long each way of asking takes, and how much longer the baseline."""
    conf = configure(folder)
    engine = transaction.build(conf, tables.SCHEMA.sqlite_file).writer.get_engine()
    migration.upgrade(engine, tables.SCHEMA)
    with Child(write, folder, probes) as writer:
        print(f"\n{probes} probes, written once a second")
        print(f"{'':24}{'median ms':>10}{'p95 ms':>10}{'flask ms':>10}{'ratio':>8}{'kB':>8}")
        baseline = in_process(build_flask(probes))
        ask = in_process(app.build_app(conf, stores.open_store(conf)))
        measure_all("in-process", ask, baseline, requests)
        with Child(serve, folder, 0) as ours, Child(serve, None, probes) as flasks:
            measure_all("http", over_http(ours.said), over_http(flasks.said), requests)
        print(f"the writer saved {writer.stop()} versions meanwhile")


def measure_all(where: str, ask: Ask, baseline: Ask, requests: int) -> None:
    """Print a line for each kind of request."""
    for name, headers in (("200", {}), ("200 gzip", {"Accept-Encoding": "gzip"})):
        ours, theirs, size = [], [], 0
        for _ in range(requests):
            seconds, (status, _, size) = timed(ask, headers)
            assert status == 200, status
            ours.append(seconds)
            theirs.append(timed(baseline, {})[0])
        report(f"{where} {name}", ours, theirs, size)
    unchanged: list[float] = []
    tag = ""
    while len(unchanged) < requests:
        seconds, (status, tag, _) = timed(ask, {"If-None-Match": tag})
        # After each save one request is a 200; it counts above.
        unchanged += [seconds] if status == 304 else []
        time.sleep(0.002)
    report(f"{where} 304", unchanged, theirs, 0)


def report(name: str, ours: list[float], theirs: list[float], size: int) -> None:
    """Print one line."""
    median, baseline = statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3
    p95 = statistics.quantiles(ours, n=20)[-1] * 1e3
    ratio = f"{baseline / median:7.0f}x"
    print(f"{name:24}{median:10.2f}{p95:10.2f}{baseline:10.1f}{ratio}{size / 1e3:8.0f}")


def timed(ask: Ask, headers: dict[str, str]) -> tuple[float, tuple[int, str, int]]:
    """Return how many seconds it took, and the answer."""
    start = time.perf_counter()
    answer = ask(headers)
    return time.perf_counter() - start, answer


def in_process(wsgi: Any) -> Ask:
    """Return what calls an application directly."""

    def ask(headers: dict[str, str]) -> tuple[int, str, int]:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": PATH,
            "SCRIPT_NAME": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            **{f"HTTP_{name.upper().replace('-', '_')}": v for name, v in headers.items()},
        }
        said: list[Any] = []
        body = b"".join(wsgi(environ, lambda *head: said.extend(head)))
        return int(said[0][:3]), dict(said[1]).get("ETag", ""), len(body)

    return ask


def over_http(port: int) -> Ask:
    """Return what asks a server on this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(headers: dict[str, str]) -> tuple[int, str, int]:
        # Without this header http.client would ask for identity by name.
        connection.request("GET", PATH, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("ETag", ""), len(answer.read())

    return ask


class Child:
    """A process that first says something, and on ``stop`` its last word."""

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=target, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()
        self.said: Any = self._pipe.recv()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> Any:
        """End it; return its last word."""
        if not self._pipe.closed:
            self._pipe.send(None)
            self._last = self._pipe.recv()
            self._pipe.close()
            self._process.join()
        return self._last


def write(pipe: multiprocessing.connection.Connection, folder: pathlib.Path, probes: int) -> None:
    """Store new measurements of all probes once a second, until told to stop."""
    store = stores.open_store(configure(folder))
    shown, records = snapshot.Snapshot(), make_records(probes)
    version = store.get_version()
    while True:
        for known in records:
            known.timestamp, known.watts = time.time(), random.uniform(50, 400)
            known.kwh += known.watts / 3_600_000
        shown.update(records)
        changes = state.Changes(
            version,
            records=records,
            probes_body=shown.probes_body(),
            probe_ids_body=shown.probe_ids_body() if version == 0 else None,
        )
        store.save(changes)
        version += 1
        if version == 1:
            pipe.send(None)
        if pipe.poll(1.0):
            pipe.send(version)
            return


def serve(
    pipe: multiprocessing.connection.Connection, folder: pathlib.Path | None, probes: int
) -> None:
    """Serve ours over a database, or without one the baseline, until told to stop."""
    if folder is None:
        wsgi = build_flask(probes)
    else:
        conf = configure(folder)
        wsgi = app.build_app(conf, stores.open_store(conf))
    running = server.Server(wsgi)
    running.start()
    pipe.send(running.port)
    pipe.recv()
    running.stop()
    pipe.send(None)


def build_flask(probes: int) -> Any:
    """Return the first Kwapi's way: records in a dict, under a lock, through jsonify."""
    application = flask.Flask("baseline")
    lock = threading.Lock()
    fields = ("timestamp", "kwh", "watts", "wattmeter", "period_seconds", "resolution_watts")
    known = {
        one.probe_id: {name: dataclasses.asdict(one)[name] for name in fields}
        for one in make_records(probes)
    }

    @application.get(PATH)
    def list_probes() -> Any:
        with lock:
            return flask.jsonify({"probes": known})

    return application


def make_records(probes: int) -> list[record.Record]:
    """Return records as different as real ones."""
    return [
        record.Record(
            f"lyon.rack-{number // 24:04}.outlet-{number % 24:02}",
            time.time() + random.random(),
            random.uniform(50, 400),
            random.uniform(0, 5000),
            wattmeter=f"rack-{number // 24:04}",
            period_seconds=1.0,
            resolution_watts=1.0,
        )
        for number in range(probes)
    ]


def configure(folder: pathlib.Path) -> Any:
    """Return the configuration over a database in this folder."""
    conf = service.prepare(
        [], "bench", register=(options.register_opts,), config_files=[], project="kwapi"
    )
    conf.set_override("state_path", str(folder))
    conf.set_override("auth_strategy", "noauth", "api")
    return conf


if __name__ == "__main__":
    main()
