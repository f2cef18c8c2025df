# SPDX-License-Identifier: Apache-2.0
"""What is old, and when: the agent itself is in test_pollsters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import webob
from keystoneauth1 import session as sessions

from energybase.web import server
from kwapi.ceilometer import reading
from kwapi.ceilometer import samples
from tests import conftest

NOW = 1_700_000_000.0
OPTIONS = reading.Options(180.0, 5.0, samples.Hosts())


def answer(environ: Any, start_response: Any) -> Any:
    """Say that node-1 was measured at :data:`NOW`."""
    told = {"timestamp": NOW, "kwh": 1.5, "w": 100.0}
    response = webob.Response(body=json.dumps({"probes": {"node-1": told}}).encode(), etag="1")
    return response.conditional_response_app(environ, start_response)


@pytest.fixture
def url() -> Iterator[str]:
    """Where that is said."""
    made = server.Server(answer)
    made.start()
    yield made.url
    made.stop()


def test_an_answer_grows_old(url: str, fake_clock: conftest.FakeClock) -> None:
    """Though Kwapi says that nothing has changed."""
    agent = reading.Agent(OPTIONS, fake_clock)
    for age_seconds, meters in ((0, 3), (180, 3), (181, 0)):
        fake_clock.set_wall(NOW + age_seconds)
        read = reading.Cycle(agent).read(url, sessions.Session)
        assert read is not None
        assert sum(len(list(read.samples_of(meter))) for meter in samples.METERS) == meters


def test_a_cycle_reads_once(url: str, fake_clock: conftest.FakeClock) -> None:
    """The same object, or the same failure, for all who ask in it."""
    cycle = reading.Cycle(reading.Agent(OPTIONS, fake_clock))
    first = cycle.read(url, sessions.Session)
    assert first is not None
    assert cycle.read(url, sessions.Session) is first
    assert cycle.read("http://127.0.0.1:1/", sessions.Session) is None
