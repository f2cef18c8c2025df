# SPDX-License-Identifier: Apache-2.0
"""Options of a program that serves HTTP: where it listens, with how many threads, and for whom.

Owns their names, defaults and help; :mod:`energybase.web.workers` reads them.  Which
group they are in, and what differs, is each service's.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from oslo_config import cfg

#: The first way to identify clients; a service adds its others to it.
KEYSTONE = ("keystone", "a valid Keystone token is required; see [keystone_authtoken]")

_HELP = {
    "host": "Address to listen on.",
    "port": "Port to listen on.",
    "workers": "Processes that answer requests.",
    "threads": "Threads of each worker.",
}


def make_server_opts(
    port: int,
    *,
    threads: int = 4,
    min_workers: int = 1,
    help_texts: Mapping[str, str] | None = None,
) -> list[cfg.Opt]:
    """Return ``host``, ``port``, ``workers`` and ``threads``.

    :param port: default port.
    :param threads: default number of threads of each worker.
    :param help_texts: by option, where the general text does not fit the service.
    """
    told = {**_HELP, **(help_texts or {})}
    return [
        cfg.HostAddressOpt("host", default="127.0.0.1", help=told["host"]),
        cfg.PortOpt("port", default=port, help=told["port"]),
        cfg.IntOpt(
            "workers",
            min=min_workers,
            sample_default="<processors, at most 4>",
            help=told["workers"],
        ),
        cfg.IntOpt("threads", default=threads, min=1, help=told["threads"]),
    ]


def make_auth_opt(
    strategies: Sequence[tuple[str, str]],
    *,
    default: str = "keystone",
    help_text: str = "Who may ask.",
) -> cfg.Opt:
    """Return ``auth_strategy``.

    :param strategies: each with what it means to an operator.
    """
    return cfg.StrOpt("auth_strategy", default=default, choices=list(strategies), help=help_text)
