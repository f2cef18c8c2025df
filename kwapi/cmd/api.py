# SPDX-License-Identifier: Apache-2.0
"""kwapi-api: serves the API.

Owns what is served; :mod:`energybase.web.workers` has the processes.  For any other
WSGI server there is :mod:`kwapi.wsgi.api`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from energybase.db import migration
from energybase.web import workers
from kwapi.api import app
from kwapi.cmd import conf as options
from kwapi.store import store as stores
from kwapi.store import tables


def build_app(conf: cfg.ConfigOpts) -> WSGIApplication:
    """Return the API over the configured database; connects to nothing yet."""
    return app.build_app(conf, stores.open_store(conf))


def require_schema(conf: cfg.ConfigOpts) -> None:
    """Pass if the store's schema is the one this release works with.

    :raises SchemaOutdated: it is another one.
    """
    migration.require(conf, tables.SCHEMA)


PROGRAM = workers.Program("kwapi-api", "api", options.load, build_app, require_schema)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return workers.main(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
