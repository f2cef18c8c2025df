# SPDX-License-Identifier: Apache-2.0
"""All records in memory, and their changes since they were last stored.

Owns how a batch of messages becomes energy.  No I/O and no clock: it is given
the time, and gives back the changes to store.
"""

from __future__ import annotations

import collections
import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

from kwapi import exception
from kwapi import measurement
from kwapi import signing
from kwapi.bus import batch as batches
from kwapi.collector import sequence
from kwapi.store import record
from kwapi.store import snapshot
from kwapi.store import state as states

LOG = logging.getLogger(__name__)

#: A whole rack may fall silent; its log should still be read.
_MOST_NAMED = 8


class Rules(NamedTuple):
    """How measurements are judged; see the options of the groups [collector] and [bus].

    :ivar silent_seconds: a probe silent for so long leaves the list.
    :ivar max_skew_seconds: nothing is measured further in the future.
    :ivar remember_seconds: how long senders and their reports are remembered.
    """

    limits: record.Limits = record.Limits()
    silent_seconds: float = 300.0
    max_skew_seconds: float = 300.0
    remember_seconds: float = 7 * 86400.0


#: Probes, period and resolution.
_Layout = tuple[tuple[str, ...], float | None, float | None]


class _Panel(NamedTuple):
    """What a wattmeter said of itself last, and its probes' records in the order of its columns.

    :ivar is_whole: each probe has a record, and is named once; one that has
        none may get it with its next measurement.
    """

    layout: _Layout
    records: dict[str, record.Record]
    is_whole: bool


class Ledger:
    """The state as the store has it, and what was changed since."""

    def __init__(
        self,
        state: states.State,
        rules: Rules,
        now: float,
        drivers: Iterable[states.DriverRow] = (),
        counted: Callable[[measurement.Reading], None] | None = None,
    ) -> None:
        """Go on from what is stored.

        :param now: epoch seconds, here and everywhere.
        :param counted: told of each reading when the state's records contain
            it, and before they contain the next.
        """
        self._rules, self._counted = rules, counted
        self._version = state.version
        self._records = state.records
        self._senders = state.senders
        self._tallies = collections.Counter(state.tallies)
        self._snapshot = snapshot.Snapshot()
        listed = [r for r in state.records.values() if r.probe_id not in state.unlisted]
        self._snapshot.update(listed)
        # Silence is told by when we heard of a probe, not by its timestamps:
        # after an outage of ours its measurements are old, yet it is not silent.
        self._heard_at = {r.probe_id: now for r in listed}
        self._heard: set[str] = set()
        self._panels: dict[str, _Panel] = {}
        self._reported_at = {(row.sender, row.status.wattmeter): row.reported_at for row in drivers}
        self._forget()

    def _forget(self) -> None:
        """Begin to note changes, none so far."""
        self._changed: dict[str, record.Record] = {}
        self._changed_senders: dict[str, states.Sender] = {}
        self._drivers: dict[tuple[str, str], states.DriverRow] = {}
        self._unlisted: list[str] = []
        self._forgotten_drivers: set[tuple[str, str]] = set()
        self._forget_before: float | None = None
        self._is_changed = False

    def apply(self, batch: batches.Batch, now: float) -> None:
        """Count what a batch measures."""
        self._is_changed = True
        self._tallies.update(batch.refused)
        self._tallies["received"] += len(batch.messages)
        for message in batch.messages:
            try:
                self._apply(message, now)
            except exception.ReplayedMessage as exc:
                LOG.debug("%s", exc)
                self._tallies[exc.counter] += 1

    def tidy(self, now: float) -> None:
        """Take silent probes off the list; forget senders too old to be heard of again."""
        self._heard_at.update(dict.fromkeys(self._heard, now))
        self._heard.clear()
        since = now - self._rules.silent_seconds
        silent = [probe_id for probe_id, heard in self._heard_at.items() if heard < since]
        if silent:
            _log_silent(silent, self._rules.silent_seconds)
        for probe_id in silent:
            del self._heard_at[probe_id]
        self._snapshot.remove(silent)
        self._unlisted.extend(silent)
        forgotten = [
            instance
            for instance, sender in self._senders.items()
            if sender.timestamp < now - self._rules.remember_seconds
        ]
        for instance in forgotten:
            del self._senders[instance]
        old = now - self._rules.remember_seconds
        unheard = [key for key, at in self._reported_at.items() if at < old]
        for key in unheard:
            del self._reported_at[key]
        self._forgotten_drivers.update(unheard)
        if forgotten:
            self._forget_before = now - self._rules.remember_seconds
        self._is_changed = self._is_changed or bool(silent or forgotten or unheard)

    def changes(self) -> states.Changes | None:
        """Return what must be stored; None when nothing changed."""
        if not self._is_changed:
            return None
        added = self._snapshot.update(self._changed.values())
        listing = added or bool(self._unlisted)
        return states.Changes(
            version=self._version,
            records=self._changed.values(),
            senders=self._changed_senders.values(),
            tallies=self._tallies,
            drivers=self._drivers.values(),
            probes_body=self._snapshot.probes_body() if self._changed or listing else None,
            probe_ids_body=self._snapshot.probe_ids_body() if listing else None,
            unlisted=self._unlisted,
            forget_senders_before=self._forget_before,
            forget_drivers=[(wattmeter, sender) for sender, wattmeter in self._forgotten_drivers],
        )

    def stored(self) -> None:
        """Take note that the changes are stored."""
        self._heard.update(self._changed)
        self._version += 1
        self._forget()

    def _apply(self, message: batches.Message, now: float) -> None:
        envelope, body = message
        known = self._senders.get(envelope.instance)
        taken = sequence.take(known, envelope, body.dropped)
        self._senders[envelope.instance] = taken.sender
        self._changed_senders[envelope.instance] = taken.sender
        self._tallies["lost"] += taken.lost
        self._tallies["dropped"] += max(0, body.dropped - (known.dropped if known else 0))
        for reading in body.readings:
            self._count(reading, envelope.instance if taken.in_order else "", now)
            if self._counted is not None:
                self._counted(reading)
        if body.drivers:
            self._report(envelope, body.drivers)

    def _report(
        self, envelope: signing.Envelope, statuses: Sequence[measurement.DriverStatus]
    ) -> None:
        """Take a sender's report; a wattmeter that is not in it is no longer configured."""
        sender, at = envelope.sender, envelope.timestamp
        reported = {(sender, status.wattmeter): status for status in statuses}
        gone = {key for key in self._reported_at if key[0] == sender} - reported.keys()
        for key in gone:
            del self._reported_at[key]
            self._drivers.pop(key, None)
        self._forgotten_drivers = (self._forgotten_drivers | gone) - reported.keys()
        for key, status in reported.items():
            self._reported_at[key] = at
            self._drivers[key] = states.DriverRow(sender, at, status)

    def _count(self, reading: measurement.Reading, instance: str, now: float) -> None:
        if not self._is_timely(reading.timestamp, now):
            self._tallies["refused"] += len(reading.probes)
            return
        self._tallies["measurements"] += len(reading.probes)
        layout = reading.probes, reading.period_seconds, reading.resolution_watts
        panel = self._panels.get(reading.wattmeter)
        if panel is None or panel.layout != layout or not panel.is_whole:
            self._count_each(reading, instance)
            self._remember(reading, layout)
            return
        # All at once, and without a look-up of each probe: this is done for
        # every measurement of a cloud.
        self._tally(record.add_all(panel.records.values(), self._rules.limits, reading, instance))
        self._changed.update(panel.records)

    def _is_timely(self, timestamp: float, now: float) -> bool:
        """Tell whether it can have been measured then: not later than now, nor too long ago.

        A message may have been old when it came, and what is in it when it was sent.
        """
        oldest = now - 2 * self._rules.remember_seconds
        return oldest <= timestamp <= now + self._rules.max_skew_seconds

    def _count_each(self, reading: measurement.Reading, instance: str) -> None:
        """Count one by one; some probes may have no record yet."""
        found, outcomes = record.add_each(self._records, self._rules.limits, reading, instance)
        self._changed.update((known.probe_id, known) for known in found)
        self._tally(outcomes)

    def _tally(self, outcomes: Iterable[record.Outcome]) -> None:
        for outcome in outcomes:
            self._tallies[outcome.name.lower()] += 1

    def _remember(self, reading: measurement.Reading, layout: _Layout) -> None:
        """Keep what a wattmeter says of itself, in its probes' records too when that changes."""
        records = {p: self._records[p] for p in reading.probes if p in self._records}
        panel = _Panel(layout, records, len(records) == len(reading.probes))
        if self._panels.get(reading.wattmeter) == panel:
            return
        self._panels[reading.wattmeter] = panel
        for known in records.values():
            known.wattmeter = reading.wattmeter
            known.period_seconds = reading.period_seconds
            known.resolution_watts = reading.resolution_watts
        self._snapshot.relabel(records)


def _log_silent(probe_ids: Sequence[str], seconds: float) -> None:
    named = ", ".join(probe_ids[:_MOST_NAMED]) + (" ..." if len(probe_ids) > _MOST_NAMED else "")
    LOG.warning("%d probes silent for %.0f s, off the list: %s", len(probe_ids), seconds, named)
