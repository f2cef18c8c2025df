# SPDX-License-Identifier: Apache-2.0
"""Options of group [api]: where Kwapi's API listens, and whom it answers."""

from __future__ import annotations

from oslo_config import cfg

from energybase.web import options as web_options

GROUP = "api"

OPTS = [
    *web_options.make_server_opts(9280),
    web_options.make_auth_opt(
        [
            web_options.KEYSTONE,
            ("noauth", "everybody may read everything; only on a loopback address"),
        ]
    ),
    cfg.FloatOpt(
        "driver_report_timeout_seconds",
        default=60.0,
        min=1.0,
        help="A driver not reported on for so long is shown in state `unknown`.",
    ),
]
