# SPDX-License-Identifier: Apache-2.0
"""Options of group [rrd] that say how the web pages are served, what they show, and to whom.

The rest of the group is :mod:`kwapi.history.options`'.
"""

from __future__ import annotations

from oslo_config import cfg

from energybase.web import options as web_options

GROUP = "rrd"

SERVER_OPTS = [
    *web_options.make_server_opts(
        9281,
        min_workers=0,
        help_texts={
            "host": "Address to serve the pages on.",
            "port": "Port to serve the pages on.",
            "workers": "Processes that serve the pages; with 0 `kwapi-rrd` only writes, and "
            "another WSGI server may serve them.",
            "threads": "Threads of each of these.",
        },
    ),
]

OPTS = [
    cfg.StrOpt("title", default="Kwapi", help="What the pages are headed with."),
    cfg.FloatOpt(
        "refresh_seconds", default=5.0, min=1.0, help="How often an open page looks for news."
    ),
    cfg.IntOpt(
        "max_stacked",
        default=20,
        min=1,
        help="A graph of more probes shows groups of them, that many at most.",
    ),
    cfg.StrOpt("currency", default="EUR", help="What energy is paid in."),
    cfg.FloatOpt(
        "kwh_price", default=0.25, min=0.0, help="What a kWh costs where tariff names no price."
    ),
    cfg.DictOpt(
        "tariff",
        default={},
        help="What a kWh costs by hour of the day, as from-to: price, comma separated; for "
        "example 22-6: 0.12, 6-22: 0.25.",
    ),
    cfg.StrOpt(
        "time_zone",
        help="Where days begin and tariffs hold, for example Europe/Paris; this machine's "
        "own if not set.",
    ),
    web_options.make_auth_opt(
        [
            web_options.KEYSTONE,
            ("noauth", "everybody may look; only on a loopback address"),
            ("proxy_header", "whom a reverse proxy has let in; see proxy_user_header"),
            ("link", "who has the link with link_key in it"),
        ],
        default="noauth",
        help_text="Who may look.",
    ),
    cfg.StrOpt(
        "proxy_user_header",
        default="X-Remote-User",
        help="Header in which a reverse proxy names whom it has let in.",
    ),
    cfg.ListOpt(
        "trusted_proxies",
        default=["127.0.0.1", "::1"],
        help="Addresses or networks of the reverse proxies whose header is believed.",
    ),
    cfg.StrOpt(
        "link_key",
        secret=True,
        help="What a shared link ends in, at least 32 characters: /?key=...",
    ),
]
