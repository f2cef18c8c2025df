# SPDX-License-Identifier: Apache-2.0
"""Power as JSON: series for charts that a browser draws, and totals.

Owns their JSON and how rrdtool's is read.  The rows of a document are equally
long but the last, which is as long as the current one has lasted so far.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from kwapi.graphs import archive as archives
from kwapi.graphs import cache as caches
from kwapi.graphs import grouping
from kwapi.graphs import palette
from kwapi.graphs import sections
from kwapi.graphs import summary as summaries
from kwapi.history import index
from kwapi.history import periods

#: How often today's energy is counted anew: the rows of its last minutes are so long.
_TODAY_SECONDS = 10
_MOST_ROWS = 100_000

Values = list[float | None]


class Rows(NamedTuple):
    """Rows of one length, in columns; None is a gap.

    :ivar ends: when each row ends, epoch seconds.
    """

    step_seconds: int
    ends: list[int]
    columns: list[Values]


class Series:
    """Tells; any thread may ask."""

    def __init__(self, archive: archives.Archive) -> None:
        self._archive = archive
        self._today = caches.Cache(archive.clock, max_bytes=2**20)

    def aggregate(
        self, period: periods.Period, probes: Sequence[index.ProbeState]
    ) -> dict[str, Any]:
        """Return the power of probes, in groups, over the period that ends now.

        ``times`` are the ends of the rows, epoch seconds; ``values`` and
        ``total`` their mean power, W, null in a gap; ``legend`` is of the
        total: W, kWh and money.

        :raises GraphUnavailable: rrdtool cannot read the files, or is away.
        """
        groups = grouping.group(probes, self._archive.options.max_stacked)
        return self._tell(period, groups, self._archive.find_end(probes))

    def probe(self, period: periods.Period, probe_id: str) -> dict[str, Any]:
        """Return the power of a probe, with ``min`` and ``max`` of each row where they are kept."""
        group = grouping.Group(probe_id, (probe_id,), is_single=True)
        return self._tell(period, (group,), self._archive.clock.time())

    def totals(self, probes: Sequence[index.ProbeState]) -> dict[str, Any]:
        """Return power now, and energy and cost since midnight.

        A probe that is silent has no power now; what it used today counts.
        """
        archive = self._archive
        fresh = [probe for probe in probes if archive.is_fresh(probe)]
        today = self._count_today([probe.probe_id for probe in probes])
        return {
            "watts": round(math.fsum(probe.watts for probe in fresh), 3),
            "kwh_today": today["kwh"],
            "cost_today": today["cost"],
            "currency": archive.tariff.currency,
            "probes": len(probes),
            "fresh": len(fresh),
            "as_of": archive.clock.time(),
        }

    def _count_today(self, probe_ids: Sequence[str]) -> dict[str, float]:
        now = self._archive.clock.time()
        midnight = self._archive.tariff.find_midnight(now)
        which = hashlib.blake2b("\n".join(probe_ids).encode(), digest_size=16).digest()
        entry = self._today.get(
            (midnight, which),
            f"{now // _TODAY_SECONDS}",
            _TODAY_SECONDS,
            lambda: self._sum_up(sections.since(midnight, now), probe_ids),
        )
        today: dict[str, float] = json.loads(entry.body)
        return today

    def _sum_up(self, span: sections.Span, probe_ids: Sequence[str]) -> bytes:
        # One group of all: who is in which changes no sum.
        groups = [grouping.Group("all", tuple(probe_ids))] if probe_ids else []
        _, summary = self._archive.summarise(span, groups)
        return json.dumps({"kwh": summary.kwh, "cost": summary.cost}).encode()

    def _tell(
        self, period: periods.Period, groups: Sequence[grouping.Group], end: float
    ) -> dict[str, Any]:
        plot, summary = self._archive.summarise(sections.last(period, end), groups)
        columns = _name_columns(plot)
        rows = self._read(plot, columns)
        found = dict(zip(columns, rows.columns))
        document: dict[str, Any] = {
            "period": period.name,
            "start": plot.span.start,
            "end": plot.span.end,
            "step": rows.step_seconds,
            "times": rows.ends,
            "groups": [
                _describe(number, group, summary.groups[number], found[f"a{{}}_{number}"])
                for number, group in enumerate(plot.groups)
            ],
            "total": found.get("t{}", []),
            "legend": self._make_legend(summary),
        }
        if plot.has_extremes:
            document |= {"min": found["l{}"], "max": found["h{}"]}
        return document

    def _make_legend(self, summary: summaries.Summary) -> dict[str, Any]:
        return {
            "min": summary.min,
            "avg": summary.average,
            "max": summary.max,
            "last": summary.last,
            "kwh": summary.kwh,
            "cost": summary.cost,
            "currency": self._archive.tariff.currency,
        }

    def _read(self, plot: summaries.Plot, columns: Sequence[str]) -> Rows:
        """Return the rows of the whole span."""
        if not columns or not plot.span.shown:
            return Rows(0, [], [[] for _ in columns])
        commands = [_export(plot, number, columns) for number in range(len(plot.span.shown))]
        answers = self._archive.ask(*commands)
        parts = [
            parse(answer, section, len(columns))
            for answer, section in zip(answers, plot.span.shown)
        ]
        return join(parts)


def parse(answer: bytes, section: sections.Section, width: int) -> Rows:
    """Return the rows that rrdtool exported.

    :raises ValueError: it is not what was asked for.
    """
    document = json.loads(answer)
    meta, data = document["meta"], document["data"]
    ends = list(range(meta["start"], meta["start"] + len(data) * meta["step"], meta["step"]))
    if meta["step"] != section.step_seconds or any(len(row) != width for row in data):
        raise ValueError(f"rrdtool exported rows of {meta['step']} s, not {section}")
    kept = [(end, row) for end, row in zip(ends, data) if section.start < end <= section.end]
    columns = [[_round(row[number]) for _, row in kept] for number in range(width)]
    return Rows(section.step_seconds, [end for end, _ in kept], columns)


def join(parts: Sequence[Rows]) -> Rows:
    """Return the rows of successive sections as those of the first that knows anything.

    What follows is one row more, as long as it is.
    """
    known = (number for number, rows in enumerate(parts) if _is_known(rows))
    first = next(known, 0)
    main, rest = parts[first], parts[first + 1 :]
    seconds = [rows.step_seconds for rows in rest for _ in rows.ends]
    ends = [end for rows in rest for end in rows.ends]
    if not ends:
        return main
    tails = [
        [value for rows in rest for value in rows.columns[number]]
        for number in range(len(main.columns))
    ]
    columns = [
        [*column, _round(_average(tail, seconds))] for column, tail in zip(main.columns, tails)
    ]
    return Rows(main.step_seconds, [*main.ends, ends[-1]], columns)


def thin(values: Sequence[float | None], most: int) -> Values:
    """Return at most so many values: each the mean of as many neighbours; None where all are."""
    width = -(-len(values) // most) if values else 1
    buckets = (values[start : start + width] for start in range(0, len(values), width))
    return [_mean(bucket) for bucket in buckets]


def _mean(bucket: Sequence[float | None]) -> float | None:
    known = [value for value in bucket if value is not None]
    return round(sum(known) / len(known), 1) if known else None


def _is_known(rows: Rows) -> bool:
    return any(value is not None for column in rows.columns for value in column)


def _average(values: Values, seconds: Sequence[int]) -> float | None:
    known = [(value, length) for value, length in zip(values, seconds) if value is not None]
    total = sum(length for _, length in known)
    return math.fsum(value * length for value, length in known) / total if total else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _name_columns(plot: summaries.Plot) -> list[str]:
    """Return the variables that are told, but for the section's number."""
    if not plot.groups:
        return []
    extremes = ["l{}", "h{}"] if plot.has_extremes else []
    return [*(f"a{{}}_{number}" for number in range(len(plot.groups))), "t{}", *extremes]


def _export(plot: summaries.Plot, number: int, columns: Sequence[str]) -> list[str]:
    section = plot.span.shown[number]
    alone = plot._replace(span=plot.span._replace(shown=(section,)))
    return [
        "xport",
        "--json",
        "--start",
        f"{section.start}",
        "--end",
        f"{section.end}",
        "--step",
        f"{section.step_seconds}",
        "--maxrows",
        f"{_MOST_ROWS}",
        *alone.define(),
        *(f"XPORT:{column.format(0)}:{place}" for place, column in enumerate(columns)),
    ]


def _describe(
    number: int, group: grouping.Group, last: float | None, values: Values
) -> Mapping[str, Any]:
    return {
        "name": group.name,
        "colour": number,
        "rgb": f"#{palette.colour(number, is_rest=group.is_rest)}",
        "probes": len(group.probe_ids),
        "last": last,
        "values": values,
    }
