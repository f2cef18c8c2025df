# SPDX-License-Identifier: Apache-2.0
"""What ipmitool prints, recorded from 1.8.19."""

from __future__ import annotations

from pathlib import Path

import pytest

from kwapi.drivers.ipmi import tool

_SAMPLE = Path(__file__).parent / "samples" / "ipmitool_elist.txt"


def test_sensors_of_watts() -> None:
    """A supply that says nothing has no unit, and is none of them."""
    rows = tool.parse_elist(_SAMPLE.read_text())
    assert rows == [tool.Row("System Level", "7.1", 245.0)]
    assert tool.choose(rows) == ["System Level"]


def test_readings() -> None:
    assert tool.parse_readings("System Level,245\nPSU1 Power,na\n\n") == {"System Level": 245.0}


@pytest.mark.parametrize("parse", (tool.parse_elist, tool.parse_readings))
def test_other_lines_are_said_to_be_wrong(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match="columns|cells"):
        parse("Usage: ipmitool [options...] <command>")
