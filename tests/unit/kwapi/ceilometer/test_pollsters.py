# SPDX-License-Identifier: Apache-2.0
"""What Ceilometer's own polling agent makes of our pollsters: cycles, outages, refusals."""

from __future__ import annotations

import datetime
import json
import logging
import pathlib
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import webob

from energybase.web import server
from kwapi.ceilometer import samples
from kwapi.store import record as records
from kwapi.store import snapshot
from kwapi.store import state
from kwapi.store import store as stores
from tests.fakes import ceilometer_agent as polling
from tests.fakes import keystone as middleware
from tests.servers import apis

ROOT = pathlib.Path(__file__).parents[4]
DYNAMIC = ROOT / "etc" / "ceilometer" / "pollsters.d"


class Kwapi:
    """Answers ``/v1/probes/`` with what it is told to."""

    def __init__(self) -> None:
        self.probes: dict[str, Any] = {}
        self.body: bytes | None = None
        self.status = 200
        #: Token and status of each.
        self.answers: list[tuple[str | None, int]] = []
        self._server = server.Server(self._answer)
        self._server.start()
        self.url = f"{self._server.url}v1"

    def stop(self) -> None:
        """End it; from now on nobody answers there."""
        self._server.stop()

    def take_statuses(self) -> list[int]:
        """Return how it answered since the last time."""
        taken = [status for _, status in self.answers]
        self.answers.clear()
        return taken

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = webob.Request(environ)
        assert request.path == "/v1/probes/"
        body = json.dumps({"probes": self.probes}).encode() if self.body is None else self.body
        etag = str(hash(body))
        status = 304 if etag in request.if_none_match else self.status
        response = webob.Response(status=status, body=b"" if status == 304 else body, etag=etag)
        self.answers.append((request.headers.get("X-Auth-Token"), status))
        return response(environ, start_response)


def now() -> float:
    """Return this instant, as finely as Kwapi tells it."""
    return round(time.time(), 3)


def measured(watts: float = 100.0, age_seconds: float = 0.0, **others: Any) -> dict[str, Any]:
    """Return what Kwapi says of a probe."""
    told = {"timestamp": now() - age_seconds, "kwh": watts / 10, "w": watts, "wattmeter": "pdu-1"}
    return {**told, "period_seconds": None, "resolution_watts": 0.5, **others}


def volumes(sent: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Return what was sent, by meter and resource."""
    assert len({(one["counter_name"], one["resource_id"]) for one in sent}) == len(sent)
    return {(one["counter_name"], one["resource_id"]): one["counter_volume"] for one in sent}


class Log(logging.Handler):
    """What the agent's log says of Kwapi; whatever is configured for the process."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, unless it is only one of Ceilometer's own that all is well."""
        if record.name.startswith("kwapi.") or record.levelno >= logging.WARNING:
            self._entries.append(record)

    def take(self, level: int = logging.WARNING) -> list[str]:
        """Return the lines since the last time; none has a traceback."""
        taken = [entry for entry in self._entries if entry.levelno >= level]
        self._entries.clear()
        assert not [entry for entry in taken if entry.exc_info]
        return [entry.getMessage() for entry in taken]


@pytest.fixture
def kwapi() -> Iterator[Kwapi]:
    """A Kwapi that is told what to answer."""
    made = Kwapi()
    yield made
    made.stop()


@pytest.fixture
def keystone(kwapi: Kwapi) -> Iterator[polling.Keystone]:
    """A Keystone whose catalogue names that Kwapi."""
    made = polling.Keystone(kwapi.url)
    yield made
    made.stop()


@pytest.fixture
def log() -> Iterator[Log]:
    """What is logged of the poll from now on."""
    made = Log()
    loggers = [logging.getLogger(name) for name in ("kwapi.ceilometer", "ceilometer.polling")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(made)
        logger.setLevel(logging.INFO)
    yield made
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(made)
        logger.setLevel(level)


def test_every_field_of_a_sample(
    tmp_path: pathlib.Path, kwapi: Kwapi, keystone: polling.Keystone
) -> None:
    """As the shared vocabulary has it; the time is the poll's, the measurement's is told beside."""
    agent = polling.Agent(tmp_path, keystone)
    kwapi.probes = {"node-1": measured(240.0, period_seconds=1.0)}
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    energy, host, power = agent.poll()
    probe = kwapi.probes["node-1"]
    told = {
        "probe": "node-1",
        "host": "node-1",
        "wattmeter": "pdu-1",
        "period_seconds": 1.0,
        "resolution_watts": 0.5,
        "measured_at": samples.to_iso(probe["timestamp"]),
    }
    for sent in energy, host, power:
        assert before <= datetime.datetime.fromisoformat(sent.pop("timestamp"))
        assert sent.pop("message_id")
        assert sent.pop("message_signature")
        assert sent.pop("source") == samples.SOURCE
        assert sent.pop("resource_metadata") == told
    nothing = {"user_id", "user_name", "project_id", "project_name", "monotonic_time"}
    assert [{key: one[key] for key in one.keys() - nothing} for one in (energy, power, host)] == [
        _values("energy", "cumulative", "kWh", 24.0, "node-1"),
        _values("power", "gauge", "W", 240.0, "node-1"),
        _values("hardware.ipmi.node.power", "gauge", "W", 240.0, "node-1_node-1"),
    ]
    assert {energy[key] for key in nothing} == {None}


def _values(*values: Any) -> dict[str, Any]:
    names = ("counter_name", "counter_type", "counter_unit", "counter_volume", "resource_id")
    return dict(zip(names, values, strict=True))


def test_one_get_for_all_meters_and_no_body_twice(
    tmp_path: pathlib.Path, kwapi: Kwapi, keystone: polling.Keystone
) -> None:
    """Each cycle asks once, with the agent's token; what has not changed is not sent again."""
    agent = polling.Agent(tmp_path, keystone)
    kwapi.probes = {"a": measured(100.0), "b": measured(50.0)}
    first = volumes(agent.poll())
    assert len(first) == 6
    assert kwapi.answers == [("project:service", 200)]
    assert volumes(agent.poll()) == first
    kwapi.probes["b"] = measured(60.0)
    assert volumes(agent.poll()) == {
        **first,
        ("energy", "b"): 6.0,
        ("power", "b"): 60.0,
        ("hardware.ipmi.node.power", "b_b"): 60.0,
    }
    assert kwapi.take_statuses() == [200, 304, 200]


def test_one_get_though_meters_are_polled_at_once(
    tmp_path: pathlib.Path, kwapi: Kwapi, keystone: polling.Keystone
) -> None:
    """The agent may use as many threads as it has pollsters."""
    agent = polling.Agent(tmp_path, keystone, text="[polling]\nthreads_to_process_pollsters = 0\n")
    kwapi.probes = {"a": measured()}
    for _ in range(5):
        assert len(agent.poll()) == 3
    assert kwapi.take_statuses() == [200, 304, 304, 304, 304]


def test_stale_probes_are_left_out_and_counted_once(
    tmp_path: pathlib.Path,
    kwapi: Kwapi,
    keystone: polling.Keystone,
    log: Log,
) -> None:
    """An old value would get the time of the poll; a slow probe may miss two measurements."""
    agent = polling.Agent(tmp_path, keystone, text="[kwapi]\nstale_after_seconds = 60\n")
    old = {f"old-{number}": measured(age_seconds=61) for number in range(7)}
    slow = measured(age_seconds=170, period_seconds=60.0)
    kwapi.probes = {"a": measured(), "slow": slow, **old}
    log.take()
    for _ in range(2):
        assert {resource for meter, resource in volumes(agent.poll()) if meter == "power"} == {
            "a",
            "slow",
        }
    (line,) = log.take()
    assert line == (
        f"7 of 9 probes of {kwapi.url} were not measured for 60 s, nor for three of their own"
        " periods; they give no samples: old-0, old-1, old-2, old-3, old-4 and 2 more."
    )
    kwapi.probes = {"a": measured()}
    agent.poll()
    assert log.take(logging.INFO) == [f"None of the 1 probes of {kwapi.url} is stale any more."]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, None, r"Kwapi answers 401 to http.* have to use the same Keystone\."),
        (403, None, r"Kwapi answers 403 to http.* needs the role service or admin, or the role r"),
        (404, None, r"Kwapi answers 404 to http.*catalogue, the endpoint of the service type ene"),
        (503, None, r"Kwapi answers 503 to http\S+/v1/probes/\.$"),
        (200, b"<html>", r"The answer of http.* is not a list of probes\."),
        (200, b'{"probes": [1]}', r"The answer of http.* is not a list of probes\."),
        (200, b"[" * 100_000, r"The answer of http.* is not a list of probes\."),
    ],
)
def test_an_answer_that_cannot_be_used_is_one_clear_line(
    tmp_path: pathlib.Path,
    kwapi: Kwapi,
    keystone: polling.Keystone,
    log: Log,
    status: int,
    body: bytes | None,
    reason: str,
) -> None:
    """For all meters and cycles together, without a traceback; and one when it is over."""
    agent = polling.Agent(tmp_path, keystone)
    kwapi.probes = {"a": measured()}
    kwapi.status, kwapi.body = status, body
    log.take()
    for _ in range(3):
        assert agent.poll() == []
    (line,) = log.take()
    assert line.startswith(f"No samples of {kwapi.url}: ")
    assert re.search(reason, line), line
    kwapi.status, kwapi.body = 200, None
    assert len(agent.poll()) == 3
    assert log.take(logging.INFO) == [f"{kwapi.url} answers again."]


def test_one_that_is_away_hides_no_other(
    tmp_path: pathlib.Path,
    kwapi: Kwapi,
    keystone: polling.Keystone,
    log: Log,
) -> None:
    """The next endpoint of the catalogue is asked all the same."""
    kwapi.probes = {"a": measured()}
    keystone.kwapis = ["http://127.0.0.1:1/v1", kwapi.url]
    agent = polling.Agent(tmp_path, keystone)
    log.take()
    for _ in range(2):
        assert len(agent.poll()) == 3
    (line,) = log.take()
    assert line.startswith("No samples of http://127.0.0.1:1/v1: Kwapi does not answer: ")


def test_a_kwapi_that_hangs_is_given_up(
    tmp_path: pathlib.Path, keystone: polling.Keystone, log: Log
) -> None:
    """Ceilometer itself would wait for it for ever."""
    silent = server.listen("127.0.0.1", 0)
    keystone.kwapis = [f"http://127.0.0.1:{silent.getsockname()[1]}/v1/"]
    agent = polling.Agent(tmp_path, keystone, text="[kwapi]\ntimeout_seconds = 0.2\n")
    log.take()
    with silent:
        assert agent.poll() == []
    (line,) = log.take()
    assert "Kwapi does not answer: Request to http" in line


def test_a_keystone_that_is_away_is_one_clear_line(
    tmp_path: pathlib.Path, kwapi: Kwapi, keystone: polling.Keystone, log: Log
) -> None:
    """Kwapi's URL may be told by polling.yaml; the token is still Keystone's."""
    agent = polling.Agent(tmp_path, keystone, resources=[kwapi.url])
    kwapi.probes = {"a": measured()}
    assert len(agent.poll()) == 3
    keystone.stop()
    log.take()
    for _ in range(2):
        assert agent.poll() == []
    (line,) = log.take()
    assert line.startswith(f"No samples of {kwapi.url}: Keystone does not let the agent in: ")
    assert keystone.url in line


def test_odd_probes_are_left_out_and_counted(
    tmp_path: pathlib.Path,
    kwapi: Kwapi,
    keystone: polling.Keystone,
    log: Log,
) -> None:
    """What cannot be makes no sample, and hides no other probe."""
    kwapi.probes = {
        "a": measured(),
        "text": measured(w="100"),
        "no-energy": measured(kwh=None),
        "far": measured(timestamp=1e300),
        "huge": measured(timestamp=10**400),
        "odd-extras": measured(wattmeter=[1], period_seconds="1", resolution_watts=True),
    }
    agent = polling.Agent(tmp_path, keystone, meters=["power"])
    log.take()
    sent = {one["resource_id"]: one["resource_metadata"] for one in agent.poll()}
    assert set(sent) == {"a", "odd-extras"}
    assert set(sent["odd-extras"]) == {"probe", "host", "measured_at"}
    assert log.take() == [f"{kwapi.url} answers impossible values for 4 probes; they are left out."]


def test_hosts_as_the_operator_says(
    tmp_path: pathlib.Path, kwapi: Kwapi, keystone: polling.Keystone
) -> None:
    """A list goes before the pattern; a host with a stale probe has no power at all."""
    agent = polling.Agent(
        tmp_path,
        keystone,
        text=(
            "[kwapi]\nhost_pattern = (?P<host>node-.*?)(-psu.)?\n"
            "host_probes = big:10:0+1 10:0+2,half:fresh old\n"
        ),
        meters=["hardware.ipmi.node.power"],
    )
    kwapi.probes = {
        "10:0+1": measured(100.0),
        "10:0+2": measured(200.0),
        "fresh": measured(1.0),
        "old": measured(2.0, age_seconds=1000),
        "node-1-psu1": measured(10.0),
        "node-1-psu2": measured(20.0),
        "node-2-psu1": measured(10.0),
        "node-2-psu2": measured(20.0, age_seconds=1000),
        "lamp": measured(40.0),
    }
    sent = {one["resource_id"]: one["counter_volume"] for one in agent.poll()}
    assert sent == {"big_big": 300.0, "node-1_node-1": 30.0}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("host_pattern = node-.+", "has no group (?P<host>...)"),
        ("host_probes = a:x,b:x", "Probe x is listed for hosts a and b"),
        ("stale_after_seconds = soon", "stale_after_seconds"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    tmp_path: pathlib.Path,
    keystone: polling.Keystone,
    log: Log,
    text: str,
    reason: str,
) -> None:
    """The agent goes on with its other pollsters, and its log says why without ours."""
    agent = polling.Agent(
        tmp_path, keystone, text=f"[kwapi]\n{text}\n", meters=["energy", "ip.floating"]
    )
    assert [pollster.name for pollster in agent.pollsters] == ["ip.floating"]
    lines = log.take()
    assert len(lines) == len(polling.METERS)
    assert all("[kwapi]" in line and reason in line for line in lines)


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("project:service", None),
        ("system:reader", None),
        ("project:reader", "Kwapi answers 403"),
        ("project:member", "Kwapi answers 403"),
        ("nobody", "Kwapi answers 401"),
    ],
)
def test_kwapis_own_api_and_its_policy(
    tmp_path: pathlib.Path,
    keystone: polling.Keystone,
    log: Log,
    user: str,
    reason: str | None,
) -> None:
    """A wrong role or scope is an error in the log, not silence."""
    validator = middleware.Keystone()
    conf = apis.configure(tmp_path, validator.configure())
    fill(stores.open_store(conf))
    api = server.Server(apis.build(conf))
    api.start()
    keystone.kwapis = [f"{api.url}v1"]
    try:
        agent = polling.Agent(tmp_path, keystone, user)
        log.take()
        sent = [agent.poll() for _ in range(2)]
    finally:
        api.stop()
        validator.stop()
    lines = log.take()
    if reason is None:
        assert {len(each) for each in sent} == {6}
        assert lines == []
    else:
        assert sent == [[], []]
        (line,) = lines
        assert reason in line


def fill(store: stores.Store) -> None:
    """Lay down two probes, as the collector does."""
    shown = snapshot.Snapshot()
    first = records.Record("node-1", now(), 240.0, 12.5, "pdu-1", period_seconds=1.0)
    shown.update([first, records.Record("node-2", now(), 50.5, 1e-9)])
    store.save(state.Changes(0, probes_body=shown.probes_body()))


def test_the_dynamic_pollsters_send_the_same(
    tmp_path: pathlib.Path, kwapi: Kwapi, keystone: polling.Keystone
) -> None:
    """The shipped definitions make of the same body what our pollsters do."""
    kwapi.probes = {
        "node-1": measured(240.0, period_seconds=1.0),
        "node-2": measured(0.0),
        "node-3": measured(50.5, wattmeter="", resolution_watts=None),
        "old": measured(age_seconds=181),
        "slow": measured(age_seconds=181, period_seconds=300.0),
    }
    ours = comparable(polling.Agent(make_folder(tmp_path, "ours"), keystone).poll())
    assert len(ours) == 12
    dynamic = polling.Agent(make_folder(tmp_path, "dynamic"), keystone, pollsters=DYNAMIC)
    assert {pollster.name for pollster in dynamic.pollsters} == set(polling.METERS)
    assert comparable(dynamic.poll()) == ours


def make_folder(parent: pathlib.Path, name: str) -> pathlib.Path:
    """Return a new folder of this name."""
    made = parent / name
    made.mkdir()
    return made


def comparable(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return samples without what each poll makes anew, and what is null in their metadata."""
    anew = ("timestamp", "message_id", "message_signature")
    kept = [{key: one[key] for key in one.keys() - set(anew)} for one in sent]
    for one in kept:
        metadata = one["resource_metadata"]
        one["resource_metadata"] = {k: v for k, v in metadata.items() if v is not None}
    return kept
