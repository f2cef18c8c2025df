# SPDX-License-Identifier: Apache-2.0
"""Each console script as a process: what signals, wrong files and outages make of it.

At the end of each test every log is searched for every secret.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kwapi import signing
from kwapi.bus import transport as transports
from tests.functional import audit as audits
from tests.functional import databases
from tests.functional import rabbitmq as broker
from tests.functional import scripts

FLUSH = "[collector]\nflush_seconds = 0.3\n"


@pytest.fixture
def site(tmp_path: Path, rabbitmq: broker.RabbitMQ) -> Iterator[scripts.Site]:
    """A site with a broker, an SQLite database and no wattmeter yet."""
    made = scripts.Site(tmp_path, rabbitmq.url)
    made.configure(FLUSH)
    yield made
    made.close()


@pytest.fixture
def lone_site(tmp_path: Path) -> Iterator[scripts.Site]:
    """A site whose broker is not there."""
    (port,) = broker.free_ports(1)
    made = scripts.Site(tmp_path, f"rabbit://guest:guest@127.0.0.1:{port}/")
    yield made
    made.close()


@pytest.fixture
def audit(site: scripts.Site) -> Iterator[audits.Audit]:
    """Hears all that the site's drivers send."""
    made = audits.Audit(site)
    made.start()
    yield made
    made.stop()


def dummy(name: str, watts: int = 100) -> str:
    """Return the section of a wattmeter with one probe of a constant power."""
    parameters = {"min": watts, "max": watts, "period_seconds": 0.2}
    return f"[{name}]\ndriver = Dummy\nprobes = ['{name}.1']\nparameters = {parameters}\n"


def wait_for_measurements(audit: audits.Audit, probe: str, watts: float, count: int = 3) -> None:
    """Return when so many more measurements of this power are heard."""

    def heard() -> int:
        return sum(measured[1] == watts for measured in audit.series().get(probe, ()))

    wanted = heard() + count
    scripts.wait_until(lambda: heard() >= wanted, f"{count} measurements of {probe}")


# ---- kwapi-drivers


def test_drivers_take_up_a_changed_file(site: scripts.Site, audit: audits.Audit) -> None:
    """On SIGHUP only the wattmeters whose section changed are touched."""
    site.drivers_conf.write_text(dummy("kept") + dummy("changed") + dummy("removed"))
    drivers = site.script("kwapi-drivers")
    drivers.start()
    for name in ("kept", "changed", "removed"):
        wait_for_measurements(audit, f"{name}.1", 100)
    scripts.wait_until(lambda: audit.statuses.get("kept"), "a report")
    before = audit.statuses["kept"]
    # Elsewhere in the file, but as it was.
    text = dummy("added") + unreachable(site.community) + dummy("changed", 200) + dummy("kept")
    site.drivers_conf.write_text(text)
    drivers.send(signal.SIGHUP)
    wait_for_measurements(audit, "added.1", 100)
    wait_for_measurements(audit, "changed.1", 200)
    wait_for_measurements(audit, "kept.1", 100)
    now = {"kept", "changed", "added", "unreachable"}
    scripts.wait_until(lambda: audit.statuses.keys() == now, "the report of the new wattmeters")
    after = audit.statuses["kept"]
    assert (after.since, after.restarts, after.state) == (before.since, 0, "running")
    assert "removed: no longer configured" in drivers.log
    assert "changed: configured differently" in drivers.log
    assert "kept:" not in drivers.log
    assert drivers.stop() == 0
    assert "Traceback" not in drivers.log


def unreachable(community: str) -> str:
    """Return the section of an SNMP wattmeter that is not there."""
    (port,) = broker.free_ports(1)
    parameters = {"ip": "127.0.0.1", "port": port, "community": community, "timeout_seconds": 0.2}
    return f"[unreachable]\ndriver = Snmp\nprobes = ['u.1']\nparameters = {parameters}\n"


def test_a_broken_file_at_reload_changes_nothing(site: scripts.Site, audit: audits.Audit) -> None:
    site.drivers_conf.write_text(dummy("kept"))
    drivers = site.script("kwapi-drivers")
    drivers.start()
    wait_for_measurements(audit, "kept.1", 100)
    site.drivers_conf.write_text(f"{dummy('kept', 300)}community {site.community}\n")
    drivers.send(signal.SIGHUP)
    told = drivers.wait_for_log(r"ERROR.*going on with the configuration as it was")[0]
    assert f"{site.drivers_conf}: line 5" in told
    wait_for_measurements(audit, "kept.1", 100)
    assert "300" not in str(audit.series())
    assert drivers.stop() == 0
    assert "Traceback" not in drivers.log


def test_a_broken_section_at_reload_leaves_the_others(
    site: scripts.Site, audit: audits.Audit
) -> None:
    """It is said where it is wrong, and the wattmeter goes on as it was."""
    site.drivers_conf.write_text(dummy("right") + dummy("wrong"))
    drivers = site.script("kwapi-drivers")
    drivers.start()
    wait_for_measurements(audit, "wrong.1", 100)
    wrong = f"[wrong]\ndriver = Dummy\nprobes = ['w.1']\nparameters = {{{site.community!r}\n"
    site.drivers_conf.write_text(dummy("right", 200) + wrong)
    drivers.send(signal.SIGHUP)
    drivers.wait_for_log(rf"ERROR.*{site.drivers_conf}:8: \[wrong\] parameters must be a mapping")
    wait_for_measurements(audit, "right.1", 200)
    wait_for_measurements(audit, "wrong.1", 100)
    assert drivers.stop() == 0


def test_drivers_end_while_the_broker_is_away(lone_site: scripts.Site) -> None:
    """They end in order, and say what is lost by it."""
    lone_site.drivers_conf.write_text(dummy("pdu"))
    drivers = lone_site.script("kwapi-drivers")
    drivers.start()
    drivers.wait_for_log("The broker takes no messages, keeping measurements")
    assert drivers.stop() == 0
    assert re.search(r"ERROR.* [1-9]\d* measurements could not be sent and are lost", drivers.log)
    assert "Traceback" not in drivers.log


def set_key(site: scripts.Site, keys: str) -> None:
    site.configure(keys=keys)


def break_drivers_conf(site: scripts.Site) -> None:
    site.drivers_conf.write_text(f"[pdu]\ndriver = Snmp\nparameters '{site.community}'\n")


#: What is wrong, and what has to be said of it.
MISTAKES: dict[str, tuple[Callable[[scripts.Site], None], str]] = {
    "no key": (lambda site: set_key(site, "# none"), r"\[bus\] signing_keys: .*key generate"),
    "short key": (
        lambda site: set_key(site, "signing_keys = first:tooshort"),
        r"\[bus\] signing_keys, key 'first': shorter than 32",
    ),
    "unnamed key": (
        lambda site: set_key(site, f"signing_keys = {site.key}"),
        r"signing_keys.*kwapi\.conf",
    ),
    "no number": (
        lambda site: site.configure("[bus]\nprefetch = many\nwindow_seconds = fast\n"),
        r"(window_seconds|prefetch).*kwapi\.conf",
    ),
    "no broker's URL": (
        lambda site: site.configure("[DEFAULT]\ntransport_url = nonsense://x\n"),
        r"\[DEFAULT\] transport_url: ",
    ),
    "no sender's name": (lambda site: site.configure("[bus]\nsender = a b\n"), "a b"),
    "no file": (lambda site: site.drivers_conf.unlink(), r"drivers\.conf"),
    "no assignment": (break_drivers_conf, r"drivers\.conf.*3"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_configuration_is_told_in_one_line(lone_site: scripts.Site, mistake: str) -> None:
    """It is said what is wrong and where, without a traceback, nor what may be secret."""
    make, expected = MISTAKES[mistake]
    make(lone_site)
    drivers = lone_site.script("kwapi-drivers")
    assert drivers.run() == 2, drivers.log
    (line,) = [line for line in drivers.log.splitlines() if line.startswith("kwapi-drivers: ")]
    assert re.search(expected, line)
    assert "Traceback" not in drivers.log


# ---- kwapi-collector


def test_a_collector_without_a_schema_says_what_makes_it(lone_site: scripts.Site) -> None:
    collector = lone_site.script("kwapi-collector")
    assert collector.run() == 2
    assert "kwapi-manage db upgrade" in collector.log
    assert "Traceback" not in collector.log


def test_keys_are_rotated_without_a_loss(site: scripts.Site) -> None:
    """Receivers first, then senders, then the old key goes: nothing is refused meanwhile."""
    new_key = secrets.token_hex(32)
    site.add_secret(new_key)
    old, new = f"signing_keys = old:{site.key}", f"signing_keys = new:{new_key}"
    both = f"{old},new:{new_key}\nsigning_key_id = new"
    site.configure(FLUSH, both)
    audit = audits.Audit(site)
    audit.start()
    site.configure(FLUSH, old)
    site.drivers_conf.write_text(dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    start(site, collector)
    drivers.start()
    wait_for_measurements(audit, "pdu.1", 100)
    site.configure(FLUSH, both)
    reload(collector, 0)
    reload(drivers, 0)
    # By then what was signed with the old key is not only sent, but counted.
    for _ in range(8):
        wait_for_measurements(audit, "pdu.1", 100)
    site.configure(FLUSH, new)
    reload(collector, 2)
    wait_for_measurements(audit, "pdu.1", 100)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare()
    site.configure(FLUSH, old)
    audits.send_message(site)
    scripts.wait_until(lambda: site.store().get_tallies().get("forged"), "the old key's refusal")
    assert collector.stop() == 0
    audit.stop()


def start(site: scripts.Site, collector: scripts.Script) -> None:
    """Start a collector, and return when it listens: by then signals find it prepared."""
    collector.start()
    wait_until_heard(site)


def wait_until_heard(site: scripts.Site) -> None:
    """Return when somebody listens to the collector's queue."""
    scripts.wait_until(
        lambda: audits.has_consumer(site.transport_url, site.queue), "a collector that listens"
    )


def reload(process: scripts.Script, before: int) -> None:
    """Have a process reload, and return when it has: it begins the next one afterwards.

    :param before: how often it has reloaded before.
    """
    for count in (1, 2):
        process.send(signal.SIGHUP)
        process.wait_for_log("Reloading the configuration", before + count)


def test_a_wrong_key_at_reload_changes_nothing(site: scripts.Site, audit: audits.Audit) -> None:
    site.drivers_conf.write_text(dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    start(site, collector)
    drivers.start()
    wait_for_measurements(audit, "pdu.1", 100)
    for keys in ("# none", "signing_keys = first:short"):
        site.configure(FLUSH, keys)
        collector.send(signal.SIGHUP)
    collector.wait_for_log("going on with the configuration as it was")
    wait_for_measurements(audit, "pdu.1", 100)
    site.configure(FLUSH)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare()
    assert collector.stop() == 0
    assert "Traceback" not in collector.log


def test_outages_of_the_broker_are_logged_once(
    site: scripts.Site, audit: audits.Audit, rabbitmq: broker.RabbitMQ
) -> None:
    """Twice away: each process says so twice, and oslo.messaging nothing more often."""
    site.configure(FLUSH, debug=False)
    site.drivers_conf.write_text(dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    start(site, collector)
    drivers.start()
    wait_for_measurements(audit, "pdu.1", 100)
    for count in (1, 2):
        rabbitmq.kill()
        try:
            drivers.wait_for_log("The broker takes no messages", count)
            collector.wait_for_log(r"ERROR oslo.messaging\S+ .*unreachable", count)
        finally:
            rabbitmq.start()
        drivers.wait_for_log("The broker takes messages again", count)
        wait_for_measurements(audit, "pdu.1", 100)
        collector.wait_for_log("Reconnected to AMQP server", count)
        wait_until_heard(site)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare()
    assert collector.stop() == 0
    assert drivers.log.count("The broker takes no messages") == 2
    for script in (collector, drivers):
        complaints = [kind_of(line) for line in script.log.splitlines() if is_complaint(line)]
        assert all(complaints.count(kind) <= 2 for kind in complaints), script.log
        assert "Traceback" not in script.log


def is_complaint(line: str) -> bool:
    return bool(re.search(r" (WARNING|ERROR) oslo", line))


def kind_of(line: str) -> str:
    """Return a complaint without its time, the connection's id, and the error's text."""
    told = re.sub(r"\[[0-9a-f-]{36}\] ", "", line.split("[-] ", 1)[-1])
    return " ".join(told.split()[:4])


def test_outages_of_the_database_are_logged_once(tmp_path: Path, rabbitmq: broker.RabbitMQ) -> None:
    """MariaDB away, twice: said once each, nothing lost, and its password told nowhere."""
    with databases.running("mariadb") as server, server.database() as url:
        password = secrets.token_hex(8)
        site = scripts.Site(tmp_path, rabbitmq.url, with_password(server, url, password))
        site.add_secret(password)
        site.configure(FLUSH)
        audit = audits.Audit(site)
        audit.start()
        try:
            go_through_outages(site, audit, server)
        finally:
            site.close()
            audit.stop()


def with_password(server: databases.Server, url: str, password: str) -> str:
    """Make a user of the database that has a password; return the URL that names both."""
    name = sa.make_url(url).database
    engine = sa.create_engine(server.admin_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE USER kwapi@'%%' IDENTIFIED BY '{password}'")
        connection.exec_driver_sql(f"GRANT ALL ON {name}.* TO kwapi@'%%'")
    engine.dispose()
    with_user = sa.make_url(url).set(username="kwapi", password=password)
    return with_user.render_as_string(hide_password=False)


def go_through_outages(site: scripts.Site, audit: audits.Audit, server: databases.Server) -> None:
    site.drivers_conf.write_text(dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    start(site, collector)
    drivers.start()
    for count in (1, 2):
        wait_for_measurements(audit, "pdu.1", 100)
        server.stop()
        collector.wait_for_log("The store takes nothing, messages wait for it", count)
        wait_for_measurements(audit, "pdu.1", 100, 10)
        server.start()
        collector.wait_for_log("The store takes records again", count)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare()
    assert collector.stop() == 0
    assert collector.log.count("The store takes nothing") == 2
    assert "Traceback" not in collector.log


def test_a_collector_ends_while_the_database_is_away(
    tmp_path: Path, rabbitmq: broker.RabbitMQ
) -> None:
    """It does not wait for it, and the next one counts what waits."""
    with databases.running("mariadb") as server, server.database() as url:
        site = scripts.Site(tmp_path, rabbitmq.url, url)
        site.configure(FLUSH)
        site.drivers_conf.write_text(dummy("pdu"))
        site.upgrade()
        audit = audits.Audit(site)
        audit.start()
        collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
        try:
            server.stop()
            collector.start()
            drivers.start()
            collector.wait_for_log("The store takes nothing, messages wait for it")
            wait_for_measurements(audit, "pdu.1", 100)
            assert collector.stop() == 0
            server.start()
            collector.start()
            assert drivers.stop() == 0
            audit.settle()
            audit.compare()
            assert collector.stop() == 0
            assert "Traceback" not in collector.log
        finally:
            site.close()
            audit.stop()


# ---- garbage


def test_garbage_does_not_stop_a_collector(
    site: scripts.Site, audit: audits.Audit, rabbitmq: broker.RabbitMQ
) -> None:
    """Thousands of frames of every wrong kind, among which all good ones are counted."""
    site.configure(FLUSH, debug=False)
    site.drivers_conf.write_text(dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    start(site, collector)
    drivers.start()
    wait_for_measurements(audit, "pdu.1", 100)
    kinds = make_garbage(site)
    put(rabbitmq.url, site.queue, kinds * (3000 // len(kinds)))
    wait_for_measurements(audit, "pdu.1", 100)
    assert drivers.stop() == 0
    audit.settle()
    audit.compare({"malformed", "forged", "stale"})
    assert collector.stop() == 0
    assert len(collector.log) < 200_000, "garbage floods the log"


@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_a_sender_with_the_key_can_say_nothing_that_stops_a_collector(
    tmp_path: Path, rabbitmq: broker.RabbitMQ, database: str
) -> None:
    """Rightly signed, and wrong all the same: refused, or counted, but never asked for again."""
    if database == "sqlite":
        talk_nonsense(scripts.Site(tmp_path, rabbitmq.url))
        return
    with databases.running(database) as server, server.database() as url:
        talk_nonsense(scripts.Site(tmp_path, rabbitmq.url, url))


def talk_nonsense(site: scripts.Site) -> None:
    site.configure(FLUSH, debug=False)
    site.drivers_conf.write_text(dummy("pdu"))
    site.upgrade()
    audit = audits.Audit(site)
    audit.start()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    try:
        start(site, collector)
        drivers.start()
        wait_for_measurements(audit, "pdu.1", 100)
        nonsense = [frame(json.dumps(wrap(message))) for message in make_nonsense(site)]
        put(site.transport_url, site.queue, nonsense)
        wait_for_measurements(audit, "pdu.1", 100)
        assert drivers.stop() == 0
        last = audits.send_message(site)
        scripts.wait_until(
            lambda: last in site.store().load().senders, "what comes after the nonsense is counted"
        )
        counted, measured = site.store().get_record("pdu.1"), audit.series()["pdu.1"]
        expected = pytest.approx(float(audits.energy_kwh(measured)), rel=audits.RELATIVE_ERROR)
        assert counted.kwh == expected
        assert collector.stop() == 0
    finally:
        site.close()
        audit.stop()


Frame = tuple[bytes, str, str]


def frame(text: str | bytes, kind: str = "application/json", coding: str = "utf-8") -> Frame:
    """Return what is put into a queue: bytes, content type and encoding."""
    return text.encode() if isinstance(text, str) else text, kind, coding


def wrap(payload: Any, version: str = "2.0") -> dict[str, Any]:
    """Return a notification as oslo.messaging puts it on the wire."""
    message = {
        "message_id": secrets.token_hex(16),
        "publisher_id": "here",
        "event_type": transports.EVENT_TYPE,
        "priority": "INFO",
        "payload": payload,
        "timestamp": "now",
        "_unique_id": secrets.token_hex(16),
    }
    return {"oslo.version": version, "oslo.message": json.dumps(message)}


WRONG: tuple[Any, ...] = (None, [], {}, -1, "", "\ud800")


def make_garbage(site: scripts.Site) -> list[Frame]:
    """Return a frame of each wrong kind."""
    right = signer(site).seal(json.dumps({"readings": []}), time.time())
    dice = random.Random(1)
    payloads: list[Any] = [
        None, 7, "text", [], {}, [[]], right["body"],
        *({k: v for k, v in right.items() if k != left_out} for left_out in right),
        *(right | {name: wrong} for name in right for wrong in WRONG),
        right | {"more": 1},
        right | {"timestamp": 0.0},
        right | {"timestamp": float("nan")},
        right | {"sequence": 2**80},
        signer(site).seal("{}", time.time() - 30 * 86400),
        signer(site).seal("{}", time.time() + 86400),
        *(signer(site).seal(text, time.time()) for text in ("", "{}", "[]", "[" * 50_000, "\0")),
    ]  # fmt: skip
    return [
        frame(b""),
        frame(b"\xff\xfe\0not JSON"),
        frame(dice.randbytes(1000), "application/octet-stream", "binary"),
        frame(dice.randbytes(1000), "application/x-python-serialize", "binary"),
        frame(b"\x80\x04N.", "application/x-python-serialize", "binary"),
        frame("- yaml", "application/x-yaml"),
        frame("{}", "application/json", "no-such-coding"),
        frame("{}", "no/type", ""),
        frame("[" * 100_000),
        frame('{"a":' * 100_000),
        frame(json.dumps(["x" * 200] * 5000)),
        frame("7"),
        frame("null"),
        frame("{}"),
        frame(json.dumps({"oslo.version": "2.0"})),
        frame(json.dumps({"oslo.version": "2.0", "oslo.message": "no JSON"})),
        frame(json.dumps({"oslo.version": "2.0", "oslo.message": "[]"})),
        frame(json.dumps({"oslo.version": None, "oslo.message": "{}"})),
        frame(json.dumps(wrap(right, "9.9"))),
        frame(json.dumps(wrap(right, "two"))),
        *(frame(json.dumps(wrap(payload))) for payload in payloads),
    ]


def make_nonsense(site: scripts.Site) -> list[dict[str, Any]]:
    """Return messages that are rightly signed, of contents that no driver means."""
    now = time.time()
    reading = {"wattmeter": "w", "timestamp": now, "probes": ["n.1"], "watts": [1.0]}
    status = {"wattmeter": "w", "driver": "d", "state": "s", "since": now, "probes": 1}
    huge: Any = 10**400
    odd: tuple[Any, ...] = (
        "\ud800",
        "\0",
        "x" * 70_000,
        "",
        huge,
        None,
        [],
        True,
        1e308,
        -1e308,
        2**63,
        -huge,
    )
    bodies = [
        *({"readings": [reading | {name: value}]} for name in reading for value in odd),
        *(
            {"readings": [reading | {name: [value]}]}
            for name in ("probes", "watts")
            for value in odd
        ),
        *({"readings": [reading | {"kwh": [value]}]} for value in odd),
        *({"readings": [reading | {"period_seconds": value}]} for value in odd),
        *(
            {"readings": [], "drivers": [status | {name: value}]}
            for name in status
            for value in odd
        ),
        *({"readings": [], "drivers": [status | {"missing": [value]}]} for value in odd),
        *({"readings": [], "drivers": [status | {"last_error": value}]} for value in odd),
        *({"readings": [], "dropped": value} for value in odd),
        {"readings": [reading | {"timestamp": now, "watts": [50.0]}]},
    ]
    sealer = signer(site)
    return [sealer.seal(json.dumps(body), now) for body in bodies]


def signer(site: scripts.Site) -> signing.Signer:
    """Return what signs as a sender of its own."""
    return signing.Signer("first", site.key.encode(), "nonsense", secrets.token_hex(16))


def put(url: str, queue: str, frames: list[Frame]) -> None:
    """Put frames straight into a queue."""
    with audits.connect(url) as link:
        producer = link.Producer()
        for body, kind, coding in frames:
            producer.publish(
                body, routing_key=queue, content_type=kind, content_encoding=coding, serializer=None
            )


# ---- kwapi-climate


@pytest.fixture
def climate(tmp_path: Path) -> Iterator[scripts.Script]:
    """Everything in one process, on free ports, not started."""
    (port,) = broker.free_ports(1)
    path = tmp_path / "climate.conf"
    path.write_text(f"[api]\nport = {port}\n[simulator]\nport = 0\n{FLUSH}")
    arguments = ["--config-file", str(path), "--state-path", str(tmp_path / "state")]
    made = scripts.Script("kwapi-climate", arguments, tmp_path / "climate.log")
    yield made
    made.kill()


def get_kwh(url: str) -> dict[str, float]:
    """Return the energy of each probe."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return {name: probe["kwh"] for name, probe in json.load(answer)["probes"].items()}


def test_one_process_counts_on_after_a_crash(climate: scripts.Script) -> None:
    """The energy shown only ever grows, kill -9 or not; Ctrl-C ends it in order."""
    seen: dict[str, float] = {}

    def has_grown() -> bool:
        now = get_kwh(url)
        assert all(now[name] >= kwh for name, kwh in seen.items())
        # Not of all: a counter of Wh stands still for a minute.
        return any(kwh > seen.get(name, 0.0) for name, kwh in now.items())

    for run in (1, 2, 3):
        climate.start()
        url = climate.wait_for_log(r"(http://\S+/v1/probes/)\n", run)[1]
        for _ in range(2):
            scripts.wait_until(has_grown, "more energy")
            seen = get_kwh(url)
        if run < 3:
            climate.kill()
    assert climate.stop(signal.SIGINT) == 0
    assert "Traceback" not in climate.log


def test_one_process_says_that_its_port_is_taken(climate: scripts.Script, tmp_path: Path) -> None:
    text = (tmp_path / "climate.conf").read_text()
    port = int(re.findall(r"port = (\d+)", text)[0])
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert climate.run() == 2
    (line,) = [line for line in climate.log.splitlines() if line.startswith("kwapi-climate: ")]
    assert str(port) in line
    assert "Traceback" not in climate.log
