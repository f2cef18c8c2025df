# SPDX-License-Identifier: Apache-2.0
"""Our REST clients between releases: they pass over members of answers that they do not know."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
import webob
from hypothesis import given
from hypothesis import strategies as st
from keystoneauth1 import adapter
from keystoneauth1 import noauth
from keystoneauth1 import session as sessions
from keystoneauth1 import token_endpoint

from climate import client as climate_client
from climate.ranking import probes as ranking_probes
from energybase.web import server
from energyclient import records
from kwapi import client as kwapi_client
from kwapi.ceilometer import reading
from kwapi.ceilometer import samples
from nova_ext import reservations
from tests import conftest
from tests.fakes import next_release
from tests.unit.energyclient import test_records

LEASE = test_records.LEASE["id"]
PROBES = {
    "a": {
        "timestamp": 1.5,
        "kwh": 2.0,
        "w": 3.0,
        "wattmeter": "pdu",
        "period_seconds": 1.0,
        "resolution_watts": 0.5,
    },
    "b": {"timestamp": 1.5, "kwh": 2.0, "w": 3.0},
}
DRIVER = {
    "driver": "snmp",
    "state": "failing",
    "since": 1.5,
    "last_reading": 1.0,
    "last_error": "time-out",
    "probes": 2,
    "missing": ["b"],
    "restarts": 1,
}
RANKED = test_records.RANKED | {"flops": 1e9, "confidence": "measured"}
#: What each API answers, by path; and under which keys there are mappings of data.
DOCUMENTS: dict[str, Any] = {
    "/v1/probes/": {"probes": PROBES},
    "/v1/allowed-hosts/": {"hosts": ["a", "b"], "reserved": ["c"], "reason": "Because."},
    "/v1/ranking/": {"by": "marginal", "as_of": 1.5, "hosts": [RANKED, {"host": "b", "on": True}]},
}
MAPS = ("probes",)
PARSERS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "probe": (lambda told: records.parse_probe("a", told), PROBES["a"]),
    "driver": (lambda told: records.parse_driver("pdu", told), DRIVER),
    "host": (records.parse_host, test_records.LEASE["hosts"][0]),  # type: ignore[index]  # a list
    "lease": (records.parse_lease, test_records.LEASE),
    "ranking": (records.parse_ranking, DOCUMENTS["/v1/ranking/"]),
}


class Apis:
    """Answers with the documents, as this release or the next has them."""

    def __init__(self) -> None:
        self.documents = copy.deepcopy(DOCUMENTS)
        self._server = server.Server(self._answer)
        self.url = self._server.url

    def start(self) -> None:
        """Answer from now on."""
        self._server.start()

    def stop(self) -> None:
        """End."""
        self._server.stop()

    def widen(self) -> None:
        """Be of the next release."""
        self.documents = {
            path: next_release.widen_all(document, MAPS)
            for path, document in self.documents.items()
        }

    def _answer(self, environ: Any, start_response: Any) -> Any:
        body = json.dumps(self.documents[webob.Request(environ).path]).encode()
        return webob.Response(body=body, content_type="application/json")(environ, start_response)


@pytest.fixture
def apis() -> Iterator[Apis]:
    """Running ones."""
    made = Apis()
    made.start()
    yield made
    made.stop()


def ask_kwapi(url: str) -> Any:
    """As climate-ranking does."""
    asked = kwapi_client.Client(kwapi_client.open_without_token(url, 30))
    probes = asked.get_probes()
    return probes, asked.odd, ranking_probes.measure(["a"], {}, probes, 1.5, 60.0)


def ask_as_pollster(url: str) -> Any:
    """As Ceilometer's central agent does."""
    options = reading.Options(60.0, 30.0, samples.Hosts())
    kwapi = reading.Kwapi(url, options, conftest.FakeClock(2.0))
    told = kwapi.read(lambda: sessions.Session(auth=noauth.NoAuth(endpoint=url)))
    assert told is not None
    assert len(told.fresh) == len(PROBES)
    return [list(told.samples_of(meter)) for meter in samples.METERS]


def _climate(url: str) -> climate_client.Client:
    auth = token_endpoint.Token(f"{url}/v1", "a-token")
    session = sessions.Session(auth=auth)
    return climate_client.Client(adapter.Adapter(session, service_type="lease"), 30.0)


def ask_as_filter(url: str) -> Any:
    """As Nova's scheduler does for servers with a lease and without one."""
    options = reservations.Options(30.0, "deny", 60.0)
    asked = reservations.Reservations(_climate(url), options)
    inside, outside = asked.find_inside(LEASE, "p"), asked.find_outside()
    assert (inside.only, outside.never) == ({"a", "b"}, {"c"})
    return inside, outside


def ask_as_weigher(url: str) -> Any:
    """As Nova's scheduler does for the ranking."""
    body = _climate(url).get_ranking().body
    assert body is not None
    return [(host["host"], host.get("score")) for host in body["hosts"]]


@pytest.mark.parametrize("ask", [ask_kwapi, ask_as_pollster, ask_as_filter, ask_as_weigher])
def test_an_api_of_the_next_release_says_the_same(apis: Apis, ask: Callable[[str], Any]) -> None:
    before = ask(apis.url)
    apis.widen()
    assert ask(apis.url) == before


@given(st.data())
def test_the_command_line_client_reads_the_same(data: st.DataObject) -> None:
    parse, document = PARSERS[data.draw(st.sampled_from(sorted(PARSERS)))]
    place = data.draw(st.sampled_from(list(next_release.list_places(document))))
    if "host_properties" not in place:
        widened = next_release.widen(document, place, data.draw(next_release.VALUES))
        assert parse(widened) == parse(document)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        *(("probe", key) for key in ("wattmeter", "period_seconds", "resolution_watts")),
        *(("driver", key) for key in ("since", "last_reading", "last_error", "probes", "missing")),
        *(("lease", key) for key in ("name", "degraded", "hosts_max", "expires_at")),
        ("host", "status"),
    ],
)
def test_the_command_line_client_does_without_optional_members(kind: str, key: str) -> None:
    parse, document = PARSERS[kind]
    empty = {"probes": 0, "missing": (), "hosts_max": test_records.LEASE["quantity"]}
    assert getattr(parse(next_release.without(document, (), key)), key) == empty.get(key)
