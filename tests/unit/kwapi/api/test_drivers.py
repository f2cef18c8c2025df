# SPDX-License-Identifier: Apache-2.0
"""A driver is what it last said it was, unless that is too long ago."""

from __future__ import annotations

import pytest

from kwapi import measurement
from kwapi.api import drivers
from kwapi.store import state as states


def row(
    wattmeter: str, sender: str, reported_at: float, state: str = "running"
) -> states.DriverRow:
    status = measurement.DriverStatus(wattmeter, "snmp", state, 0.0, 1)
    return states.DriverRow(sender, reported_at, status)


@pytest.mark.parametrize(
    ("age_seconds", "state"), [(0, "running"), (60, "running"), (60.1, "unknown"), (-5, "running")]
)
def test_who_is_silent_for_too_long_is_unknown(age_seconds: float, state: str) -> None:
    documents = drivers.make_documents([row("rack", "host", 1000 - age_seconds)], 1000, 60)
    assert documents["rack"].state == state


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_wattmeter_that_moved_the_newest_report_counts(order: int) -> None:
    rows = [row("rack", "old", 10, "failing"), row("rack", "new", 20)][::order]
    documents = drivers.make_documents(rows, 20, 60)
    assert (documents["rack"].sender, documents["rack"].state) == ("new", "running")


def test_they_are_in_order_of_their_names() -> None:
    rows = [row("b", "x", 1), row("a", "y", 2), row("c", "x", 0)]
    assert list(drivers.make_documents(rows, 2, 60)) == ["a", "b", "c"]
