# SPDX-License-Identifier: Apache-2.0
"""Gnocchi and Ceilometer together: where samples go.  Needs no Nova.

Owns the order in which they are made, started and stopped, and comparing what
the one passed on with what the other keeps.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from collections.abc import Iterable
from concurrent import futures
from typing import Any

import pytest
from keystoneauth1 import adapter

from tests.functional import audit as audits
from tests.integration import ceilometer as ceilometers
from tests.integration import gnocchi as gnocchis
from tests.integration import ground as grounds
from tests.integration import keystone as keystones
from tests.integration import measuring
from tests.servers import ports
from tests.servers import scripts

HOUR = 3600
_MINUTE = 60
_QUIET_SECONDS = 2.0
#: What doc/source/admin/ceilometer.rst has an operator call.
_RESOURCE_TYPE = (
    "resource-type", "create", "kwapi_probe",
    "-a", "host:string:false:max_length=255", "-a", "wattmeter:string:false:max_length=255",
)  # fmt: skip

Sample = dict[str, Any]


class Telemetry:
    """Both, over the Keystone, broker and database that others use, too.

    :ivar energy_port: where the catalog says that Kwapi's API is.
    """

    def __init__(self, ground: grounds.Ground) -> None:
        self.ground = ground
        self.gnocchi = gnocchis.Gnocchi(ground)
        self.ceilometer = ceilometers.Ceilometer(ground)
        (self.energy_port,) = ports.find_tcp(1)

    def start(self) -> None:
        """Make and start both; return when samples are taken."""
        self.gnocchi.create()
        self.ceilometer.create()
        self.ceilometer.notification.spawn()
        self.gnocchi.start()
        with futures.ThreadPoolExecutor() as pool:
            others = pool.map(_call, (self.ceilometer.upgrade, self._make_resource_type))
            self.ground.add_endpoint("kwapi", "energy", f"http://127.0.0.1:{self.energy_port}/v1")
            list(others)
        self.ceilometer.notification.wait_ready()

    def stop(self) -> None:
        """End every process at once: nothing that they wrote is read again."""
        self.ceilometer.kill()
        self.gnocchi.kill()

    @functools.cached_property
    def measures(self) -> gnocchis.Measures:
        """What Ceilometer's own account finds in Gnocchi."""
        session = self.ground.keystone.session(ceilometers.USER, "service")
        return gnocchis.Measures(adapter.Adapter(session, service_type="metric"))

    def settle(self) -> list[Sample]:
        """Return all samples when no more come."""
        scripts.wait_until(self._is_idle, "nothing on its way to Ceilometer")
        return self.ceilometer.samples()

    def _is_idle(self) -> bool:
        """Tell whether Ceilometer has taken all that was sent to it, and is done with it."""
        with audits.connect(self.ground.transport_url) as link:
            for kind in ("info", "sample"):
                # What it has taken and not acknowledged is not counted: after an outage of the
                # broker oslo.messaging keeps for ever what it recognises as taken before.
                if link.channel().queue_declare(f"notifications.{kind}", passive=True)[1]:
                    return False
        before = len(self.ceilometer.samples())
        time.sleep(_QUIET_SECONDS)
        return len(self.ceilometer.samples()) == before

    def compare_power(self, resource_id: str, meter: str, samples: Iterable[Sample]) -> None:
        """Fail unless Gnocchi aggregates just these: the mean tells one lost or doubled."""
        expected = _per_minute(samples)
        for aggregation, of in (("mean", _mean), ("min", min), ("max", max)):
            found = self.measures.get(resource_id, meter, aggregation, _MINUTE)
            wanted = {minute: of(values) for minute, values in expected.items()}
            assert {m.timestamp: m.value for m in found} == pytest.approx(wanted), aggregation

    def compare_energy(self, resource_id: str, samples: Iterable[Sample]) -> None:
        """Fail unless Gnocchi has just these values of a counter, and their rate of change."""
        expected = _per_minute(samples)
        last = self.measures.get(resource_id, "energy", "last", _MINUTE)
        wanted = {minute: values[-1] for minute, values in expected.items()}
        assert {m.timestamp: m.value for m in last} == pytest.approx(wanted)
        # Not of a minute: Gnocchi has no rate where nothing came in the span before.
        rates = [m.value for m in self.measures.get(resource_id, "energy", "rate:sum", HOUR)]
        values = [value for minute in sorted(expected) for value in expected[minute]]
        assert sum(rates) == pytest.approx(values[-1] - values[0], abs=1e-9)

    def _make_resource_type(self) -> None:
        self.ground.run("gnocchi", *_RESOURCE_TYPE, environ=self._account())

    def _account(self) -> dict[str, str]:
        """Return the environment that a command of OpenStack's finds its account in."""
        return {
            "OS_AUTH_TYPE": "password",
            "OS_AUTH_URL": self.ground.keystone.url,
            "OS_USERNAME": ceilometers.USER,
            "OS_PASSWORD": keystones.PASSWORD,
            "OS_PROJECT_NAME": "service",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
        }


def _per_minute(samples: Iterable[Sample]) -> dict[float, list[float]]:
    # Twice the same is once: Gnocchi, too, knows a measure by its time.
    measured = {(ceilometers.time_of(sample), sample["volume"]) for sample in samples}
    return measuring.per_span(measured, _MINUTE)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _call(step: Callable[[], None]) -> None:
    step()
