# SPDX-License-Identifier: Apache-2.0
"""All measured energy is counted once while collector, broker and database are killed.

What was measured is told by a listener of the test's own, which hears every
message in a queue of its own.  Half of the wattmeters measure a constant power,
whose energy is known without it; the others a random one, of which a message
lost, repeated or out of order changes the energy.
"""

from __future__ import annotations

import logging
import random
import signal
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from kwapi.store import store
from tests.functional import audit as audits
from tests.servers import databases
from tests.servers import rabbitmq as broker
from tests.servers import scripts

LOG = logging.getLogger(__name__)

WATTMETERS = 20
OUTLETS = 5
CONSTANT_WATTS = 137

OPTIONS = """
    [collector]
    flush_seconds = 0.3
    # Longer than any machine holds up a driver: what was measured is billed.
    max_gap_seconds = 600
"""


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest) -> Iterator[databases.Server | None]:
    """A server of its own, or None for SQLite."""
    if request.param == "sqlite":
        yield None
        return
    with databases.running(request.param) as server:
        yield server


@pytest.mark.usefixtures("trial")
def test_crashes_lose_nothing_and_count_nothing_twice(
    tmp_path: Path, rabbitmq: broker.RabbitMQ, database: databases.Server | None
) -> None:
    """Collector, broker and database come and go while twenty wattmeters are read."""
    if database is None:
        go_through_crashes(scripts.Site(tmp_path, rabbitmq.url), rabbitmq, None)
        return
    with database.database() as url:
        go_through_crashes(scripts.Site(tmp_path, rabbitmq.url, url), rabbitmq, database)


def go_through_crashes(
    site: scripts.Site, rabbitmq: broker.RabbitMQ, database: databases.Server | None
) -> None:
    site.configure(OPTIONS)
    site.drivers_conf.write_text("".join(section(n) for n in range(WATTMETERS)))
    site.upgrade()
    collector, drivers = site.script("kwapi-collector"), site.script("kwapi-drivers")
    audit = audits.Audit(site)
    try:
        audit.start()
        collector.start()
        drivers.start()
        Trouble(rabbitmq, collector, drivers, database, site.store()).make()
        assert drivers.stop(signal.SIGTERM) == 0
        assert "are lost" not in drivers.log
        audit.settle()
        audit.compare()
        for probe, (first, *_, last) in audit.series().items():
            if probe.startswith("constant"):
                seconds = Fraction(last[0]) - Fraction(first[0])
                expected = pytest.approx(
                    float(CONSTANT_WATTS * seconds / audits.JOULES_PER_KWH),
                    rel=audits.RELATIVE_ERROR,
                )
                assert site.store().get_record(probe).kwh == expected
        assert collector.stop(signal.SIGTERM) == 0
    finally:
        site.close()
        # Others share it, whatever failed here.
        if not audits.is_broker(rabbitmq.url):
            rabbitmq.restart()
        audit.stop()


def section(number: int) -> str:
    """Return a wattmeter's configuration: each second one measures what nobody can foretell."""
    watts = {"min": CONSTANT_WATTS, "max": CONSTANT_WATTS} if number % 2 else {"min": 0, "max": 999}
    kind = "constant" if number % 2 else "random"
    probes = [f"{kind}.{number}.{outlet}" for outlet in range(OUTLETS)]
    parameters = watts | {"period_seconds": 0.1, "seed": number}
    return f"[pdu-{number}]\ndriver = Dummy\nprobes = {probes}\nparameters = {parameters}\n"


class Trouble:
    """Ends what may end, in every pair of states that matters, at random moments."""

    def __init__(
        self,
        rabbitmq: broker.RabbitMQ,
        collector: scripts.Script,
        drivers: scripts.Script,
        database: databases.Server | None,
        kept: store.Store,
    ) -> None:
        self._kept = kept
        self._rabbitmq, self._collector, self._drivers = rabbitmq, collector, drivers
        self._database = database
        self._outages = 0
        seed = random.randrange(2**32)
        LOG.warning("The moments are those of seed %d", seed)
        self._moments = random.Random(seed)

    def make(self) -> None:
        """Make all of it; return when everything runs again."""
        for _ in range(3):
            # While it counts: between any two steps of taking, storing, acknowledging.
            self._wait_until_stored()
            self._wait(0.7)
            self._collector.kill()
            self._collector.start()
        # While it starts.
        self._wait(2)
        self._collector.kill()
        self._wait(1)
        self._collector.start()
        self._wait_until_stored()
        if self._database is not None:
            self._restart_database(self._database)
        else:
            self._rabbitmq.stop()
            self._wait(2)
            self._end_outage()
        self._rabbitmq.kill()
        self._wait(1)
        self._collector.kill()
        self._wait(1)
        self._collector.start()
        self._end_outage()
        self._collector.kill()
        self._rabbitmq.kill()
        self._collector.start()
        self._wait(2)
        self._collector.kill()
        self._end_outage()
        self._collector.start()

    def _wait(self, most_seconds: float) -> None:
        time.sleep(self._moments.uniform(0, most_seconds))

    def _wait_until_stored(self) -> None:
        """Return when the collector has stored something, and something else since."""
        before = self._kept.get_version()
        scripts.wait_until(lambda: self._kept.get_version() > before + 1, "something new is stored")

    def _end_outage(self) -> None:
        """Have the broker, and return when it is sent to again."""
        self._rabbitmq.start()
        self._outages += 1
        self._drivers.wait_for_log("The broker takes messages again", self._outages)
        self._wait(2)

    def _restart_database(self, database: databases.Server) -> None:
        """Take it away once while the collector runs, and once while that starts anew."""
        database.stop()
        self._wait(2)
        database.start()
        self._wait(2)
        database.stop()
        self._collector.kill()
        self._collector.start()
        self._wait(2)
        database.start()
