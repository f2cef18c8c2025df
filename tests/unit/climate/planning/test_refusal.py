# SPDX-License-Identifier: Apache-2.0
"""What a user reads whose lease cannot be."""

from __future__ import annotations

import pytest

from climate.planning import availability
from climate.planning import refusal

WISH = availability.Wish(1_700_000_000, 1_700_086_400, 3600, 4, 4)


@pytest.mark.parametrize(
    ("matching", "wish", "advice", "expected"),
    [
        (
            6,
            WISH,
            availability.Advice(3, 1_700_090_000),
            "In the window from 2023-11-14T22:13:20Z to 2023-11-15T22:13:20Z, 3 hosts are free "
            "together for 3600 s, of 6 that match, but 4 are wanted. The first time for that is "
            "from 2023-11-15T23:13:20Z to 2023-11-16T00:13:20Z.",
        ),
        (
            1,
            WISH._replace(quantity=1),
            availability.Advice(0, None),
            "In the window from 2023-11-14T22:13:20Z to 2023-11-15T22:13:20Z, 0 hosts are free "
            "together for 3600 s, of 1 that match, but 1 is wanted.",
        ),
        (
            3,
            WISH,
            availability.Advice(1, None),
            "3 hosts match, but 4 are wanted.",
        ),
        (1, WISH, availability.Advice(1, None), "1 host matches, but 4 are wanted."),
    ],
)
def test_one_clear_sentence(
    matching: int, wish: availability.Wish, advice: availability.Advice, expected: str
) -> None:
    assert str(refusal.not_enough(matching, wish, advice)) == expected


def test_programs_are_told_too() -> None:
    told = refusal.not_enough(6, WISH, availability.Advice(3, 1_700_090_000))
    assert told.meta == {
        "hosts_matching": 6,
        "largest_quantity": 3,
        "earliest_start_time": 1_700_090_000,
        "earliest_end_time": 1_700_093_600,
    }


def test_what_never_can_be_has_no_time() -> None:
    told = refusal.not_enough(3, WISH, availability.Advice(3, None))
    assert told.meta["earliest_end_time"] is None
