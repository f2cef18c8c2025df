# SPDX-License-Identifier: Apache-2.0
"""Options of group [drivers]: how all drivers are watched, retried and reported.

A wattmeter's own parameters are its driver's.
"""

from __future__ import annotations

from oslo_config import cfg

from kwapi.drivers import driver
from kwapi.drivers import manager

GROUP = "drivers"

OPTS = [
    cfg.FloatOpt(
        "hung_after_seconds",
        default=60.0,
        min=1.0,
        help="A driver whose device call takes longer is given up and started anew.",
    ),
    cfg.FloatOpt(
        "retry_seconds",
        default=1.0,
        min=0.1,
        help="Wait before a failed driver tries again; doubles with each failure.",
    ),
    cfg.FloatOpt(
        "max_retry_seconds",
        default=60.0,
        min=1.0,
        help="The longest such wait.",
    ),
    cfg.FloatOpt(
        "report_seconds",
        default=10.0,
        min=1.0,
        help="How often the state of every driver is published; changes are published at once.",
    ),
]


def options_of(conf: cfg.ConfigOpts) -> manager.Options:
    """Return how drivers are watched, retried and reported."""
    group = conf[GROUP]
    return manager.Options(
        group.hung_after_seconds,
        driver.Retry(group.retry_seconds, group.max_retry_seconds),
        group.report_seconds,
    )
