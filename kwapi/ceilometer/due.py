# SPDX-License-Identifier: Apache-2.0
"""Which measurements become samples: the first of a probe in each slot of time.

Pure, and without a state of its own: the slot of a stored record's timestamp
is the last whose sample was sent, since records are stored after that.  So
whoever goes on from stored records chooses as the one before would have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import NamedTuple

from kwapi import measurement
from kwapi.store import record

_NEVER = -math.inf


class Due(NamedTuple):
    """Whose samples are due with a reading."""

    probes: list[str]
    hosts: list[str]


_NOTHING = Due([], [])


class Slots:
    """The slot in which each probe was measured last.

    Slots are counted from 1970, so they are the same in every process.
    """

    def __init__(
        self,
        period_seconds: float,
        records: Mapping[str, record.Record],
        host_of: Callable[[str], str | None] | None = None,
        silent_seconds: float = math.inf,
    ) -> None:
        """Go on from these records.

        :param period_seconds: the length of a slot.
        :param records: by probe id; they change with what is counted.
        :param host_of: which host a probe feeds; None if hosts are not wanted.
        :param silent_seconds: a probe that much behind its host's newest is
            out of use, and its host does not wait for it.
        """
        self._period_seconds, self._records = period_seconds, records
        self._silent_slots = silent_seconds / period_seconds
        self._slots = {probe: of.timestamp // period_seconds for probe, of in records.items()}
        self._done: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._host_of = host_of
        self._hosts: dict[str, str | None] = {}
        self._members: dict[str, list[str]] = {}
        for probe in records:
            self._join(probe)

    def take(self, reading: measurement.Reading) -> Due:
        """Return who is due with a reading that the records contain, and nothing newer."""
        slot = reading.timestamp // self._period_seconds
        whole = slot, reading.probes
        # Nearly always: one look for all probes of a wattmeter, once a second for each.
        if self._done.get(reading.wattmeter) == whole:
            return _NOTHING
        counted = [probe for probe in reading.probes if self._is_counted(probe, reading.timestamp)]
        due = [probe for probe in counted if self._slots.get(probe, _NEVER) < slot]
        # A clock that is set back leads to an earlier slot: nothing is due before the next.
        moved = dict.fromkeys(counted, slot)
        hosts = self._move(moved, due)
        if len(moved) == len(reading.probes):
            self._done[reading.wattmeter] = whole
        return Due(list(dict.fromkeys(due)), hosts)

    def members_of(self, host: str) -> list[str]:
        """Return the probes of a host that are in use."""
        members = self._members.get(host, [])
        oldest = max(map(self._slot_of, members), default=_NEVER) - self._silent_slots
        return [probe for probe in members if self._slot_of(probe) >= oldest]

    def _move(self, moved: Mapping[str, float], due: Iterable[str]) -> list[str]:
        """Take up the slots; return the hosts all of whose probes have now reached a new one."""
        for probe in due:
            self._join(probe)
        named = (self._hosts.get(probe) for probe in due)
        before = {host: self._reached(host) for host in named if host is not None}
        self._slots.update(moved)
        return [host for host, slot in before.items() if self._reached(host) > slot]

    def _reached(self, host: str) -> float:
        """Return the latest slot that all probes of a host have reached."""
        return min(map(self._slot_of, self.members_of(host)), default=_NEVER)

    def _join(self, probe: str) -> None:
        """Have a probe seen for the first time counted to its host."""
        if self._host_of is None or probe in self._hosts:
            return
        host = self._hosts[probe] = self._host_of(probe)
        if host is not None:
            self._members.setdefault(host, []).append(probe)

    def _slot_of(self, probe: str) -> float:
        return self._slots.get(probe, _NEVER)

    def _is_counted(self, probe: str, timestamp: float) -> bool:
        # What came late or was refused left the record as it was.
        known = self._records.get(probe)
        return known is not None and known.timestamp == timestamp
