# SPDX-License-Identifier: Apache-2.0
"""How planning is configured: the values of [planning] and [quota], and the price file.

Owns what is wrong with them, which is told before anything is planned by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from oslo_config import cfg

from climate.planning import lease as leases
from climate.planning import prices
from energybase import exception

_DAY_SECONDS = 86_400


class Quotas(NamedTuple):
    """What projects may hold; single ones otherwise than all."""

    default: leases.Quota = leases.Quota()
    hosts: Mapping[str, int] = {}
    host_hours: Mapping[str, int] = {}

    def of(self, project_id: str) -> leases.Quota:
        """Return what a project may hold."""
        return leases.Quota(
            self.hosts.get(project_id, self.default.hosts),
            self.host_hours.get(project_id, self.default.host_hours),
        )


class Options(NamedTuple):
    """How requests are planned; see :mod:`climate.conf`."""

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
            leases.Quota(conf.quota.hosts, conf.quota.host_hours),
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
