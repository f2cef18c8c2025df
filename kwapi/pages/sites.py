# SPDX-License-Identifier: Apache-2.0
"""Renders pages: the templates and all that is the same in each.

Owns where links point to, how numbers are written and which static files belong to
this release.  Which page shows what is the controllers'.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from importlib import resources
from typing import Any
from typing import NamedTuple

import jinja2
import webob
from oslo_config import cfg

from kwapi.graphs import views
from kwapi.pages import selection
from kwapi.pages import static_files


class Look(NamedTuple):
    """What an operator may set.

    :ivar title: what the pages are headed with.
    :ivar refresh_seconds: how often an open page looks for news.
    :ivar auth_strategy: tells who was refused what to do.
    """

    title: str
    refresh_seconds: float
    auth_strategy: str

    @classmethod
    def of(cls, conf: cfg.ConfigOpts) -> Look:
        """Return what the configuration says."""
        rrd = conf.rrd
        return cls(rrd.title, rrd.refresh_seconds, rrd.auth_strategy)


class Site:
    """All that a page is made from; any thread may use it."""

    def __init__(self, look: Look, shown: views.Views) -> None:
        self.look = look
        self.views = shown
        self.static = static_files.StaticFiles.load()
        self._templates = _load_templates()
        # Of a version of the index: sorting ten thousand probes takes a while.
        self._list = functools.lru_cache(maxsize=64)(
            lambda _version, wish: selection.list_probes(shown.get_probes(), wish)
        )

    def render(self, request: webob.Request, template: str, **values: Any) -> str:
        """Return a page; what is in ``values`` is escaped in it."""
        return self._templates.get_template(template).render(
            root=request.script_name,
            static=f"{request.script_name}/static/{self.static.version}",
            look=self.look,
            periods=views.PERIODS,
            **values,
        )

    def render_error(self, request: webob.Request, status: int, error: Mapping[str, Any]) -> str:
        """Return the page about an error."""
        return self.render(request, "error.html", status=status, error=error)

    def list_probes(self, wish: selection.Wish) -> selection.Listing:
        """Return the page of probes that is asked for."""
        return self._list(self.views.version(), wish)


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
