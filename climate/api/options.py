# SPDX-License-Identifier: Apache-2.0
"""Options of group [lease_api]: where Climate's API listens, whom it answers, and its limits."""

from __future__ import annotations

from oslo_config import cfg

from energybase.web import options as web_options

GROUP = "lease_api"

OPTS = [
    *web_options.make_server_opts(1234, threads=8),
    web_options.make_auth_opt(
        [
            web_options.KEYSTONE,
            ("noauth", "everybody may do everything; only on a loopback address"),
        ]
    ),
    cfg.FloatOpt(
        "rpc_timeout_seconds",
        default=20.0,
        min=0.1,
        help="How long a request waits for climate-inventory or climate-planning before it is "
        "answered 503.",
    ),
    cfg.IntOpt(
        "max_body_bytes",
        default=114_688,
        min=1024,
        # energybase.web.server takes twice as much, for what chunks are wrapped in.
        max=524_288,
        help="A request with a longer body is refused: 413.",
    ),
    cfg.IntOpt(
        "default_page_size", default=100, min=1, help="Leases in an answer that no limit was given."
    ),
    cfg.IntOpt("max_page_size", default=1000, min=1, help="Leases in one answer at most."),
    cfg.FloatOpt(
        "allowed_hosts_max_age_seconds",
        default=1.0,
        min=0.0,
        help="How long Nova's scheduler may reuse the list of hosts it was given; a lease created "
        "meanwhile is not in it.",
    ),
]
