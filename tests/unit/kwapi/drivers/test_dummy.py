# SPDX-License-Identifier: Apache-2.0
"""The dummy keeps what of the contract fits a driver without a device."""

from __future__ import annotations

from typing import Any

import pytest

from kwapi import measurement
from kwapi.drivers import dummy
from tests.contracts import driver as driver_contract


class NoDevice(driver_contract.Device):
    """What cannot go away, be garbled or be cut."""

    probes = ("a", None, "b")
    parameters = {"min": 42, "max": 42}
    expected = {
        "a": measurement.Measurement(42.0),
        "b": measurement.Measurement(42.0),
    }
    period_seconds = 1.0
    resolution_watts = 1.0

    def vanish(self) -> None:
        raise NotImplementedError

    def come_back(self) -> None:
        raise NotImplementedError

    def garble(self) -> None:
        raise NotImplementedError

    def cut(self) -> None:
        raise NotImplementedError


class TestDummy(driver_contract.DriverContract):
    """Values, pace and parameters; there is no device that could misbehave."""

    driver_name = "dummy"

    test_what_is_missing_is_absent_and_never_zero: Any = None
    test_a_dead_device_is_unreachable_and_back_when_it_is: Any = None
    test_a_device_that_dies_in_a_session_is_read_again_in_the_next: Any = None
    test_garbage_is_refused: Any = None
    test_half_an_answer_is_refused: Any = None
    test_wrong_credentials_are_told_apart: Any = None
    test_it_backs_off_and_says_why: Any = None
    test_no_secret_is_seen: Any = None

    @pytest.fixture
    def device(self) -> NoDevice:
        """Nothing to set up."""
        return NoDevice()


def test_it_stays_between_its_bounds() -> None:
    """In whole watts."""
    driver = dummy.Dummy("dummy", ["a"], print, min=75, max=80)
    seen = {driver.read()["a"].watts for _ in range(300)}
    assert seen == {75, 76, 77, 78, 79, 80}


def test_the_same_seed_gives_the_same_values() -> None:
    """For tests that must be repeatable."""
    first, second = (dummy.Dummy("dummy", ["a", "b"], print, seed=7) for _ in range(2))
    assert [first.read() for _ in range(5)] == [second.read() for _ in range(5)]
