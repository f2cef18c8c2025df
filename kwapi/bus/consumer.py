# SPDX-License-Identifier: Apache-2.0
"""A service that listens to the bus, from its configuration to its end.

Owns that a batch under way at the end is given back, and that another key is
taken up at a reload.  What becomes of a batch is the affair of whoever derives
from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oslo_config import cfg

from energybase import service
from kwapi.bus import batch as batches
from kwapi.bus import listener as listeners
from kwapi.bus import transport as transports


class Consumer(service.Group):
    """Components that handle batches, and the listener that feeds them.

    All stop in the order in which they start, the listener last: once a component
    is stopping it gives back a batch that waits, and the listener can end.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        transport: Any,
        handle: Callable[[batches.Batch], None],
        *components: service.Component,
        flush_seconds: float,
        pool: str | None = None,
    ) -> None:
        """Prepare; connects to nothing yet.

        :param handle: takes each batch; returns when its effect is stored.
        :param components: what handles batches.
        :param flush_seconds: for how long messages are gathered.
        :param pool: None only for the collector.
        :raises ConfigurationInvalid: there is no key.
        """
        super().__init__(conf, *components)
        self._listener = listeners.Listener(
            transport,
            transports.verifier_of(conf),
            handle,
            listeners.Subscription(
                conf.bus.topic, pool, flush_seconds, max(1, conf.bus.prefetch // 2)
            ),
        )

    def start(self) -> None:
        """Listen from now on."""
        super().start()
        self._listener.start()

    def stop(self) -> None:
        """Finish the batch under way, or give it back."""
        for component in self._components:
            component.stop()
        self._listener.stop()

    def configure(self, conf: cfg.ConfigOpts) -> None:
        """Verify by the keys that are configured now.

        :raises ConfigurationInvalid: there is none.
        """
        self._listener.set_verifier(transports.verifier_of(conf))
