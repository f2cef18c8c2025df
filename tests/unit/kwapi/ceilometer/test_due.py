# SPDX-License-Identifier: Apache-2.0
"""The first measurement of a probe in each slot, whoever asks and since when."""

from __future__ import annotations

import pytest

from kwapi import measurement
from kwapi.ceilometer import due
from kwapi.store import record

#: The beginning of a slot of a minute.
START = 1_699_999_980.0
LIMITS = record.Limits(max_gap_seconds=600.0)
Records = dict[str, record.Record]


def measure(
    records: Records, seconds: float, *probes: str, wattmeter: str = "pdu", run: str = "run"
) -> measurement.Reading:
    """Count a reading as the ledger would, and return it."""
    timestamp = START + seconds
    for probe in probes:
        if probe in records:
            records[probe].add(LIMITS, timestamp, 100.0, None, run)
        else:
            known = record.Record.first(probe, LIMITS, timestamp, 100.0, None, run)
            assert known is not None
            records[probe] = known
    return measurement.Reading(wattmeter, timestamp, probes, (100.0,) * len(probes))


def test_the_first_of_each_slot_is_due() -> None:
    """Slots begin at whole multiples of the period, not at a probe's first measurement."""
    records: Records = {}
    slots = due.Slots(60.0, records)
    times = (10.0, 59.0, 60.0, 61.0, 119.9, 121.0, 400.0)
    found = [time for time in times if slots.take(measure(records, time, "a", "b")).probes]
    assert found == [10.0, 60.0, 121.0, 400.0]


def test_what_changes_nothing_is_not_due() -> None:
    """A refused first measurement leaves the slot to the next; a late one is none at all."""
    records: Records = {}
    slots = due.Slots(60.0, records)
    slots.take(measure(records, 0.0, "a", "b"))
    refused = measure(records, 60.0, "a")._replace(probes=("a", "b"))
    assert slots.take(refused).probes == ["a"]
    assert slots.take(measure(records, 61.0, "a", "b")).probes == ["b"]
    assert slots.take(measure(records, 30.0, "a", "b", run="")).probes == []


def test_a_probe_that_joins_is_due_at_once() -> None:
    """Others of its wattmeter are not due for it again."""
    records: Records = {}
    slots = due.Slots(60.0, records)
    slots.take(measure(records, 0.0, "a"))
    assert slots.take(measure(records, 1.0, "a", "b")).probes == ["b"]


def test_who_goes_on_from_records_chooses_alike() -> None:
    """Made anew after every reading, or kept: the same are due."""
    records: Records = {}
    kept = due.Slots(60.0, records)
    for number in range(40):
        fresh = due.Slots(60.0, records)
        reading = measure(records, 17.0 * number, "a", "b")
        assert fresh.take(reading) == kept.take(reading)


def test_a_clock_that_is_set_back_is_followed() -> None:
    """What was sent of the time to come is not sent again before a slot is new to the record."""
    records: Records = {}
    slots = due.Slots(60.0, records)
    slots.take(measure(records, 600.0, "a"))
    assert slots.take(measure(records, 30.0, "a")).probes == []
    assert slots.take(measure(records, 59.0, "a")).probes == []
    assert slots.take(measure(records, 60.0, "a")).probes == ["a"]


def host_of(probe: str) -> str | None:
    """Return what stands before the dot."""
    host, dot, _ = probe.partition(".")
    return host if dot else None


def test_a_host_is_due_when_all_its_probes_reached_a_slot() -> None:
    """Whatever wattmeters they are on; a probe of no host is due by itself."""
    records: Records = {}
    slots = due.Slots(60.0, records, host_of)
    slots.take(measure(records, 0.0, "n.1", "x", wattmeter="one"))
    slots.take(measure(records, 0.5, "n.2", wattmeter="two"))
    assert slots.take(measure(records, 60.0, "n.1", "x", wattmeter="one")).hosts == []
    assert slots.take(measure(records, 60.5, "n.2", wattmeter="two")).hosts == ["n"]
    assert slots.take(measure(records, 61.0, "n.1", "x", wattmeter="one")).hosts == []


def test_a_host_does_not_wait_for_a_probe_out_of_use() -> None:
    """Only until that is silent for so long, as the list of probes does."""
    records: Records = {}
    slots = due.Slots(60.0, records, host_of, silent_seconds=180.0)
    slots.take(measure(records, 0.0, "n.1", "n.2"))
    times = [60.0 * n for n in range(1, 7)]
    found = [time for time in times if slots.take(measure(records, time, "n.1")).hosts]
    assert found == [240.0, 300.0, 360.0]
    assert slots.members_of("n") == ["n.1"]
    assert slots.members_of("unknown") == []


@pytest.mark.parametrize("period", [0.1, 7.5, 3600.0])
def test_any_period_will_do(period: float) -> None:
    """Each slot has one, as long as something is measured in it."""
    records: Records = {}
    slots = due.Slots(period, records)
    found = [slots.take(measure(records, number * period / 3, "a")).probes for number in range(30)]
    assert 9 <= sum(map(len, found)) <= 11
