# SPDX-License-Identifier: Apache-2.0
"""The part of kwapi-rrd that writes, as one component: listens to the bus, writes files.

Owns how its parts are put together, and that rrdtool is there.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from oslo_config import cfg

from energybase import exception
from kwapi.bus import consumer
from kwapi.history import options
from kwapi.history import store as stores
from kwapi.history import writer as writers


class HistoryService(consumer.Consumer):
    """The writer and its listener."""

    def __init__(self, conf: cfg.ConfigOpts, transport: Any) -> None:
        """Prepare; connects to nothing, and opens nothing yet.

        :raises ConfigurationInvalid: there is no key, or files would lack something.
        """
        directory, rules = Path(conf.rrd.directory), options.rules_of(conf)
        store = stores.Store(
            directory,
            options.layout_of(conf),
            max_watts=rules.max_watts,
            program=conf.rrd.rrdtool,
            rrdcached=conf.rrd.rrdcached,
        )
        self._writer = writers.Writer(store, directory, rules)
        super().__init__(
            conf,
            transport,
            self._writer.handle,
            self._writer,
            pool=conf.rrd.pool,
            flush_seconds=conf.rrd.flush_seconds,
        )

    def stop(self) -> None:
        """Finish the batch under way, or give it back; then let others write."""
        super().stop()
        self._writer.close()


def require_rrdtool(conf: cfg.ConfigOpts) -> None:
    """Refuse to go on without the program.

    :raises ConfigurationInvalid: it is not on this machine.
    """
    if shutil.which(conf.rrd.rrdtool) is None:
        raise exception.ConfigurationInvalid(
            where="[rrd] rrdtool",
            reason=f"{conf.rrd.rrdtool} is not installed; Debian's package is rrdtool",
        )
