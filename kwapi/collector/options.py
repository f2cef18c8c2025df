# SPDX-License-Identifier: Apache-2.0
"""Options of group [collector], and the rules that it and [bus] set for every measurement."""

from __future__ import annotations

from oslo_config import cfg

from kwapi import measurement
from kwapi.collector import ledger
from kwapi.store import record

GROUP = "collector"

OPTS = [
    cfg.FloatOpt(
        "flush_seconds",
        default=2.0,
        min=0.05,
        max=60.0,
        help="Messages are stored, and acknowledged, together at least this often. Less is "
        "fresher, more is cheaper: a probe's record is written once each time.",
    ),
    cfg.FloatOpt(
        "max_gap_seconds",
        default=60.0,
        min=1.0,
        help="Energy between two measurements further apart is not known, hence counted as a gap "
        "and not billed, unless the meter counts energy itself. A slow device may take three of "
        "its own periods.",
    ),
    cfg.FloatOpt(
        "max_watts",
        default=measurement.MAX_WATTS,
        min=1.0,
        help="A probe that says more than this is not believed.",
    ),
    cfg.FloatOpt(
        "silent_seconds",
        default=300.0,
        min=1.0,
        help="A probe silent for so long leaves the list; its counters are found again when it "
        "comes back.",
    ),
]


def rules_of(conf: cfg.ConfigOpts) -> ledger.Rules:
    """Return how measurements are judged."""
    return ledger.Rules(
        record.Limits(conf.collector.max_gap_seconds, conf.collector.max_watts),
        conf.collector.silent_seconds,
        conf.bus.max_clock_skew_seconds,
        conf.bus.max_message_age_seconds,
    )
