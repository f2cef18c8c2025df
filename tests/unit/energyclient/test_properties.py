# SPDX-License-Identifier: Apache-2.0
"""Comparisons as people write them, in the grammar that Climate knows."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from energyclient import properties


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("vcpus>=16", [">=", "$vcpus", 16]),
        ("$vcpus >= 16", [">=", "$vcpus", 16]),
        ("flop_per_watt > 1.5e9", [">", "$flop_per_watt", 1.5e9]),
        ("cpu_info.vendor=Intel", ["=", "$cpu_info.vendor", "Intel"]),
        ("cpu_info.vendor == Intel", ["==", "$cpu_info.vendor", "Intel"]),
        ("name!=node-1", ["!=", "$name", "node-1"]),
        ("on=true", ["=", "$on", True]),
        ('aggregate_metadata.rack="7"', ["=", "$aggregate_metadata.rack", "7"]),
        ("service.zone = my zone", ["=", "$service.zone", "my zone"]),
        ("avx2 in cpu_info.features", ["in", "avx2", "$cpu_info.features"]),
        ("HW_CPU_X86_AVX in $traits", ["in", "HW_CPU_X86_AVX", "$traits"]),
    ],
)
def test_a_comparison(text: str, expression: list[Any]) -> None:
    assert properties.parse_property(text) == expression


@pytest.mark.parametrize(
    "text", ["", "vcpus", "vcpus>", ">=16", "vcpus=>16", "16 <= vcpus", "a b=c"]
)
def test_what_is_no_comparison_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="write for example 'vcpus>=16'"):
        properties.parse_property(text)


@hypothesis.given(strategies.text(max_size=60))
def test_any_text_is_a_comparison_or_refused(text: str) -> None:
    try:
        operator, *operands = properties.parse_property(text)
    except ValueError as exc:
        assert str(exc).isprintable()
        return
    assert operator in ("=", "==", "!=", "<", ">", "<=", ">=", "in")
    assert any(str(operand).startswith("$") for operand in operands)


def test_an_expression_is_a_json_array() -> None:
    text = '["or", [">=", "$vcpus", 16], ["=", "$name", "a"]]'
    assert properties.parse_expression(text)[0] == "or"
    for wrong in ("", "{}", "16", '["or"', "vcpus>=16"):
        with pytest.raises(ValueError, match="must be a JSON array such as"):
            properties.parse_expression(wrong)


def test_all_must_be_true() -> None:
    one, other = [">=", "$vcpus", 16], ["=", "$on", True]
    assert properties.combine([]) is None
    assert properties.combine([[]]) is None
    assert properties.combine([one, []]) == one
    assert properties.combine([one, other]) == ["and", one, other]
