# SPDX-License-Identifier: Apache-2.0
"""The base class of wattmeter drivers: their contract, and the loop that all share.

Owns opening, pacing, backing off and telling how it goes.  A subclass owns its
device: it opens a session, reads it once, closes it.  Who starts drivers and
replaces hung ones is :mod:`kwapi.drivers.manager`.
"""

from __future__ import annotations

import abc
import logging
import math
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import NamedTuple
from typing import TypeVar

from energybase import clock as clocks
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import parameters

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")

_LONGEST_REASON = 300
STARTING, RUNNING, FAILING, STOPPED = "starting", "running", "failing", "stopped"


class Retry(NamedTuple):
    """How a failing driver waits: doubling from first to most seconds."""

    first_seconds: float = 1.0
    most_seconds: float = 60.0


class Driver(threading.Thread, abc.ABC):
    """Reads one wattmeter, for ever, at the device's own period.

    Subclasses declare their parameters in ``takes`` and find them, checked, in
    ``given``; or they take them as keyword-only arguments and pass all else on.
    They implement :meth:`open`, :meth:`read` and :meth:`close`, all called from
    this thread only.

    :cvar takes: the parameters, beside those of the classes it descends from.
    :cvar period_seconds: how often the device has a new value.
    :cvar resolution_watts: the smallest step the device can tell.
    :ivar given: the value of each parameter that is declared; holds secrets.
    :ivar device: what it says it is, its model as a rule; None as long as it did not.
    """

    takes: ClassVar[tuple[parameters.Parameter, ...]] = (
        parameters.Parameter(
            "period_seconds",
            parameters.positive,
            "how often to read, if not as often as the device has new values",
        ),
    )
    period_seconds: float = 1.0
    resolution_watts: float | None = None
    device: str | None = None

    def __init__(
        self,
        wattmeter: str,
        probes: Sequence[str | None],
        publish: Callable[[measurement.Reading], None],
        *,
        clock: clocks.Clock | None = None,
        retry: Retry | None = None,
        **given: Any,
    ) -> None:
        """Prepare, without touching the device.

        :param wattmeter: the wattmeter's name.
        :param probes: ids of its probes by position; None skips an outlet.
        :param publish: takes each reading; must not block.
        :param given: the parameters that ``takes`` declares.
        :raises ConfigurationInvalid: it names the parameter that is wrong.
        """
        super().__init__(name=f"driver-{wattmeter}", daemon=True)
        self.wattmeter = wattmeter
        self.probes = tuple(probes)
        self.given = _take(type(self), given)
        if self.given["period_seconds"] is not None:
            self.period_seconds = self.given["period_seconds"]
        self._publish = publish
        self._clock = clock or clocks.Clock()
        self._backoff = clocks.Backoff(*(retry or Retry()))
        self._stopping = threading.Event()
        self._expected = {probe for probe in self.probes if probe is not None}
        self._newest: dict[str, float] = {}
        self._busy_since: float | None = None
        self._status = measurement.DriverStatus(
            wattmeter,
            type(self).__name__.lower(),
            STARTING,
            self._clock.time(),
            len(self._expected),
        )

    @abc.abstractmethod
    def open(self) -> None:
        """Start a session with the device.

        :raises WattmeterError: it cannot be had; open is called again later.
        """

    @abc.abstractmethod
    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what each probe measures now; one that says nothing is absent.

        :raises WattmeterError: the session is of no use; it is closed and
            opened again later.
        """

    def close(self) -> None:
        """Free the session; called after every open, also after one that failed."""

    @property
    def status(self) -> measurement.DriverStatus:
        """How this driver fares; safe to ask from any thread."""
        return self._status

    def busy_seconds(self) -> float:
        """Return for how long the call to the device that is under way has lasted."""
        since = self._busy_since
        return 0.0 if since is None else self._clock.monotonic() - since

    def stop(self) -> None:
        """Ask the loop to end; nothing is published any more."""
        self._stopping.set()

    def run(self) -> None:
        """Open, read at the device's pace, close; after a failure, again, ever later."""
        while not self._stopping.is_set():
            failure = self._read_on()
            # What is cut short because we end is no failure of the device.
            if failure is not None and not self._stopping.is_set():
                self._fail(failure)
            self._close()
            if not self._stopping.is_set():
                self._clock.wait(self._stopping, self._backoff.next())
        self._become(STOPPED)

    def _read_on(self) -> Exception | None:
        """Open and read until stopped; return what put an end to it before."""
        try:
            self._call(self.open)
            self._read_at_pace()
        except Exception as exc:  # the one guard: whatever a device makes a driver raise
            return exc
        return None

    def _read_at_pace(self) -> None:
        start = self._clock.monotonic()
        while not self._stopping.is_set():
            self._accept(self._call(self.read))
            # From the start, not from now: the period does not drift.  Ticks
            # missed by a slow device are left out.
            elapsed = self._clock.monotonic() - start
            ticks = math.floor(elapsed / self.period_seconds) + 1
            self._clock.wait(self._stopping, ticks * self.period_seconds - elapsed)

    def _call(self, step: Callable[[], _T]) -> _T:
        self._busy_since = self._clock.monotonic()
        try:
            return step()
        finally:
            self._busy_since = None

    def _close(self) -> None:
        try:
            self._call(self.close)
        except Exception:  # a session that cannot be freed must not end the driver
            LOG.exception("%s: closing failed", self.wattmeter)

    def _accept(self, answer: Mapping[str, measurement.Measurement]) -> None:
        """Publish what a read returned, and take note of what it did not."""
        now = self._clock.time()
        measured = dict(self._sound(answer, now))
        if self._stopping.is_set():
            return
        for timestamp in sorted({m.timestamp or now for m in measured.values()}):
            self._publish(self._reading(measured, timestamp, now))
        silent = self._expected - {p for p, m in answer.items() if math.isfinite(m.watts)}
        self._succeed(tuple(sorted(silent)), now)

    def _sound(
        self, answer: Mapping[str, measurement.Measurement], now: float
    ) -> Iterator[tuple[str, measurement.Measurement]]:
        """Yield what can be published: numbers, and nothing older than before."""
        for probe, answered in answer.items():
            measured, timestamp = answered.drop_nonsense(), answered.timestamp or now
            if measured is not None and timestamp > self._newest.get(probe, -math.inf):
                if measured.timestamp is not None:
                    self._newest[probe] = timestamp
                yield probe, measured

    def _reading(
        self, measured: Mapping[str, measurement.Measurement], timestamp: float, now: float
    ) -> measurement.Reading:
        taken = {p: m for p, m in measured.items() if (m.timestamp or now) == timestamp}
        return measurement.Reading.of(
            self.wattmeter, timestamp, taken, self.period_seconds, self.resolution_watts
        )

    def _succeed(self, missing: tuple[str, ...], now: float) -> None:
        before = self._status
        if before.state == FAILING:
            LOG.info("%s: answers again after %.0f s", self.wattmeter, now - before.since)
        if before.state != RUNNING:
            self._become(RUNNING)
        if missing != before.missing:
            LOG.log(
                logging.WARNING if missing else logging.INFO,
                "%s: no measurement for %s",
                self.wattmeter,
                ", ".join(missing) or "no probe any more",
            )
        self._backoff.reset()
        self._status = self._status._replace(missing=missing, last_reading=now)

    def _fail(self, exc: Exception) -> None:
        expected = isinstance(exc, exception.EnergyException)
        # One line, whatever a library puts into its exceptions.
        told = " ".join((str(exc) if expected else f"{type(exc).__name__}: {exc}").split())
        reason = told[:_LONGEST_REASON]
        if self._status.state != FAILING:
            trace = None if expected else exc
            LOG.warning("%s: %s; retrying", self.wattmeter, reason, exc_info=trace)
            self._become(FAILING)
        self._status = self._status._replace(last_error=reason)

    def _become(self, state: str) -> None:
        self._status = self._status._replace(state=state, since=self._clock.time())


def _take(kind: type[Driver], given: Mapping[str, Any]) -> Mapping[str, Any]:
    declared = parameters.declared(kind)
    known = {name for parameter in declared.values() for name in parameter.names}
    if unknown := sorted(given.keys() - known):
        raise parameters.invalid(f"unknown parameter {unknown[0]!r}")
    return parameters.take(declared.values(), given)
