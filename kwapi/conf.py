# SPDX-License-Identifier: Apache-2.0
"""Every option of Kwapi, by group.

Nothing is registered at import: :func:`register_opts` takes the ConfigOpts to
register on, and whoever needs a value is given it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg
from oslo_config import types
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
    "pymodbus=CRITICAL",
    "sushy=CRITICAL",
]

DEFAULT_OPTS = [
    cfg.StrOpt(
        "state-path",
        default="/var/lib/kwapi",
        help="Directory for everything Kwapi writes; the SQLite database is in it by default.",
    ),
]

BUS_OPTS = [
    cfg.DictOpt(
        "signing_keys",
        default={},
        secret=True,
        help="Keys that sign messages, as id:key, comma separated; a key has at least 32 "
        "characters. `kwapi-manage key generate` makes one. Receivers take any of them, which "
        "is how keys are rotated: add the new one to the receivers, then to the senders, then "
        "remove the old one.",
    ),
    cfg.StrOpt(
        "signing_key_id",
        help="Which of signing_keys signs what this process sends; needed when there are several.",
    ),
    cfg.StrOpt(
        "sender",
        default=socket.gethostname(),
        sample_default="<hostname>",
        help="Name under which this process sends.",
    ),
    cfg.StrOpt(
        "topic",
        default="kwapi.measurements",
        help="Topic of the notifications that carry measurements.",
    ),
    cfg.FloatOpt(
        "window_seconds",
        default=0.2,
        min=0.0,
        max=10.0,
        help="Measurements taken within so many seconds travel in one message.",
    ),
    cfg.IntOpt(
        "max_measurements_per_message",
        default=250,
        min=1,
        help="A message with more measurements is split.",
    ),
    cfg.IntOpt(
        "max_kept_measurements",
        default=1_000_000,
        min=1,
        help="How many measurements to keep while the broker is away, at about 100 bytes each; "
        "beyond that the oldest are dropped and counted.",
    ),
    cfg.FloatOpt(
        "max_message_age_seconds",
        default=7 * 86400.0,
        min=60.0,
        help="Older messages are refused. This bounds how long a consumer may be away without "
        "losing measurements, and how long what it has taken is remembered against replays.",
    ),
    cfg.FloatOpt(
        "max_clock_skew_seconds",
        default=300.0,
        min=0.0,
        help="Messages and measurements further in the future than this are refused.",
    ),
    cfg.IntOpt(
        "prefetch",
        default=800,
        min=10,
        help="How many messages the broker hands over before the first is acknowledged.",
    ),
]

DRIVERS_OPTS = [
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

COLLECTOR_OPTS = [
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
        default=100_000.0,
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

API_OPTS = [
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

RRD_OPTS = [
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

CEILOMETER_OPTS = [
    cfg.StrOpt(
        "connection",
        secret=True,
        sample_default="sqlite:///<state_path>/kwapi-ceilometer.sqlite",
        help="URL of the database in which `kwapi-ceilometer` counts; of its own, and of one "
        "`kwapi-ceilometer` alone.",
    ),
    cfg.StrOpt(
        "transport_url",
        secret=True,
        sample_default="<that of the measurements>",
        help="The message bus on which Ceilometer's notification agent listens.",
    ),
    cfg.StrOpt("exchange", default="ceilometer", help="Exchange on which the agent listens."),
    cfg.StrOpt(
        "topic",
        default="notifications",
        help="Topic on which the agent listens; the queue is <topic>.info.",
    ),
    cfg.BoolOpt(
        "durable_queues",
        default=False,
        help="Whether exchange and queue are durable: what [oslo_messaging_rabbit] "
        "amqp_durable_queues says to Ceilometer's agent. With true in both, samples on their "
        "way survive a restart of the broker.",
    ),
    cfg.StrOpt(
        "event_type",
        default="telemetry.polling",
        help="Event type of the notifications. The default is that of Ceilometer's polling "
        "agent, whose samples the notification agent takes as they are; another one wants a "
        "definition in meters.d.",
    ),
    cfg.StrOpt(
        "pool",
        default="kwapi-ceilometer",
        help="Name of the queue in which measurements wait for `kwapi-ceilometer`; two on one "
        "broker need two.",
    ),
    cfg.FloatOpt(
        "period_seconds",
        default=60.0,
        min=0.1,
        help="Of each probe the first measurement in every such period becomes a sample.",
    ),
    cfg.ListOpt(
        "meters",
        default=["energy", "power"],
        item_type=types.String(choices=["energy", "power", "hardware.ipmi.node.power"]),
        help="Which meters are sent: energy and power of each probe, and, as "
        "hardware.ipmi.node.power, the power of each host.",
    ),
    cfg.StrOpt(
        "host_pattern",
        default="(?P<host>.+)",
        help="Regular expression that a probe's whole name matches, and whose group `host` is "
        "the name of the host it feeds. By default a probe is called as its host.",
    ),
    cfg.DictOpt(
        "host_probes",
        default={},
        help="Probes of hosts for which host_pattern will not do, such as those with several "
        "power supplies: host:probe probe, comma separated.",
    ),
    cfg.FloatOpt(
        "flush_seconds",
        default=5.0,
        min=0.05,
        max=60.0,
        help="Measurements are counted and stored, and samples sent, together at least this often.",
    ),
    cfg.IntOpt(
        "max_samples_per_message",
        default=250,
        min=1,
        help="A notification with more samples is split.",
    ),
    cfg.IntOpt(
        "max_queued_messages",
        default=1000,
        min=1,
        help="While so many messages wait for Ceilometer, no more are sent: measurements wait "
        "in the queue named by pool. A message of 250 samples has 200 kB.",
    ),
    cfg.FloatOpt(
        "max_behind_seconds",
        default=86400.0,
        min=60.0,
        help="Samples that could not be sent for so long are dropped, and that is logged; "
        "energy is counted all the same.",
    ),
]

SIMULATOR_OPTS = [
    cfg.PortOpt("port", default=17161, help="UDP port of the simulated PDU; 0 takes any free one."),
    cfg.IntOpt("seed", default=1, help="The same seed gives the same loads."),
]

_GROUPS: dict[str | None, list[Any]] = {
    None: DEFAULT_OPTS,
    "bus": BUS_OPTS,
    "drivers": DRIVERS_OPTS,
    "collector": COLLECTOR_OPTS,
    "api": API_OPTS,
    "rrd": RRD_OPTS,
    "ceilometer": CEILOMETER_OPTS,
    "simulator": SIMULATOR_OPTS,
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register every option of Kwapi on ``conf``; those without a group on its command line too."""
    conf.register_cli_opts(DEFAULT_OPTS)
    for group, opts in _GROUPS.items():
        conf.register_opts(opts, group=group)


def load(
    argv: Sequence[str] | None,
    prog: str,
    cli_opts: Sequence[Any] = (),
    files: Sequence[str] = ("kwapi.conf",),
) -> cfg.ConfigOpts:
    """Return the configuration of one of Kwapi's processes, with logging set up by it.

    :param files: read from /etc/kwapi, those of them that exist, when the
        command line names none.
    """
    set_defaults()
    found = [path for path in (f"/etc/kwapi/{name}" for name in files) if os.path.exists(path)]
    return service.prepare(
        argv,
        prog,
        register=(register_opts,),
        cli_opts=cli_opts,
        config_files=found,
        project="kwapi",
    )


def list_opts() -> list[tuple[str | None, list[Any]]]:
    """Return every option for ``oslo-config-generator``."""
    return [(group, list(opts)) for group, opts in _GROUPS.items()]


def set_defaults() -> None:
    """Set what other libraries' options default to in Kwapi."""
    cors.set_defaults(allow_methods=["GET", "HEAD"])
    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), *_LOG_LEVELS])
