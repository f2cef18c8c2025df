# SPDX-License-Identifier: Apache-2.0
"""Makes samples of counted measurements, and sends them before the records are stored.

Owns the order: counted in memory, sent, stored, acknowledged.  The first two
are done again, alike, when the process ends before the third.  Which
measurements become samples is :mod:`kwapi.ceilometer.due`'s, how they are sent
:mod:`kwapi.ceilometer.outlet`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from kwapi import measurement
from kwapi import meters
from kwapi.ceilometer import due
from kwapi.ceilometer import samples
from kwapi.store import record


class Rules(NamedTuple):
    """What is published.

    :ivar period_seconds: of each probe one measurement in each of these.
    :ivar silent_seconds: a host does not wait longer for one of its probes
        than for the others, unless it is listed as the host's.
    """

    period_seconds: float = 60.0
    meters: Sequence[str] = (samples.ENERGY, samples.POWER)
    hosts: samples.Hosts = samples.Hosts()
    silent_seconds: float = 300.0


_RULES = Rules()


class Publisher:
    """What the collector tells of its work; see :class:`kwapi.collector.collector.Sink`."""

    def __init__(
        self, deliver: Callable[[Sequence[samples.Sample]], None], rules: Rules = _RULES
    ) -> None:
        """Prepare.

        :param deliver: returns when the samples are where they belong.
        """
        self._deliver, self._rules, self._next_rules = deliver, rules, rules
        self._records: Mapping[str, record.Record] = {}
        self._slots = self._begin_slots()
        self._pending: list[samples.Sample] = []

    def use(self, rules: Rules) -> None:
        """Publish by other rules, from the next batch on; safe to call from any thread."""
        self._next_rules = rules

    def begin(self, records: Mapping[str, record.Record]) -> None:
        """Go on from these records; what was not handed over will be counted again."""
        self._records = records
        self._slots = self._begin_slots()
        self._pending = []

    def counted(self, reading: measurement.Reading) -> None:
        """Keep the samples that are due with a reading, as the records are now."""
        now_due = self._slots.take(reading)
        for probe_id in now_due.probes:
            self._pending.extend(
                samples.samples_of(self._probe(probe_id), self._rules.meters, self._rules.hosts)
            )
        for host in now_due.hosts:
            self._pending.extend(self._host_samples(host))

    def hand_over(self) -> None:
        """Return when all samples are delivered.

        :raises batches.Stopping: the process ends before they are.
        """
        if self._pending:
            self._deliver(self._pending)
            self._pending = []
        if self._next_rules is not self._rules:
            self._rules = self._next_rules
            self._slots = self._begin_slots()

    def _begin_slots(self) -> due.Slots:
        rules = self._rules
        host_of = rules.hosts.host_of if samples.HOST_POWER in rules.meters else None
        return due.Slots(rules.period_seconds, self._records, host_of, rules.silent_seconds)

    def _host_samples(self, host: str) -> Iterator[samples.Sample]:
        probes = [self._probe(probe_id) for probe_id in self._slots.members_of(host)]
        newest = max(probe.timestamp for probe in probes)
        # Together within a slot, or as nearly together as they are measured.
        apart = max(self._rules.period_seconds, *(p.period_seconds or 0.0 for p in probes))
        return samples.host_samples(probes, self._rules.hosts, newest - apart)

    def _probe(self, probe_id: str) -> meters.Probe:
        return meters.Probe.of(self._records[probe_id])
