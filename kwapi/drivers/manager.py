# SPDX-License-Identifier: Apache-2.0
"""Starts a driver for each wattmeter of the configuration, and replaces hung ones.

Owns starting, replacing and stopping drivers, and reporting how they fare.
What a driver does with its device is :mod:`kwapi.drivers.driver`'s.

A driver that fails says so and goes on by itself.  The manager steps in where
it cannot: when its thread is dead, when a call to the device hangs, and when
it could not even be made.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

from energybase import clock as clocks
from energybase import repeat
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import plugin

LOG = logging.getLogger(__name__)

_SUPERVISE_SECONDS = 1.0
_STOP_SECONDS = 10.0


class Options(NamedTuple):
    """How the manager supervises; see the options of the group [drivers]."""

    hung_after_seconds: float = 60.0
    retry: driver.Retry = driver.Retry()
    report_seconds: float = 10.0


class Manager:
    """Runs a driver for each wattmeter of the configuration."""

    def __init__(
        self,
        load: Callable[[], configuration.Configuration],
        publish: Callable[[measurement.Reading], None],
        report: Callable[[Sequence[measurement.DriverStatus]], None],
        options: Options = Options(),
        clock: clocks.Clock | None = None,
        build: Callable[..., driver.Driver] | None = None,
    ) -> None:
        """Prepare.

        :param load: returns the configuration as it is now.
        :param publish: takes each reading of each driver.
        :param report: takes the state of every driver, when one changes and regularly.
        :param build: returns the driver of a wattmeter, as :func:`build_driver` does.
        """
        self._load, self._publish, self._report = load, publish, report
        self._build = build or build_driver
        self._options, self._clock = options, clock or clocks.Clock()
        self._posts: dict[str, _Post] = {}
        self._lock = threading.Lock()
        self._supervisor = repeat.Repeater(
            "drivers",
            self._supervise,
            clocks.Backoff(_SUPERVISE_SECONDS, _SUPERVISE_SECONDS),
            clock=self._clock,
            first_seconds=_SUPERVISE_SECONDS,
        )
        self._reported: tuple[measurement.DriverStatus, ...] = ()
        self._report_due = 0.0

    def start(self) -> None:
        """Start every driver.

        :raises ConfigurationInvalid: no file can be read.
        """
        self._apply(self._load())
        self._supervisor.start()

    def reload(self) -> None:
        """Read the configuration anew; touch only the drivers whose section changed.

        :raises ConfigurationInvalid: no file can be read; everything stays as it was.
        """
        self._apply(self._load())

    def stop(self) -> None:
        """Stop every driver; one that hangs is left behind."""
        self._supervisor.begin_stop()
        with self._lock:
            posts, self._posts = list(self._posts.values()), {}
        for post in posts:
            post.stop()
        deadline = self._clock.monotonic() + _STOP_SECONDS
        for post in posts:
            post.join(deadline - self._clock.monotonic())

    def statuses(self) -> tuple[measurement.DriverStatus, ...]:
        """Return how every driver fares, by wattmeter."""
        with self._lock:
            return tuple(post.status for _, post in sorted(self._posts.items()))

    def check(self) -> None:
        """Replace what is dead or hangs, and report; called every second."""
        with self._lock:
            for post in self._posts.values():
                post.check()
        statuses = self.statuses()
        now = self._clock.monotonic()
        if now >= self._report_due or _states(statuses) != _states(self._reported):
            self._report(statuses)
            self._reported, self._report_due = statuses, now + self._options.report_seconds

    def _supervise(self) -> float:
        self.check()
        return _SUPERVISE_SECONDS

    def _apply(self, config: configuration.Configuration) -> None:
        for mistake in config.mistakes.values():
            LOG.error("%s", mistake)
        with self._lock:
            for name in self._posts.keys() - config.wattmeters.keys() - config.mistakes.keys():
                LOG.info("%s: no longer configured, stopping", name)
                self._posts.pop(name).stop()
            for name, wattmeter in config.wattmeters.items():
                self._take_up(name, wattmeter)
            for name, mistake in config.mistakes.items():
                if name not in self._posts:
                    self._posts[name] = _Post.misconfigured(name, mistake, self._clock)

    def _take_up(self, name: str, wattmeter: configuration.Wattmeter) -> None:
        post = self._posts.get(name)
        if post and post.wattmeter and post.wattmeter.same_as(wattmeter):
            return
        if post:
            LOG.info("%s: configuration changed, restarting", name)
            post.stop()
        self._posts[name] = _Post(wattmeter, self._make, self._options, self._clock, post)
        self._posts[name].check()

    def _make(self, wattmeter: configuration.Wattmeter) -> driver.Driver:
        return self._build(wattmeter, self._publish, self._options.retry, self._clock)


class _Post:
    """The place of one driver: who holds it now, and when to fill it again."""

    def __init__(
        self,
        wattmeter: configuration.Wattmeter | None,
        make: Callable[[configuration.Wattmeter], driver.Driver],
        options: Options,
        clock: clocks.Clock,
        before: _Post | None = None,
    ) -> None:
        self.wattmeter = wattmeter
        self._before = before
        self._make, self._options, self._clock = make, options, clock
        self._backoff = clocks.Backoff(*options.retry)
        self._driver: driver.Driver | None = None
        self._due = clock.monotonic()
        self._restarts = -1
        self._vacant = measurement.DriverStatus("", "", driver.STARTING, clock.time(), 0)
        if wattmeter:
            probes = len({probe for probe in wattmeter.probes if probe is not None})
            self._vacant = self._vacant._replace(
                wattmeter=wattmeter.name, driver=wattmeter.driver, probes=probes
            )

    @classmethod
    def misconfigured(
        cls, name: str, mistake: exception.ConfigurationInvalid, clock: clocks.Clock
    ) -> _Post:
        """Return a post that nobody can hold until its section is mended."""
        post = cls(None, lambda _wattmeter: _never(), Options(), clock)
        post._vacant = measurement.DriverStatus(
            name, "", driver.FAILING, clock.time(), 0, last_error=str(mistake)
        )
        return post

    @property
    def status(self) -> measurement.DriverStatus:
        if self._driver is None:
            return self._vacant
        status = self._driver.status
        return status._replace(driver=self._vacant.driver, restarts=max(0, self._restarts))

    def check(self) -> None:
        """Dismiss a driver that is dead or hangs; fill the post when it is time."""
        if self._driver is not None:
            self._dismiss_if_useless(self._driver)
        if self._driver is None and self.wattmeter and self._is_due():
            self._fill(self.wattmeter)

    def _is_due(self) -> bool:
        now = self._clock.monotonic()
        if self._before is not None:
            # Most devices take one session at a time: let the one before end.
            if self._before.is_alive() and now < self._due + _STOP_SECONDS:
                return False
            self._before = None
        return now >= self._due

    def is_alive(self) -> bool:
        return self._driver is not None and self._driver.is_alive()

    def stop(self) -> None:
        self.wattmeter = None
        if self._driver is not None:
            self._driver.stop()

    def join(self, seconds: float) -> None:
        if self._driver is not None and self._driver.is_alive():
            self._driver.join(max(0.0, seconds))
        if self.is_alive():
            LOG.warning("%s: did not stop in time, abandoned", self._vacant.wattmeter)

    def _dismiss_if_useless(self, held: driver.Driver) -> None:
        busy_seconds = held.busy_seconds()
        if not held.is_alive():
            self._vacate("its thread died")
        elif busy_seconds > self._options.hung_after_seconds:
            held.stop()
            self._vacate(f"hangs in a call to the device for {busy_seconds:.0f} s")
        elif held.status.state == driver.RUNNING:
            self._backoff.reset()

    def _fill(self, wattmeter: configuration.Wattmeter) -> None:
        try:
            made = self._make(wattmeter)
        except exception.ConfigurationInvalid as exc:
            reason = str(exc)
        except Exception as exc:  # a plugin may fail in any way; the others must go on
            LOG.debug("%s: cannot be made", wattmeter.name, exc_info=True)
            reason = f"{type(exc).__name__}: {exc}"
        else:
            self._driver = made
            self._restarts += 1
            made.start()
            return
        self._vacate(reason)

    def _vacate(self, reason: str) -> None:
        since = self._vacant.since
        if self._driver is not None or self._vacant.state != driver.FAILING:
            LOG.error("%s: %s; restarting it", self._vacant.wattmeter, reason)
            since = self._clock.time()
        last_reading = self.status.last_reading
        self._driver = None
        self._due = self._clock.monotonic() + self._backoff.next()
        self._vacant = self._vacant._replace(
            state=driver.FAILING,
            since=since,
            last_error=reason,
            last_reading=last_reading,
            restarts=max(0, self._restarts),
        )


def build_driver(
    wattmeter: configuration.Wattmeter,
    publish: Callable[[measurement.Reading], None],
    retry: driver.Retry,
    clock: clocks.Clock,
) -> driver.Driver:
    """Return the driver of a wattmeter, not started.

    :raises ConfigurationInvalid: no such driver, or its parameters are wrong.
    """
    kind = plugin.load(wattmeter)
    plugin.require_known(wattmeter, plugin.takes(kind))
    try:
        return kind(
            wattmeter.name,
            wattmeter.probes,
            publish,
            clock=clock,
            retry=retry,
            **wattmeter.parameters,
        )
    except exception.ConfigurationInvalid as exc:
        raise exception.ConfigurationInvalid(where=wattmeter.where, reason=str(exc)) from exc


def _states(statuses: Sequence[measurement.DriverStatus]) -> list[tuple[object, ...]]:
    return [(s.wattmeter, s.state, s.since, s.missing, s.restarts) for s in statuses]


def _never() -> driver.Driver:
    raise AssertionError("a misconfigured post has no driver to make")
