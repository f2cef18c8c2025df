# SPDX-License-Identifier: Apache-2.0
"""Assigns probes to hosts, and adds up what they measure.  Values in, values out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from kwapi import client


class Measured(NamedTuple):
    """A host's watts.

    :ivar measured_at: epoch seconds; of several probes the oldest.
    """

    measured_at: float
    watts: float


def measure(
    hosts: Sequence[str],
    named: Mapping[str, Sequence[str]],
    probes: Mapping[str, client.Probe],
    now: float,
    max_age_seconds: float,
) -> dict[str, Measured]:
    """Return the watts of the hosts that have any.

    A host whose probes are not all there, each measured lately, has none: part
    of its watts are not its watts.

    :param named: the probes of hosts, where somebody said which; see :func:`assign`.
    :param now: epoch seconds.
    """
    fresh = {
        name: probe
        for name, probe in probes.items()
        # One of the future is of a clock that nobody can compare with.
        if abs(now - probe.timestamp) <= max_age_seconds and probe.watts >= 0
    }
    measured = {}
    for host, own in assign(hosts, named, probes).items():
        found = [fresh[name] for name in own if name in fresh]
        if found and len(found) == len(own):
            oldest = min(probe.timestamp for probe in found)
            measured[host] = Measured(oldest, sum(probe.watts for probe in found))
    return measured


def assign(
    hosts: Sequence[str], named: Mapping[str, Sequence[str]], probes: Mapping[str, object]
) -> dict[str, tuple[str, ...]]:
    """Return the probes of each host that has any.

    Those that are named for it; else the one of its name; else of its name up to
    the first dot, if no other host's begins so.
    """
    short = Counter(_shorten(host) for host in hosts)
    assigned: dict[str, tuple[str, ...]] = {}
    for host in hosts:
        if host in named:
            assigned[host] = tuple(named[host])
        elif host in probes:
            assigned[host] = (host,)
        elif _shorten(host) in probes and short[_shorten(host)] == 1:
            assigned[host] = (_shorten(host),)
    return assigned


def _shorten(host: str) -> str:
    return host.partition(".")[0]
