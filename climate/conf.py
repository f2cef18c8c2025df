# SPDX-License-Identifier: Apache-2.0
"""Every option of Climate, by group.

Nothing is registered at import: :func:`register_opts` takes the ConfigOpts to
register on, and whoever needs a value is given it.  No group but DEFAULT, and
those of libraries, has a name that Kwapi uses: one file may configure both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg
from oslo_log import log
from oslo_middleware import cors

from energybase import service
from energybase.web import options as web_options

#: Loggers that are too talkative at their own default level.
_LOG_LEVELS = [
    "kombu=WARN",
    "amqp=WARN",
    "alembic=WARN",
    "waitress=WARN",
    "novaclient=WARN",
    "keystoneauth=WARN",
]

DEFAULT_OPTS = [
    cfg.StrOpt(
        "state-path",
        default="/var/lib/climate",
        help="Directory for everything Climate writes; the SQLite database is in it by default.",
    ),
]

LEASE_API_OPTS = [
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

INVENTORY_OPTS = [
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

PLANNING_OPTS = [
    cfg.FloatOpt(
        "proposal_seconds",
        default=300.0,
        min=1.0,
        help="A proposal not confirmed for so long expires, and its hosts are free again.",
    ),
    cfg.IntOpt(
        "reservation_lead_seconds",
        default=3600,
        min=0,
        help="A host is kept free of servers without a lease for so long before a lease on it "
        "starts, since servers have no end.",
    ),
    cfg.IntOpt(
        "max_ahead_days",
        default=3650,
        min=1,
        help="A window that ends later than this many days from now is refused.",
    ),
    cfg.FloatOpt(
        "tick_seconds",
        default=1.0,
        min=0.05,
        help="How often leases are looked through for those that start, end or expire.",
    ),
    cfg.IntOpt(
        "keep_ended_days",
        default=90,
        min=0,
        help="Leases that ended, expired or were cancelled are removed after so many days.",
    ),
    cfg.IntOpt(
        "max_attempts",
        default=20,
        min=1,
        help="How often a request is planned anew when another planner takes the same free time.",
    ),
    cfg.StrOpt(
        "prices_file",
        help="CSV of time, value: what energy costs, or how much carbon it causes, from that "
        "time on. Objective `greenest` weighs energy by it; without it every hour counts the same.",
    ),
    cfg.FloatOpt(
        "default_host_watts",
        default=200.0,
        min=0.0,
        help="What a host of unknown consumption is taken to use, for objective `greenest`.",
    ),
    cfg.StrOpt(
        "topic",
        default="climate.leases",
        help="Topic of the notifications that tell of leases: climate.lease.start, "
        "climate.lease.end.",
    ),
]

QUOTA_OPTS = [
    cfg.IntOpt(
        "hosts",
        default=-1,
        min=-1,
        help="How many hosts a project may hold at any one moment ahead; -1 is any number.",
    ),
    cfg.IntOpt(
        "host_hours",
        default=-1,
        min=-1,
        help="How many host-hours a project may hold from now on; -1 is any number.",
    ),
    cfg.DictOpt(
        "project_hosts",
        default={},
        help="The same for single projects, as project_id:hosts, comma separated.",
    ),
    cfg.DictOpt(
        "project_host_hours",
        default={},
        help="The same for single projects, as project_id:host_hours, comma separated.",
    ),
]

RANKING_OPTS = [
    cfg.StrOpt(
        "by",
        default="marginal",
        choices=[
            (
                "marginal",
                "flop/W of one more vCPU: a host that is on costs little more, waking one "
                "costs its idle watts",
            ),
            ("load", "flop/W at the present load"),
            ("peak", "flop/W of the whole host, at the most watts it was seen to use"),
        ],
        help="What hosts are ranked by, unless the one who asks says otherwise.",
    ),
    cfg.IntOpt(
        "sample_seconds",
        default=60,
        min=1,
        help="How often watts and load of every host are looked at, and counted once, however "
        "many climate-ranking there are.",
    ),
    cfg.IntOpt(
        "window_hours",
        default=168,
        min=1,
        help="Watts are judged by what was observed in so many hours; older observations are "
        "removed.",
    ),
    cfg.IntOpt(
        "max_age_seconds",
        default=30,
        min=0,
        help="For how long a client of the API, such as Nova's scheduler, may reuse a ranking.",
    ),
    cfg.FloatOpt(
        "max_probe_age_seconds",
        default=180.0,
        min=1.0,
        help="What a probe measured longer ago is neither shown nor counted.",
    ),
    cfg.StrOpt(
        "kwapi_url",
        help="URL of Kwapi's API where it needs no token, such as http://127.0.0.1:9280. Else "
        "auth_type and its options say how to get a token, and the catalog where Kwapi is.",
    ),
    cfg.DictOpt(
        "probes",
        default={},
        help="Which probes measure a host, as host:probe, comma separated; several probes of a "
        "host have a space between them, and are added up. A host that is not named here is "
        "measured by the probe of the same name, or of its name up to the first dot.",
    ),
    cfg.StrOpt(
        "performances_file",
        help="YAML mapping of what hosts can compute, in double-precision flop/s, such as "
        "`node-1: 1.2e12`. What was recorded by way of the API counts more, what is "
        "deduced from a host's processors less.",
    ),
]

_GROUPS: dict[str | None, list[Any]] = {
    None: DEFAULT_OPTS,
    "lease_api": LEASE_API_OPTS,
    "inventory": INVENTORY_OPTS,
    "planning": PLANNING_OPTS,
    "quota": QUOTA_OPTS,
    "ranking": RANKING_OPTS,
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register every option of Climate; those without a group on its command line too."""
    conf.register_cli_opts(DEFAULT_OPTS)
    for group, opts in _GROUPS.items():
        conf.register_opts(opts, group=group)


def load(argv: Sequence[str] | None, prog: str, cli_opts: Sequence[Any] = ()) -> cfg.ConfigOpts:
    """Return the configuration of one of Climate's processes, with logging set up by it.

    ``/etc/climate/climate.conf`` is read, if there is one, when the command
    line names no file.
    """
    set_defaults()
    path = "/etc/climate/climate.conf"
    return service.prepare(
        argv,
        prog,
        register=(register_opts,),
        cli_opts=cli_opts,
        project="climate",
        config_files=[path] if os.path.exists(path) else [],
    )


def list_opts() -> list[tuple[str | None, list[Any]]]:
    """Return every option for ``oslo-config-generator``."""
    return [(group, list(opts)) for group, opts in _GROUPS.items()]


def set_defaults() -> None:
    """Set what other libraries' options default to in Climate."""
    cors.set_defaults(allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"])
    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), *_LOG_LEVELS])
