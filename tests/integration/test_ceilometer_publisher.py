# SPDX-License-Identifier: Apache-2.0
"""What kwapi-ceilometer sends to a real Ceilometer, and what a real Gnocchi then keeps.

What should arrive is told by a listener of the test's own and by Kwapi's own
arithmetic: the first measurement of each probe in each period, at its own time.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Iterable
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from typing import NamedTuple

import pytest

from kwapi import measurement
from tests.functional import audit as audits
from tests.integration import ceilometer as ceilometers
from tests.integration import measuring as measurings
from tests.integration import telemetry as telemetries
from tests.servers import rabbitmq as broker
from tests.servers import scripts

LOG = logging.getLogger(__name__)

UNITS = {
    "energy": ("cumulative", "kWh"),
    "power": ("gauge", "W"),
    "hardware.ipmi.node.power": ("gauge", "W"),
}
HOST_POWER = "hardware.ipmi.node.power"
#: A host with two supplies; each other probe is called as its host.
PAIR = ["pair.a", "pair.b"]
OPTIONS = """
[ceilometer]
period_seconds = 1
flush_seconds = 0.5
durable_queues = true
meters = energy,power,hardware.ipmi.node.power
host_probes = pair:pair.a pair.b
max_queued_messages = 5
"""
HOUR, DAY = telemetries.HOUR, 86400
#: Of what is measured long ago.
STEP_SECONDS = 300

Sample = dict[str, Any]


class Key(NamedTuple):
    """What tells a sample from all others."""

    resource_id: str
    meter: str
    measured_us: int


class Site(NamedTuple):
    """Kwapi, and its way to Ceilometer."""

    kwapi: measurings.Measuring
    publisher: scripts.Script


@pytest.fixture(scope="module")
def site(
    telemetry: telemetries.Telemetry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """They run; drivers may be stopped, and started again."""
    folder = tmp_path_factory.mktemp("kwapi")
    kwapi = measurings.Measuring(folder, telemetry.ground.transport_url, OPTIONS)
    publisher = kwapi.site.script("kwapi-ceilometer")
    try:
        start(Site(kwapi, publisher))
        pair = measurings.dummy("supplies", PAIR, 100, 900)
        kwapi.start(pair, servers="node")
        yield Site(kwapi, publisher)
        assert publisher.stop() == 0
        assert "Traceback" not in publisher.log
    finally:
        kwapi.stop()


def start(site: Site) -> None:
    """Start the publisher; return when it misses nothing any more."""
    site.publisher.start()
    url = site.kwapi.site.transport_url
    scripts.wait_until(lambda: audits.has_consumer(url, "kwapi-ceilometer"), "a publisher")


def expect(kwapi: measurings.Measuring) -> dict[Key, float]:
    """Return what Kwapi knew at the first measurement of each probe in each second."""
    values, first = kwapi.values(), dict[Key, float]()
    seen: set[tuple[str, int]] = set()
    for probe, known in values.items():
        for value in known:
            slot = probe, math.floor(value.timestamp)
            if slot not in seen:
                seen.add(slot)
                moment = round(Fraction(value.timestamp) * 10**6)
                first[Key(probe, "energy", moment)] = value.kwh
                first[Key(probe, "power", moment)] = value.watts
                if probe not in PAIR:
                    first[Key(f"{probe}_{probe}", HOST_POWER, moment)] = value.watts
    for key, watts in list(first.items()):
        if key[:2] == ("pair.a", "power"):
            both = watts + first[key._replace(resource_id="pair.b")]
            first[Key("pair_pair", HOST_POWER, key.measured_us)] = both
    return first


def key_of(sample: Sample) -> Key:
    moment = round(ceilometers.time_of(sample) * 1e6)
    return Key(sample["resource_id"], sample["name"], moment)


def settle(telemetry: telemetries.Telemetry, site: Site) -> tuple[dict[Key, float], list[Sample]]:
    """Stop measuring; return what should have arrived by now, and what has."""
    site.kwapi.drivers.stop()
    site.kwapi.settle()
    expected = expect(site.kwapi)
    resources = {key.resource_id for key in expected}

    def arrived() -> list[Sample]:
        samples = telemetry.ceilometer.samples()
        return [sample for sample in samples if sample["resource_id"] in resources]

    def find_missing() -> list[Key]:
        return sorted(expected.keys() - set(map(key_of, arrived())))

    try:
        scripts.wait_until(lambda: not find_missing(), "all that was measured")
    except AssertionError:
        assert not find_missing()
    telemetry.settle()
    return expected, arrived()


def require_same(expected: dict[Key, float], samples: list[Sample]) -> None:
    """These arrived and no others; what arrived twice is recognisably the same."""
    found = {key_of(sample): sample for sample in samples}
    assert found.keys() == expected.keys()
    ids: dict[Key, set[str]] = {}
    for sample in samples:
        key = key_of(sample)
        ids.setdefault(key, set()).add(sample["id"])
        assert sample["volume"] == pytest.approx(expected[key], rel=audits.RELATIVE_ERROR), key
        assert (sample["type"], sample["unit"]) == UNITS[key.meter]
    assert all(len(of) == 1 for of in ids.values())


def require_kept(telemetry: telemetries.Telemetry, samples: Iterable[Sample]) -> None:
    """Gnocchi has all of them, and each once."""
    series: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        series.setdefault((sample["resource_id"], sample["name"]), []).append(sample)
    for (resource_id, meter), of in series.items():
        if meter == "energy":
            telemetry.compare_energy(resource_id, of)
        else:
            telemetry.compare_power(resource_id, meter, of)


def test_each_sample_arrives_once_with_its_own_time(
    telemetry: telemetries.Telemetry, site: Site
) -> None:
    """Of each probe and period the first measurement: what it was, when, and of which host."""
    scripts.wait_until(
        lambda: sum(s["resource_id"] == "pair_pair" for s in telemetry.ceilometer.samples()) >= 8,
        "some seconds' samples",
    )
    expected, samples = settle(telemetry, site)
    assert len(samples) == len(expected)
    require_same(expected, samples)
    require_kept(telemetry, samples)
    hosts = {"pair.a": "pair", "pair.b": "pair", "pair_pair": "pair"}
    for sample in samples:
        resource_id, metadata = sample["resource_id"], sample["resource_metadata"]
        assert metadata["host"] == hosts.get(resource_id, resource_id.split("_")[0])
        assert ceilometers.to_epoch(metadata["measured_at"]) == ceilometers.time_of(sample)
        wattmeter = "supplies" if "pair" in resource_id else "rack-1-pdu"
        assert metadata["wattmeter"] == wattmeter
        assert metadata["period_seconds"] > 0
        assert (sample["user_id"], sample["project_id"]) == (None, None)
    resource = telemetry.measures.find("pair.a", "kwapi_probe")
    assert resource is not None
    assert (resource["host"], resource["wattmeter"]) == ("pair", "supplies")


def test_whatever_is_killed_nothing_is_lost_or_doubled(
    telemetry: telemetries.Telemetry, site: Site, rabbitmq: broker.RabbitMQ
) -> None:
    """Publisher, notification agent and broker, while it is measured."""
    agent, publisher = telemetry.ceilometer.notification, site.publisher
    site.kwapi.drivers.start()
    for _ in range(2):
        wait_for_samples(telemetry)
        publisher.kill()
        publisher.start()
    wait_for_samples(telemetry)
    agent.kill()
    agent.start()
    wait_for_samples(telemetry)
    rabbitmq.kill()
    rabbitmq.start()
    agent.wait_ready()
    wait_for_samples(telemetry)
    # Away for so long that the publisher waits for it.
    agent.stop()
    publisher.wait_for_log("notification agent is away or behind")
    agent.start()
    publisher.wait_for_log("notification agent takes samples again")
    # The broker goes while the publisher is away, and both come back.
    publisher.kill()
    rabbitmq.kill()
    rabbitmq.start()
    start(site)
    wait_for_samples(telemetry)
    expected, samples = settle(telemetry, site)
    require_same(expected, samples)
    require_kept(telemetry, samples)
    LOG.warning("%d samples, of which %d twice", len(samples), len(samples) - len(expected))


def wait_for_samples(telemetry: telemetries.Telemetry, seconds: float = 2) -> None:
    """Return when samples measured from now on have arrived, of so many seconds."""
    since = time.time() + seconds
    scripts.wait_until(
        lambda: any(ceilometers.time_of(s) > since for s in telemetry.ceilometer.samples()[-50:]),
        "samples of what is measured now",
    )


def test_the_kwh_of_every_hour_are_kwapis_own(telemetry: telemetries.Telemetry, site: Site) -> None:
    """Most of a day, midnight in it: what Gnocchi says is what Kwapi says, to a period."""
    now = time.time()
    site.kwapi.say(make_history(now - 23 * HOUR, now))
    _, samples = settle(telemetry, site)
    # However Ceilometer confuses their order.
    require_kept(telemetry, [s for s in samples if s["resource_id"].startswith("history")])
    for probe in ("history.1", "history.2"):
        own = site.kwapi.values()[probe]
        rates = telemetry.measures.get(probe, "energy", "rate:sum", HOUR)
        assert len(rates) >= 23
        for rate in rates:
            begin, end = (kwh_at(own, rate.timestamp + edge) for edge in (0, HOUR))
            period = max(value.watts for value in own) * STEP_SECONDS / audits.JOULES_PER_KWH
            assert rate.value == pytest.approx(end - begin, abs=period)
        assert sum(rate.value for rate in rates) == pytest.approx(own[-1].kwh - own[0].kwh)
        days = telemetry.measures.get(probe, "energy", "rate:sum", DAY)
        assert sum(day.value for day in days) == pytest.approx(own[-1].kwh - own[0].kwh)


def make_history(begin: float, end: float) -> Iterator[measurement.Reading]:
    """Yield what a slow wattmeter measured then."""
    dice = random.Random(6)
    for timestamp in range(math.ceil(begin), math.floor(end), STEP_SECONDS):
        watts = dice.uniform(100, 3000), dice.uniform(500, 600)
        yield measurement.Reading(
            "historian", timestamp + dice.random(), ("history.1", "history.2"), watts,
            period_seconds=STEP_SECONDS,
        )  # fmt: skip


def kwh_at(values: list[measurings.Value], timestamp: float) -> float:
    """Return a counter at a time, on the line between what was measured before and after."""
    before = max((v for v in values if v.timestamp <= timestamp), default=values[0])
    after = min((v for v in values if v.timestamp >= timestamp), default=values[-1])
    seconds = after.timestamp - before.timestamp
    share = (timestamp - before.timestamp) / seconds if seconds else 0.0
    return before.kwh + share * (after.kwh - before.kwh)


def test_another_event_type_goes_by_our_definitions(
    telemetry: telemetries.Telemetry, site: Site
) -> None:
    """The same values, without their metadata."""
    site.kwapi.configure(f"{OPTIONS}event_type = kwapi.samples\n")
    assert site.publisher.stop() == 0
    start(site)
    before = len(telemetry.ceilometer.samples())
    site.kwapi.drivers.start()
    wait_for_samples(telemetry)
    expected, samples = settle(telemetry, site)
    found = telemetry.ceilometer.samples()[before:]
    require_same({key_of(s): expected[key_of(s)] for s in found}, found)
    assert {tuple(sample["resource_metadata"]) for sample in found} == {("publisher",)}
