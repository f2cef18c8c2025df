# SPDX-License-Identifier: Apache-2.0
"""What is encoded is decoded; whatever else is refused with what is wrong."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement

NUMBER = st.floats(allow_nan=False, allow_infinity=False)
NAME = st.text(min_size=1, max_size=20).filter(str.isprintable)


@st.composite
def readings(draw: st.DrawFn) -> measurement.Reading:
    count = draw(st.integers(0, 5))
    column = st.lists(NUMBER, min_size=count, max_size=count).map(tuple)
    counters = st.lists(st.none() | NUMBER, min_size=count, max_size=count).map(tuple)
    return measurement.Reading(
        draw(NAME),
        draw(NUMBER),
        draw(st.lists(NAME, min_size=count, max_size=count).map(tuple)),
        draw(column),
        draw(st.just(()) | counters),
        draw(st.none() | NUMBER),
        draw(st.none() | NUMBER),
    )


STATUS = st.builds(
    measurement.DriverStatus,
    NAME,
    NAME,
    NAME,
    NUMBER,
    st.integers(0, 99),
    st.lists(NAME, max_size=3).map(tuple),
    st.none() | NUMBER,
    st.none() | NAME,
    st.integers(0, 9),
)
BODY = st.builds(
    measurement.Body,
    st.lists(readings(), max_size=3).map(tuple),
    st.lists(STATUS, max_size=2).map(tuple),
    st.integers(0, 10**9),
)


@given(BODY)
def test_what_is_encoded_is_decoded(body: measurement.Body) -> None:
    assert measurement.decode(measurement.encode(body)) == body


READING = {"wattmeter": "pdu", "timestamp": 1.0, "probes": ["a"], "watts": [1.0]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"watts": []}, "columns of 'pdu' differ in length"),
        ({"kwh": [1, 2]}, "columns of 'pdu' differ in length"),
        ({"watts": ["1"]}, "str is of the wrong type"),
        ({"watts": [True]}, "bool is of the wrong type"),
        ({"watts": [None]}, "NoneType is of the wrong type"),
        ({"probes": [1]}, "int is of the wrong type"),
        ({"watts": [float("nan"), 1.0], "probes": ["a", True]}, "bool is of the wrong type"),
        ({"watts": [1.0, False], "probes": ["a", "b"]}, "bool is of the wrong type"),
        ({"kwh": [True]}, "bool is of the wrong type"),
        ({"kwh": ["1"]}, "str is of the wrong type"),
        ({"timestamp": "now"}, "str is of the wrong type"),
        ({"timestamp": True}, "bool is of the wrong type"),
        ({"timestamp": None}, "NoneType"),
        ({"timestamp": math.nan}, "not finite"),
        ({"resolution_watts": False}, "bool is of the wrong type"),
        ({"period_seconds": 10**400}, "too large"),
        ({"wattmeter": 1}, "int is of the wrong type"),
        ({"wattmeter": ["pdu"]}, "unhashable"),
        ({"timestamp": 1e999}, "not finite"),
        ({"period_seconds": 1e999}, "not finite"),
        ({"probes": None}, "NoneType"),
        ({"wattmeter": "a\0"}, "not printable"),
        ({"wattmeter": "a" * 256}, "too long"),
    ],
)
def test_a_wrong_reading_is_refused_with_what_is_wrong(change: dict[str, Any], reason: str) -> None:
    text = json.dumps({"readings": [{**READING, **change}]})
    with pytest.raises(exception.MalformedMessage, match=reason):
        measurement.decode(text)


def decoded(**change: Any) -> measurement.Reading:
    (reading,) = measurement.decode(json.dumps({"readings": [{**READING, **change}]})).readings
    return reading


@pytest.mark.parametrize("watts", [[1, 2, 3], [1.0, 2, 3.0], [1.0, 2.0, 3.0]])
@pytest.mark.parametrize("kwh", [[], [4, None, 6.5], [None] * 3, [4.0, 5.0, 6]])
def test_whole_numbers_become_floats(watts: list[float], kwh: list[float | None]) -> None:
    reading = decoded(probes=["a", "b", "c"], watts=watts, kwh=kwh, timestamp=1, period_seconds=5)
    assert (reading.watts, reading.kwh) == ((1.0, 2.0, 3.0), tuple(kwh))
    numbers = (*reading.watts, *reading.kwh, reading.timestamp, reading.period_seconds)
    assert {type(number) for number in numbers if number is not None} == {float}
    assert reading.resolution_watts is None


def test_infinite_power_is_left_to_whoever_counts() -> None:
    assert decoded(watts=[math.inf]).watts == (math.inf,)


def test_names_are_checked_however_often_they_came() -> None:
    """They are remembered, those that were refused and those like them are not."""
    for _ in range(2):
        assert decoded(probes=["1"]).probes == ("1",)
        for wrong in ({"probes": [1]}, {"probes": ["1"], "wattmeter": "a\0"}):
            with pytest.raises(exception.MalformedMessage):
                decoded(**wrong)


def test_a_missing_member_is_named() -> None:
    with pytest.raises(exception.MalformedMessage, match="no member 'watts'"):
        measurement.decode('{"readings": [{"wattmeter": "pdu", "timestamp": 1, "probes": []}]}')


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["readings", "drivers", "dropped", "probes", "watts", "kwh", *READING]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(JSON.map(json.dumps) | st.text())
def test_nothing_but_a_refusal_comes_of_garbage(text: str) -> None:
    try:
        body = measurement.decode(text)
    except exception.MalformedMessage:
        return
    assert isinstance(body, measurement.Body)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(exception.MalformedMessage):
        measurement.decode("[" * 100_000)


@pytest.mark.parametrize("probe_id", ["a", "node-1", "lyon.rack-1.server:2", "A" * 255])
def test_usual_probe_ids_are_taken(probe_id: str) -> None:
    assert measurement.PROBE_ID.fullmatch(probe_id)


@pytest.mark.parametrize("probe_id", ["", "a/b", "a b", ".", "-x", "é", "a\n", "A" * 256, 'a"b'])
def test_ids_that_could_not_be_addressed_are_not(probe_id: str) -> None:
    assert not measurement.PROBE_ID.fullmatch(probe_id)


def test_measurements_become_columns_and_measurements_again() -> None:
    measured = {"a": measurement.Measurement(1.0, 2.0), "b": measurement.Measurement(3.0)}
    reading = measurement.Reading.of("pdu", 5.0, measured)
    assert reading == measurement.Reading("pdu", 5.0, ("a", "b"), (1.0, 3.0), (2.0, None))
    timed = {probe: known._replace(timestamp=5.0) for probe, known in measured.items()}
    assert dict(reading.each()) == timed


def test_no_counter_is_no_column_of_counters() -> None:
    reading = measurement.Reading.of("pdu", 5.0, {"a": measurement.Measurement(1.0)})
    assert reading.kwh == ()
    assert dict(reading.each()) == {"a": measurement.Measurement(1.0, None, 5.0)}


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_dropped(odd: float) -> None:
    assert measurement.Measurement(odd, 1.0).drop_nonsense() is None
    without_counter = measurement.Measurement(1.0, None, 2.0)
    assert measurement.Measurement(1.0, odd, 2.0).drop_nonsense() == without_counter
    whole = measurement.Measurement(1.0, 3.0, 2.0)
    assert whole.drop_nonsense() == whole
