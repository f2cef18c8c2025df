# SPDX-License-Identifier: Apache-2.0
"""Flop/s of processors as Nova tells of them, and of what it might tell."""

from __future__ import annotations

import math
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from climate.ranking import performance
from climate.ranking import processors

TEXT = """\
models:
  - {name: EPYC-Milan, such_as: EPYC 7513, mhz: 2600, flops_per_cycle: 16, read: [url]}
  - {name: EPYC, such_as: EPYC 7551, mhz: 2000, flops_per_cycle: 8, see: [url]}
features:
  - {vendor: AMD, all: [avx2, fma], flops_per_cycle: 8, see: [url]}
  - {all: [fma, avx2], flops_per_cycle: 16, see: [url]}
  - {all: [sse2], flops_per_cycle: 4, see: [url]}
unknown_mhz: 2500
"""
TABLE = processors.load(TEXT, "processors.yaml")

TOPOLOGY = {"cells": 2, "sockets": 1, "cores": 32, "threads": 2}


def deduce(vcpus: float | None = None, **cpu_info: Any) -> performance.Performance | None:
    return performance.deduce({"topology": TOPOLOGY, **cpu_info}, TABLE, vcpus)


def flops(**cpu_info: Any) -> float:
    deduced = deduce(**cpu_info)
    assert deduced is not None
    return deduced.flops


@pytest.mark.parametrize("model", ["EPYC-Milan", "EPYC-Milan-v2", "EPYC-Milan-noTSX-IBRS"])
def test_a_model_of_the_table_is_found_whatever_its_variant(model: str) -> None:
    assert deduce(model=model) == (
        64 * 2.6e9 * 16,
        performance.TABLE,
        f"64 cores x 2.6 GHz x 16 flop per cycle: {model} is such as EPYC 7513; "
        "the frequency is the table's",
    )


def test_the_beginning_of_a_name_is_not_the_model() -> None:
    assert flops(model="EPYC-IBPB") == 64 * 2.0e9 * 8
    assert deduce(model="EPYC-Venice") is None


def test_features_tell_of_a_model_that_is_not_in_the_table() -> None:
    assert deduce(model="EPYC-Venice", vendor="AMD", features=["fma", "sse2", "avx2"]) == (
        64 * 2.5e9 * 8,
        performance.CPU_INFO,
        "64 cores x 2.5 GHz x 8 flop per cycle: EPYC-Venice is not in the table, "
        "it has avx2, fma; the frequency is not known, but assumed",
    )


@pytest.mark.parametrize(
    ("vendor", "features", "flops_per_cycle"),
    [
        ("AMD", ["avx2", "fma", "sse2"], 8),
        ("Intel", ["avx2", "fma", "sse2"], 16),
        ("Intel", ["avx2", "sse2"], 4),
        (None, ["sse2"], 4),
    ],
)
def test_the_first_rule_all_of_whose_features_are_there_counts(
    vendor: Any, features: list[str], flops_per_cycle: int
) -> None:
    assert flops(vendor=vendor, features=features) == 64 * 2.5e9 * flops_per_cycle


def test_the_host_knows_its_frequency_best() -> None:
    assert flops(model="EPYC-Milan @ 3.1GHz", features=["sse2"], mhz=2000) == 64 * 2e9 * 4
    assert flops(model="EPYC-Milan", mhz=3000) == 64 * 3e9 * 16
    for odd in (None, 0, -1, True, "2000", math.nan, math.inf, 1e9):
        assert flops(model="EPYC-Milan", mhz=odd) == 64 * 2.6e9 * 16


def test_a_frequency_in_the_name_is_read() -> None:
    name = "Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz"
    deduced = deduce(model=name, vendor="Intel", features=["avx2", "fma"])
    assert deduced is not None
    assert deduced.flops == pytest.approx(64 * 2.4e9 * 16)
    assert "the frequency is in its name" in deduced.detail


@pytest.mark.parametrize(
    ("topology", "vcpus", "cores"),
    [
        ({"sockets": 2, "cores": 8, "threads": 2}, None, 16),
        ({"cores": 8}, None, 8),
        ({"cells": 2, "sockets": 1, "cores": 16, "threads": 2}, 64, 32),
        # Half of the processors are kept from servers: the others are there all the same.
        ({"cells": 2, "sockets": 1, "cores": 16, "threads": 2}, 32, 32),
        ({"cells": 2, "sockets": 1, "cores": 16, "threads": 2}, 16, 32),
        # libvirt's substitute for machines that are not built evenly.
        ({"cells": 4, "sockets": 1, "cores": 96, "threads": 1}, 96, 96),
        ({"cells": 4, "sockets": 1, "cores": 24, "threads": 1}, 96, 96),
    ],
)
def test_cores_are_those_of_all_cells(
    topology: dict[str, int], vcpus: float | None, cores: int
) -> None:
    deduced = deduce(model="EPYC", topology=topology, vcpus=vcpus)
    assert deduced is not None
    assert deduced.flops == cores * 2.0e9 * 8


@pytest.mark.parametrize(
    "topology",
    [
        None,
        [],
        "64",
        {},
        {"sockets": 2},
        {"cores": 0},
        {"cores": 2.5},
        {"cores": "8"},
        {"cores": True},
        {"cores": None},
        {"cores": -8, "sockets": -1},
        {"cores": 10**400},
        {"cores": 10**5, "sockets": 2},
    ],
)
def test_without_cores_nothing_is_deduced(topology: Any) -> None:
    assert deduce(model="EPYC", topology=topology) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@hypothesis.given(
    st.fixed_dictionaries(
        {},
        optional={
            "model": JSON | st.sampled_from(["EPYC", "EPYC-v1", "CPU @ 0.0GHz", "X @ 99GHz"]),
            "vendor": JSON | st.just("AMD"),
            "topology": JSON
            | st.dictionaries(st.sampled_from(["cells", "sockets", "cores", "threads"]), JSON),
            "features": JSON | st.lists(st.sampled_from(["avx2", "fma", "sse2", 5, None])),
            "mhz": JSON,
        },
    ),
    st.none() | st.floats(),
)
def test_whatever_a_hypervisor_tells_is_survived(
    cpu_info: dict[str, Any], vcpus: float | None
) -> None:
    deduced = performance.deduce(cpu_info, TABLE, vcpus)
    if deduced is not None:
        assert 0 < deduced.flops < math.inf
        assert deduced.detail


# ---------------------------------------------------------------- the packaged table


@pytest.mark.parametrize(
    ("model", "flops_per_cycle"),
    [
        ("SandyBridge-IBRS", 8),
        ("Haswell-noTSX-IBRS", 16),
        ("Broadwell-noTSX", 16),
        ("Skylake-Client-IBRS", 16),
        ("Skylake-Server-IBRS", 32),
        ("Cascadelake-Server", 32),
        ("Icelake-Server-noTSX", 32),
        ("SapphireRapids", 32),
        ("EPYC", 8),
        ("EPYC-IBPB", 8),
        ("EPYC-Rome", 16),
        ("EPYC-Milan", 16),
        ("EPYC-Genoa", 16),
        ("EPYC-Turin", 32),
        ("Neoverse-V1", 16),
    ],
)
def test_common_servers_are_in_the_packaged_table(model: str, flops_per_cycle: int) -> None:
    found = performance.packaged_table().find_model(model)
    assert found is not None
    assert found.flops_per_cycle == flops_per_cycle
    assert 1500 <= found.mhz <= 4000


def test_every_figure_of_the_packaged_table_has_a_source_to_look_at() -> None:
    table = performance.packaged_table()
    sources = [model.sources for model in table.models.values()]
    sources += [rule.sources for rule in table.rules]
    assert all(url.startswith("https://") for urls in sources for url in urls)


AMD_FEATURES = ["sse2", "avx", "avx2", "fma", "clwb", "avx512f", "avx512-vp2intersect"]


@pytest.mark.parametrize(
    ("vendor", "count", "flops_per_cycle"),
    [
        ("AMD", 1, 4),
        ("AMD", 2, 8),
        ("AMD", 4, 8),  # Zen
        ("AMD", 5, 16),  # Zen 2
        ("AMD", 6, 16),  # Zen 4
        ("AMD", 7, 32),  # Zen 5
        ("Intel", 4, 16),
        ("Intel", 6, 32),
    ],
)
def test_of_a_newer_processor_features_tell_the_generation(
    vendor: str, count: int, flops_per_cycle: int
) -> None:
    rule = performance.packaged_table().find_rule(vendor, frozenset(AMD_FEATURES[:count]))
    assert rule is not None
    assert rule.flops_per_cycle == flops_per_cycle
