# SPDX-License-Identifier: Apache-2.0
"""One contract for every SNMP library, agent and version: the driver reads what is there.

Peers: net-snmp's snmpd and snmpsim with a recording, and our simulated rack.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest

from allinone.simulator import agent
from allinone.simulator import rack
from kwapi import exception
from kwapi.drivers.snmp import client as snmp_client
from kwapi.drivers.snmp import driver as snmp
from kwapi.drivers.snmp import engine as snmp_engine
from tests import conftest
from tests.servers import ports
from tests.servers import snmp_peers

pytestmark = [
    pytest.mark.pairwise("peer", "library", "version"),
    # ``peer`` asks for the agents by name, which nobody sees beforehand.
    pytest.mark.xdist_group("test_snmp"),
]

LIBRARIES = ("pysnmp", "gufo")
VERSIONS = ("1", "2c", "3")
_EATON = "1.3.6.1.4.1.534.6.6.7"
_WATTS, _WATT_HOURS = f"{_EATON}.6.5.1.3.0.", f"{_EATON}.6.5.1.4.0."
_SECRETS = (snmp_peers.AUTH_PASSWORD, snmp_peers.PRIV_PASSWORD, "wrong-secret")

MakeDriver = Callable[..., snmp.Snmp]


def _column(recording: dict[str, tuple[str, str]], prefix: str) -> dict[int, int]:
    return {
        int(oid.removeprefix(prefix)): int(value)
        for oid, (_, value) in recording.items()
        if oid.startswith(prefix)
    }


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[snmp_peers.Snmpd]:
    """A running snmpd with the recording."""
    found = snmp_peers.Snmpd(tmp_path_factory.mktemp("snmpd"), snmp_peers.SAMPLES / "eaton.snmprec")
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def snmpsim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[snmp_peers.Snmpsim]:
    """A running snmpsim with the same recording."""
    directory = tmp_path_factory.mktemp("snmpsim")
    found = snmp_peers.Snmpsim(directory, snmp_peers.SAMPLES / "eaton.snmprec")
    found.start()
    yield found
    found.stop()


def make_agent(**options: Any) -> agent.Agent:
    """Return a rack's PDU whose time stands still, not started."""
    user = agent.User(snmp_peers.USER, snmp_peers.AUTH_PASSWORD, snmp_peers.PRIV_PASSWORD)
    options = {"community": snmp_peers.COMMUNITY, "user": user, **options}
    return agent.Agent(rack.Rack(1, 1_700_000_000.0), now=lambda: 1_700_000_000.0, **options)


@pytest.fixture(scope="module")
def simulator() -> Iterator[agent.Agent]:
    """Our own agent, running."""
    found = make_agent()
    found.start()
    yield found
    found.stop()


@pytest.fixture(params=("snmpd", "snmpsim", "simulator"))
def peer(request: pytest.FixtureRequest) -> snmp_peers.Peer:
    """Each of the agents, and what it serves."""
    found = request.getfixturevalue(request.param)
    if isinstance(found, agent.Agent):
        outlets = found._rack.outlets
        watts = {number: outlet.watts for number, outlet in outlets.items()}
        watt_hours = {number: int(outlet.watt_hours) for number, outlet in outlets.items()}
    else:
        recording = snmp_peers.read_recording(snmp_peers.SAMPLES / "eaton.snmprec")
        watts, watt_hours = _column(recording, _WATTS), _column(recording, _WATT_HOURS)
    return snmp_peers.Peer(request.param, found.port, watts, watt_hours)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    """Each of the libraries."""
    name: str = request.param
    return name


@pytest.fixture
def make_driver(library: str) -> Iterator[MakeDriver]:
    """Makes drivers that are closed at the end."""
    made: list[snmp.Snmp] = []

    def make(port: int, version: str = "2c", probes: Any = None, **parameters: Any) -> snmp.Snmp:
        secrets: dict[str, Any] = {"community": snmp_peers.COMMUNITY}
        if version == "3":
            secrets = {
                "user": snmp_peers.USER,
                "auth_password": snmp_peers.AUTH_PASSWORD,
                "priv_password": snmp_peers.PRIV_PASSWORD,
            }
        settings: dict[str, Any] = {"ip": "127.0.0.1", "timeout_seconds": 5.0, "client": library}
        settings.update(secrets, **parameters)
        outlets = [f"outlet-{number}" for number in range(1, 25)]
        made.append(
            snmp.Snmp(
                "pdu",
                outlets if probes is None else probes,
                lambda _reading: None,
                port=port,
                protocol=version,
                **settings,
            )
        )
        return made[-1]

    yield make
    for driver in made:
        driver.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_value_is_its_own_outlets(
    make_driver: MakeDriver, peer: snmp_peers.Peer, version: str
) -> None:
    """Outlets that are absent, or not available, shift nothing."""
    driver = make_driver(peer.port, version, oid=f"{_EATON}.6.5.1.3")
    driver.open()
    expected = {n: w for n, w in peer.watts.items() if w >= 0}
    assert len(expected) < 24  # each peer has an outlet missing
    for _ in range(2):
        measured = driver.read()
        assert {p: m.watts for p, m in measured.items()} == {
            f"outlet-{n}": w for n, w in expected.items()
        }
        assert {p: m.kwh for p, m in measured.items()} == {
            f"outlet-{n}": pytest.approx(peer.watt_hours[n] / 1000) for n in expected
        }


def test_the_device_says_what_it_is(make_driver: MakeDriver, peer: snmp_peers.Peer) -> None:
    """Neither oid nor profile: sysObjectID tells, and brings period and resolution."""
    driver = make_driver(peer.port)
    driver.open()
    assert driver.read()["outlet-1"].watts == peer.watts[1]
    assert (driver.period_seconds, driver.resolution_watts) == (5, 1)


@pytest.mark.parametrize("version", ("1", "2c"))
def test_a_wrong_community_is_silence(
    make_driver: MakeDriver, peer: snmp_peers.Peer, version: str
) -> None:
    """The time-out says what else it may be, without the secret."""
    driver = make_driver(
        peer.port, version, community="wrong-secret", timeout_seconds=0.3, retries=0
    )
    with pytest.raises(exception.WattmeterUnreachable, match="community") as caught:
        driver.open()
    assert not any(secret in str(caught.value) for secret in _SECRETS)


@pytest.mark.parametrize(
    "wrong", ({"auth_password": "wrong-secret"}, {"user": "nobody"}, {"auth_protocol": "MD5"})
)
def test_wrong_credentials_are_refused(
    make_driver: MakeDriver, peer: snmp_peers.Peer, wrong: dict[str, str]
) -> None:
    """SNMPv3 says so, and so do we; then the right ones work on the same engine."""
    driver = make_driver(peer.port, "3", **wrong)
    with pytest.raises(exception.WattmeterRefused) as caught:
        driver.open()
    driver.close()
    assert not any(secret in str(caught.value) for secret in _SECRETS)
    driver = make_driver(peer.port, "3")
    driver.open()
    assert driver.read()["outlet-1"].watts == peer.watts[1]


def test_a_wrong_privacy_password_is_an_error(
    make_driver: MakeDriver, peer: snmp_peers.Peer
) -> None:
    """Agents answer it with silence, a report or garbage; never with values."""
    driver = make_driver(
        peer.port, "3", priv_password="wrong-secret", timeout_seconds=0.5, retries=0
    )
    with pytest.raises(exception.WattmeterError) as caught:
        driver.open()
    assert not any(secret in str(caught.value) for secret in _SECRETS)


@pytest.mark.parametrize(
    ("user", "auth", "priv"),
    (
        ("md5des", "MD5", "DES"),
        ("sha256aes", "SHA-256", "AES"),
        ("sha512aes256", "SHA512", "AES256"),
    ),
)
def test_other_protocols(
    make_driver: MakeDriver, snmpd: snmp_peers.Snmpd, user: str, auth: str, priv: str
) -> None:
    """From the oldest to the newest that snmpd and both libraries know."""
    driver = make_driver(snmpd.port, "3", user=user, auth_protocol=auth, priv_protocol=priv)
    driver.open()
    assert driver.read()["outlet-1"].watts == 90


@pytest.mark.parametrize("known", ({}, {"auth_password": snmp_peers.AUTH_PASSWORD}))
def test_lower_security_levels(
    make_driver: MakeDriver, snmpd: snmp_peers.Snmpd, known: dict[str, str]
) -> None:
    """As the first Kwapi, with a user only; and with authentication only."""
    driver = make_driver(snmpd.port, "3", **{"auth_password": None, "priv_password": None, **known})
    driver.open()
    assert driver.read()["outlet-1"].watts == 90


def test_the_simulator_wants_the_whole_security_level(
    make_driver: MakeDriver, simulator: agent.Agent
) -> None:
    """Its user may not read without authentication and privacy."""
    driver = make_driver(
        simulator.port,
        "3",
        auth_password=None,
        priv_password=None,
        timeout_seconds=0.5,
        retries=0,
    )
    with pytest.raises(exception.WattmeterError):
        driver.open()


@pytest.mark.parametrize("version", VERSIONS)
def test_nobody_is_there(make_driver: MakeDriver, version: str) -> None:
    """A closed port, or a host that takes requests and answers none."""
    with snmp_peers.SilentPort() as silent:
        for port in (ports.find_udp(), silent):
            driver = make_driver(port, version, timeout_seconds=0.3, retries=0)
            with pytest.raises(exception.WattmeterUnreachable):
                driver.open()
            driver.close()


def test_a_name_that_does_not_resolve(make_driver: MakeDriver) -> None:
    """Said as such, not as a time-out."""
    driver = make_driver(161, ip=None, host="pdu.invalid")
    with pytest.raises(exception.WattmeterUnreachable, match="resolved"):
        driver.open()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_small_device_is_asked_for_less(library: str, version: str) -> None:
    """A request that is too big is halved, and the size that works is kept."""
    small = make_agent(max_objects=10)
    small.start()
    try:
        client = snmp_client.create_client(
            library, snmp_client.Endpoint("127.0.0.1", small.port), _credentials(version)
        )
        client.open()
        sizes: list[int] = []
        reader = snmp_client.ObjectReader(_Noting(client, sizes), 48)
        oids = [
            f"{prefix}{n}" for prefix in (_WATTS, _WATT_HOURS) for n in (1, 2, 3, 4, 5, 6, 8, 9)
        ]
        for _ in range(2):
            sizes.clear()
            assert set(reader.read(oids)) == set(oids)
        assert max(sizes) <= 10
        client.close()
    finally:
        small.stop()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_device_goes_away_and_comes_back(make_driver: MakeDriver, version: str) -> None:
    """Reading fails meanwhile; then a new session works, on the same engine."""
    pdu = make_agent(port=ports.find_udp())
    pdu.start()
    driver = make_driver(pdu.port, version, timeout_seconds=1.0, retries=1)
    driver.open()
    before = driver.read()
    pdu.stop()
    with pytest.raises(exception.WattmeterUnreachable):
        driver.read()
    driver.close()
    pdu.start()
    try:
        _open(driver)
        assert driver.read() == before
    finally:
        pdu.stop()


def test_a_device_reboots_unnoticed(make_driver: MakeDriver) -> None:
    """SNMPv3: its clock starts anew between two readings; the driver recovers by opening again."""
    pdu = make_agent(port=ports.find_udp())
    pdu.start()
    driver = make_driver(pdu.port, "3", timeout_seconds=1.0)
    driver.open()
    before = driver.read()
    pdu.stop()
    pdu.start()
    try:
        try:
            after = driver.read()
        except exception.WattmeterError:
            driver.close()
            _open(driver)
            after = driver.read()
        assert after == before
    finally:
        pdu.stop()


@pytest.mark.parametrize(
    ("version", "garbage"),
    (("1", b""), ("2c", b"\x30\x82\xff\xff"), ("2c", b"not SNMP at all"), ("3", b"\x30\x02\x02")),
)
def test_garbage_is_an_error(
    library: str, simulator: agent.Agent, version: str, garbage: bytes
) -> None:
    """Whatever comes back instead of an answer; the next request is served."""
    spoilt = [garbage + b"\0"]
    with snmp_peers.Relay(simulator.port, lambda right, _: spoilt or [right]) as port:
        endpoint = snmp_client.Endpoint("127.0.0.1", port, timeout_seconds=0.5, retries=0)
        client = snmp_client.create_client(library, endpoint, _credentials(version))
        with pytest.raises(exception.WattmeterError):
            client.open()
            client.get([f"{_WATTS}1"])
        client.close()
        spoilt.clear()
        client.open()
        assert client.get([f"{_WATTS}1"]).keys() == {f"{_WATTS}1"}
        client.close()


@pytest.mark.parametrize("version", ("1", "2c"))
def test_a_late_answer_is_nobodys(library: str, simulator: agent.Agent, version: str) -> None:
    """One that comes after its time-out is not taken for the next request's."""
    late: list[bytes] = []

    def delay_first(answer: bytes, answers: int) -> list[bytes]:
        if answers:
            return [*late, answer]
        late.append(answer)
        return []

    with snmp_peers.Relay(simulator.port, delay_first) as port:
        endpoint = snmp_client.Endpoint("127.0.0.1", port, timeout_seconds=1.0, retries=0)
        client = snmp_client.create_client(library, endpoint, _credentials(version))
        client.open()
        with pytest.raises(exception.WattmeterUnreachable):
            client.get([f"{_WATTS}1"])
        assert client.get([f"{_WATTS}2"]).keys() == {f"{_WATTS}2"}
        client.close()
    assert late


@pytest.mark.parametrize("version", VERSIONS)
def test_lost_and_doubled_datagrams(
    make_driver: MakeDriver, simulator: agent.Agent, version: str
) -> None:
    """A lost answer is asked for again; one that comes twice counts once."""

    def spoil(answer: bytes, answers: int) -> list[bytes]:
        return [] if answers % 4 == 3 else [answer, answer]

    with snmp_peers.Relay(simulator.port, spoil) as port:
        driver = make_driver(port, version, timeout_seconds=0.5, retries=4, profile="eaton")
        driver.open()
        readings = [driver.read() for _ in range(4)]
    assert all(reading == readings[0] and len(reading) == 23 for reading in readings)


def test_counters_are_read_at_the_devices_own_pace(
    make_driver: MakeDriver, simulator: agent.Agent
) -> None:
    """Read more often than there are new values they cost nothing in between, but are there."""
    sizes: list[int] = []

    def note(answer: bytes, _answers: int) -> list[bytes]:
        sizes.append(len(answer))
        return [answer]

    with snmp_peers.Relay(simulator.port, note) as port:
        driver = make_driver(port, profile="eaton", period_seconds=1)
        driver.open()
        first = driver.read()
        sizes.clear()
        assert all(driver.read() == first for _ in range(10))
    assert all(measured.kwh is not None for measured in first.values())
    assert len(sizes) == 10
    assert sum(size > (min(sizes) + max(sizes)) / 2 for size in sizes) == 2


def test_one_user_with_other_passwords_elsewhere(
    make_driver: MakeDriver, simulator: agent.Agent
) -> None:
    """Two devices may know the same user by different passwords, at the same time."""
    other = make_agent(user=agent.User(snmp_peers.USER, "other-auth-1", "other-priv-1"))
    other.start()
    try:
        first = make_driver(simulator.port, "3")
        second = make_driver(
            other.port, "3", auth_password="other-auth-1", priv_password="other-priv-1"
        )
        for driver in (first, second):
            driver.open()
        for driver in (first, second, first):
            assert len(driver.read()) == 23
    finally:
        other.stop()


def test_many_drivers_read_at_once(make_driver: MakeDriver, snmpd: snmp_peers.Snmpd) -> None:
    """Each from a thread of its own, with mixed versions: nobody gets another's values."""
    drivers = [
        make_driver(snmpd.port, version, [None] * n + [f"only-{n}"])
        for n, version in zip((0, 1, 3, 5, 6, 7, 8, 9), itertools.cycle(VERSIONS), strict=False)
    ]
    failures: list[object] = []

    def work(driver: snmp.Snmp) -> None:
        try:
            driver.open()
            for _ in range(5):
                ((probe, measured),) = driver.read().items()
                number = int(probe.removeprefix("only-")) + 1
                if measured.watts != 83 + 7 * number:
                    failures.append((probe, measured))
        except Exception as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(driver,)) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("library", ("pysnmp",), indirect=True)
def test_very_many_start_at_once(make_driver: MakeDriver, snmpd: snmp_peers.Snmpd) -> None:
    """All on one thread: answers that wait to be read there are not taken for late ones."""
    drivers = [
        make_driver(snmpd.port, profile="eaton", timeout_seconds=2.0, retries=0) for _ in range(150)
    ]
    together = threading.Barrier(len(drivers))

    def work(driver: snmp.Snmp) -> int:
        together.wait()
        driver.open()
        return len(driver.read())

    with futures.ThreadPoolExecutor(len(drivers)) as pool:
        assert set(pool.map(work, drivers)) == {22}


def test_stopping_does_not_wait_for_a_dead_device(make_driver: MakeDriver) -> None:
    """And what was cut short is not told as a failure."""
    with snmp_peers.SilentPort() as port:
        driver = make_driver(port, timeout_seconds=2.0, retries=10)
        driver.start()
        conftest.wait(lambda: driver.busy_seconds() > 0)
        driver.stop()
        driver.join(18.0)  # 22 s, if it waited
        assert not driver.is_alive()
    assert driver.status.last_error is None


def test_opening_again_does_not_fill_the_engine(simulator: agent.Agent) -> None:
    """A device that comes and goes for years has one entry."""
    worker = snmp_engine.get_worker()
    endpoint = snmp_client.Endpoint("127.0.0.1", simulator.port, timeout_seconds=5.0)
    client = snmp_client.create_client("pysnmp", endpoint, _credentials("2c"))
    client.open()
    entries = sum(len(engine._addresses) for engine in worker._engines)
    for _ in range(3):
        client.close()
        client.open()
        assert client.get([f"{_WATTS}1"])
    assert sum(len(engine._addresses) for engine in worker._engines) == entries


@pytest.mark.parametrize(
    ("parameters", "probes", "expected"),
    (
        ({"table": "groups"}, ["a", None, "c"], {"a": (801, 700.001), "c": (803, 700.003)}),
        # Older firmware: the total is row 4 of the phases' table.
        ({"table": "inputs"}, ["in"], {"in": (2406, 2406)}),
        # The second device of the chain has newer firmware, with a table of totals.
        ({"table": "inputs", "strapping": 1}, ["in"], {"in": (4321, 987.654)}),
        ({"strapping": 1}, [None, "b"], {"b": (1097, 124.69)}),
        ({"oid": f"{_EATON}.6.5.1.3.1"}, [None, "b"], {"b": (1097, 124.69)}),
        # Across the chain: a server with a supply on each device.
        ({"outlets": {"a": ["0.1", "1.2"]}}, ["a"], {"a": (90 + 1097, 12.345 + 124.69)}),
        # Two supplies; the second server has one on an outlet that is absent.
        (
            {"outlets": {"a": [1, 13], "b": [2, 5]}},
            ["a", "b"],
            {"a": (90 + 174, 12.345 + 160.485)},
        ),
        ({}, ["a", "b", None, None, None, "a"], {"a": (90 + 125, 86.415), "b": (97, 24.69)}),
        # A column nobody knows: apparent power, say; found with its index in two parts.
        ({"oid": f"{_EATON}.6.5.1.4", "scale": 0.1}, ["a"], {"a": (1234.5, None)}),
    ),
)
def test_what_may_be_measured(
    make_driver: MakeDriver,
    snmpd: snmp_peers.Snmpd,
    parameters: dict[str, Any],
    probes: list[str | None],
    expected: dict[str, tuple[float, float | None]],
) -> None:
    """Groups, inputs, a daisy chain, sums, and columns that no profile knows."""
    profile = {} if "oid" in parameters else {"profile": "eaton"}
    driver = make_driver(snmpd.port, "2c", probes, **profile, **parameters)
    driver.open()
    measured = driver.read()
    assert {p: m.watts for p, m in measured.items()} == {p: w for p, (w, _) in expected.items()}
    for probe, (_, kwh) in expected.items():
        assert measured[probe].kwh == (None if kwh is None else pytest.approx(kwh))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_device_without_these_objects(
    make_driver: MakeDriver, snmpd: snmp_peers.Snmpd, version: str
) -> None:
    """A wrong oid is an error that says what to look at, not an empty reading."""
    driver = make_driver(snmpd.port, version, ["a", "b"], oid="1.3.6.1.4.1.99999.1")
    driver.open()
    with pytest.raises(exception.MalformedAnswer, match="check oid"):
        driver.read()


def test_the_older_eaton(make_driver: MakeDriver, tmp_path: Path) -> None:
    """Revelation has another layout, without energy counters; outlet 2 is absent."""
    device = snmp_peers.Snmpd(tmp_path, snmp_peers.SAMPLES / "eaton_revelation.snmprec")
    device.start()
    try:
        driver = make_driver(device.port, "1", ["a", "b", "c"])
        driver.open()
        measured = driver.read()
    finally:
        device.stop()
    assert {p: tuple(m) for p, m in measured.items()} == {
        "a": (61, None, None),
        "c": (63, None, None),
    }


class _Noting(snmp_client.SnmpClient):
    """Passes requests on, and notes how big they were."""

    def __init__(self, client: snmp_client.SnmpClient, sizes: list[int]) -> None:
        self._client, self._sizes = client, sizes

    def open(self) -> None:
        self._client.open()

    def get(self, oids: Any) -> dict[str, snmp_client.Value]:
        self._sizes.append(len(oids))
        return self._client.get(oids)

    def close(self) -> None:
        self._client.close()


def _credentials(version: str) -> snmp_client.Credentials:
    if version != "3":
        return snmp_client.Credentials(version, community=snmp_peers.COMMUNITY)
    return snmp_client.Credentials(
        version,
        user=snmp_peers.USER,
        auth_password=snmp_peers.AUTH_PASSWORD,
        priv_password=snmp_peers.PRIV_PASSWORD,
    )


def _open(driver: snmp.Snmp) -> None:
    """Open as the driver's loop does: again, until it works."""
    for attempt in range(20):
        try:
            return driver.open()
        except exception.WattmeterError:
            driver.close()
            if attempt == 19:
                raise
