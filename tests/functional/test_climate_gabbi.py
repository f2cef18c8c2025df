# SPDX-License-Identifier: Apache-2.0
"""Leases as clients see them: every step in climate_gabbits/ is one request.

Behind it are the real middleware, the real services on SQLite, and over HTTP
as much of Keystone as the middleware asks for.  Each file names the arrangement
it wants; all its steps are one test, since they follow from each other.

A step's header X-Test-Advance lets so many seconds pass before it is asked.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from gabbi import fixture

from tests.fakes import keystone
from tests.functional import gabbis
from tests.servers import climate_apis

GABBITS = pathlib.Path(__file__).with_name("climate_gabbits")


class _Served:
    """The API of the file that runs; gabbi wants to know it before its fixture has made it."""

    climate: climate_apis.Climate

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seconds = environ.pop("HTTP_X_TEST_ADVANCE", None)
        if seconds is not None:
            self.climate.advance(float(seconds))
        return self.climate.app(environ, start_response)  # type: ignore[no-any-return]


_served = _Served()


class Climate(fixture.GabbiFixture):  # type: ignore[misc]
    """Six hosts, and nothing leased."""

    auth_strategy = "keystone"
    more = ""

    def start_fixture(self) -> None:
        self.keystone = keystone.Keystone()
        section = (
            f"[lease_api]\nauth_strategy = {self.auth_strategy}\nmax_body_bytes = 2048\n"
            "default_page_size = 10\nmax_page_size = 20\n"
        )
        text = section + self.more + self.keystone.configure()
        _served.climate = self.climate = climate_apis.make(text)
        self.fill()

    def fill(self) -> None:
        pass

    def stop_fixture(self) -> None:
        self.climate.stop()
        self.keystone.stop()
        shutil.rmtree(self.climate.conf.state_path)


class NoAuth(Climate):
    """For this machine only."""

    auth_strategy = "noauth"


class OthersLease(Climate):
    """Project q has a lease, whose id is in the environment as OTHERS_LEASE."""

    def fill(self) -> None:
        os.environ["OTHERS_LEASE"] = self.climate.lease("q")


class Quotas(Climate):
    """Project p may hold two hosts, and ten host-hours; the others may hold anything."""

    more = "[quota]\nproject_hosts = p:2\nproject_host_hours = p:10\n"


class Many(Climate):
    """25 leases of project p, named by number, one after the other on one host; one of q."""

    def fill(self) -> None:
        for number in range(25):
            start = climate_apis.NOW + 3600 * number
            self.climate.lease(
                "p",
                name=f"lease {number}",
                host_properties='["=", "$name", "node-1"]',
                start_time=start,
                end_time=start + 3600,
            )
        self.climate.lease("q", host_properties='["=", "$name", "node-2"]')


class HostMissing(Climate):
    """Project p has a lease of node-1, which is gone since."""

    def fill(self) -> None:
        os.environ["LEASE"] = self.climate.lease("p", host_properties='["=", "$name", "node-1"]')
        self.climate.lose_host("node-1")


class Observed(Climate):
    """Hosts were observed twice."""

    def fill(self) -> None:
        watts = {"node-1": 140.0, "node-2": 200.0, "node-3": 420.0, "node-6": 9.0}
        self.climate.observe(60, **watts)


class RankingAway(Climate):
    """climate-ranking does not answer."""

    def fill(self) -> None:
        self.climate.stop_service("ranking")


class InventoryAway(Climate):
    """Project p has a lease; climate-inventory does not answer."""

    def fill(self) -> None:
        os.environ["LEASE"] = self.climate.lease("p")
        self.climate.stop_service("inventory")


class PlanningAway(Climate):
    """climate-planning does not answer."""

    def fill(self) -> None:
        self.climate.stop_service("planning")


@pytest.mark.parametrize("name", gabbis.names(GABBITS))
def test_gabbit(name: str) -> None:
    """Every step of the file is answered as it says."""
    gabbis.run(GABBITS / f"{name}.yaml", "lease.example", sys.modules[__name__], _served)
