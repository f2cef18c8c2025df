# SPDX-License-Identifier: Apache-2.0
"""Watts become kWh: the arithmetic of one probe's record, and nothing else.

Pure: values in, values out; no clock, no configuration, no database.

Energy between two measurements is the area of the trapezoid they span, taken
between the measurements' own timestamps.  Where the meter counts energy
itself, its counter is believed instead: it also knows what happened while
nobody listened.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Iterable
from typing import NamedTuple
from typing import TypeGuard

from kwapi import measurement

_KWH_PER_WATT_SECOND = 1 / 3_600_000
#: Of a trapezoid whose parallel sides add up to a watt, for each second of its height.
_TRAPEZOID_KWH = _KWH_PER_WATT_SECOND / 2
#: Counters of Wh or 0.1 kWh or kWh in 32 or 24 bits fall to 0 beyond these.
_COUNTER_SPANS_KWH = (2**32 / 1000, 2**32 / 10, 2**32, 2**24)
#: No meter has counted more: all electricity of mankind in a month.
_MOST_KWH = 1e12
#: A counter may stand still for hours and then step by this much.
_COARSEST_STEP_KWH = 1.0


class Limits(NamedTuple):
    """What a measurement may say, and how long nothing may be said.

    :ivar max_gap_seconds: beyond this, energy between two measurements is not
        known and not billed.  A device slower than a third of it may take
        three of its own periods.
    :ivar max_watts: more than this no probe measures.
    """

    max_gap_seconds: float = 60.0
    max_watts: float = measurement.MAX_WATTS


class Outcome(enum.Enum):
    """What became of a measurement."""

    #: Its energy is counted.
    COUNTED = enum.auto()
    #: First after a gap: taken, the energy of the gap is not known.
    GAP = enum.auto()
    #: Not newer than what the record holds: changes nothing.
    LATE = enum.auto()
    #: The sender's clock was set back: taken as a new start.
    CLOCK_STEP = enum.auto()
    #: Not a number a wattmeter can mean: changes nothing.
    REFUSED = enum.auto()


# An attribute of an enumeration costs as much as the arithmetic it would tell of.
_COUNTED = Outcome.COUNTED


@dataclasses.dataclass(slots=True)
class Record:
    """What the collector keeps of one probe.

    :ivar timestamp: of the last measurement, epoch seconds.
    :ivar kwh: energy since the probe was first seen; never decreases.
    :ivar watts: last measured power.
    :ivar wattmeter: name of the wattmeter that measured it.
    :ivar instance: run of the sender that told of it last; empty if that
        came out of order.
    :ivar meter_kwh: last value of the meter's own counter, None without one.
    :ivar meter_timestamp: when that was, epoch seconds.
    :ivar meter_offset_kwh: ``kwh`` less the counter, where it last held.
    :ivar gaps: how often measurements were missing longer than allowed.
    :ivar gap_seconds: how long, in all.
    :ivar resets: how often the meter's counter fell back.
    """

    probe_id: str
    timestamp: float
    watts: float
    kwh: float = 0.0
    wattmeter: str = ""
    instance: str = ""
    period_seconds: float | None = None
    resolution_watts: float | None = None
    meter_kwh: float | None = None
    meter_timestamp: float = 0.0
    meter_offset_kwh: float = 0.0
    gaps: int = 0
    gap_seconds: float = 0.0
    resets: int = 0
    clock_steps: int = 0
    late: int = 0
    refused: int = 0

    @classmethod
    def first(
        cls,
        probe_id: str,
        limits: Limits,
        timestamp: float,
        watts: float,
        meter_kwh: float | None = None,
        instance: str = "",
    ) -> Record | None:
        """Return the record of a probe not seen before; None if what it says cannot be."""
        if not 0.0 <= watts <= limits.max_watts:
            return None
        record = cls(probe_id, timestamp, watts, instance=instance)
        record._anchor(timestamp, meter_kwh)
        return record

    def add(
        self,
        limits: Limits,
        timestamp: float,
        watts: float,
        meter_kwh: float | None = None,
        instance: str = "",
    ) -> Outcome:
        """Count the energy up to a measurement, and keep it as the last.

        :param timestamp: when it was measured, epoch seconds.
        :param watts: what was measured, W.
        :param meter_kwh: the meter's own counter, kWh, if it told it.
        :param instance: run of the sender, if this came in the sender's own
            order; empty if it did not.
        """
        if not 0.0 <= watts <= limits.max_watts:  # false for NaN too
            self.refused += 1
            return Outcome.REFUSED
        elapsed_seconds = timestamp - self.timestamp
        if elapsed_seconds <= 0.0:
            return self._add_earlier(limits, timestamp, watts, meter_kwh, instance)
        outcome = self._count(limits, timestamp, watts, meter_kwh)
        self.timestamp, self.watts, self.instance = timestamp, watts, instance
        return outcome

    def _add_earlier(
        self,
        limits: Limits,
        timestamp: float,
        watts: float,
        meter_kwh: float | None,
        instance: str,
    ) -> Outcome:
        """Take a measurement that is not newer, if only its sender's clock was set back.

        One run of a sender tells of a probe in order, so an earlier time from
        the same run means the clock.  What was measured before and after is
        counted; of the energy between, only the meter knows.
        """
        if not instance or instance != self.instance or timestamp == self.timestamp:
            self.late += 1
            return Outcome.LATE
        if not self._count_by_meter(limits, timestamp, meter_kwh):
            self._anchor(timestamp, meter_kwh)
        self.timestamp, self.watts = timestamp, watts
        self.clock_steps += 1
        return Outcome.CLOCK_STEP

    def _count(
        self, limits: Limits, timestamp: float, watts: float, meter_kwh: float | None
    ) -> Outcome:
        """Count by the meter if it can be believed, else by the trapezoid if there is no gap."""
        if self._count_by_meter(limits, timestamp, meter_kwh):
            return Outcome.COUNTED
        elapsed_seconds = timestamp - self.timestamp
        max_gap_seconds = max(limits.max_gap_seconds, 3 * (self.period_seconds or 0.0))
        if elapsed_seconds <= max_gap_seconds:
            self.kwh += (self.watts + watts) * elapsed_seconds * _TRAPEZOID_KWH
            outcome = Outcome.COUNTED
        else:
            self.gaps += 1
            self.gap_seconds += elapsed_seconds
            outcome = Outcome.GAP
        self._anchor(timestamp, meter_kwh)
        return outcome

    def _count_by_meter(self, limits: Limits, timestamp: float, meter_kwh: float | None) -> bool:
        """Count what the meter's counter says was used; return False if it cannot be believed."""
        if self.meter_kwh is None or not _is_counter(meter_kwh):
            return False
        # After a clock step nobody knows how long it was: as long as may be without a gap.
        elapsed_seconds = max(timestamp - self.meter_timestamp, limits.max_gap_seconds)
        most_kwh = limits.max_watts * elapsed_seconds * _KWH_PER_WATT_SECOND + _COARSEST_STEP_KWH
        used_kwh = meter_kwh - self.meter_kwh
        if used_kwh < 0:
            used_kwh = _used_over_wrap(self.meter_kwh, meter_kwh, most_kwh)
            self.resets += 1
            self.meter_offset_kwh += self.meter_kwh + used_kwh - meter_kwh
        if not 0 <= used_kwh <= most_kwh:
            return False
        self.meter_kwh, self.meter_timestamp = meter_kwh, timestamp
        # An estimate made while the counter was silent may be above it.
        self.kwh = max(self.kwh, self.meter_offset_kwh + meter_kwh)
        return True

    def _anchor(self, timestamp: float, meter_kwh: float | None) -> None:
        """Count by the meter from here on."""
        if _is_counter(meter_kwh):
            self.meter_kwh, self.meter_timestamp = meter_kwh, timestamp
            self.meter_offset_kwh = self.kwh - meter_kwh


def add_all(
    records: Iterable[Record],
    limits: Limits,
    reading: measurement.Reading,
    instance: str = "",
) -> list[Outcome]:
    """Count what a wattmeter's probes measured at one instant, as ``Record.add`` does of each.

    :param records: of the reading's probes, in the order of its columns.
    :return: what became of those that are not counted.
    """
    max_gap_seconds, max_watts = limits
    timestamp, meters_kwh = reading.timestamp, reading.kwh or itertools.repeat(None)
    outcomes: list[Outcome] = []
    for record, now_watts, meter_kwh in zip(records, reading.watts, meters_kwh):
        elapsed_seconds = timestamp - record.timestamp
        # The common case without a call: half the time, and that ten thousand
        # times a second.  Whatever else there may be is add's.
        if (
            meter_kwh is None
            and 0.0 < elapsed_seconds <= max_gap_seconds
            and 0.0 <= now_watts <= max_watts
        ):
            record.kwh += (record.watts + now_watts) * elapsed_seconds * _TRAPEZOID_KWH
            record.timestamp, record.watts, record.instance = timestamp, now_watts, instance
            continue
        outcome = record.add(limits, timestamp, now_watts, meter_kwh, instance)
        if outcome is not _COUNTED:
            outcomes.append(outcome)
    return outcomes


def add_each(
    records: dict[str, Record], limits: Limits, reading: measurement.Reading, instance: str = ""
) -> tuple[list[Record], list[Outcome]]:
    """Count as ``add_all`` does, and begin the records of probes not seen before.

    :param records: by probe id; new ones come into it.
    :return: the records of the reading's probes, and what became of those that
        are not counted.
    """
    found: list[Record] = []
    outcomes: list[Outcome] = []
    for probe_id, (watts, kwh, _) in reading.each():
        known, outcome = records.get(probe_id), _COUNTED
        if known is not None:
            outcome = known.add(limits, reading.timestamp, watts, kwh, instance)
        elif measurement.PROBE_ID.fullmatch(probe_id):
            known = Record.first(probe_id, limits, reading.timestamp, watts, kwh, instance)
        if known is None:
            outcome = Outcome.REFUSED
        else:
            records[probe_id] = known
            found.append(known)
        if outcome is not _COUNTED:
            outcomes.append(outcome)
    return found, outcomes


def _is_counter(meter_kwh: float | None) -> TypeGuard[float]:
    return meter_kwh is not None and 0.0 <= meter_kwh <= _MOST_KWH


def _used_over_wrap(before_kwh: float, after_kwh: float, most_kwh: float) -> float:
    """Return what a counter that fell back has counted, if it wrapped; else -1, it was reset."""
    for span_kwh in _COUNTER_SPANS_KWH:
        used_kwh = span_kwh - before_kwh + after_kwh
        if 0 <= used_kwh <= most_kwh:
            return used_kwh
    return -1.0
