# SPDX-License-Identifier: Apache-2.0
"""The driver for Prometheus exporters: gauges of power, or counters of energy.

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
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.prometheus import page
from kwapi.drivers.prometheus import series

_SCALES = ("scale", "energy_scale")
#: What a preset may say of the choice of series, and what holds if it does not.
_CHOICES: tuple[tuple[str, Any], ...] = (("match", {}), ("label", None), ("adds_up", False))
_JOULES_PER_KWH = 3.6e6
#: A rate over less is mostly the clocks' noise.
_SHORTEST_RATE_SECONDS = 0.5


class Prometheus(driver.Driver):
    """Reads the page of an exporter, or of a Prometheus that federates some."""

    takes = (
        Parameter(
            "url", parameters.text,
            "the page, such as ``http://192.0.2.1:9100/metrics``; without username and password",
            parameters.REQUIRED,
        ),
        Parameter(
            "preset", parameters.preset(__package__),
            "what known exporters call their series, see below: ``kepler``, ``scaphandre``, "
            "``ipmi_exporter`` or ``node_exporter``",
        ),
        Parameter("metric", parameters.text, "instead of a preset the name of a gauge of power"),
        Parameter("scale", parameters.positive, "what its values are multiplied with to make W"),
        Parameter(
            "energy", parameters.text,
            "the name of a counter of energy; without ``metric`` its rate is the power",
        ),
        Parameter(
            "energy_scale", parameters.positive, "what its values are multiplied with to make J"
        ),
        Parameter(
            "match", parameters.mapping, "labels that a series must have: ``{'zone': 'package'}``"
        ),
        Parameter(
            "label", parameters.text,
            "the label that tells probes apart; without it all is one probe's",
        ),
        Parameter(
            "series", parameters.mapping,
            "its value for a probe where that is not the probe's id, or several to be added: "
            "``{'node-2': 'srv2', 'node-3': ['srv3a', 'srv3b']}``",
        ),
        Parameter(
            "adds_up", parameters.truth,
            "``True`` when several series of a probe are parts of it, as the sockets of a "
            "machine; else several are an error",
        ),
        Parameter(
            "username", parameters.text, "for HTTP's basic authentication", aliases=("user",)
        ),
        Parameter("password", parameters.text, "of the same", secret=True),
        Parameter("token", parameters.text, "instead of these a bearer token", secret=True),
        Parameter(
            "ca_file", parameters.text,
            "who signed the server's certificate, where the system does not know",
        ),
        Parameter(
            "max_age_seconds", parameters.positive,
            "how old a value may be whose time the page tells", 60.0,
        ),
        Parameter("timeout_seconds", parameters.positive, "for the whole page", 5.0),
    )  # fmt: skip

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        known = own["preset"] or {}
        if own["period_seconds"] is None:
            self.period_seconds = float(known.get("period_seconds", 1.0))
        self.resolution_watts = known.get("resolution_watts")
        self._page = page.Page(
            own["url"],
            page.Auth(own["username"], own["password"], own["token"]),
            own["ca_file"],
            own["timeout_seconds"],
            self._clock,
        )
        self._max_age_seconds: float = own["max_age_seconds"]
        self._choice = series.Choice(
            *_metrics(known, own),
            **{name: _prefer(own[name], known.get(name), usual) for name, usual in _CHOICES},
        )
        self._parts = self._parts_of(own["series"])
        self._before: dict[str, tuple[float, float]] = {}

    def open(self) -> None:
        """Prepare; the exporter is first asked by read."""
        self._before.clear()
        self._page.open()

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what the page shows for each probe."""
        text, now = self._page.fetch(), self._clock.time()
        try:
            return dict(self._measure(text, now))
        except ValueError as exc:
            raise self._page.malformed(str(exc)) from exc

    def close(self) -> None:
        """Disconnect."""
        self._page.close()

    def _measure(self, text: str, now: float) -> Iterator[tuple[str, measurement.Measurement]]:
        choice = self._choice
        joules = self._choose_fresh(text, choice.joules, now)
        if choice.watts is not None:
            watts = self._choose_fresh(text, choice.watts, now)
        else:
            watts = dict(self._rates(joules, now))
        for probe, keys in self._parts.items():
            power = series.total(watts, keys)
            if power is not None:
                energy = series.total(joules, keys)
                kwh = None if energy is None else energy[0] / _JOULES_PER_KWH
                yield probe, measurement.Measurement(power[0], kwh, power[1])

    def _choose_fresh(self, text: str, metric: series.Metric | None, now: float) -> series.Values:
        if metric is None:
            return {}
        found = series.choose(text, metric, self._choice)
        return {
            key: (value, timestamp)
            for key, (value, timestamp) in found.items()
            if timestamp is None or abs(now - timestamp) <= self._max_age_seconds
        }

    def _rates(
        self, joules: series.Values, now: float
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

    def _parts_of(self, given: Any) -> dict[str, tuple[str, ...]]:
        if self._choice.label is None:
            probes = {probe for probe in self.probes if probe is not None}
            if given is not None or len(probes) > 1:
                raise parameters.invalid("several probes need a label that tells them apart")
            return dict.fromkeys(probes, ("",))

        def parse(value: Any) -> str:
            if not isinstance(value, str):
                raise ValueError(f"{value!r} is not a label's value, which is a text")
            return value

        return parameters.parts("series", self.probes, given, parse, lambda _, probe: probe)


def _prefer(given: Any, known: Any, usual: Any) -> Any:
    """Return what is given, else what the preset says, else what is usual."""
    if given is not None:
        return given
    return usual if known is None else known


def _metrics(
    known: Mapping[str, Any], own: Mapping[str, Any]
) -> tuple[series.Metric | None, series.Metric | None]:
    """Return the gauge of power and the counter of energy; parameters before the preset."""
    metric, energy = own["metric"], own["energy"]
    scales = own
    if metric is None and energy is None:
        if not known:
            raise parameters.invalid(
                "preset, metric or energy must say what to read; "
                f"{parameters.preset_names(__package__)}"
            )
        metric, energy = known.get("metric"), known.get("energy")
        scales = {name: _prefer(own[name], known.get(name), None) for name in _SCALES}
    return _metric(metric, scales["scale"]), _metric(energy, scales["energy_scale"])


def _metric(name: str | None, scale: float | None) -> series.Metric | None:
    return None if name is None else series.Metric(name, scale or 1.0)
