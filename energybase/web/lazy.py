# SPDX-License-Identifier: Apache-2.0
"""A WSGI application that is built by its first request.

Owns when it is built, and where such a process finds its configuration.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

from energybase.web import workers


class Application:
    """A program's application.

    The first request builds it, so that a server may load its module before it
    forks: no two processes may share a connection.
    """

    def __init__(self, program: workers.Program, variable: str, file: str) -> None:
        """Build nothing yet.

        :param variable: of the environment, which names the directory of
            ``file``; without it the configuration is where the program looks.
        """
        self._program, self._variable, self._file = program, variable, file
        self._lock = threading.Lock()
        self._built: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        with self._lock:
            if self._built is None:
                self._built = self._build()
            built = self._built
        return built(environ, start_response)

    def _build(self) -> WSGIApplication:
        folder = os.environ.get(self._variable)
        argv = ["--config-file", os.path.join(folder, self._file)] if folder else []
        return self._program.build_app(self._program.load(argv, self._program.name))
