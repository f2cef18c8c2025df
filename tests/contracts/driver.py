# SPDX-License-Identifier: Apache-2.0
"""What every wattmeter driver must do, whatever its device.

A driver's own test module subclasses :class:`DriverContract`, names the driver
and gives a fixture ``device``: the device, or what plays it, with ways to make
it misbehave.  ``tests/unit/kwapi/drivers/test_contract.py`` sees to it that no
registered driver is without one.
"""

from __future__ import annotations

import abc
import contextlib
import logging
import math
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import pytest

from energybase import clock as clocks
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import manager
from tests import conftest
from tests import patience


class Device(abc.ABC):
    """A device that can be told to misbehave.

    :ivar probes: as in drivers.conf; at least one of them is missing.
    :ivar parameters: as in drivers.conf; time-outs short.
    :ivar expected: what is measured, by probe, as the device's record says.
    :ivar secrets: strings that must never be seen.
    :ivar period_seconds: what the driver should publish with its probes.
    """

    probes: Sequence[str | None]
    parameters: Mapping[str, Any]
    expected: Mapping[str, measurement.Measurement]
    secrets: Sequence[str] = ()
    period_seconds: float
    resolution_watts: float | None = None

    @abc.abstractmethod
    def vanish(self) -> None:
        """Stop answering, as when somebody pulls the plug."""

    @abc.abstractmethod
    def come_back(self) -> None:
        """Answer again as at first."""

    @abc.abstractmethod
    def garble(self) -> None:
        """Answer what the protocol does not know."""

    @abc.abstractmethod
    def cut(self) -> None:
        """Answer the first half of what should be said."""

    def refuse(self) -> None:
        """Take these credentials no more; only for devices that know any (``secrets``)."""
        raise NotImplementedError

    def count_sessions(self) -> int | None:
        """Return how many sessions are open; None where there is no such thing."""
        return None


class DriverContract:
    """The tests; ``driver_name`` is the entry point's."""

    driver_name: str
    #: What a half answer may be called: some protocols cannot tell it from silence.
    half_is: tuple[type[exception.WattmeterError], ...] = (exception.MalformedAnswer,)
    garbage_is: tuple[type[exception.WattmeterError], ...] = (exception.MalformedAnswer,)

    def build(
        self, device: Device, publish: Any = print, clock: clocks.Clock | None = None
    ) -> driver.Driver:
        """Return the driver as the manager builds it from drivers.conf."""
        wattmeter = configuration.Wattmeter(
            "meter",
            self.driver_name,
            tuple(device.probes),
            dict(device.parameters),
            "drivers.conf:1",
        )
        return manager.build_driver(wattmeter, publish, driver.Retry(), clock or clocks.Clock())

    @contextlib.contextmanager
    def opened(self, device: Device) -> Iterator[driver.Driver]:
        """Open a session and close it."""
        made = self.build(device)
        try:
            made.open()
            yield made
        finally:
            made.close()

    def test_it_reads_what_the_device_shows(self, device: Device) -> None:
        with self.opened(device) as made:
            answer = made.read()
        assert answer.keys() == device.expected.keys()
        for probe, expected in device.expected.items():
            assert answer[probe].watts == pytest.approx(expected.watts, rel=1e-6), probe
            if expected.kwh is not None:
                assert answer[probe].kwh == pytest.approx(expected.kwh, rel=1e-6), probe

    def test_what_is_missing_is_absent_and_never_zero(self, device: Device) -> None:
        missing = set(filter(None, device.probes)) - device.expected.keys()
        assert missing, "the device should have a probe that does not answer"
        with self.opened(device) as made:
            assert not missing & made.read().keys()

    def test_period_and_resolution_are_the_devices(self, device: Device) -> None:
        with self.opened(device) as made:
            made.read()
            assert made.period_seconds == device.period_seconds
            assert made.resolution_watts == device.resolution_watts

    def test_a_dead_device_is_unreachable_and_back_when_it_is(self, device: Device) -> None:
        device.vanish()
        with pytest.raises(exception.WattmeterUnreachable), self.opened(device) as made:
            made.read()
        device.come_back()
        with self.opened(device) as made:
            assert made.read().keys() == device.expected.keys()

    def test_a_device_that_dies_in_a_session_is_read_again_in_the_next(
        self, device: Device
    ) -> None:
        with self.opened(device) as made:
            made.read()
            device.vanish()
            with pytest.raises(exception.WattmeterError):
                # Some have an answer left on the way.
                for _ in range(3):
                    made.read()
            made.close()
            device.come_back()
            made.open()
            assert made.read().keys() == device.expected.keys()

    def test_garbage_is_refused(self, device: Device) -> None:
        device.garble()
        with pytest.raises(self.garbage_is), self.opened(device) as made:
            made.read()

    def test_half_an_answer_is_refused(self, device: Device) -> None:
        device.cut()
        with pytest.raises(self.half_is), self.opened(device) as made:
            made.read()

    def test_wrong_credentials_are_told_apart(self, device: Device) -> None:
        if not device.secrets:
            pytest.skip("this device knows no credentials")
        device.refuse()
        with pytest.raises(exception.WattmeterRefused), self.opened(device) as made:
            made.read()

    def test_closing_frees_the_session(self, device: Device) -> None:
        before = device.count_sessions()
        for _ in range(3):
            with self.opened(device) as made:
                made.read()
        made.close()
        if before is not None:
            wait(lambda: (device.count_sessions() or 0) <= before)

    def test_it_backs_off_and_says_why(
        self, device: Device, fake_clock: conftest.FakeClock
    ) -> None:
        device.vanish()
        made = self.build(device, clock=_Stopping(fake_clock, after=3))
        made._clock.watched = made  # type: ignore[attr-defined]
        made.run()
        assert made.status.last_error
        assert "\n" not in made.status.last_error
        assert len(made.status.last_error) < 300

    def test_no_secret_is_seen(self, device: Device, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        seen = [self._provoke(device, fault) for fault in ("come_back", "vanish", "garble", "cut")]
        if device.secrets:
            seen.append(self._provoke(device, "refuse"))
        everything = "\n".join([*seen, caplog.text, repr(self.build(device))])
        for secret in device.secrets:
            assert secret not in everything

    def _provoke(self, device: Device, fault: str) -> str:
        device.come_back()
        getattr(device, fault)()
        try:
            with self.opened(device) as made:
                made.read()
        except exception.WattmeterError as exc:
            return f"{exc} {exc!r} {exc.__cause__} {exc.details}"
        finally:
            device.come_back()
        return ""

    def test_wrong_parameters_are_refused_by_name(self, device: Device) -> None:
        for name, value in (("nosuch", 1), ("period_seconds", -1), ("period_seconds", math.nan)):
            wrong = {**device.parameters, name: value}
            with pytest.raises(exception.ConfigurationInvalid, match=name):
                manager.build_driver(
                    configuration.Wattmeter(
                        "meter", self.driver_name, tuple(device.probes), wrong, "drivers.conf:1"
                    ),
                    print,
                    driver.Retry(),
                    clocks.Clock(),
                )


def wait(until: Callable[[], bool]) -> None:
    """Poll until it is so, with a generous deadline."""
    deadline = time.monotonic() + patience.SECONDS
    while not until():
        assert time.monotonic() < deadline, "not within the deadline"
        time.sleep(0.01)


class _Stopping(clocks.Clock):
    """A fake clock that stops a driver after so many waits."""

    def __init__(self, clock: clocks.Clock, after: int) -> None:
        self._clock, self._left = clock, after
        self.watched: driver.Driver | None = None

    def time(self) -> float:
        return self._clock.time()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def wait(self, event: Any, seconds: float) -> bool:
        self._left -= 1
        if not self._left and self.watched:
            self.watched.stop()
        return self._clock.wait(event, seconds)
