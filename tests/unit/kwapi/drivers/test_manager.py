# SPDX-License-Identifier: Apache-2.0
"""Drivers are started, replaced, reloaded and stopped, each by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import pytest

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import manager

OPTIONS = manager.Options(hung_after_seconds=0.5, retry=driver.Retry(0.01, 0.05))


def wattmeter(name: str, driver_name: str = "dummy", **parameters: Any) -> configuration.Wattmeter:
    return configuration.Wattmeter(
        name, driver_name, (f"{name}-probe",), {"period_seconds": 0.02, **parameters}, "test.conf:1"
    )


class Rig:
    """A manager, its configuration, and what came of it."""

    def __init__(self) -> None:
        self.config = configuration.Configuration({}, {})
        self.readings: list[measurement.Reading] = []
        self.reports: list[list[measurement.DriverStatus]] = []
        self.manager = manager.Manager(
            lambda: self.config,
            self.readings.append,
            lambda statuses: self.reports.append(list(statuses)),
            OPTIONS,
        )

    def configure(self, *wattmeters: configuration.Wattmeter) -> None:
        self.config = configuration.Configuration({w.name: w for w in wattmeters}, {})

    def status(self, name: str) -> measurement.DriverStatus:
        return next(s for s in self.manager.statuses() if s.wattmeter == name)

    def wait(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not until():
            assert time.monotonic() < deadline, f"not yet: {self.manager.statuses()}"
            self.manager.check()
            time.sleep(0.01)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.manager.stop()


def test_every_section_is_started(rig: Rig) -> None:
    rig.configure(wattmeter("one"), wattmeter("two"))
    rig.manager.start()
    rig.wait(lambda: {r.wattmeter for r in rig.readings} == {"one", "two"})
    assert [s.state for s in rig.manager.statuses()] == ["running", "running"]
    assert rig.status("one").driver == "dummy"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (wattmeter("pdu", "nosuch"), "no driver 'nosuch' is installed"),
        (
            wattmeter("pdu", hots="x"),
            "unknown parameter 'hots'; dummy takes max, min, period_seconds",
        ),
        (wattmeter("pdu", min=9, max=1), "min 9 and max 1"),
        (wattmeter("pdu", min="nine"), "min must be a number of watts, not 'nine'"),
        (wattmeter("pdu", seed=[]), "TypeError"),
    ],
)
def test_a_driver_that_cannot_be_made_says_why_and_holds_up_nobody(
    rig: Rig, wrong: configuration.Wattmeter, reason: str
) -> None:
    rig.configure(wrong, wattmeter("good"))
    rig.manager.start()
    rig.wait(lambda: rig.status("good").state == driver.RUNNING)
    assert rig.status("pdu").state == driver.FAILING
    assert reason in (rig.status("pdu").last_error or "")


def test_reload_touches_only_what_changed(rig: Rig) -> None:
    rig.configure(wattmeter("same"), wattmeter("changed"), wattmeter("gone"))
    rig.manager.start()
    rig.wait(lambda: all(s.state == driver.RUNNING for s in rig.manager.statuses()))
    before = {t for t in threading.enumerate() if t.name == "driver-same"}
    moved = wattmeter("same")._replace(where="test.conf:99")
    rig.configure(moved, wattmeter("changed", min=1, max=1), wattmeter("new"))
    rig.manager.reload()
    rig.wait(
        lambda: (
            {"changed", "new"}
            <= {r.wattmeter for r in rig.readings if r.watts == (1.0,) or r.wattmeter == "new"}
        )
    )
    assert {t for t in threading.enumerate() if t.name == "driver-same"} == before
    assert [s.wattmeter for s in rig.manager.statuses()] == ["changed", "new", "same"]


def test_a_mistake_in_one_section_leaves_its_driver_running(rig: Rig) -> None:
    rig.configure(wattmeter("pdu"))
    rig.manager.start()
    rig.wait(lambda: rig.status("pdu").state == driver.RUNNING)
    mistake = exception.ConfigurationInvalid(where="test.conf:1", reason="wrong")
    rig.config = configuration.Configuration({}, {"pdu": mistake, "other": mistake})
    rig.manager.reload()
    assert rig.status("pdu").state == driver.RUNNING
    assert rig.status("other").last_error == "test.conf:1: wrong"


def test_a_file_that_cannot_be_read_at_reload_changes_nothing(rig: Rig) -> None:
    rig.configure(wattmeter("pdu"))
    rig.manager.start()
    broken = manager.Manager(lambda: configuration.read(["/nowhere"]), print, print)
    for take_up in (broken.reload, broken.start):
        with pytest.raises(exception.ConfigurationInvalid):
            take_up()
    assert broken.statuses() == ()


class Awkward(driver.Driver):
    """Hangs, or dies, in its first read; its successors read."""

    made: list[Awkward] = []

    def __init__(self, *args: Any, how: str = "hang", **common: Any) -> None:
        super().__init__(*args, **common)
        self._how = how if not Awkward.made else "read"
        self.released = threading.Event()
        Awkward.made.append(self)

    def open(self) -> None:
        pass

    def read(self) -> Mapping[str, measurement.Measurement]:
        if self._how == "die":
            raise SystemExit
        if self._how == "hang":
            self.released.wait()
        return {self.probes[0] or "": measurement.Measurement(1.0 if self._how == "read" else 9.0)}


@pytest.fixture
def awkward(rig: Rig) -> Iterator[Rig]:
    Awkward.made.clear()
    held = wattmeter("pdu")
    rig.configure(held)
    rig.manager = manager.Manager(
        lambda: rig.config,
        rig.readings.append,
        lambda s: rig.reports.append(list(s)),
        OPTIONS,
        build=lambda w, publish, retry, clock: Awkward(
            w.name, w.probes, publish, retry=retry, clock=clock, **w.parameters
        ),
    )
    yield rig
    for made in Awkward.made:
        made.released.set()


def test_a_hung_driver_is_replaced_and_never_heard_again(awkward: Rig) -> None:
    awkward.config.wattmeters["pdu"].parameters["how"] = "hang"
    awkward.manager.start()
    awkward.wait(lambda: awkward.status("pdu").state == driver.FAILING)
    assert "hangs in a call to the device" in (awkward.status("pdu").last_error or "")
    awkward.wait(lambda: awkward.status("pdu").state == driver.RUNNING)
    assert awkward.status("pdu").restarts == 1
    hung = Awkward.made[0]
    hung.released.set()
    hung.join(10)
    assert not hung.is_alive()
    assert {r.watts for r in awkward.readings} == {(1.0,)}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_driver_is_replaced(awkward: Rig) -> None:
    awkward.config.wattmeters["pdu"].parameters["how"] = "die"
    awkward.manager.start()
    awkward.wait(lambda: awkward.status("pdu").state == driver.RUNNING)
    assert awkward.status("pdu").restarts == 1


def test_changes_are_reported_at_once(rig: Rig) -> None:
    rig.configure(wattmeter("pdu"))
    rig.manager.start()
    rig.wait(lambda: bool(rig.reports) and rig.reports[-1][0].state == driver.RUNNING)
    reports = len(rig.reports)
    for _ in range(5):
        rig.manager.check()
    assert len(rig.reports) == reports
