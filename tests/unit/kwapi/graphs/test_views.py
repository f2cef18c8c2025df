# SPDX-License-Identifier: Apache-2.0
"""Options reach those who draw and count."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from oslo_config import cfg

from kwapi import exception
from kwapi.graphs import cache
from kwapi.graphs import views
from kwapi.graphs import zone
from kwapi.history import index
from kwapi.history import periods
from tests.conftest import FakeClock
from tests.unit.kwapi.graphs import probe_files

NOW = 1_700_000_123


def test_the_configuration_decides(conf: cfg.ConfigOpts) -> None:
    """Directory, prices, currency, number of bands."""
    directory = Path(conf.rrd.directory)
    directory.mkdir(parents=True)
    ids = ["a", "b", "c"]
    probe_files.write(directory, {one: probe_files.steady(NOW - 3600, NOW, 1000.0) for one in ids})
    conf.set_override("kwh_price", 0.5, "rrd")
    conf.set_override("currency", "kr", "rrd")
    conf.set_override("max_stacked", 2, "rrd")
    conf.set_override("time_zone", "Europe/Oslo", "rrd")
    made = views.build(conf, lambda _ids: None, probe_files.StoppedClock(NOW))
    index.Index(directory).write(probe_files.states(ids, NOW), NOW)
    chosen = views.Chosen(tuple(made.get_probes().values()))
    told = json.loads(made.list_series(periods.find("hour"), chosen).body)
    assert told["legend"]["currency"] == "kr"
    assert told["legend"]["cost"] == pytest.approx(told["legend"]["kwh"] * 0.5)
    assert len(told["groups"]) == 2
    assert made.draw(periods.find("hour"), chosen, "png", "light").body


def test_a_time_zone_that_is_none(conf: cfg.ConfigOpts) -> None:
    """It is told by the option's name."""
    conf.set_override("time_zone", "Mars/Olympus", "rrd")
    with pytest.raises(
        exception.ConfigurationInvalid, match=r"\[rrd\] time_zone: .*'Mars/Olympus'"
    ):
        views.build(conf, lambda _ids: None, probe_files.StoppedClock(NOW))


def test_without_one_it_is_the_machines() -> None:
    """As the machine's own clock has it."""
    moment = datetime.datetime.fromtimestamp(NOW, zone.find_zone(None))
    assert moment.utcoffset() == datetime.datetime.fromtimestamp(NOW).astimezone().utcoffset()


class Grapher:
    """Draws nothing, and counts."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, *_arguments: object, **_options: object) -> bytes:
        self.drawn += 1
        return b"%d" % self.drawn


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("minute", 1), ("hour", 10), ("day", 900), ("week", 900), ("month", 900), ("year", 900)],
)
def test_a_graph_is_renewed_with_its_resolution(
    tmp_path: Path, fake_clock: FakeClock, name: str, seconds: int
) -> None:
    """But the coarse ones as often as that of a day, since their last rows are finer."""
    known, grapher = index.Index(tmp_path), Grapher()
    sources = views.Sources(known, grapher, None)  # type: ignore[arg-type]
    made = views.Views(sources, cache.Cache(fake_clock), fake_clock, views.Options(1.0, 60.0))
    states = probe_files.states(["a"], NOW)
    chosen, period = views.Chosen(states), periods.find(name)
    known.write(states, NOW)
    made.draw(period, chosen, "png", "light")
    known.write(probe_files.states(["a", "b"], NOW)[:1], NOW + 1)
    fake_clock.advance(seconds - 0.5)
    assert made.draw(period, chosen, "png", "light").body == b"1"
    fake_clock.advance(0.5)
    assert made.draw(period, chosen, "png", "light").body == b"2"
    fake_clock.advance(10 * seconds)
    assert made.draw(period, chosen, "png", "light").body == b"2", "there is nothing new"
