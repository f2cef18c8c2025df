# SPDX-License-Identifier: Apache-2.0
"""kwapi-drivers: reads the wattmeters that the configuration names, and publishes.

Owns how the parts of this process are put together.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from collections.abc import Sequence

from oslo_config import cfg

from kwapi import bus
from kwapi import conf as options
from kwapi import exception
from kwapi import service
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import manager


def build_publisher(conf: cfg.ConfigOpts, transport: object) -> bus.Publisher:
    """Return what sends this process's readings."""
    return bus.Publisher(
        transport,
        bus.signer_of(conf),
        conf.bus.topic,
        window_seconds=conf.bus.window_seconds,
        max_measurements=conf.bus.max_measurements_per_message,
        max_kept=conf.bus.max_kept_measurements,
    )


def build_manager(
    conf: cfg.ConfigOpts,
    publisher: bus.Publisher,
    load: Callable[[], configuration.Configuration],
) -> manager.Manager:
    """Return what runs the drivers of a configuration."""
    group = conf.drivers
    return manager.Manager(
        load,
        publisher.publish,
        publisher.report,
        manager.Options(
            group.hung_after_seconds,
            driver.Retry(group.retry_seconds, group.max_retry_seconds),
            group.report_seconds,
        ),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return the exit status."""
    conf = options.load(argv, "kwapi-drivers", files=("kwapi.conf", "drivers.conf"))
    try:
        publisher = build_publisher(conf, bus.get_transport(conf))
        load = functools.partial(configuration.read, options.paths(conf))
        service.run(publisher, build_manager(conf, publisher, load))
    except exception.ConfigurationInvalid as exc:
        print(f"kwapi-drivers: {exc}", file=sys.stderr)
        return 2
    return 0
