# SPDX-License-Identifier: Apache-2.0
"""The message of a request that cannot be met: the reason, and what would work.

Owns the sentence; :mod:`climate.planning.availability` finds what would work.
"""

from __future__ import annotations

from climate import exception
from climate.planning import availability
from climate.planning import request


def not_enough(
    matching: int, wish: availability.Wish, advice: availability.Advice
) -> exception.NotEnoughHosts:
    """Return the refusal of a wish that so many hosts match."""
    start = advice.earliest_start_time
    end = None if start is None else start + wish.duration
    return exception.NotEnoughHosts(
        reason=_say(matching, wish, advice),
        hosts_matching=matching,
        largest_quantity=advice.largest_quantity,
        earliest_start_time=start,
        earliest_end_time=end,
    )


def _say(matching: int, wish: availability.Wish, advice: availability.Advice) -> str:
    wanted = f"{_count(wish.quantity, 'is', 'are')} wanted"
    if wish.quantity > matching:
        return f"{_count(matching, 'host matches', 'hosts match')}, but {wanted}."
    period = f"{request.iso(wish.window_start)} to {request.iso(wish.window_end)}"
    told = (
        f"In the window from {period}, "
        f"{_count(advice.largest_quantity, 'host is', 'hosts are')} free together for "
        f"{wish.duration} s, of {matching} that match, but {wanted}"
    )
    start = advice.earliest_start_time
    if start is None:
        return f"{told}."
    later = f"{request.iso(start)} to {request.iso(start + wish.duration)}"
    return f"{told}. The first time for that is from {later}."


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
