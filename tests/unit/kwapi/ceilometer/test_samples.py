# SPDX-License-Identifier: Apache-2.0
"""What a sample is: meters, metadata, and whose host a probe is."""

from __future__ import annotations

import datetime
import json
import re
import uuid

import hypothesis
import pytest
from ceilometer import sample as ceilometer_sample
from ceilometer.publisher import utils as ceilometer_messages
from hypothesis import strategies

from kwapi import meters
from kwapi.ceilometer import samples

NOW = 1_700_000_000.25
ISO = "2023-11-14T22:13:20.250000+00:00"
NODE = meters.Probe("node-1", NOW, 240.0, 12.5, "pdu-1", 1.0, 0.5)
BOTH = (samples.ENERGY, samples.POWER)
TOLD = {
    "probe": "node-1",
    "host": "node-1",
    "wattmeter": "pdu-1",
    "period_seconds": 1.0,
    "resolution_watts": 0.5,
    "measured_at": ISO,
}

IDS = strategies.text("abc-.1", min_size=1, max_size=6)


def feed(*watts: float, timestamp: float = NOW) -> list[meters.Probe]:
    """Return the power supplies psu-0, psu-1 .. of a host."""
    return [meters.Probe(f"psu-{n}", timestamp, each, 1.5) for n, each in enumerate(watts)]


def test_a_probe_has_a_sample_of_each_meter() -> None:
    """Field by field, and in the order asked for."""
    assert list(samples.samples_of(NODE, BOTH, samples.Hosts())) == [
        samples.Sample("energy", "cumulative", "kWh", 12.5, "node-1", NOW, TOLD),
        samples.Sample("power", "gauge", "W", 240.0, "node-1", NOW, TOLD),
    ]


def test_a_hosts_power_is_no_probes() -> None:
    """It is not taken for the power of a probe that is called as its host."""
    assert list(samples.samples_of(NODE, [samples.HOST_POWER], samples.Hosts())) == []


def test_what_is_not_known_is_not_told() -> None:
    """Metadata has no empty values."""
    bare = meters.Probe("rack/1", NOW, 0.0, 0.0, "")
    hosts = samples.Hosts("(?P<host>node-.+)")
    (sample,) = samples.samples_of(bare, ["power"], hosts)
    assert sample.metadata == {"probe": "rack/1", "measured_at": ISO}
    assert sample.volume == 0.0


def test_a_document_is_what_ceilometers_agent_sends() -> None:
    """It has the very keys of Ceilometer's own, but the signature, which nobody checks there."""
    (sample,) = samples.samples_of(NODE, ["energy"], samples.Hosts())
    sent = samples.document(sample)
    theirs = ceilometer_messages.meter_message_from_counter(
        ceilometer_sample.Sample(
            "energy", "cumulative", "kWh", 12.5, None, None, "node-1", ISO, TOLD, id="x"
        ),
        secret="",
    )
    assert theirs.pop("message_signature") == ""
    assert {**sent, "message_id": "x"} == theirs
    assert json.loads(json.dumps(sent)) == sent


def test_a_measurement_sent_twice_is_recognised() -> None:
    """Resource, meter and time make the message's id; the value does not."""
    energy, power = samples.samples_of(NODE, BOTH, samples.Hosts())
    first = samples.document(energy)["message_id"]
    assert uuid.UUID(first).version == 5
    assert samples.document(energy._replace(volume=1.0, metadata={}))["message_id"] == first
    others = [
        power,
        energy._replace(resource_id="node-2"),
        energy._replace(timestamp=NOW + 0.001),
    ]
    assert len({first, *(samples.document(other)["message_id"] for other in others)}) == 4


@hypothesis.given(strategies.floats(0, 250_000_000_000))
def test_time_is_told_to_the_microsecond(timestamp: float) -> None:
    """In UTC, whatever the machine's time zone."""
    told = samples.to_iso(timestamp)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", told)
    read = datetime.datetime.fromisoformat(told)
    assert read - samples.EPOCH == datetime.timedelta(seconds=timestamp)


def test_a_host_is_what_the_pattern_finds() -> None:
    """The whole id has to match; a group that took no part, or nothing, is no host."""
    hosts = samples.Hosts(r"(?:lyon\.)?(?P<host>node-\d+)?(?:-psu\d)?")
    assert hosts.host_of("lyon.node-12-psu1") == "node-12"
    assert hosts.host_of("node-3") == "node-3"
    assert hosts.host_of("lyon.") is None
    assert hosts.host_of("node-3-rear") is None
    assert samples.Hosts("(?P<host>x*)y").host_of("y") is None


def test_a_list_of_probes_goes_before_the_pattern() -> None:
    """A probe called as a host whose probes are listed without it is none of them."""
    hosts = samples.Hosts(probes={"node-1": ["psu-0", "psu-1"]})
    assert hosts.host_of("psu-1") == "node-1"
    assert hosts.host_of("node-1") is None
    assert hosts.host_of("node-2") == "node-2"


@pytest.mark.parametrize(
    ("pattern", "probes", "reason"),
    [
        ("(?P<node>.+)", {}, r"'\(\?P<node>\.\+\)' has no group \(\?P<host>\.\.\.\)"),
        ("(?P<host>", {}, r"'\(\?P<host>' is no regular expression: "),
        ("(?P<host>.+)", {"a": []}, "Host a is listed without a probe"),
        (
            "(?P<host>.+)",
            {"a": ["x"], "b": ["y", "x"]},
            "Probe x is listed for hosts a and b; it can feed one",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    pattern: str, probes: dict[str, list[str]], reason: str
) -> None:
    """A sentence says what is wrong."""
    with pytest.raises(ValueError, match=rf"{reason}.*\.$"):
        samples.Hosts(pattern, probes)


def test_the_power_of_a_host() -> None:
    """As Ceilometer's compute agent and Watcher name a compute node."""
    assert list(samples.host_samples([NODE], samples.Hosts(), NOW)) == [
        samples.Sample("hardware.ipmi.node.power", "gauge", "W", 240.0, "node-1_node-1", NOW, TOLD)
    ]


def test_a_host_of_several_probes_has_their_sum() -> None:
    """As old as the oldest, measured as seldom as the slowest, and as coarse as all."""
    hosts = samples.Hosts(probes={"node-1": ["a", "b"]})
    a = meters.Probe("a", NOW + 5, 100.0, 1.0, "pdu-2", 1.0, 0.5)
    b = meters.Probe("b", NOW, 50.0, 1.0, "pdu-1", 10.0, 0.5)
    (sample,) = samples.host_samples([b, a], hosts, NOW)
    assert (sample.volume, sample.timestamp) == (150.0, NOW)
    assert sample.metadata == {
        "probe": "a, b",
        "host": "node-1",
        "wattmeter": "pdu-1, pdu-2",
        "period_seconds": 10.0,
        "resolution_watts": 1.0,
        "measured_at": ISO,
    }
    (sample,) = samples.host_samples([a, b._replace(resolution_watts=None)], hosts, NOW)
    assert "resolution_watts" not in sample.metadata


def test_a_part_of_a_hosts_power_is_not_told() -> None:
    """A probe that is missing, or was measured before, silences its host and no other."""
    hosts = samples.Hosts(probes={"node-1": ["psu-0", "psu-1"]})
    first, second = feed(100.0, 50.0)
    old = second._replace(timestamp=NOW - 1)
    other = NODE._replace(probe_id="node-2")
    for probes in ([first, other], [first, old, other]):
        told = samples.host_samples(probes, hosts, NOW)
        assert [sample.resource_id for sample in told] == ["node-2_node-2"]


@hypothesis.given(strategies.dictionaries(IDS, strategies.floats(0, 1e5), max_size=20))
def test_hosts_have_all_of_the_power(watts: dict[str, float]) -> None:
    """Whatever the probes are called, no watt is told twice, and none is lost."""
    probes = [meters.Probe(probe_id, NOW, each, 0.0) for probe_id, each in watts.items()]
    hosts = samples.Hosts(r"(?P<host>[a-c]).*|.*")
    told = list(samples.host_samples(probes, hosts, NOW))
    mine = [each for probe_id, each in watts.items() if probe_id[0] in "abc"]
    assert sum(sample.volume for sample in told) == pytest.approx(sum(mine))
    assert len({sample.resource_id for sample in told}) == len(told)


@pytest.mark.parametrize(
    ("age_seconds", "period_seconds", "fresh"),
    [
        (180, None, True),
        (181, None, False),
        (181, 60.0, False),
        (900, 300.0, True),
        (901, 300, False),
    ],
)
def test_how_long_a_probe_is_fresh(
    age_seconds: float, period_seconds: float | None, fresh: bool
) -> None:
    """As long as is allowed, or three of its periods."""
    probe = meters.Probe("a", NOW - age_seconds, 0.0, 0.0, None, period_seconds)
    assert samples.is_fresh(probe, NOW, 180.0) is fresh


def test_a_probe_without_a_meter_has_no_sample_of_it() -> None:
    """Nor a zero, which would be a measurement."""
    told = samples.samples_of(meters.Probe("a", NOW, 100.0), BOTH, samples.Hosts())
    assert [sample.meter for sample in told] == ["power"]
