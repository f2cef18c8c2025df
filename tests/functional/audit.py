# SPDX-License-Identifier: Apache-2.0
"""Receives every message of a site's drivers and compares it with the collector's store.

Owns knowing what was sent without asking the collector: it listens in a queue
of its own, and adds energy up without an error of rounding.
"""

from __future__ import annotations

import collections
import logging
import operator
from collections.abc import Collection
from fractions import Fraction
from typing import Any

import kombu
import pytest

from kwapi import exception
from kwapi import measurement
from kwapi.bus import batch as batches
from kwapi.bus import listener as listeners
from kwapi.bus import publisher as publishers
from kwapi.bus import transport as transports
from tests.servers import scripts

LOG = logging.getLogger(__name__)

JOULES_PER_KWH = 3_600_000
RELATIVE_ERROR = 1e-9
#: Tallies that say that something went wrong.
FAULTS = frozenset(
    {"lost", "dropped", "forged", "malformed", "stale", "gap", "late", "clock_step", "refused"}
)

Series = list[tuple[float, float]]


class Audit:
    """A listener in a pool of its own, that remembers everything."""

    def __init__(self, site: scripts.Site) -> None:
        self._site = site
        self._messages: dict[tuple[str, int], measurement.Body] = {}
        self._statuses: dict[str, measurement.DriverStatus] = {}
        self._repeated = 0
        self._queue = f"audit-{site.topic}"
        conf = site.conf()
        self._listener = listeners.Listener(
            transports.get_transport(conf),
            transports.verifier_of(conf),
            self._take,
            listeners.Subscription(conf.bus.topic, self._queue, batch_seconds=0.3),
        )

    def start(self) -> None:
        """Listen, and return when nothing can be missed any more."""
        self._listener.start()
        scripts.wait_until(self._is_listening, "the audit's queue")

    def stop(self) -> None:
        """Listen no more."""
        self._listener.stop()

    @property
    def statuses(self) -> dict[str, measurement.DriverStatus]:
        """What was last reported of each wattmeter."""
        return dict(self._statuses)

    def senders(self) -> set[str]:
        """Return the runs of senders that were heard."""
        return {instance for instance, _ in list(self._messages)}

    def readings(self) -> list[measurement.Reading]:
        """Return all that was measured, by time."""
        bodies = self._messages.copy().values()
        readings = (reading for body in bodies for reading in body.readings)
        return sorted(readings, key=operator.attrgetter("timestamp"))

    def series(self) -> dict[str, Series]:
        """Return time and watts of each probe's measurements, by time."""
        series: dict[str, Series] = collections.defaultdict(list)
        for reading in self.readings():
            for probe, watts in zip(reading.probes, reading.watts):
                series[probe].append((reading.timestamp, watts))
        return {probe: sorted(measured) for probe, measured in series.items()}

    def settle(self) -> None:
        """Return when collector and audit have handled all that was sent so far."""
        last = send_message(self._site)
        scripts.wait_until(
            lambda: last in self._newest() and self._agrees(), "all that was sent is stored"
        )

    def compare(self, expected_faults: Collection[str] = ()) -> None:
        """Fail unless the store holds just what was sent."""
        self._require_complete()
        series, state = self.series(), self._site.store().load()
        tallies = state.tallies
        LOG.warning("%d messages, %d heard twice; %s", len(self._messages), self._repeated, tallies)
        faults = {name for name in FAULTS if tallies.get(name)}
        assert faults == set(expected_faults), tallies
        assert sum(map(len, series.values())) == tallies["measurements"]
        assert len(self._messages) == tallies["received"] - tallies.get("repeated", 0)
        assert state.records.keys() == series.keys()
        for probe, measured in series.items():
            known = state.records[probe]
            assert (known.timestamp, known.watts) == measured[-1]
            expected = pytest.approx(float(energy_kwh(measured)), rel=RELATIVE_ERROR)
            assert known.kwh == expected, probe

    def _take(self, batch: batches.Batch) -> None:
        for envelope, body in batch.messages:
            key = envelope.instance, envelope.sequence
            self._repeated += key in self._messages
            self._messages[key] = body
            if body.drivers:
                self._statuses = {status.wattmeter: status for status in body.drivers}

    def _newest(self) -> dict[str, int]:
        """Return the highest sequence number of each run of a sender."""
        newest: collections.Counter[str] = collections.Counter()
        for instance, number in list(self._messages):
            newest[instance] = max(newest[instance], number)
        return dict(newest)

    def _agrees(self) -> bool:
        """Tell whether the collector has stored what was heard here so far."""
        try:
            senders = self._site.store().load().senders.values()
        except exception.StoreUnavailable:
            return False
        return {s.instance: s.sequence for s in senders if not s.missing} == self._newest()

    def _require_complete(self) -> None:
        for instance, newest in self._newest().items():
            numbers = {number for run, number in self._messages if run == instance}
            assert numbers == set(range(1, newest + 1)), "the audit itself missed a message"

    def _is_listening(self) -> bool:
        return has_consumer(self._site.transport_url, self._queue)


def send_message(site: scripts.Site) -> str:
    """Send an empty message of a new sender, and return its name for this run.

    Queues keep their order: whoever has heard it has heard all before it.
    """
    conf = site.conf()
    signer = transports.signer_of(conf)
    publisher = publishers.Publisher(transports.get_transport(conf), signer, conf.bus.topic)
    publisher.start()
    publisher.report([])
    publisher.stop()
    return str(signer.seal("", 0.0)["instance"])


def connect(url: str) -> Any:
    """Return a connection to the broker that speaks nothing but AMQP."""
    connection: Any = kombu.Connection  # type: ignore[attr-defined]  # kombu exports lazily
    return connection(url.replace("rabbit:", "amqp:"))


def is_broker(url: str) -> bool:
    """Tell whether a broker answers there."""
    try:
        with connect(url) as link:
            link.connect()
    except OSError:
        return False
    return True


def has_consumer(url: str, queue: str) -> bool:
    """Tell whether somebody listens to a queue."""
    with connect(url) as link:
        try:
            return bool(link.channel().queue_declare(queue, passive=True).consumer_count)
        except link.channel_errors:  # there is no such queue yet
            return False


def energy_kwh(measured: Series) -> Fraction:
    """Return the energy under a line through all measurements."""
    joules = Fraction(0)
    for (earlier, earlier_watts), (timestamp, watts) in zip(measured, measured[1:]):
        seconds = Fraction(timestamp) - Fraction(earlier)
        joules += (Fraction(watts) + Fraction(earlier_watts)) * seconds / 2
    return joules / JOULES_PER_KWH
