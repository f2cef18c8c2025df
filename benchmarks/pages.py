# SPDX-License-Identifier: Apache-2.0
"""The pages' answers: what a cached graph takes, a 304, and everything else.

Usage: python -m benchmarks.pages [--requests 2000] [--probes 1000] [--viewers 100]

in-process   the WSGI application is called, all its middleware included (noauth)
http         one connection, kept, through waitress in a process of its own
viewers      so many clients, each a thread, ask for one page's graph at once
             while the index changes; how often it was drawn is counted

Files are real, and have a few minutes of made-up power in them.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import logging
import multiprocessing
import multiprocessing.connection
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import webob

from kwapi.graphs import graph
from kwapi.history import periods
from tests.servers import rack_pages

PATHS = (
    "/graph/minute/",
    "/graph/minute/rack-1.node-1/",
    "/series/minute/",
    "/list/minute/",
    "/totals/",
    "/last/minute/",
)
#: What is promised, milliseconds.
MOST_CACHED_MS, MOST_UNCHANGED_MS = 2.0, 1.0

_SPAWN = multiprocessing.get_context("spawn")

#: Asks for a path with an entity tag or None; returns status, tag and bytes received.
Ask = Callable[[str, str | None], tuple[int, str, int]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--viewers", type=int, default=100)
    arguments = parser.parse_args()
    # It says whenever all its threads are busy, which is what is tried here.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="kwapi-bench-") as folder:
        pages = rack_pages.Pages(Path(folder))
        pages.write(rack_pages.make_many(arguments.probes))
        print(f"{arguments.probes} probes, {arguments.requests} requests each")
        print(f"{'':46}{'best ms':>10}{'median ms':>10}{'p95 ms':>10}{'first ms':>10}{'kB':>8}")
        measure("in-process", in_process(pages.app), arguments.requests)
        with serve_apart(Path(folder)) as url:
            measure("http", over_http(url), arguments.requests)
        watch(pages, arguments.viewers)
        pages.close()


def measure(where: str, ask: Ask, requests: int) -> None:
    """Print what each path takes, as 200 and as 304."""
    for path in PATHS:
        first, (status, tag, size) = timed(ask, path, None)
        assert status == 200, (path, status)
        report(
            f"{where} 200 {path}", [timed(ask, path, None)[0] for _ in range(requests)], first, size
        )
        answers = [timed(ask, path, tag) for _ in range(requests)]
        assert {answer[1][0] for answer in answers} == {304}
        report(f"{where} 304 {path}", [seconds for seconds, _ in answers], None, 0)


def report(name: str, seconds: list[float], first: float | None, size: int) -> None:
    """Print one line; an asterisk marks what is slower than promised."""
    # The best twentieth is what it takes where nothing else runs.
    best, *_, p95 = (one * 1e3 for one in statistics.quantiles(seconds, n=20))
    median = statistics.median(seconds) * 1e3
    most = MOST_UNCHANGED_MS if " 304 " in name else MOST_CACHED_MS
    late = " *" if median > most and "/graph/" in name else ""
    cold = f"{first * 1e3:10.1f}" if first is not None else f"{'':10}"
    print(f"{name:46}{best:10.3f}{median:10.3f}{p95:10.3f}{cold}{size / 1e3:8.1f}{late}")


def timed(ask: Ask, path: str, tag: str | None) -> tuple[float, tuple[int, str, int]]:
    """Return how many seconds it took, and the answer."""
    start = time.perf_counter()
    answer = ask(path, tag)
    return time.perf_counter() - start, answer


def in_process(app: Any) -> Ask:
    """Return what calls an application directly."""

    def ask(path: str, tag: str | None) -> tuple[int, str, int]:
        headers = {"If-None-Match": tag} if tag else {}
        environ = webob.Request.blank(path, headers=headers).environ
        environ["REMOTE_ADDR"] = "127.0.0.1"
        said: list[Any] = []
        body = b"".join(app(environ, lambda *head: said.extend(head)))
        return int(said[0][:3]), dict(said[1]).get("ETag", ""), len(body)

    return ask


@contextlib.contextmanager
def serve_apart(folder: Path) -> Iterator[str]:
    """Serve the same files from another process; yield where."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(theirs, folder), daemon=True)
    process.start()
    yield ours.recv()
    ours.send(None)
    process.join()


def _serve(pipe: multiprocessing.connection.Connection, folder: Path) -> None:
    pages = rack_pages.Pages(folder)
    pipe.send(pages.url)
    pipe.recv()
    pages.close()


def over_http(url: str) -> Ask:
    """Return what asks a server on this machine."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def ask(path: str, tag: str | None) -> tuple[int, str, int]:
        connection.request("GET", path, headers={"If-None-Match": tag} if tag else {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("ETag", ""), len(answer.read())

    return ask


def watch(pages: rack_pages.Pages, viewers: int) -> None:
    """Print how often a graph is drawn while many look and measurements come in."""
    drawn = 0
    draw = graph.Grapher.draw

    def count(grapher: graph.Grapher, *arguments: Any, **options: Any) -> bytes:
        nonlocal drawn
        drawn += 1
        return draw(grapher, *arguments, **options)

    graph.Grapher.draw = count  # type: ignore[method-assign]
    period = periods.find("hour")
    steps = 5
    start = time.perf_counter()
    for _ in range(steps):
        # Twice in a step of ten seconds there is something new.
        for _ in range(2):
            pages.clock.now += period.step_seconds / 2
            pages.index.write(pages.index.read().values(), pages.clock.now)
            ask_together(pages.url, f"/graph/{period.name}/", viewers)
    seconds = time.perf_counter() - start
    print(
        f"{viewers} viewers, {2 * steps} times each, over {steps} steps of "
        f"{period.step_seconds} s: drawn {drawn} times; "
        f"{2 * steps * viewers / seconds:.0f} answers/s"
    )


def ask_together(url: str, path: str, viewers: int) -> None:
    """Ask from so many threads at once, and wait for all answers."""
    threads = [threading.Thread(target=lambda: over_http(url)(path, None)) for _ in range(viewers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
