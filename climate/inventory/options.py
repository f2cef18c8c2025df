# SPDX-License-Identifier: Apache-2.0
"""Options of group [inventory], and the pace and limits they make.

Those of a source of hosts are the source's, such as [nova]'s
:mod:`climate.inventory.sources.nova`'s.
"""

from __future__ import annotations

from typing import NamedTuple

from oslo_config import cfg

GROUP = "inventory"

OPTS = [
    cfg.StrOpt(
        "source",
        default="nova",
        help="Where hosts come from: an entry point of climate.inventory.sources, such as `nova` "
        "or `file`.",
    ),
    cfg.FloatOpt(
        "refresh_seconds",
        default=60.0,
        min=1.0,
        help="How often the source is read.",
    ),
    cfg.FloatOpt(
        "max_refresh_seconds",
        default=600.0,
        min=1.0,
        help="How long to wait at most between two tries while the source is away.",
    ),
    cfg.StrOpt("file", help="YAML file of hosts, for source = file."),
    cfg.IntOpt(
        "max_properties_length",
        default=10_000,
        min=100,
        help="A longer property expression is refused.",
    ),
    cfg.IntOpt(
        "max_properties_depth",
        default=32,
        min=1,
        max=100,
        help="A property expression nested deeper is refused.",
    ),
]


class Pace(NamedTuple):
    """How often the source is read.

    :ivar max_refresh_seconds: between two tries while the source is away.
    """

    refresh_seconds: float
    max_refresh_seconds: float


class Limits(NamedTuple):
    """Of property expressions."""

    max_length: int
    max_depth: int


def pace_of(conf: cfg.ConfigOpts) -> Pace:
    """Return how often the source is read."""
    return Pace(conf[GROUP].refresh_seconds, conf[GROUP].max_refresh_seconds)


def limits_of(conf: cfg.ConfigOpts) -> Limits:
    """Return the limits of property expressions."""
    return Limits(conf[GROUP].max_properties_length, conf[GROUP].max_properties_depth)
