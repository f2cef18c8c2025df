# SPDX-License-Identifier: Apache-2.0
"""Models watts of a host as a function of its load, with standard errors.

Owns the model, ``watts = idle + slope x load``, and the assumption that replaces
missing measurements.  :mod:`climate.ranking.store` has the samples; the words for operators are in
``doc/source/admin/ranking.rst``.

*Load* is the share of a host's vCPUs that servers have, 0 to 1.  Samples are of
hosts that were on: an off host draws what it draws for other reasons.
"""

from __future__ import annotations

from typing import Any
from typing import NamedTuple

import numpy as np
from numpy import typing as npt

#: How sure a model is: measurements outweigh the assumption, or they do not.
MEASURED, ESTIMATED, UNKNOWN = "measured", "estimated", "unknown"

#: A host is assumed to draw half its full power when idle, until measurements
#: say better; the slope that follows from it may be wrong by half.
ASSUMED_IDLE_SHARE = 0.5
ASSUMED_SLOPE_ERROR = 0.5

#: What makes a model MEASURED: so many samples, load that varied so much
#: (its standard deviation), and measurements that weigh so many times what the
#: assumption does.
MIN_SAMPLES = 10
MIN_LOAD_DEVIATION = 0.05
MIN_WEIGHT = 9.0

#: Wattmeters round, some to whole watts: no sample is surer than that.
_ROUNDING_VARIANCE = 1 / 12

#: Load that varied less did not vary: it is the sums that were rounded.
_NO_DEVIATION = 1e-5

Floats = npt.NDArray[np.float64]


class Statistics(NamedTuple):
    """All that a fit needs of samples (load, watts): sums, so that periods add up.

    Numbers for one host, or arrays with an element per host.
    """

    n: Any = 0
    sum_load: Any = 0.0
    sum_watts: Any = 0.0
    sum_load2: Any = 0.0
    sum_load_watts: Any = 0.0
    sum_watts2: Any = 0.0
    min_watts: Any = np.inf
    max_watts: Any = -np.inf

    @classmethod
    def of(cls, load: Any, watts: Any) -> Statistics:
        """Return the statistics of samples, one or an array of those of one host."""
        load, watts = np.atleast_1d(load).astype(float), np.atleast_1d(watts).astype(float)
        return cls(
            len(load),
            float(load.sum()),
            float(watts.sum()),
            float((load * load).sum()),
            float((load * watts).sum()),
            float((watts * watts).sum()),
            float(watts.min(initial=np.inf)),
            float(watts.max(initial=-np.inf)),
        )

    def __add__(self, other: Statistics) -> Statistics:  # type: ignore[override]  # no tuple's
        """Return the statistics of both lots of samples together; begin with ``Statistics()``."""
        sums = [mine + theirs for mine, theirs in zip(self[:6], other[:6])]
        lowest = np.minimum(self.min_watts, other.min_watts)
        return Statistics._make([*sums, lowest, np.maximum(self.max_watts, other.max_watts)])


class Model(NamedTuple):
    """``watts = idle_watts + watts_per_load x load``; errors are standard errors, in watts.

    ``residual_watts``: by how much samples usually miss the line.
    """

    idle_watts: float
    watts_per_load: float
    idle_error: float
    slope_error: float
    residual_watts: float
    samples: int
    confidence: str


class Models(NamedTuple):
    """Models in columns, an element per host; NaN where there are no samples."""

    idle_watts: Floats
    watts_per_load: Floats
    idle_error: Floats
    slope_error: Floats
    residual_watts: Floats
    samples: npt.NDArray[np.int64]
    measured: npt.NDArray[np.bool_]

    @property
    def confidence(self) -> npt.NDArray[np.str_]:
        """MEASURED, ESTIMATED or UNKNOWN of each host."""
        known = np.where(self.measured, MEASURED, ESTIMATED)
        return np.where(self.samples > 0, known, UNKNOWN)


def fit(statistics: Statistics, independent: int | None = None) -> Model | None:
    """Return the model of one host, or None if it has no samples; see :func:`fit_all`."""
    if statistics.n < 1:
        return None
    columns = Statistics(*(np.atleast_1d(member) for member in statistics))
    models = fit_all(columns, None if independent is None else np.atleast_1d(independent))
    numbers = [column.tolist()[0] for column in models[:-1]]
    return Model._make([*numbers, str(models.confidence[0])])


def fit_all(statistics: Statistics, independent: Any = None) -> Models:
    """Return the models of many hosts: :class:`Statistics` of arrays, an element per host.

    :param independent: how many samples count, where fewer do than there are:
        those of one hour resemble each other, so give the number of hours.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        moments = _Moments.of(statistics)
        n = moments.n
        counted = n if independent is None else np.clip(independent, 1, n)
        return _fit(moments, counted)


class _Moments(NamedTuple):
    """Means, variances and the covariance of load and watts; ``swing``: maximum - minimum."""

    n: Floats
    load: Floats
    watts: Floats
    load_variance: Floats
    watts_variance: Floats
    covariance: Floats
    swing: Floats

    @classmethod
    def of(cls, statistics: Statistics) -> _Moments:
        n, *sums, lowest, highest = (np.asarray(column, dtype=float) for column in statistics)
        load, watts, load2, load_watts, watts2 = (column / n for column in sums)
        return cls(
            n,
            load,
            watts,
            np.maximum(load2 - load**2, 0.0),
            np.maximum(watts2 - watts**2, 0.0),
            load_watts - load * watts,
            highest - lowest,
        )


def _fit(seen: _Moments, counted: Floats) -> Models:
    line, noise = _least_squares(seen)
    # One over the square of its error: that is how much an estimate weighs.
    weight = np.where(_is_varied(seen), counted * seen.load_variance / noise, 0.0)
    assumed, assumed_weight = _assume(seen)
    slope = (weight * line + assumed_weight * assumed) / (weight + assumed_weight)
    # More load never takes fewer watts, and an idle host never fewer than none.
    slope = np.clip(slope, 0.0, np.where(seen.load > 0, seen.watts / seen.load, np.inf))
    slope_error = (weight + assumed_weight) ** -0.5
    misses = seen.watts_variance - 2 * slope * seen.covariance + slope**2 * seen.load_variance
    return Models(
        idle_watts=seen.watts - slope * seen.load,
        watts_per_load=slope,
        idle_error=np.sqrt(noise / counted + (seen.load * slope_error) ** 2),
        slope_error=slope_error,
        residual_watts=np.sqrt(np.maximum(misses, 0.0)),
        samples=seen.n.astype(np.int64),
        measured=(seen.n >= MIN_SAMPLES)
        & (seen.load_variance >= MIN_LOAD_DEVIATION**2)
        & (weight >= MIN_WEIGHT * assumed_weight),
    )


def _is_varied(seen: _Moments) -> npt.NDArray[np.bool_]:
    """Return whether there is a line to fit at all."""
    return (seen.n > 2) & (seen.load_variance > _NO_DEVIATION**2)


def _least_squares(seen: _Moments) -> tuple[Floats, Floats]:
    """Return the slope that fits the samples best, and the variance that it leaves."""
    line = np.where(_is_varied(seen), seen.covariance / seen.load_variance, 0.0)
    left = np.maximum(seen.watts_variance - line**2 * seen.load_variance, 0.0)
    return line, left * seen.n / np.maximum(seen.n - 2, 1) + _ROUNDING_VARIANCE


def _assume(seen: _Moments) -> tuple[Floats, Floats]:
    """Return the slope to assume of hosts of these mean values, and how much that weighs.

    Watts that were seen to swing by more than assumed say more.
    """
    dynamic_share = 1 - ASSUMED_IDLE_SHARE
    slope = seen.watts * dynamic_share / (ASSUMED_IDLE_SHARE + dynamic_share * seen.load)
    variance = (ASSUMED_SLOPE_ERROR * slope) ** 2 + _ROUNDING_VARIANCE
    return np.maximum(slope, seen.swing), 1 / variance
