# SPDX-License-Identifier: Apache-2.0
"""Whatever is killed, whenever, and however messages are batched: the same samples are sent."""

from __future__ import annotations

import collections
import copy
import itertools
from collections.abc import Iterator
from collections.abc import Sequence

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi import signing
from kwapi.bus import batch as batches
from kwapi.ceilometer import publisher as publishers
from kwapi.ceilometer import samples
from kwapi.collector import collector
from kwapi.store import state as states
from tests import conftest

#: The beginning of a slot of a minute.
START = 1_699_999_980.0
ALL_METERS = (samples.ENERGY, samples.POWER, samples.HOST_POWER)
WATTMETERS = {"pdu-1": ("n-1.a", "n-2.a"), "pdu-2": ("n-1.b",), "pdu-3": ("n-3",)}
RULES = publishers.Rules(60.0, ALL_METERS, samples.Hosts(r"(?P<host>[^.]+)(\..*)?"))

#: message_id, timestamp, volume.
Received = tuple[str, str, float]


def message(
    sequence: int, *readings: measurement.Reading, sender: str = "node-1"
) -> batches.Message:
    envelope = signing.Envelope(sender, f"run of {sender}", sequence, START, "")
    return batches.Message(envelope, measurement.Body(readings))


def reading(
    seconds: float, *watts: float, wattmeter: str = "pdu-1", kwh: Sequence[float | None] = ()
) -> measurement.Reading:
    probes = WATTMETERS[wattmeter]
    assert len(watts) == len(probes)
    return measurement.Reading(wattmeter, START + seconds, probes, watts, tuple(kwh), 1.0, 0.5)


def batch(*messages: batches.Message) -> batches.Batch:
    return batches.Batch(messages, collections.Counter())


class Memory:
    """A store that outlives the processes of a test; a fault may come before or after it writes."""

    def __init__(self, faults: Iterator[str]) -> None:
        self.state = states.State(0, {}, {}, {}, set())
        self._faults = faults

    def load(self) -> states.State:
        return copy.deepcopy(self.state)

    def list_drivers(self) -> list[states.DriverRow]:
        return []

    def save(self, changes: states.Changes) -> None:
        fault = next(self._faults)
        fail(fault, "before")
        if changes.version != self.state.version:
            raise exception.ConcurrentUpdate
        records = self.state.records | {r.probe_id: copy.copy(r) for r in changes.records}
        senders = self.state.senders | {s.instance: s for s in changes.senders}
        tallies = dict(changes.tallies)
        self.state = states.State(changes.version + 1, records, senders, tallies, set())
        fail(fault, "after")


class Killed(BaseException):
    """What ends a process without a last word."""


def fail(fault: str, moment: str) -> None:
    """End the process, or lose the store, if that is the fault of this moment."""
    if fault == f"killed {moment}":
        raise Killed
    if fault == f"unavailable {moment}":
        raise exception.StoreUnavailable(reason="gone")


class Ceilometer:
    """Keeps what it is sent; whoever sends may be killed meanwhile."""

    def __init__(self, faults: Iterator[str]) -> None:
        self.received: list[samples.Sample] = []
        self._faults = faults

    def deliver(self, sent: Sequence[samples.Sample]) -> None:
        fault = next(self._faults)
        fail(fault.replace("unavailable", "fine"), "before")
        if fault == "killed between":
            self.received += sent[: len(sent) // 2]
            raise Killed
        self.received += sent
        fail(fault.replace("unavailable", "fine"), "after")

    def facts(self) -> set[Received]:
        documents = map(samples.document, self.received)
        return {(d["message_id"], d["timestamp"], d["counter_volume"]) for d in documents}


class World:
    """A store and Ceilometer, which stay, and a process that may be killed."""

    def __init__(self, faults: Sequence[str] = (), rules: publishers.Rules = RULES) -> None:
        left = itertools.chain(faults, itertools.repeat("fine"))
        self.store, self.ceilometer, self._rules = Memory(left), Ceilometer(left), rules
        self._clock = conftest.FakeClock(START + 3600.0)
        self.start()

    def start(self) -> None:
        """Start a process anew."""
        self.publisher = publishers.Publisher(self.ceilometer.deliver, self._rules)
        self.collector = collector.Collector(
            self.store,  # type: ignore[arg-type]
            clock=self._clock,
            sink=self.publisher,
        )

    def handle(self, *messages: batches.Message) -> bool:
        """Have a batch handled; return False if the process was killed, and is started anew."""
        try:
            self.collector.handle(batch(*messages))
        except Killed:
            self.start()
            return False
        return True

    def volumes(self, meter: str, resource_id: str) -> list[tuple[float, float]]:
        """Return seconds and volume of what was received."""
        received = self.ceilometer.received
        wanted = (s for s in received if (s.meter, s.resource_id) == (meter, resource_id))
        return [(sample.timestamp - START, sample.volume) for sample in wanted]


def test_the_first_measurement_of_each_slot_is_sent() -> None:
    """With the energy as it was then, though the message and the batch go on."""
    world = World()
    readings = [reading(10.0 * n, 3600.0, 0.0) for n in range(13)]
    world.handle(message(1, *readings[:8]), message(2, *readings[8:]))
    expected = [(0.0, 0.0), (60.0, pytest.approx(0.06)), (120.0, pytest.approx(0.12))]
    assert world.volumes("energy", "n-1.a") == expected
    assert world.volumes("power", "n-1.a") == [(0.0, 3600.0), (60.0, 3600.0), (120.0, 3600.0)]
    assert world.volumes("power", "n-2.a") == [(0.0, 0.0), (60.0, 0.0), (120.0, 0.0)]


def test_metadata_says_where_it_was_measured() -> None:
    world = World()
    world.handle(message(1, reading(0.0, 1.0, 2.0)))
    assert world.ceilometer.received[0].metadata == {
        "probe": "n-1.a",
        "host": "n-1",
        "wattmeter": "pdu-1",
        "period_seconds": 1.0,
        "resolution_watts": 0.5,
        "measured_at": samples.to_iso(START),
    }


def test_a_hosts_power_is_the_sum_of_its_probes() -> None:
    """As old as the oldest of them, and only when all have been measured."""
    world = World()
    world.handle(message(1, reading(0.0, 100.0, 7.0)))
    world.handle(message(2, reading(0.5, 50.0, wattmeter="pdu-2")))
    world.handle(message(3, reading(60.0, 101.0, 7.0)))
    world.handle(message(4, reading(60.5, 51.0, wattmeter="pdu-2")))
    # The first was sent before the second probe was heard of.
    assert world.volumes("hardware.ipmi.node.power", "n-1_n-1") == [(0.0, 100.0), (60.0, 152.0)]
    assert world.volumes("hardware.ipmi.node.power", "n-2_n-2") == [(0.0, 7.0), (60.0, 7.0)]


def test_a_listed_host_waits_for_all_its_probes() -> None:
    """The power of one of its supplies is not taken for its own, however long another is away."""
    hosts = samples.Hosts(probes={"n-1": ["n-1.a", "n-1.b"]})
    world = World(rules=RULES._replace(hosts=hosts))
    for number in range(10):
        world.handle(message(number + 1, reading(60.0 * number, 100.0, 7.0)))
    assert world.volumes("hardware.ipmi.node.power", "n-1_n-1") == []
    for number in range(10, 12):
        both = reading(60.0 * number, 100.0, 7.0), reading(60.0 * number, 50.0, wattmeter="pdu-2")
        world.handle(message(number + 1, *both))
    found = world.volumes("hardware.ipmi.node.power", "n-1_n-1")
    assert found[-1] == (660.0, 150.0)
    assert {volume for _, volume in found} == {150.0}


def test_a_hosts_probes_are_not_added_up_over_time() -> None:
    """One that catches up with what it measured long ago is no part of the sum of now."""
    hosts = samples.Hosts(probes={"n-1": ["n-1.a", "n-1.b"]})
    world = World(rules=RULES._replace(hosts=hosts))
    world.handle(message(1, reading(0.0, 50.0, wattmeter="pdu-2")))
    world.handle(message(2, reading(290.0, 100.0, 7.0)))
    world.handle(message(3, reading(60.0, 50.0, wattmeter="pdu-2")))
    assert world.volumes("hardware.ipmi.node.power", "n-1_n-1") == []


def test_only_the_meters_that_are_wanted_are_sent() -> None:
    world = World(rules=RULES._replace(meters=(samples.ENERGY,)))
    world.handle(message(1, reading(0.0, 1.0, 2.0)))
    assert {sample.meter for sample in world.ceilometer.received} == {"energy"}


def test_other_rules_hold_from_the_next_batch_on() -> None:
    """Slots of the new period go on from what was measured last."""
    world = World()
    world.handle(message(1, reading(0.0, 1.0, 2.0)))
    world.publisher.use(RULES._replace(period_seconds=10.0))
    world.handle(message(2, reading(5.0, 1.0, 2.0)))
    world.handle(message(3, reading(9.0, 1.0, 2.0)))
    world.handle(message(4, reading(10.0, 1.0, 2.0)))
    assert [seconds for seconds, _ in world.volumes("power", "n-1.a")] == [0.0, 10.0]


def test_what_cannot_be_delivered_is_not_stored() -> None:
    """The batch is given back; when it comes again, its samples are delivered once."""
    world = World()
    stopping = [batches.Stopping()]

    def deliver(sent: Sequence[samples.Sample]) -> None:
        if stopping:
            raise stopping.pop()
        world.ceilometer.deliver(sent)

    counting = collector.Collector(
        world.store,  # type: ignore[arg-type]
        clock=conftest.FakeClock(START + 3600.0),
        sink=publishers.Publisher(deliver, RULES),
    )
    with pytest.raises(batches.Stopping):
        counting.handle(batch(message(1, reading(0.0, 1.0, 2.0))))
    assert world.store.state.version == 0
    counting.handle(batch(message(1, reading(0.0, 1.0, 2.0))))
    assert world.volumes("power", "n-1.a") == [(0.0, 1.0)]


READINGS = st.builds(
    lambda wattmeter, step, watts, kwh: (wattmeter, step, watts, kwh),
    st.sampled_from(sorted(WATTMETERS)),
    st.sampled_from([0.0, 0.25, 1.0, 7.0, 45.0, 61.0, 200.0, -30.0]),
    st.sampled_from([0.0, 99.5, 3600.0, 1e9]),
    st.sampled_from([None, None, 0.0, 0.5, 100.0]),
)
FAULTS = st.sampled_from(
    ["fine", "killed before", "killed between", "killed after"]
    + ["unavailable before", "unavailable after"]
)


@st.composite
def stories(draw: st.DrawFn) -> list[batches.Message]:
    """Return what two senders say: steps in time, back too, counters, and what cannot be."""
    seconds = {"pdu-1": 0.0, "pdu-2": 0.0, "pdu-3": 0.0}
    sequences = collections.Counter[str]()
    told = []
    for said in draw(st.lists(st.lists(READINGS, max_size=3), max_size=20)):
        readings = []
        for wattmeter, step, watts, kwh in said:
            seconds[wattmeter] += step
            probes = len(WATTMETERS[wattmeter])
            column = [watts + number for number in range(probes)]
            readings.append(
                reading(seconds[wattmeter], *column, wattmeter=wattmeter, kwh=[kwh] * probes)
            )
        sender = draw(st.sampled_from(["node-1", "node-2"]))
        sequences[sender] += 1
        told.append(message(sequences[sender], *readings, sender=sender))
    # Last, in a slot of its own.
    end = [reading(3000.0, *[5.0] * len(WATTMETERS[w]), wattmeter=w) for w in WATTMETERS]
    return [*told, message(1, *end, sender="last")]


def play(
    world: World,
    told: Sequence[batches.Message],
    sizes: Iterator[int],
    again: Iterator[int],
) -> None:
    """Have all handled as a broker has it: what is not acknowledged comes again, in order."""
    acknowledged = 0
    while acknowledged < len(told):
        # An acknowledgement that was lost: some come again that were handled.
        first = max(0, acknowledged - next(again))
        last = acknowledged + next(sizes)
        if world.handle(*told[first:last]):
            acknowledged = last


@hypothesis.given(
    stories(),
    st.lists(st.integers(1, 6)),
    st.lists(st.integers(0, 3)),
    st.lists(FAULTS, max_size=30),
)
def test_no_crash_repetition_or_batch_changes_what_is_sent(
    told: list[batches.Message], sizes: list[int], again: list[int], faults: list[str]
) -> None:
    """The same message ids, times and volumes as one by one without a fault; energy as counted."""
    calm, troubled = World(), World(faults)
    play(calm, told, itertools.repeat(1), itertools.repeat(0))
    play(
        troubled,
        told,
        itertools.chain(sizes, itertools.repeat(3)),
        itertools.chain(again, itertools.repeat(0)),
    )
    assert troubled.ceilometer.facts() == calm.ceilometer.facts()
    assert troubled.store.state.records == calm.store.state.records
    records = troubled.store.state.records
    # A clock that is set back comes to the same time twice, and a host's power may be told
    # before another of its probes is heard of, and again with that.
    if not any(known.clock_steps for known in records.values()):
        received = [s for s in troubled.ceilometer.received if s.meter != samples.HOST_POWER]
        ids = {(samples.document(sample)["message_id"], sample.volume) for sample in received}
        assert len(ids) == len(dict(ids))
    for probe, known in records.items():
        sent = troubled.volumes(samples.ENERGY, probe)
        if known.timestamp == START + 3000.0:
            assert sent[-1] == (3000.0, known.kwh)
