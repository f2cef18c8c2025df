# SPDX-License-Identifier: Apache-2.0
"""Mistakes in tables of processors, each with its line."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from climate.ranking import processors
from energybase import exception

TEXT = """\
models:
  - name: EPYC
    such_as: EPYC 7551
    mhz: 2000
    flops_per_cycle: 8
    read: [url]
features:
  - all: [sse2]
    flops_per_cycle: 4
    see: [url]
unknown_mhz: 2500
"""


def load(text: str) -> processors.Table:
    return processors.load(text, "processors.yaml")


def test_a_table_is_what_its_text_says() -> None:
    assert load(TEXT) == (
        {"EPYC": ("EPYC", "EPYC 7551", 2000.0, 8.0, ("url",))},
        (("", ("sse2",), 4.0, ("url",)),),
        2500.0,
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("    mhz: 2000\n", "", 2, "has no mhz"),
        ("mhz: 2000", "mhz: 2 GHz", 4, "is no number above 0, and up to 100000"),
        ("mhz: 2000", "mhz: .nan", 4, "is no number above 0"),
        ("mhz: 2000", "mhz: .inf", 4, "is no number above 0"),
        ("mhz: 2000", "mhz: -1", 4, "is no number above 0"),
        ("mhz: 2000", "mhz: [2000]", 4, "is no text"),
        ("mhz: 2000", "mhz:", 4, "is no text"),
        ("mhz: 2000", "ghz: 2", 4, "'ghz' is none of name, such_as, mhz"),
        ("mhz: 2000", "name: Xeon", 4, "'name' is said twice"),
        ("mhz: 2000", "{mhz: 1}: 2000", 4, "is no text"),
        ("flops_per_cycle: 8", "flops_per_cycle: 0", 5, "is no number above 0"),
        ("    read: [url]\n", "", 2, "has no source: neither `read` nor `see`"),
        ("read: [url]", "read: url", 6, "is no list"),
        ("read: [url]", "read: []", 6, "is empty"),
        ("name: EPYC\n", "name: EPYC-IBPB\n", 2, "EPYC-IBPB is a variant"),
        (
            "features:",
            "  - {name: EPYC, such_as: x, mhz: 1, flops_per_cycle: 1, see: [u]}\nfeatures:",
            7,
            "model EPYC is there already",
        ),
        (
            "  - all: [sse2]\n    flops_per_cycle: 4\n    see: [url]\n",
            "  - sse2\n",
            8,
            "is no mapping of all, flops_per_cycle",
        ),
        ("all: [sse2]", "all: {sse2: 1}", 8, "is no list"),
        ("unknown_mhz: 2500", "", 1, "has no unknown_mhz"),
        ("unknown_mhz: 2500", "unknown_mhz: [", 12, "did not find expected node content"),
        ("unknown_mhz: 2500", "unknown_mhz: \x01", 11, "is no YAML"),
        ("unknown_mhz: 2500", "unknown_mhz: *x", 11, "found undefined alias"),
        (TEXT, "", 1, "is no mapping of models, features, unknown_mhz"),
        (TEXT, "models", 1, "is no mapping of models, features, unknown_mhz"),
    ],
)
def test_each_mistake_is_told_with_its_line(old: str, new: str, line: int, reason: str) -> None:
    assert old in TEXT
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        load(TEXT.replace(old, new))
    where, told = caught.value.details["where"], caught.value.details["reason"]
    assert reason in told
    assert where == f"processors.yaml, line {line}"


@hypothesis.given(st.integers(0, len(TEXT)), st.integers(0, 20), st.text(max_size=5))
def test_whatever_is_in_a_table_is_read_or_refused(start: int, length: int, new: str) -> None:
    try:
        table = load(TEXT[:start] + new + TEXT[start + length :])
    except exception.ConfigurationInvalid as error:
        assert error.details["where"].startswith("processors.yaml, line ")
    else:
        assert table.unknown_mhz > 0
