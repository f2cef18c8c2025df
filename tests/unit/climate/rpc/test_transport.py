# SPDX-License-Identifier: Apache-2.0
"""Calls between services: what crosses, and what becomes of a call that cannot.

With a broker, see tests/functional/test_planning_service.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_context import context

from climate import exception
from climate.rpc import transport as transports
from energybase import exception as floor
from tests.unit.climate.planning import planners

TOPIC, VERSION = "climate.test", "1.3"
#: Nobody listens there.
AWAY = "rabbit://guest:s3cret@127.0.0.1:1/"


class Endpoint:
    """Answers, or refuses, as it is asked."""

    target = transports.endpoint_target(VERSION)

    def tell(self, who: context.RequestContext, what: Any) -> list[Any]:
        return [who.project_id, who.auth_token, what]

    @transports.expected
    def refuse(self, _who: context.RequestContext, limit: int) -> None:
        raise exception.QuotaExceeded(resource="hosts", limit=limit, wanted=9)

    @transports.expected
    def lose_the_store(self, _who: context.RequestContext) -> None:
        raise floor.StoreUnavailable(reason="s3cret")


@pytest.fixture
def transport(tmp_path: Path) -> Any:
    """A transport without a broker."""
    return transports.get_transport(planners.configure(tmp_path), "fake://")


@pytest.fixture
def client(transport: Any) -> Iterator[transports.Client]:
    """A client of a service that answers."""
    server = transports.Server(transport, TOPIC, "here", Endpoint())
    server.start()
    yield transports.Client(transport, TOPIC, VERSION, "climate-test", 60.0)
    server.stop()


WHO = context.RequestContext(project_id="project", auth_token="s3cret")


def test_values_and_the_caller_cross_and_no_token(client: transports.Client) -> None:
    what = {"list": [1, None, "é"], "number": 2.5}
    assert client.call(WHO, "tell", what=what) == ["project", None, what]


def test_our_exceptions_cross_whole(client: transports.Client) -> None:
    with pytest.raises(exception.QuotaExceeded) as caught:
        client.call(WHO, "refuse", limit=3)
    assert type(caught.value) is exception.QuotaExceeded
    assert caught.value.meta == {"resource": "hosts", "limit": 3, "wanted": 9}
    assert "Traceback" not in str(caught.value)


def test_kwapis_exceptions_cross(client: transports.Client) -> None:
    with pytest.raises(floor.StoreUnavailable) as caught:
        client.call(WHO, "lose_the_store")
    assert "s3cret" not in str(caught.value)


def test_a_method_that_the_service_has_not(client: transports.Client) -> None:
    with pytest.raises(exception.ServiceUnavailable):
        client.call(WHO, "absent")


def test_a_newer_client_is_not_served(client: transports.Client, transport: Any) -> None:
    newer = transports.Client(transport, TOPIC, "1.4", "climate-test", 60.0)
    with pytest.raises(exception.ServiceUnavailable):
        newer.call(WHO, "tell", what=1)
    older = transports.Client(transport, TOPIC, "1.0", "climate-test", 60.0)
    assert older.call(WHO, "tell", what=1)


def test_nobody_answers(transport: Any) -> None:
    client = transports.Client(transport, "climate.nobody", VERSION, "climate-test", 0.1)
    with pytest.raises(exception.ServiceUnavailable, match="climate-test does not answer"):
        client.call(WHO, "tell", what=1)


def test_a_broker_that_is_away_lets_no_call_hang(tmp_path: Path) -> None:
    transport = transports.get_transport(planners.configure(tmp_path), AWAY)
    client = transports.Client(transport, TOPIC, VERSION, "climate-test", 0.1)
    for _ in range(2):
        with pytest.raises(exception.ServiceUnavailable, match="the broker is away") as caught:
            client.call(WHO, "tell", what=1)
        assert "s3cret" not in str(caught.value)


def test_a_transport_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(floor.ConfigurationInvalid, match="transport_url"):
        transports.get_transport(planners.configure(tmp_path), "carrier-pigeon://x")
