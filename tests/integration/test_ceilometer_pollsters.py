# SPDX-License-Identifier: Apache-2.0
"""What a real Ceilometer polls of Kwapi, and what a real Gnocchi then keeps.

The rack is simulated; drivers, collector, API, Keystone, broker, both agents
and Gnocchi are real ones.
"""

from __future__ import annotations

import functools
import re
import signal
from collections.abc import Iterator
from itertools import chain
from itertools import pairwise
from typing import Any

import pytest
import requests

from tests.functional import audit as audits
from tests.integration import ceilometer as ceilometers
from tests.integration import daemon
from tests.integration import measuring as measurings
from tests.integration import telemetry as telemetries
from tests.servers import scripts

METERS = {"energy": ("cumulative", "kWh"), "power": ("gauge", "W")}
HOST_POWER = "hardware.ipmi.node.power"
SERVERS = [f"server-{number}" for number in range(1, 9)]
PROBES = [*SERVERS, "heater", "oven"]
CYCLES = 3
#: The API rounds times to ms, and energy to 1e-9 kWh.
ROUNDED_SECONDS, ROUNDED_KWH = 1e-3, 1e-9
OPTIONS = """
[api]
port = {port}
workers = 1
{authtoken}
"""

Sample = dict[str, Any]


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> measurings.FileMeter:
    """A wattmeter that shows what a test wants."""
    made = measurings.FileMeter(tmp_path_factory.mktemp("meter"), "oven")
    made.show(3600.0, 100.0)
    return made


@pytest.fixture(scope="module")
def kwapi(
    telemetry: telemetries.Telemetry,
    meter: measurings.FileMeter,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[measurings.Measuring]:
    """Kwapi, whose API is where the catalog says."""
    ground = telemetry.ground
    text = OPTIONS.format(port=telemetry.energy_port, authtoken=ground.keystone.configure())
    made = measurings.Measuring(tmp_path_factory.mktemp("kwapi"), ground.transport_url, text)
    api = made.site.script("kwapi-api")
    try:
        made.start(meter.section() + measurings.dummy("heating", ["heater"], 1500, 2500))
        api.start()
        scripts.wait_until(lambda: shows(telemetry, *PROBES), "an API that shows the rack")
        yield made
        if api.is_running:
            assert api.stop() == 0
    finally:
        made.stop()


def shows(telemetry: telemetries.Telemetry, *probes: str) -> bool:
    """Tell whether the API lists these probes."""
    url = f"http://127.0.0.1:{telemetry.energy_port}/v1/probe-ids/"
    token = telemetry.ground.keystone.get_token(
        ceilometers.USER, project_name="service", project_domain_id="default"
    )
    try:
        answer = requests.get(url, headers={"X-Auth-Token": token}, timeout=10)
    except requests.ConnectionError:
        return False
    return answer.ok and set(probes) <= set(answer.json()["probe_ids"])


def poll(telemetry: telemetries.Telemetry, way: str, cycles: int = CYCLES) -> list[Sample]:
    """Have some cycles polled; return what came of it."""
    agents = telemetry.ceilometer
    before = len(agents.samples())
    with agents.polls(way=way) as polling:
        scripts.wait_until(
            lambda: len(by_cycle(agents.samples()[before:])) > cycles * 3, "a few polling cycles"
        )
    assert "Traceback" not in polling.log
    assert " ERROR " not in polling.log.replace("ERROR stevedore.extension", "")
    # With what the agent had sent when it ended.
    return telemetry.settle()[before:]


def by_cycle(samples: list[Sample]) -> dict[str, list[Sample]]:
    """Return samples by when they were polled: each meter a moment after the other."""
    cycles: dict[str, list[Sample]] = {}
    for sample in samples:
        cycles.setdefault(sample["timestamp"], []).append(sample)
    return cycles


def of(samples: list[Sample], resource_id: str, meter: str) -> list[Sample]:
    return [s for s in samples if (s["resource_id"], s["name"]) == (resource_id, meter)]


@pytest.fixture(scope="module")
def polled(
    telemetry: telemetries.Telemetry, kwapi: measurings.Measuring
) -> dict[str, list[Sample]]:
    """What came of each way, one after the other."""
    ways = (ceilometers.PYTHON, ceilometers.DYNAMIC)
    samples = {way: poll(telemetry, way) for way in ways}
    kwapi.settle()
    return samples


@pytest.mark.parametrize("way", [ceilometers.PYTHON, ceilometers.DYNAMIC])
def test_each_value_arrives_once(
    kwapi: measurings.Measuring, polled: dict[str, list[Sample]], way: str
) -> None:
    """Of each probe, in each cycle, each meter: what Kwapi knew then, and when that was."""
    samples = polled[way]
    known = kwapi.values()
    for name in (*METERS, HOST_POWER):
        expected = {f"{probe}_{probe}" if name == HOST_POWER else probe for probe in PROBES}
        cycles = by_cycle([sample for sample in samples if sample["name"] == name])
        assert len(cycles) >= CYCLES
        for of_cycle in cycles.values():
            assert sorted(sample["resource_id"] for sample in of_cycle) == sorted(expected)
    assert len({sample["id"] for sample in samples}) == len(samples)
    for sample in samples:
        require_measured(sample, known)


def require_measured(sample: Sample, known: dict[str, list[measurings.Value]]) -> None:
    """It is what was measured, and says so."""
    metadata = sample["resource_metadata"]
    measured_at = ceilometers.to_epoch(metadata["measured_at"])
    probe = sample["resource_id"].split("_")[0]
    (value,) = (v for v in known[probe] if abs(v.timestamp - measured_at) <= ROUNDED_SECONDS)
    kind, unit = METERS.get(sample["name"], ("gauge", "W"))
    wanted = value.kwh if sample["name"] == "energy" else value.watts
    assert (sample["type"], sample["unit"]) == (kind, unit)
    assert sample["volume"] == pytest.approx(wanted, abs=ROUNDED_KWH)
    assert (sample["user_id"], sample["project_id"]) == (None, None)
    # What the agent notes as the time of the poll is when it begins.
    assert abs(ceilometers.time_of(sample) - measured_at) < ceilometers.PATIENCE_SECONDS
    told = {name: metadata[name] for name in ("probe", "host", "wattmeter")}
    assert told == {"probe": probe, "host": probe, "wattmeter": value.wattmeter}
    assert metadata["period_seconds"] > 0
    known_keys = {"measured_at", "period_seconds", "resolution_watts", *told}
    assert metadata.keys() <= known_keys


def test_both_ways_say_the_same(polled: dict[str, list[Sample]]) -> None:
    """But for what is not known: definitions say null, Python nothing."""
    for resource_id, meter in (
        ("server-1", "energy"),
        ("oven", "power"),
        ("oven_oven", HOST_POWER),
    ):
        one, other = (of(polled[way], resource_id, meter)[-1] for way in polled)
        assert one.keys() == other.keys()
        assert one["source"] == other["source"]
        told = {name for name, value in other["resource_metadata"].items() if value is not None}
        assert one["resource_metadata"].keys() == told


def test_gnocchi_keeps_what_was_polled(
    telemetry: telemetries.Telemetry, polled: dict[str, list[Sample]]
) -> None:
    """By both ways: every value once, on the resource of its probe or host."""
    samples, measures = [*chain.from_iterable(polled.values())], telemetry.measures
    for server in SERVERS:
        resource = measures.find(server, "kwapi_probe")
        assert resource is not None
        assert (resource["host"], resource["wattmeter"]) == (server, "rack-1-pdu")
        host = measures.find(f"{server}_{server}", "nova_compute")
        assert host is not None
        assert host["host_name"] == server
        assert measures.describe(server, "energy")["unit"] == "kWh"
        assert measures.describe(server, "power")["unit"] == "W"
        assert measures.describe(server, "energy")["archive_policy"]["name"] == "kwapi-energy"
        telemetry.compare_power(server, "power", of(samples, server, "power"))
        telemetry.compare_energy(server, of(samples, server, "energy"))
        name = f"{server}_{server}"
        telemetry.compare_power(name, HOST_POWER, of(samples, name, HOST_POWER))


def test_energy_of_a_span_is_kwapis_own(
    telemetry: telemetries.Telemetry, kwapi: measurings.Measuring, polled: dict[str, list[Sample]]
) -> None:
    """From Gnocchi, within what is used in one polling period."""
    known = kwapi.values()
    told = of([*chain.from_iterable(polled.values())], "heater", "energy")
    times = list(map(ceilometers.time_of, told))
    rates = telemetry.measures.get("heater", "energy", "rate:sum", telemetries.HOUR)
    own = kwh_at(known["heater"], times[-1]) - kwh_at(known["heater"], times[0])
    # Polls are further apart when an agent is started anew, or the machine busy.
    seconds = max(later - earlier for earlier, later in pairwise(times))
    allowed = max(value.watts for value in known["heater"]) * seconds / audits.JOULES_PER_KWH
    assert sum(rate.value for rate in rates) == pytest.approx(own, abs=allowed)


def kwh_at(values: list[measurings.Value], timestamp: float) -> float:
    return max(value for value in values if value.timestamp <= timestamp).kwh


def test_energy_goes_on_across_a_restart_and_a_reset(
    telemetry: telemetries.Telemetry, kwapi: measurings.Measuring, meter: measurings.FileMeter
) -> None:
    """The collector is killed, the meter's counter starts anew: the rate of change stays right."""
    agents, before = telemetry.ceilometer, len(telemetry.ceilometer.samples())

    def polled() -> list[Sample]:
        return of(agents.samples()[before:], "oven", "energy")

    def show(kwh: float) -> None:
        """Have the meter show this, and it polled."""
        meter.show(3600.0, kwh)
        seen = len(polled())
        scripts.wait_until(lambda: kwapi.site.store().get_record("oven").meter_kwh == kwh, "it")
        scripts.wait_until(lambda: len(polled()) >= seen + 2, "two more values of energy")

    with agents.polls():
        for kwh in (100.5, 101.0):
            show(kwh)
        kwapi.collector.kill()
        meter.show(3600.0, 101.5)
        kwapi.collector.start()
        show(102.0)
        show(0.25)
        kwapi.collector.stop(signal.SIGTERM)
        kwapi.collector.start()
        show(0.75)
        show(1.25)
    kwapi.settle()
    values = [sample["volume"] for sample in polled()]
    assert values == sorted(values)
    rates = telemetry.measures.get("oven", "energy", "rate:sum", telemetries.HOUR)
    assert all(rate.value >= 0 for rate in rates)
    telemetry.compare_energy("oven", of(agents.samples(), "oven", "energy"))
    # Before the reset, and from it on; what the meter counted around it nobody knows.
    assert values[-1] - values[0] >= 2.0 + 1.0 - 0.5
    assert kwapi.site.store().get_record("oven").resets == 1


def test_who_may_not_read_is_told_so(
    telemetry: telemetries.Telemetry, kwapi: measurings.Measuring
) -> None:
    """A member of some project, and somebody who has no role where he asks."""
    agents, before = telemetry.ceilometer, len(telemetry.ceilometer.samples())
    for user, project, pattern in (
        ("alice", "alice", "No samples of .* 403 .* role"),
        ("alice", "service", "(?i)keystone"),
    ):
        find = functools.partial(find_lines, agents.polling, pattern)
        with agents.polls(user, project):
            scripts.wait_until(find, f"why {user} may not poll for {project}")
            measurings.wait_for_span(2 * ceilometers.POLLING_SECONDS)
        (line, *more) = find()
        assert " ERROR " in line
        # What Ceilometer itself says it says in each cycle.
        assert project == "service" or not more
        assert "Traceback" not in agents.polling.log
    assert agents.samples()[before:] == []


def find_lines(process: daemon.Daemon, pattern: str) -> list[str]:
    """Return the lines of a log that say something."""
    return [line for line in process.log.splitlines() if re.search(pattern, line)]
