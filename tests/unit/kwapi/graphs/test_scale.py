# SPDX-License-Identifier: Apache-2.0
"""Round numbers on the axis, few digits in the legend."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi.graphs import scale


@hypothesis.given(watts=st.floats(0, 1e9))
def test_a_value_fits_and_lines_can_be_counted(watts: float) -> None:
    """It is below the top, not far below, and there are 4 to 9 lines."""
    found = scale.fit(watts)
    lines = found.top_watts / found.line_watts
    assert watts < found.top_watts <= max(4.0, watts * 1.35)
    assert 4 <= round(lines) <= 9
    assert lines == pytest.approx(round(lines))


@pytest.mark.parametrize(
    ("watts", "top", "unit", "digits"),
    [
        (None, 4, "W", 0),
        (0, 4, "W", 0),
        (310, 350, "W", 0),
        (4150, 5000, "kW", 0),
        (1e4, 12_500, "kW", 1),
        (1900, 2000, "kW", 2),
    ],
)
def test_labels_are_round(watts: float | None, top: float, unit: str, digits: int) -> None:
    """In the unit that has few digits."""
    found = scale.fit(watts)
    assert (found.top_watts, found.unit, found.digits) == (top, unit, digits)


@pytest.mark.parametrize(
    ("watts", "text"),
    [
        (None, "–"),
        (0.0, "0 W"),
        (97.25, "97.2 W"),
        (999.96, "1.00 kW"),
        (12_345.0, "12.3 kW"),
        (2_500_000.0, "2.50 MW"),
    ],
)
def test_power_has_three_digits_and_a_unit(watts: float | None, text: str) -> None:
    """Whatever its size."""
    assert scale.write_power(watts) == text


def test_money() -> None:
    """Small amounts are not nothing."""
    assert scale.write_cost(0.0123, "EUR") == "0.0123 EUR"
    assert scale.write_cost(1234.5, "kr") == "1,234.50 kr"
