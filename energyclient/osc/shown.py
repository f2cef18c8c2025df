# SPDX-License-Identifier: Apache-2.0
"""Columns and rows of a lease, for commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from energyclient import records
from energyclient.osc import columns


def make_row(lease: records.Lease) -> tuple[Any, ...]:
    """Return its line in a table; who wants a shorter one cuts it off."""
    return (
        lease.id,
        lease.name,
        lease.status,
        columns.Time(lease.start_time),
        columns.Time(lease.end_time),
        columns.Hosts(lease.hosts),
        lease.degraded,
        lease.objective,
        columns.Json(lease.host_properties),
        lease.project_id,
        lease.user_id,
    )


def describe(lease: records.Lease) -> tuple[Sequence[str], Sequence[Any]]:
    """Return all of it: names, and values."""
    told: dict[str, Any] = lease._asdict()
    for name in ("start_time", "end_time", "window_start", "window_end"):
        told[name] = columns.Time(told[name])
    for name in ("created_at", "updated_at", "expires_at"):
        told[name] = columns.Time(told[name])
    told["duration"] = columns.Duration(lease.duration)
    told["hosts"] = columns.Hosts(lease.hosts)
    told["host_properties"] = columns.Json(lease.host_properties)
    return tuple(told), tuple(told.values())
