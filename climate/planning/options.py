# SPDX-License-Identifier: Apache-2.0
"""Options of groups [planning] and [quota], and the values they make, the price file's among them.

Owns what is refused in them, before anything is planned by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from oslo_config import cfg

from climate.planning import prices
from climate.planning import quotas
from energybase import exception

_DAY_SECONDS = 86_400

GROUP = "planning"
QUOTA_GROUP = "quota"

OPTS = [
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


class Quotas(NamedTuple):
    """What projects may hold; single ones otherwise than all."""

    default: quotas.Quota = quotas.Quota()
    hosts: Mapping[str, int] = {}
    host_hours: Mapping[str, int] = {}

    def of(self, project_id: str) -> quotas.Quota:
        """Return what a project may hold."""
        return quotas.Quota(
            self.hosts.get(project_id, self.default.hosts),
            self.host_hours.get(project_id, self.default.host_hours),
        )


class Options(NamedTuple):
    """How requests are planned."""

    proposal_seconds: int = 300
    lead_seconds: int = 3600
    max_ahead_seconds: int = 3650 * _DAY_SECONDS
    max_attempts: int = 20
    default_host_watts: float = 200.0
    energy_prices: prices.Prices = prices.Prices.flat()
    quotas: Quotas = Quotas()


def options_of(conf: cfg.ConfigOpts) -> Options:
    """Return what is configured; reads the price file.

    :raises ConfigurationInvalid: a quota is no number, or the price file is wrong.
    """
    group = conf.planning
    return Options(
        math.ceil(group.proposal_seconds),
        group.reservation_lead_seconds,
        group.max_ahead_days * _DAY_SECONDS,
        group.max_attempts,
        group.default_host_watts,
        _read_prices(group.prices_file),
        Quotas(
            quotas.Quota(conf.quota.hosts, conf.quota.host_hours),
            _numbers("project_hosts", conf.quota.project_hosts),
            _numbers("project_host_hours", conf.quota.project_host_hours),
        ),
    )


def _read_prices(path: str | None) -> prices.Prices:
    if path is None:
        return prices.Prices.flat()
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "is not UTF-8"
        raise exception.ConfigurationInvalid(where=path, reason=reason) from exc
    return prices.Prices.parse(text, path)


def _numbers(name: str, values: Mapping[str, str]) -> dict[str, int]:
    try:
        numbers = {project_id: int(text) for project_id, text in values.items()}
    except ValueError as exc:
        raise _no_number(name) from exc
    if min(numbers.values(), default=0) < -1:
        raise _no_number(name)
    return numbers


def _no_number(name: str) -> exception.ConfigurationInvalid:
    return exception.ConfigurationInvalid(
        where=f"[quota] {name}", reason="must be project_id:number pairs; -1 is any number"
    )
