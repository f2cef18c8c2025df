# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's samples of probes and hosts, polled or published.

Owns the metadata of a sample, a host's meter, and which host a probe belongs
to; the probes' meters are in :mod:`kwapi.meters`.  Pure: it is loaded beside a plain
Ceilometer.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
import uuid
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from typing import NamedTuple

from kwapi import meters

ENERGY = "energy"
POWER = "power"
#: As Ceilometer's IPMI agent calls a host's power, so that Watcher finds it.
HOST_POWER = "hardware.ipmi.node.power"

#: A probe's meters, by Ceilometer's name.
_OF_PROBES = {meter.sample.name: meter for meter in meters.METERS if meter.sample}
_FIELDS = {name: meter.field for name, meter in _OF_PROBES.items()}
#: Type and unit of each meter: a probe's, and a host's.
METERS: Mapping[str, tuple[str, str]] = {
    **{m.sample.name: (m.sample.kind, m.unit) for m in meters.METERS if m.sample},
    HOST_POWER: ("gauge", _OF_PROBES[POWER].unit),
}
#: What Ceilometer's own agents say, and what all samples without a source get.
SOURCE = "openstack"
#: A probe is called as its host, unless the operator says otherwise.
DEFAULT_HOST_PATTERN = "(?P<host>.+)"

_MESSAGES = uuid.uuid5(uuid.NAMESPACE_DNS, "samples.kwapi")
EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)


class Sample(NamedTuple):
    """A value of a meter.

    :ivar kind: Ceilometer's type, ``cumulative`` or ``gauge``.
    :ivar volume: the value, in ``unit``.
    :ivar timestamp: when it was measured, epoch seconds.
    """

    meter: str
    kind: str
    unit: str
    volume: float
    resource_id: str
    timestamp: float
    metadata: dict[str, Any]


class Hosts:
    """Which host a probe belongs to.

    :param pattern: a regular expression with a group ``host``, which the whole
        id of a probe has to match.
    :param probes: by host, the probes that feed it; goes before the pattern.
    :raises ValueError: the pattern or the mapping cannot be used; a sentence says why.
    """

    def __init__(
        self,
        pattern: str = DEFAULT_HOST_PATTERN,
        probes: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._pattern = _compile(pattern)
        self._probes = {host: frozenset(ids) for host, ids in (probes or {}).items()}
        self._host_by_probe = _invert(self._probes)

    def host_of(self, probe_id: str) -> str | None:
        """Return the name of the host that the probe feeds; None if it feeds none."""
        if host := self._host_by_probe.get(probe_id):
            return host
        match = self._pattern.fullmatch(probe_id)
        host = match["host"] if match else None
        # Its probes are listed, and this is none of them.
        return None if not host or host in self._probes else host

    def group(self, probes: Iterable[meters.Probe]) -> dict[str, list[meters.Probe]]:
        """Return the probes of each host all of whose listed probes are there."""
        found: dict[str, list[meters.Probe]] = {}
        for probe in probes:
            if host := self.host_of(probe.probe_id):
                found.setdefault(host, []).append(probe)
        listed = self._probes
        return {host: of for host, of in found.items() if len(of) == len(listed.get(host, of))}


def samples_of(probe: meters.Probe, names: Iterable[str], hosts: Hosts) -> Iterator[Sample]:
    """Yield a probe's sample of each meter that it has, in their order.

    :param names: of meters; a host's power is no probe's.
    """
    metadata: dict[str, Any] | None = None
    for name in names:
        if name != HOST_POWER:
            metadata = metadata or describe(probe, hosts.host_of(probe.probe_id))
            if sample := sample_of(probe, name, metadata):
                yield sample


def sample_of(probe: meters.Probe, name: str, metadata: dict[str, Any]) -> Sample | None:
    """Return a probe's sample of a meter; None if it has no such meter.

    :param metadata: as :func:`describe` returns it; samples share it.
    """
    volume: float | None = getattr(probe, _FIELDS[name])
    if volume is None:
        return None
    kind, unit = METERS[name]
    return Sample(name, kind, unit, volume, probe.probe_id, probe.timestamp, metadata)


def host_samples(
    probes: Iterable[meters.Probe],
    hosts: Hosts,
    since: float,
    described: Mapping[str, dict[str, Any]] = MappingProxyType({}),
) -> Iterator[Sample]:
    """Yield the power of each host, all of whose probes were measured since then.

    The sum of some of a host's probes would look like its power and not be it.

    :param probes: every probe of the hosts that are wanted.
    :param since: epoch seconds.
    :param described: metadata of probes, by id, as far as they are made already.
    """
    kind, unit = METERS[HOST_POWER]
    for host, of in hosts.group(probes).items():
        whole = _add(of)
        if whole.timestamp < since:
            continue
        # As Ceilometer and Watcher name a compute node: host and node.
        resource_id = f"{host}_{host}"
        metadata = described.get(whole.probe_id) or describe(whole, host)
        yield Sample(HOST_POWER, kind, unit, whole.watts, resource_id, whole.timestamp, metadata)


def is_fresh(probe: meters.Probe, now: float, stale_after_seconds: float) -> bool:
    """Tell whether a probe's last measurement still says how it is now, epoch seconds.

    One that is measured seldom may miss two measurements.
    """
    return probe.timestamp >= now - max(stale_after_seconds, 3 * (probe.period_seconds or 0.0))


def describe(probe: meters.Probe, host: str | None) -> dict[str, Any]:
    """Return the metadata of a probe's samples: what is known, and no more."""
    told: dict[str, Any] = {"probe": probe.probe_id, "measured_at": to_iso(probe.timestamp)}
    if host is not None:
        told["host"] = host
    if probe.wattmeter:
        told["wattmeter"] = probe.wattmeter
    if probe.period_seconds is not None:
        told["period_seconds"] = probe.period_seconds
    if probe.resolution_watts is not None:
        told["resolution_watts"] = probe.resolution_watts
    return told


def document(sample: Sample) -> dict[str, Any]:
    """Return a sample in the form in which Ceilometer's polling agent sends it.

    The same measurement has the same ``message_id`` however often it is sent.
    """
    timestamp = to_iso(sample.timestamp)
    key = f"{sample.resource_id} {sample.meter} {timestamp}"
    return {
        "source": SOURCE,
        "counter_name": sample.meter,
        "counter_type": sample.kind,
        "counter_unit": sample.unit,
        "counter_volume": sample.volume,
        "user_id": None,
        "user_name": None,
        "project_id": None,
        "project_name": None,
        "resource_id": sample.resource_id,
        "timestamp": timestamp,
        "resource_metadata": sample.metadata,
        "message_id": str(uuid.uuid5(_MESSAGES, key)),
        "monotonic_time": None,
    }


# The probes of a wattmeter share their time.
@functools.lru_cache(maxsize=4096)
def to_iso(timestamp: float) -> str:
    """Return epoch seconds as ISO 8601 in UTC, to the microsecond."""
    # Unlike fromtimestamp, this rounds what is before 1970, too, and knows no platform's limits.
    moment = EPOCH + datetime.timedelta(seconds=timestamp)
    return moment.isoformat(timespec="microseconds")


def _add(probes: Collection[meters.Probe]) -> meters.Probe:
    """Return a host's probes as one, as old as the oldest."""
    if len(probes) == 1:
        return next(iter(probes))
    ordered = sorted(probes, key=lambda probe: probe.probe_id)
    wattmeters = sorted({probe.wattmeter for probe in ordered if probe.wattmeter})
    resolutions = [p.resolution_watts for p in ordered if p.resolution_watts is not None]
    return meters.Probe(
        probe_id=", ".join(probe.probe_id for probe in ordered),
        timestamp=min(probe.timestamp for probe in ordered),
        watts=math.fsum(probe.watts for probe in ordered),
        wattmeter=", ".join(wattmeters),
        period_seconds=max((p.period_seconds for p in ordered if p.period_seconds), default=None),
        resolution_watts=math.fsum(resolutions) if len(resolutions) == len(ordered) else None,
    )


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as exc:
        reason = f"is no regular expression: {exc}"
    else:
        if "host" in compiled.groupindex:
            return compiled
        reason = "has no group (?P<host>...) that says which part is the host's name"
    raise ValueError(f"The host pattern {pattern!r} {reason}.")


def _invert(probes: Mapping[str, Collection[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for host, probe_ids in probes.items():
        if not probe_ids:
            raise ValueError(f"Host {host} is listed without a probe.")
        for probe_id in probe_ids:
            other = found.setdefault(probe_id, host)
            if other != host:
                raise ValueError(
                    f"Probe {probe_id} is listed for hosts {other} and {host}; it can feed one."
                )
    return found
