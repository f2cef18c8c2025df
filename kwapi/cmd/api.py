# SPDX-License-Identifier: Apache-2.0
"""kwapi-api: serves the API.

Owns what is served; :mod:`kwapi.web.workers` has the processes.  For any other
WSGI server there is :mod:`kwapi.wsgi.api`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from kwapi import conf as options
from kwapi.api import app
from kwapi.collector import store as stores
from kwapi.db import migration
from kwapi.web import workers


def build_app(conf: cfg.ConfigOpts) -> Any:
    """Return the API over the configured database; connects to nothing yet."""
    return app.build_app(conf, stores.open_store(conf))


PROGRAM = workers.Program("kwapi-api", "api", options.load, build_app, migration.require)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return workers.main(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
