# SPDX-License-Identifier: Apache-2.0
"""Options of group [rrd] that say how files are written, and the rules and the layout they make.

The rest of the group is :mod:`kwapi.pages.options`'.
"""

from __future__ import annotations

from oslo_config import cfg
from oslo_config import types

from energybase import exception
from kwapi.history import layout as layouts
from kwapi.history import writer as writers

GROUP = "rrd"

OPTS = [
    cfg.StrOpt(
        "directory",
        default="$state_path/rrd",
        help="Where the probes' files are, one each; of one `kwapi-rrd` alone.",
    ),
    cfg.StrOpt(
        "rrdcached",
        help="Socket of an rrdcached on this machine that writes the files, for example "
        "/run/rrdcached.sock: for thousands of probes. Without it they are written directly.",
    ),
    cfg.StrOpt("rrdtool", default="rrdtool", help="The program, by name or path."),
    cfg.ListOpt(
        "consolidations",
        default=["AVERAGE", "MIN", "MAX"],
        item_type=types.String(choices=["AVERAGE", "MIN", "MAX"]),
        help="What is kept of every step of every period. With AVERAGE alone a probe's file is "
        "10 kB rather than 29, and peaks within a step are not shown. A change holds for new "
        "probes.",
    ),
    cfg.StrOpt(
        "pool",
        default="kwapi-rrd",
        help="Name of the queue in which measurements wait for `kwapi-rrd`; two on one broker "
        "need two.",
    ),
    cfg.FloatOpt(
        "flush_seconds",
        default=2.0,
        min=0.05,
        max=60.0,
        help="Measurements are written, and acknowledged, together at least this often.",
    ),
    cfg.IntOpt(
        "keep_days",
        default=400,
        min=0,
        help="The file of a probe that said nothing for so long is removed; 0 keeps all.",
    ),
]


def rules_of(conf: cfg.ConfigOpts) -> writers.Rules:
    """Return what is written, and for how long it is kept."""
    return writers.Rules(
        conf.bus.max_clock_skew_seconds,
        # A message may have been old when it came, and what is in it when it was sent.
        2 * conf.bus.max_message_age_seconds,
        conf.collector.max_watts,
        conf.rrd.keep_days,
    )


def layout_of(conf: cfg.ConfigOpts) -> layouts.Layout:
    """Return how files are made.

    :raises ConfigurationInvalid: they would lack what every graph is made of.
    """
    kept = tuple(dict.fromkeys(conf.rrd.consolidations))
    if "AVERAGE" not in kept:
        raise exception.ConfigurationInvalid(
            where="[rrd] consolidations", reason="must include AVERAGE"
        )
    return layouts.Layout(conf.collector.max_gap_seconds, kept)
