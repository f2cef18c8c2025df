# SPDX-License-Identifier: Apache-2.0
"""Sites of Kwapi for tests of its processes: a broker, wattmeters that are not there, an audit.

Owns the fixtures, which a test module imports by name, and what those tests
wait for.  Processes and logs are :mod:`tests.servers.scripts`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional import audit as audits
from tests.servers import ports
from tests.servers import rabbitmq as broker
from tests.servers import scripts

#: Not to wait for what is stored once a second.
FLUSH = "[collector]\nflush_seconds = 0.3\n"


@pytest.fixture
def site(tmp_path: Path, rabbitmq: broker.RabbitMQ) -> Iterator[scripts.Site]:
    """A site with a broker, an SQLite database and no wattmeter yet."""
    made = scripts.Site(tmp_path, rabbitmq.url)
    made.configure(FLUSH)
    yield made
    made.close()


@pytest.fixture
def lone_site(tmp_path: Path) -> Iterator[scripts.Site]:
    """A site whose broker is not there."""
    (port,) = ports.find_tcp(1)
    made = scripts.Site(tmp_path, f"rabbit://guest:guest@127.0.0.1:{port}/")
    yield made
    made.close()


@pytest.fixture
def audit(site: scripts.Site) -> Iterator[audits.Audit]:
    """Hears all that the site's drivers send."""
    made = audits.Audit(site)
    made.start()
    yield made
    made.stop()


def dummy(name: str, watts: int = 100) -> str:
    """Return the section of a wattmeter with one probe of a constant power."""
    parameters = {"min": watts, "max": watts, "period_seconds": 0.2}
    return f"[{name}]\ndriver = Dummy\nprobes = ['{name}.1']\nparameters = {parameters}\n"


def wait_for_measurements(audit: audits.Audit, probe: str, watts: float, count: int = 3) -> None:
    """Return when so many more measurements of this power are heard."""

    def heard() -> int:
        return sum(measured[1] == watts for measured in audit.series().get(probe, ()))

    wanted = heard() + count
    scripts.wait_until(lambda: heard() >= wanted, f"{count} measurements of {probe}")


def start(site: scripts.Site, collector: scripts.Script) -> None:
    """Start a collector, and return when it listens: by then signals find it prepared."""
    collector.start()
    wait_until_heard(site)


def wait_until_heard(site: scripts.Site) -> None:
    """Return when somebody listens to the collector's queue."""
    scripts.wait_until(
        lambda: audits.has_consumer(site.transport_url, site.queue), "a collector that listens"
    )
