# SPDX-License-Identifier: Apache-2.0
"""kwapi-ceilometer as a process between two buses: nothing lost, nothing doubled, all told once.

Measurements are published as kwapi-drivers does, and a listener takes samples
as Ceilometer's notification agent does; what that then makes of them is the
integration tests' affair.
"""

from __future__ import annotations

import collections
import logging
import random
import re
import secrets
import signal
import time
import uuid
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from energybase.db import transaction
from kwapi import measurement
from kwapi.bus import publisher as publishers
from kwapi.bus import transport as transports
from kwapi.ceilometer import samples
from kwapi.store import store as stores
from tests.fakes import tcp_relay
from tests.functional import audit as audits
from tests.servers import ports
from tests.servers import rabbitmq as broker
from tests.servers import scripts

LOG = logging.getLogger(__name__)

PROBES = {"pdu-1": ("node-1", "node-2"), "pdu-2": ("node-3",)}
PERIOD_SECONDS = 5.0
#: A message for each sample: so many more moments to be killed at.
MANY_STEPS = {"durable_queues": True, "max_samples_per_message": 1}
OUR_DEFAULTS = {"exchange": "ceilometer", "topic": "notifications"}
Facts = dict[tuple[str, str, str], float]


class Agent:
    """Listens as Ceilometer's notification agent, and keeps what it hears.

    :ivar heard: the samples, in the order they came, repeated ones too.
    """

    def __init__(self, url: str, exchange: str, topic: str, *, durable: bool = False) -> None:
        self.heard: list[dict[str, Any]] = []
        self.events: list[str] = []
        self._url = f"{url}?amqp_durable_queues={durable}"
        self._target = oslo_messaging.Target(exchange=exchange, topic=topic)
        self._listener: Any = None
        self.queue = f"{topic}.info"

    def start(self) -> None:
        """Begin to listen; exchange and queue are there when it returns."""
        transport = oslo_messaging.get_notification_transport(cfg.ConfigOpts(), self._url)
        self._listener = oslo_messaging.get_batch_notification_listener(
            transport,
            [self._target],
            [self],
            executor="threading",
            allow_requeue=True,
            batch_size=1,
        )
        self._listener.start(override_pool_size=1)

    def stop(self) -> None:
        """Listen no more; what comes waits in the queue."""
        if self._listener is not None:
            self._listener.stop()
            self._listener.wait()
            self._listener = None

    def info(self, messages: list[dict[str, Any]]) -> None:
        """Take notifications, as oslo.messaging hands them over."""
        for message in messages:
            self.events.append(message["event_type"])
            self.heard += message["payload"]["samples"]

    def repeats(self) -> int:
        """Return how many samples came that had come before."""
        return len(self.heard) - len(self.facts())

    def facts(self) -> Facts:
        """Return volumes by meter, resource and time; one sent twice must be the same."""
        facts: Facts = {}
        ids: dict[str, tuple[str, str, str]] = {}
        for told in list(self.heard):
            key = told["counter_name"], told["resource_id"], told["timestamp"]
            assert ids.setdefault(told["message_id"], key) == key
            assert facts.setdefault(key, told["counter_volume"]) == told["counter_volume"]
        assert len(ids) == len(facts)
        return facts


class Wattmeters:
    """Publishes readings as kwapi-drivers does, and knows which samples are to come of them."""

    def __init__(self, site: scripts.Site, begin: float) -> None:
        conf = site.conf()
        self._publisher = publishers.Publisher(
            transports.get_transport(conf),
            transports.signer_of(conf),
            conf.bus.topic,
            limits=publishers.Limits(window_seconds=0.05),
        )
        self.now, self._is_started = begin, False
        self._random = random.Random(1)
        self._measured: dict[str, audits.Series] = collections.defaultdict(list)

    def start(self) -> None:
        self._is_started = True
        self._publisher.start()

    def stop(self) -> None:
        if self._is_started:
            self._publisher.stop()

    def measure(self, seconds: int = 1) -> None:
        """Let so many seconds pass, and publish a reading of each wattmeter each second."""
        for _ in range(seconds):
            self.now += 1.0
            for number, (wattmeter, probes) in enumerate(PROBES.items()):
                timestamp = self.now + number / 10
                watts = tuple(float(self._random.randrange(1000)) for _ in probes)
                reading = measurement.Reading(wattmeter, timestamp, probes, watts, (), 1.0, 0.5)
                self._publisher.publish(reading)
                for probe, value in zip(probes, watts):
                    self._measured[probe].append((timestamp, value))

    def expected(self, period_seconds: float = PERIOD_SECONDS) -> Facts:
        """Return the samples that are to be heard, with exact energy."""
        facts: Facts = {}
        for probe, measured in self._measured.items():
            kwh, slot, last = Fraction(0), -1.0, measured[0]
            for timestamp, watts in measured:
                kwh += audits.energy_kwh([last, (timestamp, watts)])
                last = timestamp, watts
                if timestamp // period_seconds != slot:
                    slot, iso = timestamp // period_seconds, samples.to_iso(timestamp)
                    facts["energy", probe, iso] = float(kwh)
                    facts["power", probe, iso] = watts
        return facts


class World:
    """A site with kwapi-ceilometer, wattmeters and Ceilometer's agent, on one broker or two."""

    def __init__(self, folder: Path, url: str, **options: object) -> None:
        """Prepare.

        :param options: of [ceilometer], beside the defaults of these tests.
        """
        self.site = scripts.Site(folder, url)
        name = f"ceilometer-{uuid.uuid4().hex}"
        self._options: dict[str, object] = {
            "exchange": name,
            "topic": name,
            "pool": f"pool-{name}",
            "period_seconds": PERIOD_SECONDS,
            "flush_seconds": 0.3,
            **options,
        }
        self.configure()
        self.service = self.site.script("kwapi-ceilometer")
        self.agent = self.build_agent(bool(options.get("durable_queues")))
        self.wattmeters = Wattmeters(self.site, float(round(time.time()) - 7200))

    def build_agent(self, durable: bool) -> Agent:
        """Return an agent that declares its queue so."""
        exchange, topic = str(self._options["exchange"]), str(self._options["topic"])
        return Agent(self.site.transport_url, exchange, topic, durable=durable)

    def configure(self, keys: str | None = None, **changed: object) -> None:
        """Write the configuration, with options of [ceilometer] changed."""
        self._options |= changed
        lines = [f"{name} = {value}" for name, value in self._options.items()]
        self.site.configure("\n".join(["[ceilometer]", *lines]), keys)

    @property
    def store(self) -> stores.Store:
        """What the service stores into."""
        conf = self.site.conf()
        return stores.Store(transaction.build(conf, "kwapi-ceilometer.sqlite", "ceilometer"))

    def start(self) -> None:
        """Start all, the service first: its queue then keeps what is measured."""
        self.service.start()
        self.wait_for_service()
        self.wattmeters.start()

    def wait_for_service(self) -> None:
        """Return when it listens."""
        pool = str(self._options["pool"])
        scripts.wait_until(
            lambda: audits.has_consumer(self.site.transport_url, pool), "its queue has a consumer"
        )

    def settle(self) -> Facts:
        """Return what was heard when all that was measured so far is."""
        expected = self.wattmeters.expected(float(str(self._options["period_seconds"])))
        scripts.wait_until(
            lambda: self.agent.facts().keys() >= expected.keys(),
            f"{len(expected)} samples",
        )
        return self.agent.facts()

    def close(self) -> None:
        self.wattmeters.stop()
        self.agent.stop()
        with audits.connect(self.site.transport_url) as link, link.channel() as channel:
            for queue in (self.agent.queue, self._options["pool"], self.site.queue):
                channel.queue_delete(queue)
            channel.exchange_delete(self._options["exchange"])
        self.site.close()


@pytest.fixture
def world(tmp_path: Path, rabbitmq: broker.RabbitMQ) -> Iterator[World]:
    made = World(tmp_path, rabbitmq.url)
    yield made
    made.close()


def count(log: str, text: str) -> int:
    """Return how often a line of our own says it."""
    return sum(text in line for line in log.splitlines() if " kwapi." in line)


AWAY, BACK = "Ceilometer's broker takes no samples", "Ceilometer's broker is back"
FULL, GOES_ON = "notification agent is away or behind", "agent takes samples again"


def test_each_probe_has_a_sample_in_each_period(world: World) -> None:
    """Exactly those, with the measurement's time and the energy until then."""
    world.agent.start()
    world.start()
    world.wattmeters.measure(100)
    heard = world.settle()
    expected = world.wattmeters.expected()
    assert heard.keys() == expected.keys()
    assert heard == pytest.approx(expected, rel=audits.RELATIVE_ERROR)
    assert set(world.agent.events) == {"telemetry.polling"}
    assert world.service.stop() == 0
    assert "Traceback" not in world.service.log


def test_ceilometers_own_code_takes_them(world: World) -> None:
    """Its endpoint for the polling agent's samples makes the same of them."""
    notifications = pytest.importorskip("ceilometer.telemetry.notifications")
    world.agent.start()
    world.start()
    world.wattmeters.measure(1)
    world.settle()
    endpoint = notifications.TelemetryIpc.__new__(notifications.TelemetryIpc)
    taken = list(endpoint.build_sample({"payload": {"samples": world.agent.heard}}))
    first = next(sample for sample in taken if (sample.name, sample.resource_id) == MEASURED)
    assert (first.type, first.unit, first.project_id) == ("gauge", "W", None)
    assert first.get_iso_timestamp().timestamp() == world.wattmeters.now
    assert first.resource_metadata["wattmeter"] == "pdu-1"
    assert first.resource_metadata["host"] == "node-1"


MEASURED = "power", "node-1"


@pytest.mark.usefixtures("trial")
def test_nothing_is_lost_nor_doubled_whatever_is_killed(
    tmp_path: Path, rabbitmq: broker.RabbitMQ
) -> None:
    """The service, while it works and while the broker is away; and the broker, time and again."""
    # As Ceilometer has it by default, but for what makes it survive the broker.
    world = World(tmp_path, rabbitmq.url, **OUR_DEFAULTS, **MANY_STEPS)
    seed = random.randrange(2**32)
    LOG.warning("The moments are those of seed %d", seed)
    moments = random.Random(seed)
    try:
        world.agent.start()
        world.start()
        # Until it was killed between sending and storing; each time between some two steps.
        for _ in range(40):
            if world.agent.repeats():
                break
            kill_while_it_sends(world, moments.uniform(0, 0.03))
            measure_while(world, moments.uniform(0, 0.5))
            world.service.start()
        for end in (rabbitmq.kill, rabbitmq.stop):
            measure_while(world, moments.uniform(0, 1.0))
            end()
            measure_while(world, moments.uniform(0, 1.0))
            world.service.kill()
            measure_while(world, moments.uniform(0, 1.0))
            world.service.start()
            measure_while(world, moments.uniform(0, 2.0))
            rabbitmq.start()
            world.wait_for_service()
            measure_while(world, 1.0)
        heard = world.settle()
        expected = world.wattmeters.expected()
        assert heard.keys() == expected.keys()
        assert heard == pytest.approx(expected, rel=audits.RELATIVE_ERROR)
        LOG.warning("%d samples, %d heard twice", len(heard), world.agent.repeats())
        assert world.agent.repeats() > 0
        assert world.service.stop() == 0
        tallies = world.store.get_tallies()
        assert not {"lost", "dropped", "gap", "late"} & {k for k, v in tallies.items() if v}
    finally:
        if not audits.is_broker(rabbitmq.url):
            rabbitmq.restart()
        world.close()


def kill_while_it_sends(world: World, seconds: float) -> None:
    """Kill the service so long after something new of it was heard."""
    before = len(world.agent.heard)

    def is_heard() -> bool:
        world.wattmeters.measure()
        return len(world.agent.heard) > before

    scripts.wait_until(is_heard, "a sample")
    time.sleep(seconds)
    world.service.kill()


def measure_while(world: World, seconds: float) -> None:
    """Have measured what fits in; a second of the wattmeters' is shorter than ours."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        world.wattmeters.measure()
        time.sleep(0.02)


def test_an_outage_of_ceilometers_broker_is_told_once(
    tmp_path: Path, rabbitmq: broker.RabbitMQ
) -> None:
    """Measurements wait on our own meanwhile, also for another process."""
    relay = tcp_relay.TcpRelay(rabbitmq.port)
    url = f"rabbit://guest:guest@127.0.0.1:{relay.port}/"
    world = World(tmp_path, rabbitmq.url, transport_url=url)
    try:
        world.agent.start()
        world.start()
        world.wattmeters.measure(20)
        world.settle()
        relay.vanish()
        world.wattmeters.measure(20)
        world.service.wait_for_log(AWAY)
        # Several tries later, and with more to send.
        world.wattmeters.measure(20)
        time.sleep(3)
        assert count(world.service.log, AWAY) == 1
        world.service.kill()
        world.service.start()
        world.service.wait_for_log(AWAY, 2)
        relay.come_back()
        world.service.wait_for_log(BACK)
        assert world.settle() == pytest.approx(world.wattmeters.expected(), rel=1e-9)
        assert count(world.service.log, BACK) == 1
        assert world.service.stop() == 0
    finally:
        relay.close()
        world.close()


def test_it_stops_while_ceilometers_broker_is_away(
    tmp_path: Path, rabbitmq: broker.RabbitMQ
) -> None:
    """In order, and the next process sends what this one could not."""
    (port,) = ports.find_tcp(1)
    world = World(tmp_path, rabbitmq.url, transport_url=f"rabbit://guest:guest@127.0.0.1:{port}/")
    try:
        world.agent.start()
        world.start()
        world.wattmeters.measure(20)
        world.service.wait_for_log(AWAY)
        assert world.service.stop() == 0
        world.configure(transport_url=rabbitmq.url)
        world.service.start()
        assert world.settle() == pytest.approx(world.wattmeters.expected(), rel=1e-9)
    finally:
        world.close()


def test_no_more_is_sent_than_ceilometer_can_take(
    tmp_path: Path, rabbitmq: broker.RabbitMQ
) -> None:
    """Its queue stays as short as configured, and when it is taken from, all arrives."""
    world = World(tmp_path, rabbitmq.url, max_queued_messages=10, max_samples_per_message=3)
    try:
        world.agent.start()
        world.agent.stop()
        world.start()
        world.wattmeters.measure(200)
        world.service.wait_for_log(FULL)
        time.sleep(2)
        with audits.connect(rabbitmq.url) as link:
            queue = link.channel().queue_declare(world.agent.queue, passive=True)
        assert queue.message_count == 10
        world.agent.start()
        assert world.settle() == pytest.approx(world.wattmeters.expected(), rel=1e-9)
        world.service.wait_for_log(GOES_ON)
        assert count(world.service.log, FULL) == count(world.service.log, GOES_ON)
        assert world.service.stop() == 0
    finally:
        world.close()


def test_samples_too_old_are_dropped_and_their_energy_is_not(
    tmp_path: Path, rabbitmq: broker.RabbitMQ
) -> None:
    world = World(tmp_path, rabbitmq.url, max_behind_seconds=3600)
    try:
        world.agent.start()
        world.start()
        world.wattmeters.now = float(round(time.time()) - 3600 - 50)
        world.wattmeters.measure(100)
        expected = world.wattmeters.expected()
        newest = max(key[2] for key in expected)
        scripts.wait_until(
            lambda: newest in {key[2] for key in world.agent.facts()}, "the newest sample"
        )
        heard = world.agent.facts()
        assert heard == pytest.approx({key: expected[key] for key in heard}, rel=1e-9)
        # When none are dropped any more, all are told of.
        world.wattmeters.measure(20)
        told = world.service.wait_for_log(
            r"(\d+) samples of 3 resources between (\S+) and (\S+) were dropped"
        )
        assert int(told[1]) == len(expected) - len(heard) > 0
        assert told[2] == min(key[2] for key in expected)
        assert told[3] == max(key[2] for key in expected.keys() - heard.keys())
        assert len(re.findall("were dropped", world.service.log)) == 1
    finally:
        world.close()


def test_garbage_on_the_bus_stops_nobody(world: World) -> None:
    world.agent.start()
    world.start()
    world.wattmeters.measure(20)
    transport = transports.get_transport(world.site.conf())
    target = oslo_messaging.Target(topic=f"{world.site.topic}.info")
    forged = transports.signer_of(world.site.conf()).seal('{"readings": [{"a": 1}]}', time.time())
    nonsense: list[Any] = [
        {},
        [],
        "text",
        None,
        {"payload": {}},
        {"event_type": "x", "payload": {"version": 1}},
        {"payload": forged},
        {"payload": {**forged, "body": "{}"}},
    ]
    for payload in nonsense:
        message = payload if isinstance(payload, dict) else {"payload": payload}
        transport._send_notification(target, {}, {"priority": "INFO", **message}, version=2.0)
    world.wattmeters.measure(20)
    assert world.settle() == pytest.approx(world.wattmeters.expected(), rel=1e-9)
    assert world.service.is_running
    assert "Traceback" not in world.service.log


def test_other_properties_of_the_queue_are_told_with_what_to_do(
    tmp_path: Path, rabbitmq: broker.RabbitMQ
) -> None:
    """And once they are the same, nothing was lost meanwhile."""
    world = World(tmp_path, rabbitmq.url, durable_queues=False)
    world.agent = world.build_agent(durable=True)
    try:
        world.agent.start()
        world.start()
        world.wattmeters.measure(20)
        told = world.service.wait_for_log(r"ERROR.*\[ceilometer\] durable_queues must be .*")[0]
        assert "PRECONDITION_FAILED" in told
        assert count(world.service.log, "durable_queues must be") == 1
        assert world.service.stop() == 0
        world.configure(durable_queues=True)
        world.service.start()
        assert world.settle() == pytest.approx(world.wattmeters.expected(), rel=1e-9)
    finally:
        world.close()


def test_a_reload_takes_up_keys_and_what_is_sampled(world: World) -> None:
    world.agent.start()
    world.start()
    world.wattmeters.measure(20)
    world.settle()
    second = secrets.token_hex(32)
    world.site.add_secret(second)
    keys = f"signing_keys = second:{second}"
    world.configure(keys, meters="power,hardware.ipmi.node.power", event_type="ignored")
    world.service.send(signal.SIGHUP)
    world.service.wait_for_log("Reloading the configuration")
    # What is signed by the old key is refused now.
    world.wattmeters.measure(1)
    world.service.wait_for_log("key 'first' is not known here")
    world.wattmeters.stop()
    world.wattmeters = Wattmeters(world.site, world.wattmeters.now + 60)
    world.wattmeters.start()
    world.wattmeters.measure(20)
    hosts = {"node-1_node-1", "node-2_node-2", "node-3_node-3"}
    scripts.wait_until(lambda: {key[1] for key in world.agent.facts()} >= hosts, "the hosts' power")
    since = samples.to_iso(world.wattmeters.now - 20)
    meters = {key[0] for key in world.agent.facts() if key[2] > since}
    assert meters == {"power", "hardware.ipmi.node.power"}


def test_a_wrong_file_at_reload_changes_nothing(world: World) -> None:
    world.agent.start()
    world.start()
    world.configure(host_pattern="(")
    world.service.send(signal.SIGHUP)
    told = world.service.wait_for_log(r"ERROR.*going on with the configuration as it was")[0]
    assert "[ceilometer] host_pattern, host_probes: " in told
    world.wattmeters.measure(20)
    assert world.settle() == pytest.approx(world.wattmeters.expected(), rel=1e-9)
    assert world.service.stop() == 0


def test_it_waits_for_a_broker_and_stops_meanwhile(tmp_path: Path) -> None:
    (port,) = ports.find_tcp(1)
    site = scripts.Site(tmp_path, f"rabbit://guest:guest@127.0.0.1:{port}/")
    try:
        service = site.script("kwapi-ceilometer")
        service.start()
        service.wait_for_log("ECONNREFUSED|Connection refused")
        assert service.stop() == 0
        assert "Traceback" not in service.log
    finally:
        site.close()


def test_it_waits_for_its_database_and_stops_meanwhile(tmp_path: Path) -> None:
    """Without its password in the log."""
    (port,) = ports.find_tcp(1)
    site = scripts.Site(tmp_path, "rabbit://127.0.0.1:1/")
    try:
        site.add_secret("s3cret")
        site.configure(
            f"[ceilometer]\nconnection = mysql+pymysql://kwapi:s3cret@127.0.0.1:{port}/kwapi"
        )
        service = site.script("kwapi-ceilometer")
        service.start()
        service.wait_for_log("ERROR.*The database is away, nothing is published meanwhile")
        service.send(signal.SIGHUP)
        assert service.stop() == -signal.SIGTERM
        assert "Traceback" not in service.log
    finally:
        site.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("host_pattern = node-.*", r"\[ceilometer\] host_pattern, host_probes: .*no group"),
        ("host_probes = n:a b,m:b", r"\[ceilometer\] host_pattern, host_probes: .*Probe b"),
        ("meters = energy,watts", "option meters .*found 'watts'"),
        ("transport_url = rabit://u:s3cret@here/", r"\[ceilometer\] transport_url: is no"),
        ("connection = oracel://u:s3cret@here/", r"\[ceilometer\] connection: is no database"),
        ("connection = sqlite:////proc/no/x.sqlite", r"\[ceilometer\] connection: /proc/no/x"),
        ("connection = sqlite:////dev/null/x", r"\[ceilometer\] connection: /dev/null/x"),
        (
            "connection = sqlite:////tmp/x\n[database]\nconnection = sqlite:////tmp/x",
            r"\[ceilometer\] connection: must not be that of \[database\]",
        ),
        ("[bus]\nsigning_keys =", r"\[bus\] signing_keys: no key is set"),
        ("period_seconds = 0", "period_seconds"),
    ],
)
def test_what_is_configured_wrong_is_told_in_a_sentence(
    tmp_path: Path, text: str, told: str
) -> None:
    site = scripts.Site(tmp_path, "rabbit://127.0.0.1:1/")
    try:
        site.configure(f"[ceilometer]\n{text}")
        service = site.script("kwapi-ceilometer")
        assert service.run() == 2
        last = service.log.strip().splitlines()[-1]
        assert re.match(f"kwapi-ceilometer: .*{told}", last), service.log
        assert "Traceback" not in service.log
        assert "s3cret" not in service.log
    finally:
        site.close()


def test_help_says_what_it_does(tmp_path: Path) -> None:
    script = scripts.Script("kwapi-ceilometer", ["--help"], tmp_path / "log")
    assert script.run() == 0
    assert "usage: kwapi-ceilometer" in script.log
    assert "--config-file" in script.log


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    script = scripts.Script("kwapi-ceilometer", ["--config-file", "/no/file"], tmp_path / "log")
    assert script.run() == 2
    assert script.log.startswith("kwapi-ceilometer: ")
    assert "/no/file" in script.log
