# SPDX-License-Identifier: Apache-2.0
"""What a program believes of Kwapi's answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import webob
from keystoneauth1 import adapter
from keystoneauth1 import session as sessions
from keystoneauth1 import token_endpoint
from keystoneauth1.identity import v3

from energybase.web import server
from kwapi import client


class Api:
    """Answers ``/v1/probes/`` with what it is told to."""

    def __init__(self) -> None:
        self.body: Any = {"probes": {}}
        self.etag: str | None = '"1"'
        self.status = 200
        self.requests: list[tuple[str, str | None, str | None, int]] = []
        self._server = server.Server(self._answer)
        self.url = self._server.url

    def start(self) -> None:
        """Answer from now on."""
        self._server.start()

    def stop(self) -> None:
        """Be away from now on."""
        self._server.stop()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = webob.Request(environ)
        held = request.headers.get("If-None-Match")
        status = 304 if held and held == self.etag else self.status
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        response = webob.Response(status=status, body=b"" if status == 304 else body)
        if self.etag:
            response.headers["ETag"] = self.etag
        token = request.headers.get("X-Auth-Token")
        self.requests.append((request.path, token, held, status))
        return response(environ, start_response)


@pytest.fixture
def api() -> Iterator[Api]:
    """A running one."""
    made = Api()
    made.start()
    yield made
    made.stop()


def open_client(url: str) -> client.Client:
    """Return a client without a token."""
    return client.Client(client.open_without_token(url, 5))


@pytest.mark.parametrize("path", ["", "v1", "v1/"])
def test_without_a_token(api: Api, path: str) -> None:
    api.body = {"probes": {"a": {"timestamp": 10.5, "kwh": 1.0, "w": 100}}}
    assert open_client(api.url + path).get_probes() == {"a": client.Probe("a", 10.5, 100.0, 1.0)}
    assert api.requests == [("/v1/probes/", None, None, 200)]


def test_all_that_is_said_of_a_probe(api: Api) -> None:
    """What is null, empty or no number of JSON's is not known."""
    known = {"kwh": 1, "wattmeter": "pdu", "period_seconds": 5, "resolution_watts": 0.5}
    odd = {"kwh": "1", "wattmeter": "", "period_seconds": True, "resolution_watts": 10**400}
    null = dict.fromkeys(known)
    api.body = {
        "probes": {n: {"timestamp": 1, "w": 2, **v} for n, v in enumerate((known, odd, null))}
    }
    assert open_client(api.url).get_probes() == {
        "0": client.Probe("0", 1.0, 2.0, 1.0, "pdu", 5.0, 0.5),
        "1": client.Probe("1", 1.0, 2.0),
        "2": client.Probe("2", 1.0, 2.0),
    }


def test_with_a_token(api: Api) -> None:
    session = sessions.Session(token_endpoint.Token(f"{api.url}v1", "secret"), timeout=5)
    known = client.Client(adapter.Adapter(session, service_type=client.SERVICE_TYPE))
    assert known.get_probes() == {}
    assert api.requests == [("/v1/probes/", "secret", None, 200)]


def test_what_has_not_changed_is_not_sent_again(api: Api) -> None:
    asking = open_client(api.url)
    api.body = {"probes": {"a": {"timestamp": 1, "w": 100}}}
    first = asking.get_probes()
    assert asking.get_probes() == first
    api.body, api.etag = {"probes": {}}, '"2"'
    assert asking.get_probes() == {}
    assert [(held, status) for _, _, held, status in api.requests] == [
        (None, 200),
        ('"1"', 304),
        ('"1"', 200),
    ]


def test_without_tags(api: Api) -> None:
    asking, api.etag = open_client(api.url), None
    for _ in range(2):
        assert asking.get_probes() == {}
    assert {held for _, _, held, _ in api.requests} == {None}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"timestamp": None, "w": 1},
        {"timestamp": 1, "w": "1"},
        {"timestamp": 1, "w": True},
        {"timestamp": 1, "w": float("nan")},
        {"timestamp": float("inf"), "w": 1},
        {"timestamp": 10**400, "w": 1},
    ],
)
def test_an_odd_probe_hides_no_other(api: Api, odd: dict[str, Any]) -> None:
    api.body = {"probes": {"odd": odd, "a": {"timestamp": 1, "w": 100}}}
    asking = open_client(api.url)
    assert list(asking.get_probes()) == ["a"]
    assert asking.odd == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"probes": []}', {"probes": {"a": 1}}])
def test_what_is_no_list_of_probes(api: Api, body: Any) -> None:
    api.body = body
    with pytest.raises(client.ClientError, match=r"is not a list of probes\.$"):
        open_client(api.url).get_probes()


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_refusal(api: Api, status: int) -> None:
    asking = open_client(api.url)
    asking.get_probes()
    api.status, api.etag = status, '"2"'
    with pytest.raises(client.ClientError, match=rf"^Kwapi answers {status} to http://") as told:
        asking.get_probes()
    assert told.value.status == status
    # An outage does not make it forget.
    api.status, api.etag = 200, '"1"'
    assert asking.get_probes() == {}
    assert api.requests[-1][3] == 304


def test_nobody_there() -> None:
    with pytest.raises(client.ClientError, match="^Kwapi does not answer: "):
        open_client("http://127.0.0.1:1/").get_probes()


def test_a_keystone_that_gives_no_token(api: Api) -> None:
    """It is not Kwapi that is to blame."""
    api.status = 401
    plugin = v3.Password(f"{api.url}v3", username="u", password="p", user_domain_id="default")
    asking = client.Client(
        adapter.Adapter(sessions.Session(plugin, timeout=5), endpoint_override=f"{api.url}v1")
    )
    with pytest.raises(client.ClientError, match=r"^Keystone issues no token for Kwapi: "):
        asking.get_probes()


def test_one_that_hangs_is_given_up() -> None:
    """Though the session itself would wait."""
    session = sessions.Session()
    with server.listen("127.0.0.1", 0) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        asking = client.Client(adapter.Adapter(session, endpoint_override=url), 0.1)
        with pytest.raises(client.ClientError, match="^Kwapi does not answer: "):
            asking.get_probes()
