# SPDX-License-Identifier: Apache-2.0
"""What looks at the files, put together as the configuration says.

Owns the options' way to those who draw and count, and the machine's time zone.
"""

from __future__ import annotations

import datetime
import os
import zoneinfo
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from oslo_config import cfg

from energybase import clock as clocks
from kwapi import exception
from kwapi.graphs import archive
from kwapi.graphs import cache
from kwapi.graphs import graph
from kwapi.graphs import series
from kwapi.graphs import tariff
from kwapi.history import rrdtool

_LOCAL_ZONE = Path("/etc/localtime")


class Views(NamedTuple):
    """Pictures, numbers, and what keeps both."""

    grapher: graph.Grapher
    series: series.Series
    cache: cache.Cache


def build(
    conf: cfg.ConfigOpts,
    flush: Callable[[Sequence[str]], None],
    clock: clocks.Clock,
) -> Views:
    """Return what looks at the files in ``[rrd] directory``.

    :param flush: makes the files of these probes current.
    :raises ConfigurationInvalid: the tariff or the time zone is none.
    """
    rrd = conf.rrd
    files = archive.Archive(
        Path(rrd.directory),
        rrdtool.Reader(Path(rrd.directory), program=rrd.rrdtool, zone=rrd.time_zone),
        flush,
        tariff.Tariff.parse(rrd.tariff, rrd.kwh_price, find_zone(rrd.time_zone), rrd.currency),
        clock,
        archive.Options(rrd.max_stacked, conf.collector.max_gap_seconds),
    )
    return Views(graph.Grapher(files), series.Series(files), cache.Cache(clock))


def find_zone(name: str | None) -> datetime.tzinfo:
    """Return the time zone of that name, or the machine's own.

    :raises ConfigurationInvalid: there is none of that name.
    """
    if name:
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise exception.ConfigurationInvalid(
                where="[rrd] time_zone", reason=f"{name!r} is no time zone, as Europe/Paris is"
            ) from exc
    try:
        if name := os.environ.get("TZ", "").removeprefix(":"):
            return zoneinfo.ZoneInfo(name)
        with _LOCAL_ZONE.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        return datetime.UTC
