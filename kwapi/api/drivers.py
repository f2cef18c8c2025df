# SPDX-License-Identifier: Apache-2.0
"""Judges the state of drivers by the age of their last report.

Owns the state ``unknown``: who no longer reports is neither running nor failing.
"""

from __future__ import annotations

from collections.abc import Iterable

from kwapi.api import types
from kwapi.store import state as states

UNKNOWN = "unknown"


def make_documents(
    rows: Iterable[states.DriverRow], now: float, timeout_seconds: float
) -> dict[str, types.Driver]:
    """Return each driver's document by wattmeter, in order of their names.

    :param now: epoch seconds.
    :param timeout_seconds: who reported longer ago is unknown.
    """
    documents: dict[str, types.Driver] = {}
    # A wattmeter that moved to another sender: the newest report is true.
    for sender, reported_at, status in sorted(rows, key=lambda row: (row[2].wattmeter, row[1])):
        state = status.state if now - reported_at <= timeout_seconds else UNKNOWN
        documents[status.wattmeter] = types.Driver.of(status, state, sender, reported_at)
    return documents
