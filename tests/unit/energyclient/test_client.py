# SPDX-License-Identifier: Apache-2.0
"""The client against the real applications of Kwapi and Climate, and against none."""

from __future__ import annotations

import contextlib
import http.server
import pathlib
import re
import socket
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import adapter as adapters
from keystoneauth1 import session
from keystoneauth1.identity import v3

from energyclient import client
from energyclient import errors
from energyclient import records
from kwapi.store import store
from tests.fakes import keystone as keystones
from tests.servers import apis
from tests.servers import climate_apis
from tests.unit.energyclient import conftest as servers

HOUR = 3600
#: No request takes so long, but one that nobody answers.
PATIENCE_SECONDS = 20.0


@pytest.fixture
def energy(kwapi_url: str) -> client.EnergyClient:
    return client.EnergyClient(servers.make_adapter(f"{kwapi_url}v1", "energy"))


@pytest.fixture
def leases(climate_url: str) -> client.LeaseClient:
    return client.LeaseClient(servers.make_adapter(f"{climate_url}v1", "lease"))


def require_sentence(exc: BaseException) -> None:
    """It is one for people: no line breaks, no codes, an end."""
    text = str(exc)
    assert text.isprintable() and text.endswith(".") and len(text) < 500, text


# ---- Kwapi


def test_probes(energy: client.EnergyClient) -> None:
    """All that the store shows, in order of their ids."""
    probes = energy.list_probes()
    assert [probe.id for probe in probes] == sorted(one.probe_id for one in apis.make_records())
    first = next(probe for probe in probes if probe.id == "A")
    assert first == records.Probe("A", 1357730232.688, 107.3, 0.001058, "rack-1", 5.0, 1.0)
    # The second time they come from what is known.
    assert energy.list_probes() is probes


@pytest.mark.parametrize("probe_id", ["A", *apis.ODD_IDS])
def test_a_probe(energy: client.EnergyClient, probe_id: str) -> None:
    """Whatever characters its id has."""
    assert energy.get_probe(probe_id).id == probe_id


@pytest.mark.parametrize("probe_id", ["nobody", "a/b", "a?b#c", "%2e", "é", "x" * 300])
def test_a_probe_that_is_not_known(energy: client.EnergyClient, probe_id: str) -> None:
    with pytest.raises(errors.ClientError) as refusal:
        energy.get_probe(probe_id)
    assert isinstance(refusal.value, errors.NotFound)
    require_sentence(refusal.value)


def test_drivers(energy: client.EnergyClient) -> None:
    drivers = {driver.wattmeter: driver for driver in energy.list_drivers()}
    assert list(drivers) == ["rack-1", "rack-2", "rack-3"]
    assert drivers["rack-1"].state == "running" and drivers["rack-1"].missing == ("A",)
    assert drivers["rack-2"].last_error == "192.0.2.1 does not answer"
    assert drivers["rack-3"].state == "unknown"


def test_an_endpoint_may_be_named_with_its_version_or_without(kwapi_url: str) -> None:
    for url in (kwapi_url, kwapi_url.rstrip("/"), f"{kwapi_url}v1", f"{kwapi_url}v1/"):
        assert client.EnergyClient(servers.make_adapter(url, "energy")).list_drivers()


# ---- Climate


def test_the_life_of_a_lease(leases: client.LeaseClient, climate: climate_apis.Climate) -> None:
    """Made, found by id and name, renamed, extended, shortened, begun, ended."""
    lease = leases.create(
        duration_seconds=HOUR, quantity=2, host_properties=[">=", "$vcpus", 16], name="mine"
    )
    assert lease.status == "confirmed" and len(lease.hosts) == 2
    assert lease.host_properties == [">=", "$vcpus", 16]
    assert (lease.start_time, lease.end_time) == (climate_apis.NOW, climate_apis.NOW + HOUR)
    assert leases.get(lease.id) == leases.find(lease.id) == leases.find("mine") == lease
    assert leases.rename(lease.id, "ours").name == "ours"
    assert leases.extend(lease.id, lease.end_time + HOUR).end_time == lease.end_time + HOUR
    assert leases.extend(lease.id, lease.end_time).end_time == lease.end_time
    climate.advance(10)
    assert leases.get(lease.id).status == "active"
    leases.delete(lease.id)
    assert leases.get(lease.id).status == "ended"
    with pytest.raises(errors.Conflict) as refusal:
        leases.delete(lease.id)
    require_sentence(refusal.value)


def test_a_proposal_is_confirmed_or_expires(
    leases: client.LeaseClient, climate: climate_apis.Climate
) -> None:
    taken, left = (leases.create(duration_seconds=HOUR, confirm=False) for _ in range(2))
    assert taken.status == "proposed" and taken.expires_at
    assert leases.confirm(taken.id).status == "confirmed"
    assert leases.confirm(taken.id).id == taken.id
    climate.advance(left.expires_at - climate_apis.NOW + 1 if left.expires_at else 0)
    with pytest.raises(errors.NotFound):
        leases.get(left.id)
    with pytest.raises(errors.Conflict) as refusal:
        leases.confirm(left.id)
    require_sentence(refusal.value)
    assert [lease.id for lease in leases.list_leases(status="expired")] == [left.id]


def test_all_pages_of_leases(leases: client.LeaseClient) -> None:
    """A page has two here; a limit is of all of them."""
    made = [
        leases.create(duration_seconds=60, start_time=climate_apis.NOW + 600 * n, name=f"l{n}").id
        for n in range(5)
    ]
    assert {lease.id for lease in leases.list_leases()} == set(made)
    for limit in (1, 2, 3, 5, 9):
        assert len(list(leases.list_leases(limit=limit))) == min(limit, 5)
    assert [lease.id for lease in leases.list_leases(name="l3")] == [made[3]]
    early = leases.list_leases(starts_before=climate_apis.NOW + 601, all_projects=True)
    assert {lease.id for lease in early} == set(made[:2])
    assert not list(leases.list_leases(project_id="another"))


def test_a_lease_by_a_name_that_several_have(leases: client.LeaseClient) -> None:
    """One that is over does not count, unless it is the only one."""
    first, second = (leases.create(duration_seconds=HOUR, name="twin") for _ in range(2))
    with pytest.raises(errors.Ambiguous, match="2 leases have the name twin: use an id"):
        leases.find("twin")
    leases.delete(second.id)
    assert leases.find("twin").id == first.id


@pytest.mark.parametrize("name", ["nobody", "", "x" * 300, "a\nb", "a/b?c#d&e=%00", "é", ".."])
def test_a_lease_that_is_not_known(leases: client.LeaseClient, name: str) -> None:
    with pytest.raises(errors.NotFound) as refusal:
        leases.find(name)
    require_sentence(refusal.value)
    with pytest.raises(errors.ClientError) as refused:
        leases.get(name)
    require_sentence(refused.value)


def test_what_would_work_instead(leases: client.LeaseClient) -> None:
    """When too few are free: how many are, and when enough will be."""
    leases.create(duration_seconds=HOUR, quantity=4)
    with pytest.raises(errors.Conflict) as refusal:
        leases.create(duration_seconds=HOUR, quantity=6)
    require_sentence(refusal.value)
    assert refusal.value.code == "climate.not_enough_hosts"
    proposal = refusal.value.proposal
    assert proposal.largest_quantity == 2
    assert proposal.start_time == climate_apis.NOW + HOUR
    made = leases.create(start_time=proposal.start_time, end_time=proposal.end_time, quantity=6)
    assert len(made.hosts) == 6


def test_until_when_a_lease_could_be_extended(leases: client.LeaseClient) -> None:
    first = leases.create(duration_seconds=HOUR, quantity=6)
    leases.create(duration_seconds=HOUR, start_time=first.end_time + HOUR, quantity=6)
    with pytest.raises(errors.Conflict) as refusal:
        leases.extend(first.id, first.end_time + 2 * HOUR)
    require_sentence(refusal.value)
    assert refusal.value.proposal.latest_end_time == first.end_time + HOUR


def test_no_host_has_the_properties(leases: client.LeaseClient) -> None:
    with pytest.raises(errors.Conflict, match="None of the 6 hosts") as refusal:
        leases.create(duration_seconds=HOUR, host_properties=[">", "$vcpus", 4096])
    assert refusal.value.meta["excluded"][0]["hosts"] == 6
    assert refusal.value.proposal == errors.Proposal()


def test_a_wrong_request_says_which_value(leases: client.LeaseClient) -> None:
    with pytest.raises(errors.Refused, match="hosts_max: must be quantity") as refusal:
        leases.create(duration_seconds=HOUR, quantity=2, hosts_max=1)
    assert refusal.value.status == 400
    require_sentence(refusal.value)


def test_hosts_and_ranking(leases: client.LeaseClient) -> None:
    hosts = leases.list_hosts()
    assert {host.name for host in hosts} == {f"node-{number}" for number in range(1, 7)}
    ranking = leases.get_ranking(by="peak", hosts=["node-1", "node-2"])
    assert ranking.by == "peak" and {host.host for host in ranking.hosts} == {"node-1", "node-2"}
    assert len(leases.get_ranking().hosts) == 6
    with pytest.raises(errors.Refused, match="by: must be one of"):
        leases.get_ranking(by="colour")


# ---- who may not, and who does not answer


@pytest.fixture(scope="module")
def keystone() -> Iterator[keystones.Keystone]:
    made = keystones.Keystone()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def guarded_url(
    keystone: keystones.Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a Kwapi is that asks Keystone."""
    conf = apis.configure(tmp_path_factory.mktemp("guarded"), keystone.configure())
    apis.fill(store.open_store(conf))
    yield from servers.serve(apis.build(conf))


def test_with_a_token(guarded_url: str) -> None:
    adapter = servers.make_adapter(guarded_url, "energy", "project:admin")
    assert client.EnergyClient(adapter).get_probe("A").watts == 107.3


@pytest.mark.parametrize("token", [None, "forged"])
def test_401(guarded_url: str, token: str | None) -> None:
    adapter = servers.make_adapter(guarded_url, "energy", token)
    with pytest.raises(errors.Unauthorized, match="energy service wants a valid token") as refusal:
        client.EnergyClient(adapter).list_probes()
    require_sentence(refusal.value)


def test_403(guarded_url: str) -> None:
    adapter = servers.make_adapter(guarded_url, "energy", "project:reader")
    with pytest.raises(errors.Forbidden, match="Policy does not allow kwapi:probes") as refusal:
        client.EnergyClient(adapter).list_probes()
    require_sentence(refusal.value)


def test_403_by_quota(tmp_path: pathlib.Path) -> None:
    text = "[lease_api]\nauth_strategy = noauth\n[quota]\nhosts = 1\n"
    made = climate_apis.make(text, by_rpc=False)
    with contextlib.contextmanager(servers.serve)(made.app) as url:
        leases = client.LeaseClient(servers.make_adapter(url, "lease"))
        with pytest.raises(errors.Forbidden, match="may hold 1 hosts ahead") as refusal:
            leases.create(duration_seconds=HOUR, quantity=2)
    made.stop()
    require_sentence(refusal.value)
    assert refusal.value.meta["limit"] == 1


def test_503_says_by_which_id_the_log_knows_it(tmp_path: pathlib.Path) -> None:
    """Planning is away; it comes back, and so does the answer."""
    made = climate_apis.make("[lease_api]\nauth_strategy = noauth\n")
    made.stop_service("planning")
    with contextlib.contextmanager(servers.serve)(made.app) as url:
        leases = client.LeaseClient(servers.make_adapter(url, "lease"))
        with pytest.raises(errors.Unavailable) as refusal:
            list(leases.list_leases())
        assert leases.list_hosts()
    made.stop()
    require_sentence(refusal.value)
    assert refusal.value.request_id and refusal.value.request_id in str(refusal.value)


def test_nobody_listens() -> None:
    """A refused connection: it is said where, and that nothing was done."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    leases = client.LeaseClient(servers.make_adapter(f"http://127.0.0.1:{port}/v1", "lease"))
    for ask in (leases.list_hosts, lambda: leases.create(duration_seconds=HOUR)):
        with pytest.raises(errors.Unreachable, match="connection is refused") as refusal:
            ask()
        assert f"http://127.0.0.1:{port}/v1/" in str(refusal.value)
        assert not refusal.value.maybe_done
        require_sentence(refusal.value)


def test_there_is_no_such_name() -> None:
    adapter = servers.make_adapter("http://nowhere.invalid/v1", "energy")
    with pytest.raises(errors.Unreachable) as refusal:
        client.EnergyClient(adapter).list_probes()
    require_sentence(refusal.value)


def test_nobody_answers() -> None:
    """Someone listens and is silent; what was sent may have been done."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        leases = client.LeaseClient(servers.make_adapter(url, "lease"), timeout_seconds=0.5)
        with pytest.raises(errors.Unreachable, match="no answer within 0.5 s") as refusal:
            leases.list_hosts()
        assert not refusal.value.maybe_done
        with pytest.raises(errors.Unreachable, match="is not known") as refusal:
            leases.create(duration_seconds=HOUR)
        assert refusal.value.maybe_done
        require_sentence(refusal.value)


def test_nobody_knows_where_it_is() -> None:
    adapter = adapters.Adapter(session.Session(), service_type="lease")
    with pytest.raises(errors.ClientError) as refusal:
        client.LeaseClient(adapter).list_hosts()
    require_sentence(refusal.value)
    with_endpoint = adapters.Adapter(session.Session(), endpoint_override="http://127.0.0.1:1")
    with pytest.raises(errors.Unreachable, match="The service does not answer at"):
        client.LeaseClient(with_endpoint).list_hosts()
    nowhere = servers.make_adapter("", "lease")
    with pytest.raises(errors.Unreachable, match="lease service is not in the catalog"):
        client.LeaseClient(nowhere).list_hosts()


def test_not_in_the_catalog_of_a_keystone_that_answers(keystone: keystones.Keystone) -> None:
    auth = v3.Password(
        keystone.url,
        username="u",
        password="secret-password",
        user_domain_id="default",
        project_name="p",
        project_domain_id="default",
    )
    adapter = adapters.Adapter(session.Session(auth=auth), service_type="energy")
    with pytest.raises(errors.Unreachable, match="energy service is not in the catalog"):
        client.EnergyClient(adapter).list_probes()


def test_a_keystone_that_does_not_answer() -> None:
    """The password is in no message."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v3"
    auth = v3.Password(url, username="u", password="secret-password", user_domain_id="default")
    for adapter in (
        adapters.Adapter(session.Session(auth=auth), service_type="energy"),
        adapters.Adapter(
            session.Session(auth=auth), service_type="energy", endpoint_override="http://x.invalid"
        ),
    ):
        with pytest.raises(errors.ClientError) as refusal:
            client.EnergyClient(adapter).list_probes()
        require_sentence(refusal.value)
        assert str(refusal.value).startswith("Keystone cannot be asked: ")
        assert "secret-password" not in f"{refusal.value!r}{refusal.value.__context__!r}"


class Liar(http.server.BaseHTTPRequestHandler):
    """Answers everything with what was set."""

    status, body, kind = 200, b"", "application/json"

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def lie() -> Iterator[Callable[[int, bytes], client.LeaseClient]]:
    """Return a client of a server that answers so."""
    handler = type("Handler", (Liar,), {})
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()

    def answer(status: int, body: bytes) -> client.LeaseClient:
        handler.status, handler.body = status, body  # type: ignore[attr-defined]
        url = f"http://127.0.0.1:{httpd.server_address[1]}"
        return client.LeaseClient(servers.make_adapter(url, "lease"), PATIENCE_SECONDS)

    yield answer
    httpd.shutdown()
    httpd.server_close()


GARBAGE = (
    b"",
    b"<html>",
    b"null",
    b"[]",
    b"{}",
    b'{"hosts": 1}',
    b'{"hosts": [1]}',
    b'{"hosts": [{"id": "x", "name": 2}]}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"hosts": [{"id": 1' + b"0" * 5000 + b', "name": "a"}]}',
)


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:20]))
def test_garbage(lie: Callable[[int, bytes], client.LeaseClient], body: bytes) -> None:
    leases = lie(200, body)
    for ask in (leases.list_hosts, leases.get_ranking, lambda: list(leases.list_leases())):
        with pytest.raises(errors.Odd) as refusal:
            ask()
        require_sentence(refusal.value)


@pytest.mark.parametrize("body", [*GARBAGE, b'{"errors": []}', b'{"errors": [{"detail": 7}]}'])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 500, 502, 503])
def test_an_error_that_is_garbage(
    lie: Callable[[int, bytes], client.LeaseClient], status: int, body: bytes
) -> None:
    """Another's error page, such as a proxy's, is a sentence of our own."""
    with pytest.raises(errors.Refused) as refusal:
        lie(status, body).list_hosts()
    require_sentence(refusal.value)
    assert refusal.value.status == status
    assert type(refusal.value) is errors.BY_STATUS.get(status, errors.Refused)


def test_an_error_gives_a_terminal_nothing_to_obey(
    lie: Callable[[int, bytes], client.LeaseClient],
) -> None:
    body = rb'{"errors": [{"detail": "\u001b[31mred\u001b[0m\nand\u009b2J\u202eso on"}]}'
    with pytest.raises(errors.Refused) as refusal:
        lie(400, body).list_hosts()
    require_sentence(refusal.value)
    assert re.search("red.*and.*so on", str(refusal.value))


def test_a_page_that_leads_back_to_itself_ends(
    lie: Callable[[int, bytes], client.LeaseClient],
) -> None:
    """A server that always has one more page, with nothing in it, is left."""
    body = b'{"leases": [], "leases_links": [{"rel": "next", "href": "/v1/leases/?marker=a"}]}'
    assert not list(lie(200, body).list_leases())
