# SPDX-License-Identifier: Apache-2.0
"""Options reach those who draw and count."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from oslo_config import cfg

from kwapi import exception
from kwapi.graphs import views
from kwapi.history import periods
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
    told = made.series.aggregate(periods.find("hour"), probe_files.states(ids, NOW))
    assert told["legend"]["currency"] == "kr"
    assert told["legend"]["cost"] == pytest.approx(told["legend"]["kwh"] * 0.5)
    assert len(told["groups"]) == 2
    assert made.grapher.draw(periods.find("hour"), probe_files.states(ids, NOW))


def test_a_time_zone_that_is_none(conf: cfg.ConfigOpts) -> None:
    """It is told by the option's name."""
    conf.set_override("time_zone", "Mars/Olympus", "rrd")
    with pytest.raises(exception.ConfigurationInvalid, match=r"\[rrd\] time_zone: 'Mars/Olympus'"):
        views.build(conf, lambda _ids: None, probe_files.StoppedClock(NOW))


def test_without_one_it_is_the_machines() -> None:
    """As the machine's own clock has it."""
    moment = datetime.datetime.fromtimestamp(NOW, views.find_zone(None))
    assert moment.utcoffset() == datetime.datetime.fromtimestamp(NOW).astimezone().utcoffset()
