# SPDX-License-Identifier: Apache-2.0
"""What all pages stand on, and how one is rendered.

Owns the templates' surroundings: where links point to, how numbers are
written, which static files belong to this release.  Which page shows what is
the controllers'.
"""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from importlib import resources
from typing import Any
from typing import NamedTuple

import jinja2
import webob
from oslo_config import cfg

from energybase import clock as clocks
from kwapi.graphs import cache as caches
from kwapi.graphs import graph
from kwapi.graphs import series as numbers
from kwapi.history import index as indexes
from kwapi.history import periods
from kwapi.pages import selection
from kwapi.pages import static_files

#: The last row of a graph is as long as its step has lasted: where steps are
#: hours or weeks, it is drawn anew meanwhile.
_MOST_STEP_SECONDS = 900
_MINUTE_SECONDS = 60
_JSON = {"separators": (",", ":"), "allow_nan": False}


class Look(NamedTuple):
    """What an operator may set.

    :ivar title: what the pages are headed with.
    :ivar refresh_seconds: how often an open page looks for news.
    :ivar silent_seconds: a probe that said nothing for so long is called silent.
    :ivar auth_strategy: tells who was refused what to do.
    """

    title: str
    refresh_seconds: float
    silent_seconds: float
    auth_strategy: str

    @classmethod
    def of(cls, conf: cfg.ConfigOpts) -> Look:
        """Return what the configuration says."""
        rrd = conf.rrd
        silent_seconds = conf.collector.max_gap_seconds
        return cls(rrd.title, rrd.refresh_seconds, silent_seconds, rrd.auth_strategy)


class Site:
    """All that a page is made from.  Any thread may use it."""

    def __init__(
        self,
        look: Look,
        index: indexes.Index,
        grapher: graph.Grapher,
        cache: caches.Cache,
        series: numbers.Series,
        clock: clocks.Clock,
    ) -> None:
        self.look = look
        self.index = index
        self.grapher = grapher
        self.cache = cache
        self.series = series
        self.clock = clock
        self.static = static_files.StaticFiles.load()
        self._templates = _load_templates()
        # Of a version of the index: sorting ten thousand probes takes a while.
        self._list = functools.lru_cache(maxsize=64)(
            lambda _version, wish: selection.list_probes(index.read(), wish)
        )

    def render(self, request: webob.Request, template: str, **values: Any) -> str:
        """Return a page; what is in ``values`` is escaped in it."""
        return self._templates.get_template(template).render(
            root=request.script_name,
            static=f"{request.script_name}/static/{self.static.version}",
            look=self.look,
            periods=periods.PERIODS,
            **values,
        )

    def render_error(self, request: webob.Request, status: int, error: Mapping[str, Any]) -> str:
        """Return the page about an error."""
        return self.render(request, "error.html", status=status, error=error)

    def is_silent(self, state: indexes.ProbeState) -> bool:
        """Tell whether a probe has not been heard of for longer than it should."""
        usual = 3 * (state.period_seconds or 0.0)
        return self.clock.time() - state.timestamp > max(usual, self.look.silent_seconds)

    def list_probes(self, wish: selection.Wish) -> selection.Listing:
        """Return the page of probes that is asked for."""
        return self._list(self.index.version(), wish)

    def totals(self, states: Sequence[indexes.ProbeState], key: Sequence[str]) -> caches.Entry:
        """Return the totals now of some probes, as JSON.

        :param key: the probes' ids; empty for all.
        """
        # Energy grows, and probes fall silent, even if nobody says anything new.
        version = f"{self.index.version()} {self.clock.time() // _MINUTE_SECONDS:.0f}"
        return self.cache.get(
            ("totals", *key),
            version,
            self.look.refresh_seconds / 2,
            lambda: encode(self.series.totals(states)),
        )

    def keep(
        self, key: Sequence[str], period: periods.Period, build: Callable[[], bytes]
    ) -> caches.Entry:
        """Return what ``build`` makes of the probes over a period, made anew when that is due.

        :param key: tells it from all others; another number of probes makes another thing.
        """
        return self.cache.get(
            (len(self.index.read()), period.name, *key),
            self.index.version(),
            min(period.step_seconds, _MOST_STEP_SECONDS),
            build,
        )


def encode(document: Any) -> bytes:
    """Return a document as JSON."""
    return json.dumps(document, **_JSON).encode()  # type: ignore[arg-type]


def write_power(watts: float) -> tuple[str, str]:
    """Return a number and its unit, short enough to be read from afar."""
    for factor, unit in ((1e6, "MW"), (1e3, "kW")):
        if abs(watts) >= 10 * factor:
            return write_number(watts / factor, 2 if abs(watts) < 100 * factor else 1), unit
    return write_number(watts, 0 if abs(watts) >= 100 else 1), "W"


def write_number(value: float, digits: int = 0) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,.{digits}f}"


def write_energy(kwh: float) -> str:
    """Return kWh with about three digits."""
    return write_number(kwh, 3 if kwh < 1 else 2 if kwh < 100 else 1 if kwh < 1000 else 0)


def write_time(timestamp: float, pattern: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Return an instant in UTC, by default as HTML's ``time`` wants it."""
    return datetime.datetime.fromtimestamp(timestamp, datetime.UTC).strftime(pattern)


def _load_templates() -> jinja2.Environment:
    folder = resources.files("kwapi.pages") / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        power=write_power, number=write_number, energy=write_energy, instant=write_time
    )
    return environment
