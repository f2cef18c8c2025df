# SPDX-License-Identifier: Apache-2.0
"""As much of the lease API as Nova's scheduler asks, over HTTP.

Nothing but the standard library: it also runs in Nova's own environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import socket
import threading
from typing import Any
from urllib import parse


class FakeClimate:
    """Runs from ``start`` to ``stop``; whatever is set on it, the next answer has.

    :ivar leases: by id: project, hosts, and why none is allowed, if so.
    :ivar scores: flop per watt by host; None is a host without a figure.
    :ivar bodies: answers that replace others, by path.
    :ivar status: what is answered if it is not 200.
    :ivar released: cleared, answers wait until it is set.
    :ivar requests: (path with query, headers), in the order they came.
    """

    def __init__(self) -> None:
        self.reserved: list[str] = []
        self.leases: dict[str, tuple[str, list[str], str | None]] = {}
        self.scores: dict[str, float | None] = {}
        self.bodies: dict[str, bytes] = {}
        self.cache_control = "private, max-age=0"
        self.status = 200
        self.released = threading.Event()
        self.released.set()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._server: http.server.ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The endpoint, as a catalog has it."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Listen, on the same port as before, if there was one."""
        server = _Server(("127.0.0.1", self._port), _Handler)
        server.climate = self
        self._port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.accept_all, daemon=True).start()

    def stop(self) -> None:
        """Answer no more; connections are refused."""
        if self._server is not None:
            self._server.server_close()
            self._server = None

    def count(self, path: str) -> int:
        """Return how many requests came for a path, such as ``allowed-hosts/``."""
        return sum(parse.urlsplit(asked).path == f"/v1/{path}" for asked, _ in self.requests)

    def answer(self, target: str) -> bytes:
        """Return the body for a path with its query."""
        found = parse.urlsplit(target)
        if found.path in self.bodies:
            return self.bodies[found.path]
        if found.path == "/v1/ranking/":
            ranked = [{"host": host, "score": score} for host, score in self.scores.items()]
            return json.dumps({"by": "marginal", "hosts": ranked}).encode()
        query = parse.parse_qs(found.query)
        if "lease_id" in query:
            inside = self._look_inside(query["lease_id"], query["project_id"][0])
            return json.dumps(inside).encode()
        return json.dumps({"hosts": [], "reserved": self.reserved}).encode()

    def _look_inside(self, lease_ids: list[str], project_id: str) -> dict[str, Any]:
        allowed: list[str] = []
        reasons: list[str] = []
        for lease_id in lease_ids:
            owner, hosts, reason = self.leases.get(lease_id, ("", [], None))
            if owner != project_id:
                reason = f"Lease '{lease_id}' is not known."
            if reason:
                reasons.append(reason)
            else:
                allowed += hosts
        return {"hosts": allowed} | ({"reason": " ".join(reasons)} if reasons else {})


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # A hundred clients may come at once.
    request_queue_size = 256
    climate: FakeClimate

    def __init__(self, *args: Any) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(*args)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def handle_error(self, *args: Any) -> None:
        """Say nothing: who asked has gone."""

    def accept_all(self) -> None:
        """Until closed; unlike serve_forever it lets others run on green threads, too."""
        with contextlib.suppress(OSError):
            while True:
                self.process_request(*self.get_request())

    def server_close(self) -> None:
        """Those that were kept open end, too."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        super().server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        climate = self.server.climate
        climate.requests.append((self.path, dict(self.headers)))
        climate.released.wait(20)
        with contextlib.suppress(ConnectionError):
            self._answer(climate)

    def _answer(self, climate: FakeClimate) -> None:
        body = climate.answer(self.path)
        status = climate.status
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status != 200:
            error = {"status": status, "title": "Refused", "detail": "climate-planning is away."}
            body = json.dumps({"errors": [error]}).encode()
        elif self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        self._send(status, tag, climate.cache_control, body)

    def _send(self, status: int, tag: str, cache_control: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("ETag", tag)
        self.send_header("Cache-Control", cache_control)
        self.send_header("Content-Type", "application/json")
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
