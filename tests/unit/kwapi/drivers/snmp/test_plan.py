# SPDX-License-Identifier: Apache-2.0
"""Rows become probes: each value is its own outlet's, a sum is whole or missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi.drivers.snmp import parameters
from kwapi.drivers.snmp import plan as snmp_plan
from kwapi.drivers.snmp import profile

LAYOUT = profile.load_profiles()["eaton"].tables["outlets"].layouts[0]
OID = "1.3.6.1.4.1.534.6.6.7.6.5.1.3"

outlets = st.integers(1, 24)
raw = st.one_of(st.none(), st.integers(-1, 2**31 - 1))


@given(
    probes=st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), max_size=24),
    watts=st.dictionaries(outlets, raw),
    counters=st.dictionaries(outlets, raw),
    strapping=st.integers(0, 23),
)
def test_every_value_is_its_own_outlets(
    probes: list[str | None],
    watts: dict[int, int | None],
    counters: dict[int, int | None],
    strapping: int,
) -> None:
    """Whatever is absent or negative, no probe gets another's value or part of its sum."""
    plan = snmp_plan.make_plan(LAYOUT, parameters.rows(probes, None), strapping)
    assert LAYOUT.kwh
    columns = ((LAYOUT.watts.oid, watts), (LAYOUT.kwh.oid, counters))
    values = {
        f"{oid}.{strapping}.{outlet}": value
        for oid, column in columns
        for outlet, value in column.items()
        if value is not None
    }
    asked = (*plan.watts, *plan.counters)
    measured = snmp_plan.measure(plan, {oid: values[oid] for oid in asked if oid in values}, {})
    for probe in set(filter(None, probes)):
        own = [outlet for outlet, name in enumerate(probes, 1) if name == probe]
        parts = [watts.get(outlet) for outlet in own]
        energy = [counters.get(outlet) for outlet in own]
        if any(part is None or part < 0 for part in parts):
            assert probe not in measured
        else:
            assert measured[probe].watts == sum(filter(None, parts))
            missing = any(part is None or part < 0 for part in energy)
            kwh = None if missing else pytest.approx(sum(filter(None, energy)) / 1000)
            assert measured[probe].kwh == kwh
    assert measured.keys() <= set(probes)


def test_only_what_is_configured_is_asked_for() -> None:
    """Skipped outlets cost nothing."""
    plan = snmp_plan.make_plan(LAYOUT, {"a": (1,), "b": (3, "2.7")})
    assert LAYOUT.kwh
    assert plan.watts == (f"{OID}.0.1", f"{OID}.0.3", f"{OID}.2.7")
    assert plan.counters == (
        f"{LAYOUT.kwh.oid}.0.1",
        f"{LAYOUT.kwh.oid}.0.3",
        f"{LAYOUT.kwh.oid}.2.7",
    )


def test_the_same_object_twice_is_refused() -> None:
    """Its energy would be counted twice, however it is written."""
    with pytest.raises(exception.ConfigurationInvalid, match="same object"):
        snmp_plan.make_plan(LAYOUT, {"a": (1,), "b": ("0.1",)})


def test_a_product_is_whole_or_missing() -> None:
    """0.52 A at 230.1 V and 94.7 %; without one of them nothing is known."""
    column = profile.Column("1.1", 1e-8, times=("1.2", "1.3"))
    plan = snmp_plan.make_plan(profile.Layout(column), {"a": (7,)})
    values = {"1.1.7": 52, "1.2.7": 23010, "1.3.7": 9470}
    assert plan.watts == tuple(values)
    assert plan.counters == ()
    assert snmp_plan.measure(plan, values, {})["a"].watts == pytest.approx(113.31, abs=0.005)
    for oid in values:
        rest = {other: value for other, value in values.items() if other != oid}
        assert snmp_plan.measure(plan, rest, {}) == {}


def test_decimals_are_each_rows_own() -> None:
    """One with unknown decimals has no value; the coarsest is what all can tell."""
    column = profile.Column("1.4", tail="5", available="1.2", digits="1.7")
    plan = snmp_plan.make_plan(profile.Layout(column), {"a": (1,), "b": (2,), "c": (3,)})
    values = {f"1.4.{row}.5": 835 for row in (1, 2, 3)} | {f"1.2.{row}.5": 1 for row in (1, 2, 3)}
    constants = {"1.7.1.5": 1, "1.7.2.5": 2}
    assert plan.constants == ("1.7.1.5", "1.7.2.5", "1.7.3.5")
    measured = snmp_plan.measure(plan, values, constants)
    assert {probe: m.watts for probe, m in measured.items()} == {"a": 83.5, "b": 8.35}
    assert snmp_plan.resolution_watts(plan, constants, 1) == pytest.approx(0.1)
    assert snmp_plan.resolution_watts(plan, {}, 1) == 1
    for flag in (0, 2, None, b"1"):
        flagged = values | ({} if flag is None else {"1.2.1.5": flag})
        if flag is None:
            del flagged["1.2.1.5"]
        assert snmp_plan.measure(plan, flagged, constants).keys() == {"b"}
