# SPDX-License-Identifier: Apache-2.0
"""The release before and this one, side by side: its recorded bytes are played to this one.

Owns both directions of calls, errors, events and messages.  That release refuses
an unknown member of a driver's state, an unknown member of an envelope, and an
unknown argument: of these, this release must send none.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from oslo_context import context
from oslo_messaging import transport as oslo_transport
from oslo_messaging._drivers import common as rpc_common

from climate import exception
from climate import lease as leases
from climate.planning import events
from climate.planning import outbox
from climate.rpc import transport as transports
from energybase import exception as floor
from kwapi import measurement
from kwapi import signing
from tests.fakes import release_before
from tests.servers import climate_apis
from tests.unit.climate.planning import planners
from tests.unit.climate.rpc import sessions
from tests.unit.climate.rpc import test_versions

CALLS = release_before.load_calls()
FAILURES = [json.loads(failure) for failure in release_before.load_failures()]
(SENT,) = release_before.load_notifications("kwapi.measurements.info")
EVENTS = release_before.load_notifications("climate.leases.info")
KEY = b"k" * 32
#: Exceptions that no service of the release before knows, nor is sent.
_NEW = {"ServiceOutdated", "EnergyException"}


@pytest.fixture
def climate() -> Iterator[climate_apis.Climate]:
    """All services, on the hosts that the release before was recorded with."""
    made = climate_apis.make(sessions.CONFIGURATION)
    made._sampler.look()
    yield made
    made.stop()


# ---- a client of the release before calls this one


def test_every_call_is_answered_as_before(climate: climate_apis.Climate) -> None:
    """In the order recorded; a lease's id is another one each time."""
    transport = transports.get_transport(climate.conf)
    ids: dict[str, str] = {}
    for call in CALLS:
        text = json.dumps(call.message)
        for before, now in ids.items():
            text = text.replace(before, now)
        answer = _send(transport, call, json.loads(text))
        if isinstance(answer, Exception):
            assert call.failure is not None, answer
            _assert_same_failure(json.loads(_serialize(answer)), json.loads(call.failure))
            continue
        assert call.failure is None
        if call.message["method"] == "make_proposal":
            ids[call.result["id"]] = answer["id"]
        said = json.dumps(answer)
        for before, now in ids.items():
            said = said.replace(now, before)
        assert sessions.is_wider(json.loads(said), call.result), call.message


def _send(transport: Any, call: release_before.Call, message: dict[str, Any]) -> Any:
    """Return the answer to a call, or what was raised."""
    target = oslo_messaging.Target(topic=call.topic)
    try:
        return transport._send(target, call.context, message, wait_for_reply=True, timeout=60)
    except floor.EnergyException as exc:
        return exc


def _serialize(raised: Exception) -> str:
    text: str = rpc_common.serialize_remote_exception((type(raised), raised, None))
    return text


def _assert_same_failure(new: dict[str, Any], old: dict[str, Any]) -> None:
    for key in ("class", "module", "message", "args"):
        assert new[key] == old[key]
    assert sessions.is_wider(new["kwargs"], old["kwargs"])


def test_every_exception_has_a_name_that_the_release_before_knows(tmp_path: Path) -> None:
    known = {(each["module"], each["class"]) for each in FAILURES}
    transport = transports.get_transport(planners.configure(tmp_path), "fake://")
    server = transports.Server(transport, "climate.test", "here", test_versions.Endpoint())
    server.start()
    kinds = [*test_versions.list_kinds(exception), *test_versions.list_kinds(floor)]
    for kind in kinds:
        message = {"method": "refuse", "args": {"kind": kind}, "version": "1.0"}
        raised = _send(transport, CALLS[0]._replace(topic="climate.test"), message)
        sent = json.loads(_serialize(raised))
        assert (sent["module"], sent["class"]) in known or kind in _NEW
        assert sent["module"] in ("climate.exception", "kwapi.exception")
    server.stop()


# ---- this one calls a service of the release before


class Recorded(oslo_transport.RPCTransport):  # type: ignore[misc]  # oslo has no types
    """Answers one call as the release before did."""

    def __init__(self, transport: Any, result: Any, failure: str | None) -> None:
        super().__init__(transport._driver)
        self._result, self._failure = result, failure
        self._allowed = transport._driver._allowed_remote_exmods

    def _send(self, *_args: Any, **_kwargs: Any) -> Any:
        if self._failure is None:
            return self._result
        raise rpc_common.deserialize_remote_exception(self._failure, self._allowed)


def _client(tmp_path: Path, result: Any, failure: str | None) -> transports.Client:
    transport = transports.get_transport(planners.configure(tmp_path), "fake://")
    recorded = Recorded(transport, result, failure)
    return transports.Client(recorded, "climate.test", "1.0", "climate-test", 1.0)


WHO = context.RequestContext()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.message["method"])
def test_its_answers_are_taken(tmp_path: Path, call: release_before.Call) -> None:
    client = _client(tmp_path, call.result, call.failure)
    if call.failure is None:
        assert client.call(WHO, "any") == call.result
        return
    with pytest.raises(exception.ClimateException) as raised:
        client.call(WHO, "any")
    assert str(raised.value) == json.loads(call.failure)["message"]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure["class"])
def test_its_exceptions_are_ours(tmp_path: Path, failure: dict[str, Any]) -> None:
    with pytest.raises(floor.EnergyException) as raised:
        _client(tmp_path, None, json.dumps(failure)).call(WHO, "any")
    name = failure["class"].replace("KwapiException", "EnergyException")
    assert type(raised.value).__name__ == name
    assert str(raised.value) == failure["message"]
    assert raised.value.details == failure["kwargs"]


def test_a_service_without_a_version_of_its_own_is_named_as_outdated(tmp_path: Path) -> None:
    failure = _serialize(oslo_messaging.UnsupportedVersion("1.1", "tell"))
    with pytest.raises(exception.ServiceOutdated, match=r"has version 1\.0, this call needs 1\.1"):
        _client(tmp_path, None, failure).call(WHO, "tell", needs_version="1.1")


def test_no_argument_is_sent_that_it_would_refuse(climate: climate_apis.Climate) -> None:
    known = collections.defaultdict(set)
    for call in CALLS:
        known[call.topic, call.message["method"]].update(call.message["args"])
    heard: list[tuple[str, dict[str, Any]]] = []

    def hear(topic: str, incoming: Any, dispatch: Callable[[Any], Any]) -> Any:
        heard.append((topic, incoming.message))
        return dispatch(incoming)

    sessions.tap(climate, hear)
    sessions.run(climate)
    climate._sampler.look()
    asked = {(topic, message["method"]) for topic, message in heard}
    # What is left is what no client of the API ever causes.
    assert known.keys() - asked <= {("climate.inventory", "get_hosts")}
    for topic, message in heard:
        assert message["args"].keys() <= known[topic, message["method"]], message["method"]
        assert message["version"] == "1.0"


# ---- events and measurements


def test_events_say_what_they_said(tmp_path: Path) -> None:
    transport = transports.get_transport(planners.configure(tmp_path), "fake://")
    taken: list[dict[str, Any]] = []

    class Driver:
        def send_notification(
            self, _target: Any, _ctxt: Any, message: Any, *_: Any, **__: Any
        ) -> None:
            taken.append(message)

    transport._driver = Driver()
    assert [event["event_type"] for event in EVENTS] == [outbox.STARTED, outbox.ENDED]
    for event in EVENTS:
        payload = event["payload"]
        hosts = tuple(leases.LeasedHost(**host) for host in payload["hosts"])
        lease = leases.Lease(**payload | {"hosts": hosts})
        made = outbox.Event(event["message_id"], event["event_type"], dict(lease.to_dict()), 0)
        events.Sender(transport, "climate.leases", "test").send(made)
        unstamped = {k: v for k, v in event.items() if k not in ("timestamp", "_unique_id")}
        assert sessions.is_wider(taken.pop(), unstamped)


READINGS = (
    measurement.Reading("pdu", 1790000000.5, ("a", "b"), (1.5, 2.5), (3.5, None), 5.0, 0.5),
    measurement.Reading("other", 1790000001.5, ("c",), (7.5,)),
)
STATUSES = (
    measurement.DriverStatus(
        "pdu", "snmp", "failing", 1790000000.0, 3, ("x",), 1790000000.5, "time-out", 3
    ),
    measurement.DriverStatus("other", "dummy", "running", 1790000000.0, 1),
)
BODY = measurement.Body(READINGS, STATUSES)


def test_its_measurements_are_taken() -> None:
    payload = SENT["payload"]
    verifier = signing.Verifier({"recorded": KEY}, 60.0, 60.0)
    envelope = verifier.open(payload, payload["timestamp"])
    assert (envelope.sender, envelope.instance, envelope.sequence) == ("node-1", "0" * 32, 1)
    assert measurement.decode(envelope.body) == BODY


def test_it_takes_our_measurements() -> None:
    """Byte by byte, the time of signing apart: it knows no other members."""
    payload = SENT["payload"]
    signer = signing.Signer("recorded", KEY, "node-1", "0" * 32)
    assert signer.seal(measurement.encode(BODY), payload["timestamp"]) == payload
