# SPDX-License-Identifier: Apache-2.0
"""Quotas: how much a project's leases hold, and whether the project may hold that.

Owns the arithmetic.  What a project holds is read by :mod:`climate.planning.changes`,
in the transaction that adds to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

from climate import exception

_HOUR_SECONDS = 3600


class Quota(NamedTuple):
    """What a project may hold from now on; -1 is any number.

    :ivar hosts: at any one moment.
    :ivar host_hours: in all.
    """

    hosts: int = -1
    host_hours: int = -1


UNLIMITED = Quota()


class Holding(NamedTuple):
    """So many hosts are held in [start_time, end_time)."""

    start_time: int
    end_time: int
    hosts: int


def check(quota: Quota, holdings: Sequence[Holding], now: int) -> None:
    """Pass if a project may hold all this from now on.

    :raises QuotaExceeded: it may not; what it may, and what it would hold.
    """
    ahead = [held._replace(start_time=max(held.start_time, now)) for held in holdings]
    ahead = [held for held in ahead if held.start_time < held.end_time]
    _require("hosts", quota.hosts, find_peak(ahead))
    _require("host_hours", quota.host_hours, count_host_hours(ahead))


def find_peak(holdings: Sequence[Holding]) -> int:
    """Return the most hosts held at one moment."""
    steps = [(held.start_time, held.hosts) for held in holdings]
    steps += [(held.end_time, -held.hosts) for held in holdings]
    # What ends at a moment is given back before what starts then is taken.
    held = itertools.accumulate(hosts for _, hosts in sorted(steps))
    return max(held, default=0)


def count_host_hours(holdings: Iterable[Holding]) -> int:
    """Return all hosts' hours together; a part of an hour counts as one."""
    seconds = sum((held.end_time - held.start_time) * held.hosts for held in holdings)
    return -(-seconds // _HOUR_SECONDS)


def _require(resource: str, limit: int, wanted: int) -> None:
    if 0 <= limit < wanted:
        raise exception.QuotaExceeded(resource=resource, limit=limit, wanted=wanted)
