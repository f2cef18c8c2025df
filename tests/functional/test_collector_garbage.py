# SPDX-License-Identifier: Apache-2.0
"""kwapi-collector as a process survives malformed, forged and absurd messages.

At the end of each test every log is searched for every secret.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from kwapi import signing
from kwapi.bus import transport as transports
from tests.functional import audit as audits
from tests.servers import databases
from tests.servers import kwapi_sites
from tests.servers import rabbitmq as broker
from tests.servers import scripts
from tests.servers.kwapi_sites import audit as audit
from tests.servers.kwapi_sites import site as site


def test_garbage_does_not_stop_a_collector(
    site: scripts.Site, audit: audits.Audit, rabbitmq: broker.RabbitMQ
) -> None:
    """Thousands of frames of every wrong kind, among which all good ones are counted."""
    site.configure(kwapi_sites.FLUSH, debug=False)
    site.drivers_conf.write_text(kwapi_sites.dummy("pdu"))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    kwapi_sites.start(site, collector)
    drivers.start()
    kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
    kinds = make_garbage(site)
    put(rabbitmq.url, site.queue, kinds * (3000 // len(kinds)))
    kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
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
    site.configure(kwapi_sites.FLUSH, debug=False)
    site.drivers_conf.write_text(kwapi_sites.dummy("pdu"))
    site.upgrade()
    audit = audits.Audit(site)
    audit.start()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    try:
        kwapi_sites.start(site, collector)
        drivers.start()
        kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
        nonsense = [frame(json.dumps(wrap(message))) for message in make_nonsense(site)]
        put(site.transport_url, site.queue, nonsense)
        kwapi_sites.wait_for_measurements(audit, "pdu.1", 100)
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
