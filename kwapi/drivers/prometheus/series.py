# SPDX-License-Identifier: Apache-2.0
"""Chooses series from a page of metrics, and adds them up.

Pure.  What known exporters call theirs is in ``presets.yaml``.  An
exporter's page may have ten thousand lines; only those wanted are parsed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from prometheus_client import parser


class Metric(NamedTuple):
    """A metric and what its values are multiplied with to make W, or J of a counter."""

    name: str
    scale: float = 1.0


class Choice(NamedTuple):
    """What to take from a page.

    :ivar watts: the gauge of power; None to take the power from ``joules``.
    :ivar joules: the counter of energy, where there is one.
    :ivar match: labels that a series must have.
    :ivar label: the label that tells probes apart; None when all is one probe's.
    :ivar adds_up: whether several series of a probe are parts of it, as the
        sockets of a machine are; else there may be only one.
    """

    watts: Metric | None
    joules: Metric | None
    match: Mapping[str, str]
    label: str | None
    adds_up: bool


class Sample(NamedTuple):
    """The value of one series.

    :ivar timestamp: epoch seconds, where the page says when it was measured.
    """

    labels: Mapping[str, str]
    value: float
    timestamp: float | None


#: By the probe's label value, "" without a label: value, and when it was measured.
Values = dict[str, tuple[float, float | None]]


def read_samples(page: str, name: str) -> list[Sample]:
    """Return the samples of one metric on a page.

    :raises ValueError: its lines are no exposition text.
    """
    # 28 us a sample in prometheus_client's parser: keep all other lines from it.
    # Not splitlines: a label's value may hold what that takes for the end of a line.
    lines = [
        line
        for line in page.split("\n")
        if line.startswith(name) and line[len(name) : len(name) + 1] in ("{", " ", "\t")
    ]
    families = parser.text_string_to_metric_families("\n".join((*lines, "")))
    samples = [sample for family in families for sample in family.samples]
    return [
        Sample(sample.labels, float(sample.value), _epoch(sample.timestamp)) for sample in samples
    ]


def _epoch(timestamp: Any) -> float | None:
    return None if timestamp is None else float(timestamp)


def choose(page: str, metric: Metric, choice: Choice) -> Values:
    """Return the values of a metric by probe.

    :raises ValueError: the page cannot be read, has none of them, or too many.
    """
    found: Values = {}
    samples = read_samples(page, metric.name)
    if not samples:
        raise ValueError(f"its {page.count(chr(10))} lines have no {metric.name}")
    for labels, value, timestamp in samples:
        if any(labels.get(name) != wanted for name, wanted in choice.match.items()):
            continue
        key = labels.get(choice.label, "") if choice.label else ""
        if key in found:
            if not choice.adds_up:
                raise ValueError(
                    f"several series of {metric.name} fit{f' {key!r}' if key else ''}, as "
                    f"{dict(labels)}: say which by match or label, or that adds_up is True"
                )
            value += found[key][0]
        found[key] = (value, timestamp)
    if not found:
        raise ValueError(
            f"no series of {metric.name}, of {len(samples)}, has the labels {choice.match}"
        )
    return {key: (value * metric.scale, timestamp) for key, (value, timestamp) in found.items()}


def total(values: Values, keys: tuple[str, ...]) -> tuple[float, float | None] | None:
    """Return the sum of some values and when the oldest was measured; None if one is missing."""
    if not all(key in values and math.isfinite(values[key][0]) for key in keys):
        return None
    times = [values[key][1] for key in keys]
    told = [time for time in times if time is not None]
    return sum(values[key][0] for key in keys), min(told, default=None)
