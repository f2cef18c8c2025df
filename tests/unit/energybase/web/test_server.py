# SPDX-License-Identifier: Apache-2.0
"""A server answers from start to stop, and finishes what it was asked."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from energybase.web import server


class App:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let = threading.Event()
        self.body = b"x" * 4_000_000

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.asked.set()
        self.let.wait(30)
        start_response("200 OK", [("Content-Length", str(len(self.body)))])
        return [self.body]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def serving(app: App) -> Iterator[server.Server]:
    running = server.Server(app)
    running.start()
    yield running
    app.let.set()
    running.stop()


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def test_it_answers_at_its_url(app: App, serving: server.Server) -> None:
    app.let.set()
    assert serving.url == f"http://127.0.0.1:{serving.port}/"
    assert read(serving.url) == app.body


def test_a_request_under_way_is_finished_before_it_stops(app: App) -> None:
    running = server.Server(app)
    running.start()
    bodies: list[bytes] = []
    client = threading.Thread(target=lambda: bodies.append(read(running.url)))
    client.start()
    assert app.asked.wait(30)
    stopper = threading.Thread(target=running.stop)
    stopper.start()
    app.let.set()
    client.join(30)
    stopper.join(30)
    assert bodies == [app.body]


def test_a_stopped_server_is_gone(app: App) -> None:
    before = threading.active_count()
    running = server.Server(app)
    running.start()
    app.let.set()
    read(running.url)
    running.stop()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", running.port), 5).close()
    assert threading.active_count() == before


def test_a_client_that_stays_connected_does_not_hold_it_up(app: App) -> None:
    running = server.Server(app)
    running.start()
    with socket.create_connection(("127.0.0.1", running.port), 30) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")  # and no more
        running.stop()
        with contextlib.suppress(ConnectionResetError):
            assert idle.recv(100) == b""


def test_two_servers_share_one_socket(app: App) -> None:
    """As the processes of kwapi-api do."""
    app.let.set()
    listening = server.listen("127.0.0.1", 0)
    twins = [server.Server(app, listening=listening.dup()) for _ in range(2)]
    listening.close()
    for twin in twins:
        twin.start()
    twins[0].stop()
    assert read(twins[1].url) == app.body
    twins[1].stop()


def test_an_address_in_use_is_refused() -> None:
    with server.listen("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        server.listen("127.0.0.1", taken.getsockname()[1])


def test_a_body_larger_than_allowed_is_refused(app: App) -> None:
    """In the shape of all errors, although the application is not asked."""
    app.let.set()
    running = server.Server(app, max_body_bytes=10)
    running.start()
    try:
        with pytest.raises(urllib.error.HTTPError, match="413") as caught:
            urllib.request.urlopen(running.url, data=b"x" * 100, timeout=30)
        (error,) = json.load(caught.value)["errors"]
        assert error["status"] == 413
        assert error["request_id"] == caught.value.headers["X-OpenStack-Request-ID"]
    finally:
        running.stop()


def test_the_url_of_an_ipv6_address_has_brackets() -> None:
    assert server.get_url("::1", 9280) == "http://[::1]:9280/"


@pytest.mark.parametrize(("status", "wishes", "kept"), [
    ("304 Not Modified", "keep-alive", True),
    ("204 No Content", "keep-alive", True),
    ("304 Not Modified", "close", False),
])  # fmt: skip
def test_an_answer_without_a_body_keeps_the_connection(
    status: str, wishes: str, kept: bool
) -> None:
    """Who asks every few seconds need not connect each time."""

    def unchanged(_environ: Any, start_response: Any) -> Any:
        start_response(status, [("ETag", '"1"')])
        return []

    running = server.Server(unchanged)
    running.start()
    try:
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
            question = f"GET / HTTP/1.1\r\nHost: x\r\nConnection: {wishes}\r\n\r\n".encode()
            connection.sendall(question)
            assert connection.recv(4096).startswith(f"HTTP/1.1 {status}".encode())
            assert bool(_ask_again(connection, question)) == kept
    finally:
        running.stop()


def _ask_again(connection: socket.socket, question: bytes) -> bytes:
    with contextlib.suppress(OSError):
        connection.sendall(question)
        return connection.recv(4096)
    return b""
