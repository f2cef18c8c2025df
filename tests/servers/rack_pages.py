# SPDX-License-Identifier: Apache-2.0
"""The pages over real RRD files: the simulated rack's day, or many probes' minutes.

Time stands still at :data:`NOW`, so that every run has the same pictures and a
page that is looked at again finds nothing new, until a test says otherwise.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from oslo_config import cfg

from allinone.simulator import rack
from energybase import clock
from energybase import service
from energybase.web import server
from kwapi import measurement
from kwapi.cmd import conf as options
from kwapi.graphs import views
from kwapi.history import index
from kwapi.history import store
from kwapi.pages import app

#: A Tuesday afternoon.
NOW = 1_790_085_600.0
#: Ids that a careless route takes for something else.
ODD_IDS = ("index", "rack.1", "lyon.pdu-1.2.json", "a@b~c", "minute", "10:0+1,2=3", "x" * 255)
_EVERY_SECONDS = rack.REFRESH_SECONDS


class StoppedClock(clock.Clock):
    """It is always the same instant, until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Pages:
    """The pages, served from creation to ``close``."""

    def __init__(self, folder: Path, text: str = "", *, serve: bool = True) -> None:
        """Prepare, without any probe.

        :param text: more of the configuration.
        """
        self.clock = StoppedClock()
        self.conf = configure(folder, text)
        self.directory = Path(self.conf.rrd.directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.index = index.Index(self.directory)
        self._store = store.Store(self.directory, clock=self.clock)
        self.views = views.build(self.conf, self._store.flush, self.clock)
        self.app: Any = app.build_app(self.conf, self.views)
        self._server = server.Server(self.app, threads=8) if serve else None
        if self._server:
            self._server.start()
            self.url = self._server.url.rstrip("/")

    def close(self) -> None:
        """End it."""
        if self._server:
            self._server.stop()
        self._store.close()

    def write(self, readings: Iterable[measurement.Reading]) -> None:
        """Have readings in files and index, as the writer does."""
        readings = list(readings)
        self._store.update(readings)
        states = dict(self.index.read())
        for reading in readings:
            for probe_id, watts in zip(reading.probes, reading.watts):
                states[probe_id] = index.ProbeState(
                    probe_id,
                    reading.timestamp,
                    watts,
                    wattmeter=reading.wattmeter,
                    period_seconds=reading.period_seconds,
                )
        self.index.write(states.values(), self.clock.time())


def configure(folder: Path, text: str) -> cfg.ConfigOpts:
    """Return a configuration; everybody here may look unless ``text`` says otherwise."""
    path = folder / "kwapi.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {folder}\n[rrd]\ntime_zone = UTC\n{text}")
    return service.prepare(
        ["--config-file", str(path)], "test", register=(options.register_opts,), project="kwapi"
    )


def make_day(seconds: float = 86_400, until: float = NOW) -> Iterator[measurement.Reading]:
    """Return what the simulated rack's PDU says in a day, ten minutes of it unheard."""
    start = until - seconds
    simulated = rack.Rack(1, start)
    for at in _times(start, until):
        simulated.advance(at)
        if not until - 40_000 < at < until - 38_000:
            yield _read_servers(simulated, at)


def make_many(
    count: int, seconds: float = 400, until: float = NOW
) -> Iterator[measurement.Reading]:
    """Return what so many probes on PDUs of 24 say in a few minutes."""
    chance = random.Random(1)
    names = [f"rack-{number // 24 + 1}.node-{number % 24 + 1}" for number in range(count)]
    bases = [chance.uniform(80, 400) for _ in names]
    for at in _times(until - seconds, until):
        for first in range(0, count, 24):
            watts = (
                round(base * (1 + 0.2 * math.sin(at / 60 + base)), 1)
                for base in bases[first : first + 24]
            )
            wattmeter = f"pdu-{first // 24 + 1}"
            yield _make(wattmeter, at, names[first : first + 24], watts)


def make_odd() -> Iterator[measurement.Reading]:
    """Return what probes with odd names say."""
    for at in _times(NOW - 60, NOW):
        yield _make('p"du <b>', at, ODD_IDS, (50.0 for _ in ODD_IDS))


def _times(start: float, until: float) -> Iterator[float]:
    count = int((until - start) // _EVERY_SECONDS)
    return (until - _EVERY_SECONDS * left for left in range(count, -1, -1))


def _read_servers(simulated: rack.Rack, at: float) -> measurement.Reading:
    outlets = simulated.outlets
    watts = (float(sum(outlets[number].watts for number in made.outlets)) for made in rack.SERVERS)
    return _make("pdu-1", at, [made.name for made in rack.SERVERS], watts)


def _make(
    wattmeter: str, at: float, names: Iterable[str], watts: Iterable[float]
) -> measurement.Reading:
    return measurement.Reading(
        wattmeter, at, tuple(names), tuple(watts), period_seconds=float(_EVERY_SECONDS)
    )
