# SPDX-License-Identifier: Apache-2.0
"""Hosts and requests as Nova's scheduler has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nova import objects
from nova.scheduler import host_manager

INSTANCE = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
CELL = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"


def make_hosts(*names: str, aggregates: Sequence[Any] = ()) -> list[Any]:
    """Return the state of each host; the service is named otherwise than the node."""
    hosts = []
    for name in names:
        host = host_manager.HostState(f"service-of-{name}", name, CELL)
        host.aggregates = list(aggregates)
        hosts.append(host)
    return hosts


def make_request(project_id: str = "alice", **hints: Any) -> Any:
    """Return a request for one server."""
    return objects.RequestSpec(
        instance_uuid=INSTANCE,
        project_id=project_id,
        scheduler_hints={name: _to_list(value) for name, value in hints.items()},
    )


def make_aggregate(**metadata: str) -> Any:
    """Return an aggregate that hosts may be in."""
    return objects.Aggregate(id=1, name="an-aggregate", metadata=metadata)


def _to_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
