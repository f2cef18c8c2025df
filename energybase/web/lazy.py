# SPDX-License-Identifier: Apache-2.0
"""An API for any WSGI server, built when it is first asked.

Owns when it is built, and where such a process finds its configuration.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any

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
        self._built: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        with self._lock:
            if self._built is None:
                self._built = self._build()
        return self._built(environ, start_response)  # type: ignore[no-any-return]

    def _build(self) -> Any:
        folder = os.environ.get(self._variable)
        argv = ["--config-file", os.path.join(folder, self._file)] if folder else []
        return self._program.build_app(self._program.load(argv, self._program.name))
