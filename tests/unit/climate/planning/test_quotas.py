# SPDX-License-Identifier: Apache-2.0
"""How much a project holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies

from climate import exception
from climate.planning import quotas

HOLDINGS = strategies.lists(
    strategies.builds(
        lambda start, length, hosts: quotas.Holding(start, start + length, hosts),
        strategies.integers(0, 30),
        strategies.integers(1, 20),
        strategies.integers(1, 5),
    ),
    max_size=8,
)


@given(holdings=HOLDINGS)
def test_the_peak_is_the_most_of_any_second(holdings: list[quotas.Holding]) -> None:
    held = [
        sum(one.hosts for one in holdings if one.start_time <= second < one.end_time)
        for second in range(60)
    ]
    assert quotas.find_peak(holdings) == max(held)


@pytest.mark.parametrize(
    ("seconds", "hours"), [([], 0), ([1], 1), ([3600], 1), ([3601], 2), ([1800, 1800], 1)]
)
def test_a_part_of_an_hour_counts_as_one(seconds: list[int], hours: int) -> None:
    holdings = [quotas.Holding(10, 10 + length, 1) for length in seconds]
    assert quotas.count_host_hours(holdings) == hours


def test_what_is_past_does_not_count() -> None:
    """Neither leases that are over, nor the part of one that is."""
    holdings = [quotas.Holding(0, 7200, 9), quotas.Holding(0, 10800, 2)]
    quotas.check(quotas.Quota(2, 2), holdings, 7200)


@pytest.mark.parametrize(
    ("quota", "told"),
    [
        ((2, -1), {"resource": "hosts", "limit": 2, "wanted": 3}),
        ((0, 0), {"resource": "hosts", "limit": 0, "wanted": 3}),
        ((-1, 5), {"resource": "host_hours", "limit": 5, "wanted": 6}),
    ],
)
def test_more_than_allowed(quota: tuple[int, int], told: dict[str, object]) -> None:
    """What is allowed, and what it would be, are told."""
    with pytest.raises(exception.QuotaExceeded) as caught:
        quotas.check(quotas.Quota(*quota), [quotas.Holding(0, 7200, 3)], 0)
    assert caught.value.meta == told


def test_just_as_much_as_allowed() -> None:
    quotas.check(quotas.Quota(3, 6), [quotas.Holding(0, 7200, 3)], 0)
    quotas.check(quotas.Quota(), [quotas.Holding(0, 2**40, 10**6)], 0)
