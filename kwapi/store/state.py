# SPDX-License-Identifier: Apache-2.0
"""What the collector's store holds, as values: the state at a version, and changes to it.

Owns no SQL and no arithmetic; :mod:`kwapi.store.store` reads and writes these.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from kwapi import measurement
from kwapi.store import record


class Sender(NamedTuple):
    """How far a run of a sender was heard.

    :ivar sequence: the highest number taken.
    :ivar missing: numbers below it that were not.
    :ivar timestamp: when it signed its last message, epoch seconds.
    :ivar dropped: measurements it had to drop since it started.
    """

    instance: str
    sender: str
    sequence: int
    missing: tuple[int, ...]
    timestamp: float
    dropped: int


class DriverRow(NamedTuple):
    """What a sender reported of one of its drivers, and when, epoch seconds."""

    sender: str
    reported_at: float
    status: measurement.DriverStatus


class State(NamedTuple):
    """All that counting goes on from; the dicts are the caller's own.

    :ivar records: by probe id, those off the list included.
    :ivar senders: by instance.
    :ivar unlisted: probes that left the list.
    """

    version: int
    records: dict[str, record.Record]
    senders: dict[str, Sender]
    tallies: dict[str, int]
    unlisted: set[str]


class Changes(NamedTuple):
    """What one save writes.

    :ivar version: that was loaded, or that the last save led to.
    :ivar records: changed ones; they are listed from now on.
    :ivar tallies: absolute values; one not named keeps its own.
    :ivar probes_body: None leaves it as it is; so with ``probe_ids_body``.
    :ivar unlisted: probes that leave the list, after ``records`` were
        written; their records stay.
    :ivar forget_senders_before: epoch seconds; senders not heard since are
        removed.
    :ivar forget_drivers: wattmeter and sender of reports to remove.
    """

    version: int
    records: Iterable[record.Record] = ()
    senders: Iterable[Sender] = ()
    tallies: Mapping[str, int] = MappingProxyType({})
    drivers: Iterable[DriverRow] = ()
    probes_body: bytes | None = None
    probe_ids_body: bytes | None = None
    unlisted: Iterable[str] = ()
    forget_senders_before: float | None = None
    forget_drivers: Iterable[tuple[str, str]] = ()
