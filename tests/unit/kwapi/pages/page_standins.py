# SPDX-License-Identifier: Apache-2.0
"""Pages without RRDtool: a grapher and series that say what they were asked, and a visitor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import webob
from oslo_config import cfg

from kwapi.graphs import cache
from kwapi.graphs import views
from kwapi.history import index
from kwapi.history import periods
from kwapi.pages import app
from tests.conftest import FakeClock

NOW = 1_700_000_000.0


class Grapher:
    """Draws its arguments, and counts."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(
        self,
        period: periods.Period,
        probes: Sequence[index.ProbeState],
        *,
        fmt: str = "png",
        theme: str = "light",
        title: str = "",
    ) -> bytes:
        self.drawn += 1
        names = ",".join(state.probe_id for state in probes)
        return f"{period.name} {fmt} {theme} {title} {names} {self.drawn}".encode()


class Series:
    """Every probe has used what it uses now, all the time."""

    def __init__(self) -> None:
        self.asked = 0

    def aggregate(
        self, period: periods.Period, probes: Sequence[index.ProbeState]
    ) -> dict[str, Any]:
        return self._make(period, [state.probe_id for state in probes])

    def probe(self, period: periods.Period, probe_id: str) -> dict[str, Any]:
        return self._make(period, [probe_id])

    def totals(self, probes: Sequence[index.ProbeState]) -> dict[str, Any]:
        self.asked += 1
        return {
            "watts": sum(state.watts for state in probes),
            "kwh_today": 1.5,
            "cost_today": 0.375,
            "currency": "EUR",
            "probes": len(probes),
            "fresh": len(probes),
            "as_of": NOW,
        }

    def _make(self, period: periods.Period, names: Sequence[str]) -> dict[str, Any]:
        self.asked += 1
        return {"period": period.name, "names": list(names), "total": [1.0, None, 3.0]}


class Pages:
    """The pages over an index in a folder, and whoever looks at them."""

    def __init__(self, conf: cfg.ConfigOpts, folder: Path) -> None:
        self.index = index.Index(folder)
        self.grapher = Grapher()
        self.series = Series()
        self.clock = FakeClock(NOW)
        self._conf = conf
        self._app: Any = None

    @property
    def app(self) -> Any:
        """The application, built when it is first asked for."""
        if self._app is None:
            options = views.Options(
                self._conf.rrd.refresh_seconds / 2, self._conf.collector.max_gap_seconds
            )
            sources = views.Sources(self.index, self.grapher, self.series)  # type: ignore[arg-type]
            shown = views.Views(sources, cache.Cache(self.clock), self.clock, options)
            self._app = app.build_app(self._conf, shown)
        return self._app

    def write(self, *probe_ids: str, watts: float = 100.0, wattmeter: str = "pdu-1") -> None:
        """Have these probes, and no others."""
        states = [index.ProbeState(one, NOW, watts, None, wattmeter, 5.0) for one in probe_ids]
        self.index.write(states, NOW)

    def ask(
        self, path: str, address: str = "127.0.0.1", method: str = "GET", **headers: str
    ) -> webob.Response:
        """Return the answer to a visitor at an address."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = webob.Request.blank(
            path, headers=names, method=method, environ={"REMOTE_ADDR": address}
        )
        return request.get_response(self.app)

    def browse(self, path: str, address: str = "127.0.0.1", **headers: str) -> webob.Response:
        """Return the answer to a browser."""
        return self.ask(
            path, address, Accept="text/html,application/xhtml+xml,*/*;q=0.8", **headers
        )
