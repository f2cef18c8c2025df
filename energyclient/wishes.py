# SPDX-License-Identifier: Apache-2.0
"""The keywords by which a program asks for leases and lists them.

Owns their names and types, and the member or parameter that each becomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import TypedDict


class Wish(TypedDict, total=False):
    """A lease that is wanted; None is not given.

    ``duration_seconds``: by default as long as from start to end.
    ``start_time``: epoch seconds, not before this; by default now.
    ``end_time``: epoch seconds, not after this; by default start and duration.
    ``quantity``: how many hosts at least, by default 1; ``hosts_max``: at most.
    ``host_properties``: which hosts, in the grammar of Nova's JSON filter.
    ``objective``: one of :data:`energyclient.records.OBJECTIVES`.
    """

    duration_seconds: int | None
    start_time: int | None
    end_time: int | None
    quantity: int
    hosts_max: int | None
    host_properties: list[Any] | str | None
    objective: str | None
    name: str | None


class Filters(TypedDict, total=False):
    """Which leases to list; None is any.

    ``status``: one of :data:`energyclient.records.STATUSES`.
    ``starts_before``, ``ends_after``: epoch seconds.
    ``all_projects``: not only those of the caller's project.
    """

    status: str | None
    name: str | None
    host: str | None
    starts_before: int | None
    ends_after: int | None
    project_id: str | None
    all_projects: bool


def make_body(wish: Wish) -> dict[str, Any]:
    """Return the body of a request for a lease.

    :raises TypeError: there is no such keyword.
    """
    body = {"quantity": 1, **_given(wish, Wish)}
    if "duration_seconds" in body:
        body["duration"] = body.pop("duration_seconds")
    return body


def make_parameters(filters: Filters) -> dict[str, Any]:
    """Return the parameters of a request for a list of leases.

    :raises TypeError: there is no such keyword.
    """
    parameters = _given(filters, Filters)
    if parameters.pop("all_projects", False):
        parameters["all_projects"] = "true"
    return parameters


def _given(values: Mapping[str, Any], known: Any) -> dict[str, Any]:
    unknown = values.keys() - known.__annotations__.keys()
    if unknown:
        raise TypeError(f"unexpected keywords: {', '.join(sorted(unknown))}")
    return {key: value for key, value in values.items() if value is not None}
