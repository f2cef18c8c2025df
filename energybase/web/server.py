# SPDX-License-Identifier: Apache-2.0
"""Serves a WSGI application from this process, by waitress.

Owns the socket and the threads, and what is answered before an application is
asked.  Several processes may share one socket: bind it with :func:`listen` before
they fork, and give it to each.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import Any
from wsgiref.types import WSGIApplication

import waitress
from oslo_context import context
from waitress import channel as channels
from waitress import task

from energybase.web import errors

LOG = logging.getLogger(__name__)

_DRAIN_SECONDS = 30.0
_POLL_SECONDS = 0.02
#: Waitress spills a larger answer that is not yet sent into a file.
_KEEP_IN_MEMORY_BYTES = 32 * 1024 * 1024


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; port 0 takes any free one.

    :raises OSError: the address is taken, or not this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(socket.SOMAXCONN)
    except OSError:
        listening.close()
        raise
    return listening


def get_url(host: str, port: int) -> str:
    """Return the URL of what listens there."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class _Refusal(task.ErrorTask):  # type: ignore[misc]  # waitress comes without types
    """Answers what no application is asked, such as a body that is far too long."""

    def execute(self) -> None:
        error = self.request.error
        request_id = context.generate_request_id()
        LOG.info("%s: %s %s", request_id, error.code, error.reason)
        body = errors.encode(request_id, error.code, error.reason)
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            ("X-OpenStack-Request-ID", request_id),
        ]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Task(task.WSGITask):  # type: ignore[misc]
    """Keeps a connection after an answer without a body, such as 304.

    Waitress closes it, though such an answer ends with its headers.
    """

    def set_close_on_finish(self) -> None:
        wishes = self.request.headers.get("CONNECTION", "").lower()
        if self.has_body or self.version != "1.1" or wishes == "close":
            super().set_close_on_finish()


class _Channel(channels.HTTPChannel):  # type: ignore[misc]
    task_class = _Task
    error_task_class = _Refusal


class Server:
    """One process's server: answers from ``start`` until ``stop``."""

    def __init__(
        self,
        app: WSGIApplication,
        host: str = "127.0.0.1",
        port: int = 0,
        threads: int = 4,
        *,
        listening: socket.socket | None = None,
        max_body_bytes: int = 1024 * 1024,
    ) -> None:
        self._socket = listening or listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = get_url(host, self.port)
        self._waitress = waitress.create_server(
            app,
            sockets=[self._socket],
            threads=threads,
            ident=None,
            asyncore_use_poll=True,
            connection_limit=1000,
            max_request_body_size=max_body_bytes,
            outbuf_overflow=_KEEP_IN_MEMORY_BYTES,
        )
        self._waitress.channel_class = _Channel
        self._loop = threading.Thread(target=self._waitress.run, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._loop.start()

    def stop(self) -> None:
        """Accept nothing more, finish what was asked, and end."""
        stopped = threading.Event()
        self._call(self._stop_accepting)
        # By then what had arrived before has been read, and shows as busy.
        self._call(stopped.set)
        stopped.wait(_DRAIN_SECONDS)
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._is_busy() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self._waitress.task_dispatcher.shutdown(timeout=1)
        self._call(self._close_all)
        self._loop.join(_DRAIN_SECONDS)

    def reload(self) -> None:
        """Nothing of the server itself can change."""

    def _call(self, thunk: Any) -> None:
        # Only the loop's own thread may touch its sockets.
        self._waitress.trigger.pull_trigger(thunk)

    def _stop_accepting(self) -> None:
        self._waitress.accepting = False
        self._waitress.del_channel()
        self._socket.close()

    def _close_all(self) -> None:
        for channel in list(self._waitress.active_channels.values()):
            channel.handle_close()
        self._waitress.close()

    def _is_busy(self) -> bool:
        channels = list(self._waitress.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)
