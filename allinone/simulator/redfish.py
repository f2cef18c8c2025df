# SPDX-License-Identifier: Apache-2.0
"""The simulated servers by Redfish: one HTTP service, a system and a chassis each.

Owns HTTP, log-in and sessions.  What the documents say is
:mod:`allinone.simulator.redfish_documents`'s, the watts
:mod:`allinone.simulator.rack`'s.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import logging
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from allinone.simulator import account
from allinone.simulator import rack as racks
from allinone.simulator import redfish_documents as documents
from kwapi import exception

LOG = logging.getLogger(__name__)

_JOIN_SECONDS = 60.0
_IDLE_SECONDS = 60.0
_LONGEST_BODY = 65_536
#: Who comes when there are as many gets the place of who came first.
_MOST_SESSIONS = 64


class Redfish:
    """Serves the servers of one rack on one TCP port."""

    def __init__(
        self,
        rack: racks.Rack,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare.

        :param port: 0 takes any free one.
        :param now: returns the rack's time, epoch seconds.
        """
        self._rack, self._address = rack, (host, port)
        self._service = documents.Service(rack, now)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is, once started."""
        return "http://{}:{}".format(*self._address)

    def start(self) -> None:
        """Listen.

        :raises ConfigurationInvalid: the address cannot be had.
        """
        host, port = self._address
        try:
            server = self._server = _Server(self._address, self._service)
        except (OSError, OverflowError) as exc:
            raise exception.ConfigurationInvalid(
                where="simulator",
                reason=f"Redfish cannot listen on {host}, TCP port {port}: "
                f"{getattr(exc, 'strerror', None) or exc}",
            ) from exc
        self._address = (host, server.server_address[1])
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.1,), name="simulator-redfish", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection; return when they are closed."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join(_JOIN_SECONDS)
            server.hang_up()
            server.server_close()

    def reload(self) -> None:
        """Nothing can change."""

    def drivers_conf(self, name: str = "rack-1-redfish") -> str:
        """Return the section of drivers.conf that reads this service."""
        chassis = {f"{server.name}.redfish": server.name for server in self._rack.servers}
        parameters = {
            "url": self.url,
            "username": account.USERNAME,
            "password": account.PASSWORD,
            "chassis": chassis,
        }
        return (
            f"[{name}]\ndriver = redfish\nprobes = {list(chassis)!r}\nparameters = {parameters!r}\n"
        )


class _Server(http.server.ThreadingHTTPServer):
    # Its end waits for its threads, none of which waits for a client then.
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], service: documents.Service) -> None:
        self.service = service
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._tokens: dict[str, None] = {}
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: Any) -> None:
        # Called where the exception is handled; clients that go away are no news.
        LOG.debug("A client went away: %r", sys.exc_info()[1])

    def hang_up(self) -> None:
        """End every connection."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def open_session(self) -> str:
        """Return the token of a new session."""
        with self._lock:
            while len(self._tokens) >= _MOST_SESSIONS:
                del self._tokens[next(iter(self._tokens))]
            token = secrets.token_hex(16)
            self._tokens[token] = None
            return token

    def close_session(self, token: str) -> bool:
        """Forget a session; return whether there was one."""
        with self._lock:
            known = token in self._tokens
            self._tokens.pop(token, None)
            return known

    def admits(self, headers: Any) -> bool:
        """Tell whether a request is from somebody we know."""
        basic = base64.b64encode(f"{account.USERNAME}:{account.PASSWORD}".encode()).decode()
        with self._lock:
            if headers.get("X-Auth-Token") in self._tokens:
                return True
        return bool(headers.get("Authorization") == f"Basic {basic}")


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    # Head and body are two writes; the second would wait for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].rstrip("/")
        if path not in documents.PUBLIC and not self.server.admits(self.headers):
            return self._refuse(HTTPStatus.UNAUTHORIZED, "log in first")
        document = self.server.service.get(path)
        if document is None:
            return self._refuse(HTTPStatus.NOT_FOUND, f"there is no {path}")
        return self._answer(HTTPStatus.OK, document)

    def do_POST(self) -> None:
        body, path = self._body(), self.path.rstrip("/")
        if body is None:
            return self._refuse(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
        if path == documents.SESSIONS:
            return self._log_in(body)
        if not self.server.admits(self.headers):
            return self._refuse(HTTPStatus.UNAUTHORIZED, "log in first")
        try:
            done = self.server.service.post(path, body)
        except ValueError as exc:
            return self._refuse(HTTPStatus.BAD_REQUEST, str(exc))
        if not done:
            return self._refuse(HTTPStatus.NOT_FOUND, f"there is no action {path}")
        return self._answer(HTTPStatus.NO_CONTENT)

    def do_DELETE(self) -> None:
        parent, _, token = self.path.rpartition("/")
        if not self.server.admits(self.headers):
            return self._refuse(HTTPStatus.UNAUTHORIZED, "log in first")
        if parent != documents.SESSIONS or not self.server.close_session(token):
            return self._refuse(HTTPStatus.NOT_FOUND, "there is no such session")
        return self._answer(HTTPStatus.NO_CONTENT)

    def _log_in(self, body: Mapping[str, Any]) -> None:
        given = (body.get("UserName"), body.get("Password"))
        if given != (account.USERNAME, account.PASSWORD):
            return self._refuse(HTTPStatus.UNAUTHORIZED, "name or password is wrong")
        token = self.server.open_session()
        location = f"{documents.SESSIONS}/{token}"
        session = {"@odata.id": location, "Id": token, "Name": "Session"}
        headers = {"X-Auth-Token": token, "Location": location}
        return self._answer(HTTPStatus.CREATED, session, headers)

    def _body(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self.close_connection = True  # what follows is not the next request
            return None
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        error = {"code": "Base.1.0.GeneralError", "message": message}
        self._answer(status, {"error": error})

    def _answer(
        self,
        status: HTTPStatus,
        document: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("OData-Version", "4.0")
        if self.close_connection:
            # Said, though the client asked for it: else requests takes it for reusable.
            self.send_header("Connection", "close")
        if document is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
