# SPDX-License-Identifier: Apache-2.0
"""The driver for what a Prometheus exporter shows: power, or energy to take power from.

Owns its parameters, and power as the rate of a counter.  Series are
:mod:`kwapi.drivers.prometheus.series`'s, fetching the page
:mod:`kwapi.drivers.prometheus.page`'s, pacing :mod:`kwapi.drivers.driver`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import library
from kwapi.drivers import parameters
from kwapi.drivers.prometheus import page as prometheus_page
from kwapi.drivers.prometheus import series as prometheus_series

_PRESETS = "prometheus"
_JOULES_PER_KWH = 3.6e6
#: A rate over less is mostly the clocks' noise.
_SHORTEST_RATE_SECONDS = 0.5


class Prometheus(driver.Driver):
    """Reads the page of an exporter, or of a Prometheus that federates some.

    :param url: the page, as ``http://192.0.2.1:9100/metrics``.
    :param preset: what the exporter calls its series: kepler, scaphandre,
        ipmi_exporter or node_exporter.
    :param metric: name of a gauge of power instead.
    :param scale: what its values are multiplied with to make W.
    :param energy: name of a counter of energy; without ``metric`` power is its rate.
    :param energy_scale: what its values are multiplied with to make J.
    :param match: labels that a series must have, as ``{'zone': 'package'}``.
    :param label: the label that tells probes apart; without it all is one probe's.
    :param series: its value for a probe where that is not the probe's id, or
        several values to be added: ``{'server-1': 'rack1-srv1'}``.
    :param adds_up: True when several series of a probe are parts of it.
    :param user: of HTTP's basic authentication.
    :param password: of the same.
    :param token: a bearer token instead.
    :param ca_file: who signed the server's certificate, where the system does not know.
    :param max_age_seconds: how old a value may be whose time the page tells.
    :param timeout_seconds: for the whole page.
    """

    def __init__(
        self,
        *args: Any,
        url: str,
        preset: str | None = None,
        metric: str | None = None,
        scale: float | None = None,
        energy: str | None = None,
        energy_scale: float | None = None,
        match: Mapping[str, str] | None = None,
        label: str | None = None,
        series: Mapping[str, Any] | None = None,
        adds_up: bool | None = None,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        ca_file: str | None = None,
        max_age_seconds: float = 60.0,
        timeout_seconds: float = 5.0,
        **common: Any,
    ) -> None:
        super().__init__(*args, **common)
        known = library.choose(_PRESETS, preset)
        if common.get("period_seconds") is None:
            self.period_seconds = float(known.get("period_seconds", 1.0))
        self.resolution_watts = known.get("resolution_watts")
        self._page = prometheus_page.Page(
            url,
            prometheus_page.Auth(user, password, token),
            ca_file,
            timeout_seconds,
            self._clock,
        )
        self._max_age_seconds = parameters.positive("max_age_seconds", max_age_seconds)
        self._choice = prometheus_series.Choice(
            *_metrics(known, metric, scale, energy, energy_scale),
            parameters.mapping("match", known.get("match") if match is None else match),
            parameters.optional_text("label", known.get("label") if label is None else label),
            parameters.truth(
                "adds_up", known.get("adds_up", False) if adds_up is None else adds_up
            ),
        )
        self._parts = self._parts_of(series)
        self._before: dict[str, tuple[float, float]] = {}

    def open(self) -> None:
        """Prepare; the exporter is first asked by read."""
        self._before.clear()
        self._page.open()

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what the page shows for each probe."""
        page, now = self._page.fetch(), self._clock.time()
        try:
            return dict(self._measure(page, now))
        except ValueError as exc:
            raise self._page.malformed(str(exc)) from exc

    def close(self) -> None:
        """Disconnect."""
        self._page.close()

    def _measure(self, page: str, now: float) -> Iterator[tuple[str, measurement.Measurement]]:
        choice = self._choice
        joules = self._choose_fresh(page, choice.joules, now)
        if choice.watts is not None:
            watts = self._choose_fresh(page, choice.watts, now)
        else:
            watts = dict(self._rates(joules, now))
        for probe, keys in self._parts.items():
            power = prometheus_series.total(watts, keys)
            if power is not None:
                energy = prometheus_series.total(joules, keys)
                kwh = None if energy is None else energy[0] / _JOULES_PER_KWH
                yield probe, measurement.Measurement(power[0], kwh, power[1])

    def _choose_fresh(
        self, page: str, metric: prometheus_series.Metric | None, now: float
    ) -> prometheus_series.Values:
        if metric is None:
            return {}
        found = prometheus_series.choose(page, metric, self._choice)
        return {
            key: (value, timestamp)
            for key, (value, timestamp) in found.items()
            if timestamp is None or abs(now - timestamp) <= self._max_age_seconds
        }

    def _rates(
        self, joules: prometheus_series.Values, now: float
    ) -> Iterator[tuple[str, tuple[float, float | None]]]:
        """Yield the power at which each counter rose since it was last seen."""
        for key, (value, timestamp) in joules.items():
            at = now if timestamp is None else timestamp
            before, since = self._before.get(key, (math.inf, at))
            if 0 < at - since < _SHORTEST_RATE_SECONDS:
                continue
            self._before[key] = (value, at)
            # A counter that fell started anew: what it lost is not known.
            if value >= before and at > since:
                yield key, ((value - before) / (at - since), timestamp)

    def _parts_of(self, series: Any) -> dict[str, tuple[str, ...]]:
        if self._choice.label is None:
            probes = {probe for probe in self.probes if probe is not None}
            if series is not None or len(probes) > 1:
                raise parameters.invalid("several probes need a label that tells them apart")
            return dict.fromkeys(probes, ("",))

        def parse(value: Any) -> str:
            if not isinstance(value, str):
                raise ValueError(f"{value!r} is no label's value, which is a text")
            return value

        return parameters.parts("series", self.probes, series, parse, lambda _, probe: probe)


def _metrics(
    known: Mapping[str, Any], metric: Any, scale: Any, energy: Any, energy_scale: Any
) -> tuple[prometheus_series.Metric | None, prometheus_series.Metric | None]:
    """Return the gauge of power and the counter of energy; parameters before the preset."""
    if metric is None and energy is None:
        if not known:
            raise parameters.invalid(
                f"preset, metric or energy must say what to read; {library.names(_PRESETS)}"
            )
        metric, energy = known.get("metric"), known.get("energy")
        scale = known.get("scale", 1.0) if scale is None else scale
        energy_scale = known.get("energy_scale", 1.0) if energy_scale is None else energy_scale
    return _metric("metric", metric, scale), _metric("energy", energy, energy_scale)


def _metric(name: str, value: Any, scale: Any) -> prometheus_series.Metric | None:
    if value is None:
        return None
    factor = 1.0 if scale is None else parameters.positive(f"scale of {name}", scale)
    return prometheus_series.Metric(parameters.text(name, value), factor)
