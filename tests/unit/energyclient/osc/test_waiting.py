# SPDX-License-Identifier: Apache-2.0
"""``--wait`` against the real Climate: until the lease is active, and through an outage."""

from __future__ import annotations

import io
from collections.abc import Callable
from collections.abc import Iterator

import pytest

from energyclient import client
from energyclient import errors
from energyclient import records
from energyclient.osc import waiting
from tests.servers import climate_apis
from tests.unit.energyclient import conftest as servers
from tests.unit.energyclient.osc import test_screen as terminals


@pytest.fixture
def leases(climate_url: str) -> client.LeaseClient:
    return client.LeaseClient(servers.make_adapter(climate_url, "lease"))


@pytest.fixture
def lease(leases: client.LeaseClient) -> records.Lease:
    """One that starts in ten minutes."""
    return leases.create(duration_seconds=60, start_time=climate_apis.NOW + 600)


def wait(
    leases: client.LeaseClient,
    lease: records.Lease,
    climate: climate_apis.Climate,
    output: io.StringIO,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[float]:
    """Wait as the command does; return the pauses."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        climate.advance(seconds)
        meanwhile()

    progress = waiting.Progress(output)
    found = waiting.wait_until_active(leases, lease, progress, sleep, climate.clock.time)
    assert found.status == "active"
    return pauses


def test_until_it_starts(
    leases: client.LeaseClient, lease: records.Lease, climate: climate_apis.Climate
) -> None:
    """Asking seldom when it is far, often when it is near; one line for each change."""
    output = io.StringIO()
    pauses = wait(leases, lease, climate, output)
    assert max(pauses) == 30.0 and min(pauses) == 1.0 and len(pauses) < 40
    first, second = output.getvalue().splitlines()
    assert first.startswith(f"Lease {lease.id} is confirmed and starts at 2026-09-21 ")
    assert second == f"Lease {lease.id} is active."


def test_on_a_terminal_one_line_is_renewed(
    leases: client.LeaseClient, lease: records.Lease, climate: climate_apis.Climate
) -> None:
    output = terminals.Terminal()
    wait(leases, lease, climate, output)
    shown = output.getvalue()
    assert shown.count("\n") == 1 and shown.endswith("\n")
    assert " starts in 10m\r" in shown and shown.count("\r") > 10
    assert "\x1b" not in shown


def test_it_is_given_back_meanwhile(
    leases: client.LeaseClient, lease: records.Lease, climate: climate_apis.Climate
) -> None:
    with pytest.raises(errors.NotFound, match="was given back meanwhile"):
        wait(leases, lease, climate, io.StringIO(), lambda: leases.delete(lease.id))


class Flaky(client.LeaseClient):
    """A client that is cut off every other time, as by a restart of the service."""

    def __init__(self, leases: client.LeaseClient, failures: Iterator[Exception | None]) -> None:
        self._leases, self._failures = leases, failures

    def get(self, lease_id: str) -> records.Lease:
        failure = next(self._failures)
        if failure:
            raise failure
        return self._leases.get(lease_id)


def fail_at_first() -> Iterator[Exception | None]:
    yield errors.Unreachable("Nobody is there.")
    yield errors.Unavailable("Not now.", 503)
    while True:
        yield None


def test_a_service_that_is_away_is_waited_for(
    leases: client.LeaseClient, lease: records.Lease, climate: climate_apis.Climate
) -> None:
    output = io.StringIO()
    wait(Flaky(leases, fail_at_first()), lease, climate, output)
    assert "Nobody is there. Waiting for it.\n" in output.getvalue()
    assert "Not now. Waiting for it.\n" in output.getvalue()


def test_who_may_no_longer_ask_waits_no_longer(
    leases: client.LeaseClient, lease: records.Lease, climate: climate_apis.Climate
) -> None:
    refused = iter([errors.Unauthorized("Log in.", 401)])
    with pytest.raises(errors.Unauthorized):
        wait(Flaky(leases, refused), lease, climate, io.StringIO())


def test_an_interrupt_leaves_the_line(
    leases: client.LeaseClient, lease: records.Lease, climate: climate_apis.Climate
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    output = terminals.Terminal()
    with pytest.raises(KeyboardInterrupt):
        wait(leases, lease, climate, output, interrupt)
    assert output.getvalue().endswith("\n")
