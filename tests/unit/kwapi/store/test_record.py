# SPDX-License-Identifier: Apache-2.0
"""Energy is conserved, whatever order, gaps and clocks measurements come with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import measurement
from kwapi.store import record

LIMITS = record.Limits(max_gap_seconds=60.0, max_watts=1e5)
NOW = 1_700_000_000.0


def first(watts: float = 100.0, meter_kwh: float | None = None, **fields: object) -> record.Record:
    made = record.Record.first("p", LIMITS, NOW, watts, meter_kwh, "run")
    assert made is not None
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_an_hour_at_a_kilowatt_is_a_kilowatt_hour() -> None:
    held = first(1000.0)
    for second in range(1, 3601):
        assert held.add(LIMITS, NOW + second, 1000.0) is record.Outcome.COUNTED
    assert held.kwh == pytest.approx(1.0, rel=1e-12)


def test_the_first_measurement_has_no_energy_yet() -> None:
    held = first(500.0)
    assert (held.kwh, held.watts, held.timestamp) == (0.0, 500.0, NOW)


@pytest.mark.parametrize("watts", [math.nan, math.inf, -math.inf, -0.1, 1e5 + 1])
def test_what_no_meter_can_mean_is_refused_and_counted(watts: float) -> None:
    held = first()
    assert held.add(LIMITS, NOW + 1, watts) is record.Outcome.REFUSED
    assert (held.refused, held.kwh, held.watts, held.timestamp) == (1, 0.0, 100.0, NOW)
    assert record.Record.first("p", LIMITS, NOW, watts) is None


def test_a_gap_is_counted_not_billed() -> None:
    held = first()
    assert held.add(LIMITS, NOW + 61, 100.0) is record.Outcome.GAP
    assert (held.kwh, held.gaps, held.gap_seconds) == (0.0, 1, 61.0)
    assert held.add(LIMITS, NOW + 62, 100.0) is record.Outcome.COUNTED


def test_a_slow_device_may_take_three_of_its_periods() -> None:
    held = first(3600.0, period_seconds=300.0)
    assert held.add(LIMITS, NOW + 900, 3600.0) is record.Outcome.COUNTED
    assert held.kwh == pytest.approx(0.9)
    assert held.add(LIMITS, NOW + 1801, 3600.0) is record.Outcome.GAP


@pytest.mark.parametrize("age_seconds", [0.0, 1.0, 3600.0])
def test_late_and_repeated_measurements_change_no_energy(age_seconds: float) -> None:
    held = first()
    held.add(LIMITS, NOW + 10, 200.0, None, "run")
    kwh = held.kwh
    assert held.add(LIMITS, NOW + 10 - age_seconds, 900.0, None, "other") is record.Outcome.LATE
    assert (held.kwh, held.watts, held.timestamp, held.late) == (kwh, 200.0, NOW + 10, 1)


def test_a_clock_set_back_is_a_new_start_for_its_own_sender() -> None:
    held = first()
    held.add(LIMITS, NOW + 10, 100.0, None, "run")
    kwh = held.kwh
    assert held.add(LIMITS, NOW - 3600, 100.0, None, "run") is record.Outcome.CLOCK_STEP
    assert held.kwh == kwh
    held.add(LIMITS, NOW - 3590, 100.0, None, "run")
    assert held.kwh == pytest.approx(2 * kwh)


def test_the_meter_knows_what_happened_in_a_gap() -> None:
    held = first(100.0, 5.0)
    assert held.add(LIMITS, NOW + 7200, 100.0, 5.25) is record.Outcome.COUNTED
    assert (held.kwh, held.gaps) == (pytest.approx(0.25), 0)


def test_a_reset_counter_is_bridged_by_the_watts() -> None:
    held = first(3600.0, 5.0)
    held.add(LIMITS, NOW + 10, 3600.0, 5.01)
    held.add(LIMITS, NOW + 20, 3600.0, 0.001)
    assert (held.kwh, held.resets) == (pytest.approx(0.02), 1)
    held.add(LIMITS, NOW + 30, 3600.0, 0.011)
    assert held.kwh == pytest.approx(0.03)


def test_a_counter_reset_in_a_gap_leaves_a_gap() -> None:
    held = first(100.0, 5.0)
    assert held.add(LIMITS, NOW + 7200, 100.0, 0.5) is record.Outcome.GAP
    assert (held.kwh, held.resets, held.gaps) == (0.0, 1, 1)


@pytest.mark.parametrize("span_kwh", [2**32 / 1000, 2**24])
def test_a_wrapped_counter_goes_on(span_kwh: float) -> None:
    held = first(100.0, span_kwh - 0.25)
    assert held.add(LIMITS, NOW + 7200, 100.0, 0.25) is record.Outcome.COUNTED
    assert (held.kwh, held.resets) == (pytest.approx(0.5), 1)
    held.add(LIMITS, NOW + 7300, 100.0, 0.35)
    assert held.kwh == pytest.approx(0.6)


def test_a_counter_that_leaps_is_not_believed() -> None:
    held = first(3600.0, 5.0)
    held.add(LIMITS, NOW + 10, 3600.0, 5000.0)
    assert held.kwh == pytest.approx(0.01)
    held.add(LIMITS, NOW + 20, 3600.0, 5000.01)
    assert held.kwh == pytest.approx(0.02)


def test_a_silent_counter_is_estimated_and_then_put_right() -> None:
    held = first(3600.0, 5.0)
    held.add(LIMITS, NOW + 10, 3600.0, None)
    assert held.kwh == pytest.approx(0.01)
    held.add(LIMITS, NOW + 20, 3600.0, 5.03)
    assert held.kwh == pytest.approx(0.03)


WATTS = st.one_of(
    st.floats(0, 1e5), st.sampled_from([0.0, 75.0, 1e5, math.nan, math.inf, -1.0, 1e5 + 1])
)
STEPS = st.one_of(
    st.floats(0.001, 60.0),
    st.sampled_from([0.0, 60.0, 60.5, 3600.0, -0.5, -3600.0, 1e-6]),
)
TRACE = st.lists(st.tuples(STEPS, WATTS, st.booleans()), min_size=1, max_size=60)


@given(TRACE)
def test_energy_agrees_with_an_exact_integration(trace: list[tuple[float, float, bool]]) -> None:
    """Over gaps, repeats, reordering, garbage and clocks set back, to 1e-9."""
    held = first()
    points = [(NOW, 100.0, True)]
    timestamp = NOW
    for step, watts, in_order in trace:
        timestamp = timestamp + step
        held.add(LIMITS, timestamp, watts, None, "run" if in_order else "")
        points.append((timestamp, watts, in_order))
    exact, kept = _integrate(points)
    assert held.kwh == pytest.approx(float(exact), rel=1e-9, abs=1e-15)
    assert (held.timestamp, held.watts) == kept


def _integrate(points: list[tuple[float, float, bool]]) -> tuple[Fraction, tuple[float, float]]:
    """The oracle: exact rational areas of the pieces that may be billed."""
    pieces = list(_pieces(points))
    joules = Fraction(0)
    for piece in pieces:
        for (t0, w0), (t1, w1) in itertools.pairwise(piece):
            joules += (Fraction(w0) + Fraction(w1)) * (Fraction(t1) - Fraction(t0)) / 2
    return joules / 3_600_000, pieces[-1][-1]


def _pieces(points: list[tuple[float, float, bool]]) -> Iterator[list[tuple[float, float]]]:
    """Yield the runs of measurements between gaps and clock steps."""
    sound = [p for p in points if math.isfinite(p[1]) and 0 <= p[1] <= 1e5]
    piece, ordered = [sound[0][:2]], True
    for timestamp, watts, in_order in sound[1:]:
        elapsed = timestamp - piece[-1][0]
        stepped_back = elapsed < 0 and in_order and ordered
        if elapsed <= 0 and not stepped_back:
            continue
        if stepped_back or elapsed > 60.0:
            yield piece
            piece = []
        piece.append((timestamp, watts))
        ordered = ordered if stepped_back else in_order
    yield piece


@given(
    st.lists(
        st.tuples(
            st.floats(0.5, 3600.0),  # seconds until the next
            st.integers(0, 500),  # Wh used until then
            st.sampled_from(["count", "count", "count", "silent", "reset"]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_a_meters_own_counter_decides(trace: list[tuple[float, int, str]]) -> None:
    """Without resets, kWh is what the counter says; it never falls."""
    held = first(0.0, 1000.0)
    counter_wh, timestamp, used_wh = 1_000_000, NOW, 0
    was_reset = False
    for seconds, wh, kind in trace:
        timestamp += seconds
        before = held.kwh
        counter_wh = 0 if kind == "reset" else counter_wh + wh
        was_reset = was_reset or kind == "reset"
        used_wh += wh
        meter = None if kind == "silent" else counter_wh / 1000
        held.add(LIMITS, timestamp, 0.0, meter, "run")
        assert held.kwh >= before
        if not was_reset and meter is not None:
            assert held.kwh == pytest.approx(used_wh / 1000, rel=1e-9, abs=1e-9)


COLUMN = st.lists(
    st.tuples(
        st.sampled_from(
            [-30.0, 0.0, 1.0, 60.0, 61.0, 900.0]
        ),  # seconds since what the record holds
        st.sampled_from([0.0, 99.5, 1e5, 1e5 + 1, -1.0, math.nan, math.inf]),
        st.sampled_from([None, None, 1000.0, 1000.5, 5.0, math.nan]),
    ),
    max_size=8,
)


@given(COLUMN, st.sampled_from(["run", "next run", ""]))
def test_all_at_once_is_as_one_by_one(
    column: list[tuple[float, float, float | None]], instance: str
) -> None:
    def held() -> list[record.Record]:
        return [first(100.0, 1000.0, timestamp=NOW - ago) for ago, _, _ in column]

    watts, counters = [w for _, w, _ in column], [kwh for _, _, kwh in column]
    one_by_one, at_once = held(), held()
    outcomes = [
        known.add(LIMITS, NOW, w, kwh, instance)
        for known, w, kwh in zip(one_by_one, watts, counters, strict=True)
    ]
    probes = tuple(map(str, range(len(column))))
    reading = measurement.Reading("pdu", NOW, probes, tuple(watts), tuple(counters))
    found = record.add_all(at_once, LIMITS, reading, instance)
    assert at_once == one_by_one
    assert found == [o for o in outcomes if o is not record.Outcome.COUNTED]


def test_a_probe_not_seen_before_gets_a_record_if_it_can_be_one() -> None:
    known = first()
    records = {"p": known}
    reading = measurement.Reading(
        "pdu", NOW + 1, ("p", "new", "a/b", "odd"), (100.0, 5.0, 5.0, -1.0), (None, 7.5, None, None)
    )
    found, outcomes = record.add_each(records, LIMITS, reading, "run")
    made = record.Record.first("new", LIMITS, NOW + 1, 5.0, 7.5, "run")
    assert found == [known, made]
    assert records == {"p": known, "new": made}
    assert known.timestamp == NOW + 1
    assert outcomes == [record.Outcome.REFUSED] * 2


def test_one_by_one_counts_as_all_at_once() -> None:
    one, other = {"p": first()}, first()
    reading = measurement.Reading("pdu", NOW + 61, ("p",), (100.0,))
    found, outcomes = record.add_each(one, LIMITS, reading, "run")
    assert outcomes == record.add_all([other], LIMITS, reading, "run") == [record.Outcome.GAP]
    assert found == [other] == [one["p"]]
