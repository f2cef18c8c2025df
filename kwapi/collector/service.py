# SPDX-License-Identifier: Apache-2.0
"""kwapi-collector as one component: listens to the bus, counts energy, stores it.

Owns how its parts are put together.
"""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from kwapi.bus import consumer
from kwapi.collector import collector
from kwapi.collector import options
from kwapi.store import store as stores


class CollectorService(consumer.Consumer):
    """The collector and its listener."""

    def __init__(self, conf: cfg.ConfigOpts, transport: Any, store: stores.Store) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: there is no key.
        """
        counting = collector.Collector(store, options.rules_of(conf))
        super().__init__(
            conf,
            transport,
            counting.handle,
            counting,
            flush_seconds=conf.collector.flush_seconds,
        )
