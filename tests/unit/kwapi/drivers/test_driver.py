# SPDX-License-Identifier: Apache-2.0
"""The one loop: open, read, close, paced, backing off, telling how it goes."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import pytest

from energybase import clock as clocks
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver

Step = Callable[["Scripted"], Mapping[str, measurement.Measurement]]


class Scripted(driver.Driver):
    """Does at each read what the script says, then stops."""

    def __init__(self, *args: Any, script: list[Step], **common: Any) -> None:
        super().__init__(*args, **common)
        self._script = list(script)
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")

    def read(self) -> Mapping[str, measurement.Measurement]:
        self.calls.append("read")
        step = self._script.pop(0)
        if not self._script:
            self._stopping.set()
        return step(self)

    def close(self) -> None:
        self.calls.append("close")


def say(**watts: float | measurement.Measurement) -> Step:
    return lambda _driver: {
        probe: value
        if isinstance(value, measurement.Measurement)
        else measurement.Measurement(value)
        for probe, value in watts.items()
    }


def fail(exc: Exception) -> Step:
    def step(_driver: Scripted) -> Mapping[str, measurement.Measurement]:
        raise exc

    return step


def run(
    clock: clocks.Clock, *script: Step, probes: tuple[str | None, ...] = ("a", "b"), **common: Any
) -> tuple[Scripted, list[measurement.Reading]]:
    readings: list[measurement.Reading] = []
    made = Scripted("pdu", probes, readings.append, clock=clock, script=[*script, say()], **common)
    made.run()
    return made, readings


def test_a_reading_holds_what_was_measured(fake_clock: Any) -> None:
    _, (reading,) = run(fake_clock, say(a=1.0, b=2.0))
    assert reading == measurement.Reading(
        "pdu", 1_700_000_000.0, ("a", "b"), (1.0, 2.0), (), 1.0, None
    )


def test_the_pace_does_not_drift_and_missed_ticks_are_left_out(fake_clock: Any) -> None:
    def take(seconds: float) -> Step:
        def step(_driver: Scripted) -> Mapping[str, measurement.Measurement]:
            begun.append(fake_clock.monotonic())
            fake_clock.advance(seconds)
            return {"a": measurement.Measurement(1.0)}

        return step

    begun: list[float] = []
    run(fake_clock, take(0.3), take(2.0), take(12.0), take(0.1), period_seconds=5)
    assert begun == [0.0, 5.0, 10.0, 25.0]


def test_a_missing_probe_is_absent_and_told_once(
    fake_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made, readings = run(fake_clock, say(a=1.0), say(a=1.0), say(a=1.0, b=2.0))
    assert [r.probes for r in readings] == [("a",), ("a",), ("a", "b")]
    missing = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert missing == ["pdu: no measurement for b"]


@pytest.mark.parametrize("watts", [math.nan, math.inf])
def test_what_is_no_number_is_missing(fake_clock: Any, watts: float) -> None:
    _, (reading,) = run(fake_clock, say(a=watts, b=2.0))
    assert reading.probes == ("b",)


def test_a_device_that_fails_and_comes_back_is_logged_once_each(
    fake_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    away = exception.WattmeterUnreachable(address="192.0.2.1", reason="time-out")
    made, readings = run(fake_clock, say(a=1.0), fail(away), fail(away), fail(away), say(a=2.0))
    said = [r.getMessage() for r in caplog.records if "no measurement" not in r.getMessage()]
    assert said == [
        "pdu: 192.0.2.1 does not answer: time-out; retrying",
        "pdu: answers again after 7 s",
    ]
    assert len(readings) == 2
    assert made.calls[:6] == ["open", "read", "read", "close", "open", "read"]
    assert made.calls.count("open") == made.calls.count("close") == 4


def test_waits_between_failures_double_up_to_the_most(fake_clock: Any) -> None:
    fails: list[float] = []

    def step(_driver: Scripted) -> Mapping[str, measurement.Measurement]:
        fails.append(fake_clock.monotonic())
        raise exception.WattmeterUnreachable(address="x", reason="y")

    run(fake_clock, *[step] * 6, retry=driver.Retry(1.0, 8.0))
    assert [b - a for a, b in zip(fails, fails[1:])] == [1.0, 2.0, 4.0, 8.0, 8.0]


def test_an_unexpected_error_is_a_failure_like_any_other(fake_clock: Any) -> None:
    made, readings = run(fake_clock, fail(ZeroDivisionError("oops")), say(a=1.0))
    assert made.status.last_error == "ZeroDivisionError: oops"
    assert len(readings) == 1


def test_measurements_with_times_of_their_own_never_go_back(fake_clock: Any) -> None:
    at = lambda seconds: measurement.Measurement(1.0, None, seconds)  # noqa: E731
    _, readings = run(
        fake_clock, say(a=at(10.0), b=at(11.0)), say(a=at(9.0), b=at(11.0)), say(a=at(12.0))
    )
    assert [(r.timestamp, r.probes) for r in readings] == [
        (10.0, ("a",)),
        (11.0, ("b",)),
        (12.0, ("a",)),
    ]


def test_counters_travel_where_there_are_some(fake_clock: Any) -> None:
    _, (reading,) = run(fake_clock, say(a=measurement.Measurement(1.0, 5.5), b=2.0))
    assert reading.kwh == (5.5, None)


def test_nothing_is_published_after_stop(fake_clock: Any) -> None:
    def stopped(made: Scripted) -> Mapping[str, measurement.Measurement]:
        made.stop()
        return {"a": measurement.Measurement(1.0)}

    made, readings = run(fake_clock, stopped)
    assert readings == []
    assert made.status.state == driver.STOPPED


@pytest.mark.parametrize("period", [0, -1, math.inf, math.nan, "5"])
def test_a_period_must_be_a_positive_number(period: Any) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="period_seconds"):
        Scripted("pdu", (), lambda _reading: None, script=[], period_seconds=period)
