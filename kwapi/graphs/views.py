# SPDX-License-Identifier: Apache-2.0
"""The door to graphs and histories: all that web pages may ask of them.

Owns which questions there are, how their answers are kept and when they are made
anew.  Nothing of :mod:`kwapi.graphs` or :mod:`kwapi.history` is imported by pages
but this module, as a contract in ``setup.cfg`` demands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

from oslo_config import cfg

from energybase import clock as clocks
from kwapi import exception
from kwapi.graphs import archive
from kwapi.graphs import cache as caches
from kwapi.graphs import graph
from kwapi.graphs import grouping
from kwapi.graphs import palette
from kwapi.graphs import series as numbers
from kwapi.graphs import tariff
from kwapi.graphs import zone
from kwapi.history import index as indexes
from kwapi.history import periods
from kwapi.history import rrdtool
from kwapi.history import updates

# The words in which pages ask and are answered.
Entry = caches.Entry
Period = periods.Period
ProbeNotFound = exception.ProbeNotFound
ProbeState = indexes.ProbeState
PERIODS = periods.PERIODS
BANDS, THEMES = palette.BANDS, palette.THEMES
find_period = periods.find
order = grouping.order

#: How long a thing is kept at most although there is something new in it.  The last row
#: of a graph grows until its step is over; where steps are hours or weeks, the graph is
#: made anew meanwhile, as often as that of a day.
_MOST_STEP_SECONDS = 900
_MINUTE_SECONDS = 60


class Chosen(NamedTuple):
    """The probes that a question is about.

    :ivar states: what is known of each.
    :ivar key: their ids, under which the answer is kept; empty if they are all there are.
    """

    states: Sequence[ProbeState]
    key: tuple[str, ...] = ()


class Options(NamedTuple):
    """What an operator may set.

    :ivar renew_seconds: totals are counted anew no more often than this.
    :ivar silent_seconds: a probe that said nothing for so long is called silent.
    """

    renew_seconds: float
    silent_seconds: float


class Sources(NamedTuple):
    """Who makes the answers."""

    probes: indexes.Index
    grapher: graph.Grapher
    series: numbers.Series


class Views:
    """Graphs and numbers of the probes in one directory; any thread may ask.

    Each answer is kept, and made once for all who ask.  A ``GraphUnavailable`` or
    ``StoreUnavailable`` that making it raised is theirs, too.
    """

    def __init__(
        self, sources: Sources, cache: caches.Cache, clock: clocks.Clock, options: Options
    ) -> None:
        self._sources = sources
        self._cache = cache
        self._clock = clock
        self._options = options

    def get_probes(self) -> Mapping[str, ProbeState]:
        """Return what is known of each probe, by its id."""
        return self._sources.probes.read()

    def version(self) -> str:
        """Return what changes whenever something is measured."""
        return self._sources.probes.version()

    def is_silent(self, state: ProbeState) -> bool:
        """Tell whether a probe has not been heard of for longer than it should."""
        now = self._clock.time()
        return archive.is_silent(state, now, self._options.silent_seconds)

    def draw(self, period: Period, chosen: Chosen, fmt: str, theme: str) -> Entry:
        """Return a picture of power over a period.

        :param fmt: ``png`` or ``svg``.
        :param theme: one of :data:`THEMES`.
        """
        return self._keep(
            ("graph", fmt, theme, *chosen.key),
            period,
            lambda: self._sources.grapher.draw(period, chosen.states, fmt=fmt, theme=theme),
        )

    def list_series(self, period: Period, chosen: Chosen) -> Entry:
        """Return the power of probes, in groups, over a period, as JSON."""
        return self._keep(
            ("series", *chosen.key),
            period,
            lambda: encode(self._sources.series.aggregate(period, chosen.states)),
        )

    def get_series(self, period: Period, probe_id: str) -> Entry:
        """Return the power of one probe over a period, as JSON."""
        return self._keep(
            ("probe", probe_id),
            period,
            lambda: encode(self._sources.series.probe(period, probe_id)),
        )

    def list_curves(self, period: Period, probe_ids: tuple[str, ...], most_points: int) -> Entry:
        """Return a small curve of each probe, of at most so many points, as JSON."""

        def curve(probe_id: str) -> numbers.Values:
            total = self._sources.series.probe(period, probe_id)["total"]
            return numbers.thin(total, most_points)

        return self._keep(
            ("curves", *probe_ids), period, lambda: encode([curve(one) for one in probe_ids])
        )

    def get_totals(self, chosen: Chosen) -> Entry:
        """Return power now, and energy and cost today, as JSON."""
        # Energy grows, and probes fall silent, even if nobody says anything new.
        version = f"{self.version()} {self._clock.time() // _MINUTE_SECONDS:.0f}"
        return self._cache.get(
            ("totals", *chosen.key),
            version,
            self._options.renew_seconds,
            lambda: encode(self._sources.series.totals(chosen.states)),
        )

    def _keep(self, key: Sequence[str], period: Period, build: Callable[[], bytes]) -> Entry:
        """Return what ``build`` makes of the probes over a period, made anew when that is due.

        :param key: tells it from all others; another number of probes makes another thing.
        """
        return self._cache.get(
            (len(self.get_probes()), period.name, *key),
            self.version(),
            min(period.step_seconds, _MOST_STEP_SECONDS),
            build,
        )


def open_views(conf: cfg.ConfigOpts, clock: clocks.Clock) -> Views:
    """Return the views of ``[rrd] directory``; opens nothing yet.

    :raises ConfigurationInvalid: the tariff or the time zone is none.
    """
    flusher = updates.Flusher(Path(conf.rrd.directory), conf.rrd.rrdcached)
    return build(conf, flusher, clock)


def build(
    conf: cfg.ConfigOpts, flush: Callable[[Sequence[str]], None], clock: clocks.Clock
) -> Views:
    """Return the views of ``[rrd] directory``.

    :param flush: makes the files of these probes current.
    :raises ConfigurationInvalid: the tariff or the time zone is none.
    """
    rrd, directory = conf.rrd, Path(conf.rrd.directory)
    silent_seconds = conf.collector.max_gap_seconds
    files = archive.Archive(
        directory,
        rrdtool.Reader(directory, program=rrd.rrdtool, zone=rrd.time_zone),
        flush,
        tariff.Tariff.parse(rrd.tariff, rrd.kwh_price, zone.find_zone(rrd.time_zone), rrd.currency),
        clock,
        archive.Options(rrd.max_stacked, silent_seconds),
    )
    sources = Sources(indexes.Index(directory), graph.Grapher(files), numbers.Series(files))
    options = Options(rrd.refresh_seconds / 2, silent_seconds)
    return Views(sources, caches.Cache(clock), clock, options)


def encode(document: Any) -> bytes:
    """Return a document as JSON; no number in it is infinite or none."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
