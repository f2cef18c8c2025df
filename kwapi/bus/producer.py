# SPDX-License-Identifier: Apache-2.0
"""A service that publishes on the bus, from its configuration to its end.

Owns that another signing key is taken up at a reload.  What is published is
the affair of whoever has it.
"""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from energybase import service
from kwapi.bus import publisher as publishers
from kwapi.bus import transport as transports


class Producer(service.Group):
    """The publisher of this process, and its signing key.

    :ivar publisher: takes what is to be sent.
    """

    def __init__(self, conf: cfg.ConfigOpts, transport: Any) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: there is no key, or it is not said which one signs.
        """
        self.publisher = publishers.Publisher(
            transport,
            transports.signer_of(conf),
            conf.bus.topic,
            limits=publishers.Limits(
                conf.bus.window_seconds,
                conf.bus.max_measurements_per_message,
                conf.bus.max_kept_measurements,
            ),
        )
        super().__init__(conf, self.publisher)

    def configure(self, conf: cfg.ConfigOpts) -> None:
        """Sign with the key that is configured now; what another one signed is still good.

        :raises ConfigurationInvalid: there is no key, or it is not said which one signs.
        """
        self.publisher.signer.use(*transports.signing_key_of(conf))
