# SPDX-License-Identifier: Apache-2.0
"""climate.client against a small real HTTP server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import adapter
from keystoneauth1 import noauth
from keystoneauth1 import session
from keystoneauth1 import token_endpoint

from climate import client
from tests.fakes import climate as fake_climate

LEASE = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def climate() -> Iterator[fake_climate.FakeClimate]:
    server = fake_climate.FakeClimate()
    server.start()
    yield server
    server.stop()


def make_client(url: str, timeout_seconds: float = 10.0) -> client.Client:
    auth = token_endpoint.Token(url, "a-secret-token")
    return client.Client(
        adapter.Adapter(session.Session(auth=auth), service_type="lease"), timeout_seconds
    )


def test_hosts_outside_of_leases(climate: fake_climate.FakeClimate) -> None:
    climate.reserved, climate.cache_control = ["node-1"], "private, max-age=7"
    answer = make_client(climate.url).get_allowed_hosts()
    assert answer.status == 200
    assert answer.body == {"hosts": [], "reserved": ["node-1"]}
    assert answer.max_age_seconds == 7.0
    [(target, headers)] = climate.requests
    assert target == "/v1/allowed-hosts/"
    assert headers["X-Auth-Token"] == "a-secret-token"


def test_hosts_of_a_lease(climate: fake_climate.FakeClimate) -> None:
    climate.leases[LEASE] = ("alice & co", ["node-2"], None)
    answer = make_client(climate.url).get_allowed_hosts([LEASE], "alice & co")
    assert answer.body is not None
    assert answer.body["hosts"] == ["node-2"]
    other = make_client(climate.url).get_allowed_hosts([LEASE], "bob")
    assert other.body == {"hosts": [], "reason": f"Lease '{LEASE}' is not known."}


def test_ranking(climate: fake_climate.FakeClimate) -> None:
    climate.scores = {"node-1": 2.5e9, "node-2": None}
    answer = make_client(climate.url).get_ranking()
    assert answer.body is not None
    assert answer.body["hosts"] == [
        {"host": "node-1", "score": 2.5e9},
        {"host": "node-2", "score": None},
    ]


def test_revalidation(climate: fake_climate.FakeClimate) -> None:
    asked = make_client(climate.url)
    first = asked.get_allowed_hosts()
    climate.cache_control = "private, max-age=3"
    again = asked.get_allowed_hosts(etag=first.etag)
    assert again == client.Answer(304, None, first.etag, 3.0)
    climate.reserved = ["node-1"]
    assert asked.get_allowed_hosts(etag=first.etag).status == 200


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_endpoint_with_version_or_without(climate: fake_climate.FakeClimate, suffix: str) -> None:
    url = climate.url.removesuffix("/v1") + suffix
    make_client(url).get_ranking()
    assert climate.requests[0][0] == "/v1/ranking/"


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("", 0.0),
        ("private", 0.0),
        ("max-age=5", 5.0),
        ("private,max-age=5", 5.0),
        ("no-cache, max-age=5", 0.0),
        ("no-store", 0.0),
        ("s-maxage=5", 0.0),
        ("max-age=-5", 0.0),
        ("max-age=soon", 0.0),
    ],
)
def test_max_age(climate: fake_climate.FakeClimate, cache_control: str, seconds: float) -> None:
    climate.cache_control = cache_control
    assert make_client(climate.url).get_allowed_hosts().max_age_seconds == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"{}",
        b'{"hosts": []}',
        b'{"hosts": [], "reserved": null}',
        b'{"hosts": [], "reserved": "node-1"}',
        b'{"hosts": [1], "reserved": []}',
        b'{"hosts": [], "reserved": [["node-1"]]}',
    ],
)
def test_malformed_answer(climate: fake_climate.FakeClimate, body: bytes) -> None:
    climate.bodies["/v1/allowed-hosts/"] = body
    with pytest.raises(client.ClientError):
        make_client(climate.url).get_allowed_hosts()


@pytest.mark.parametrize(
    "host",
    [
        None,
        "node-1",
        {},
        {"score": 1.0},
        {"host": 5, "score": 1.0},
        {"host": "node-1", "score": "much"},
        {"host": "node-1", "score": True},
        {"host": "node-1", "score": float("nan")},
        {"host": "node-1", "score": float("inf")},
    ],
)
def test_malformed_ranking(climate: fake_climate.FakeClimate, host: Any) -> None:
    climate.bodies["/v1/ranking/"] = json.dumps({"hosts": [host]}).encode()
    with pytest.raises(client.ClientError):
        make_client(climate.url).get_ranking()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503, 204, 304])
def test_refusal(climate: fake_climate.FakeClimate, status: int) -> None:
    """A sentence says what was answered; 304 is one unless a tag was sent."""
    climate.status = status
    with pytest.raises(client.ClientError, match=f"GET allowed-hosts/ was answered {status}"):
        make_client(climate.url).get_allowed_hosts()


def test_refusal_tells_the_detail(climate: fake_climate.FakeClimate) -> None:
    climate.status = 503
    with pytest.raises(client.ClientError, match=r"climate-planning is away\.$"):
        make_client(climate.url).get_allowed_hosts()


def test_silence(climate: fake_climate.FakeClimate) -> None:
    climate.released.clear()
    with pytest.raises(client.ClientError, match="timed out"):
        make_client(climate.url, timeout_seconds=0.2).get_allowed_hosts()


def test_nobody_listens(climate: fake_climate.FakeClimate) -> None:
    climate.stop()
    with pytest.raises(client.ClientError) as caught:
        make_client(climate.url).get_allowed_hosts()
    assert "\n" not in str(caught.value)
    assert "a-secret-token" not in str(caught.value)


def test_no_endpoint() -> None:
    """Climate is not in the catalog."""
    opened = adapter.Adapter(session.Session(auth=noauth.NoAuth()), service_type="lease")
    with pytest.raises(client.ClientError):
        client.Client(opened, 1.0).get_allowed_hosts()


def test_import_brings_nothing_else_of_ours() -> None:
    """Nova has no more than keystoneauth1 to offer."""
    script = "import sys, climate.client; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    ours = [name for name in loaded if name.partition(".")[0] in ("climate", "kwapi", "nova_ext")]
    assert ours == ["climate", "climate.client"]
    # keystoneauth1 itself loads osprofiler, and so oslo.config, where they happen to be.
    assert not {"numpy", "oslo_messaging", "sqlalchemy"} & set(loaded)
