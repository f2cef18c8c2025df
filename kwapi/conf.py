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
from oslo_log import log
from oslo_middleware import cors

from kwapi import service

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
    cfg.HostAddressOpt("host", default="127.0.0.1", help="Address to listen on."),
    cfg.PortOpt("port", default=9280, help="Port to listen on."),
    cfg.IntOpt(
        "workers",
        min=1,
        sample_default="<processors, at most 4>",
        help="Processes that answer requests.",
    ),
    cfg.IntOpt("threads", default=4, min=1, help="Threads of each worker."),
    cfg.StrOpt(
        "auth_strategy",
        default="keystone",
        choices=[
            ("keystone", "a valid Keystone token is required; see [keystone_authtoken]"),
            ("noauth", "everybody may read everything; only on a loopback address"),
        ],
        help="Who may ask.",
    ),
    cfg.FloatOpt(
        "driver_report_timeout_seconds",
        default=60.0,
        min=1.0,
        help="A driver not reported on for so long is shown in state `unknown`.",
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
        argv, prog, register=(register_opts,), cli_opts=cli_opts, config_files=found
    )


def list_opts() -> list[tuple[str | None, list[Any]]]:
    """Return every option for ``oslo-config-generator``."""
    return [(group, list(opts)) for group, opts in _GROUPS.items()]


def set_defaults() -> None:
    """Set what other libraries' options default to in Kwapi."""
    cors.set_defaults(allow_methods=["GET", "HEAD"])
    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), *_LOG_LEVELS])
