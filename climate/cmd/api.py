# SPDX-License-Identifier: Apache-2.0
"""climate-api: serves the API.

Owns what is served; :mod:`energybase.web.workers` has the processes.  For any other
WSGI server there is :mod:`climate.wsgi.api`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from climate.api import app
from climate.api import backend as backends
from climate.cmd import conf as options
from climate.rpc import transport as transports
from energybase.web import workers

#: A load balancer does not wait longer, and the next one of its checks holds one more thread.
_HEALTH_SECONDS = 3.0


def build_app(conf: cfg.ConfigOpts, transport: Any = None) -> WSGIApplication:
    """Return the API over the configured broker; connects to nothing yet.

    :param transport: one that the process already has.
    :raises ConfigurationInvalid: there is no such transport.
    """
    services = backends.Services.reach(
        transport or transports.get_transport(conf),
        conf.lease_api.rpc_timeout_seconds,
        _HEALTH_SECONDS,
    )
    return app.build_app(conf, services)


PROGRAM = workers.Program("climate-api", "lease_api", options.load, build_app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    return workers.main(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
