# SPDX-License-Identifier: Apache-2.0
"""The API for any WSGI server: ``climate.wsgi.api:application``.

Owns where such a process finds its configuration: ``climate.conf`` in the
directory that OS_CLIMATE_CONFIG_DIR names, else in /etc/climate.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterable
from typing import Any

from climate import conf as options
from climate.cmd import api

_lock = threading.Lock()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request.

    The first one builds the application, so that a server may load this module
    before it forks: no two processes may share a connection.
    """
    with _lock:
        built = _build_once()
    return built(environ, start_response)  # type: ignore[no-any-return]


@functools.cache
def _build_once() -> Any:
    folder = os.environ.get("OS_CLIMATE_CONFIG_DIR")
    argv = ["--config-file", os.path.join(folder, "climate.conf")] if folder else []
    return api.build_app(options.load(argv, "climate-api"))
