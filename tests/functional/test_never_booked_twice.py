# SPDX-License-Identifier: Apache-2.0
"""No host is reserved twice while planners and databases are killed.

Eight planners, each a process, book, cancel, extend and shorten leases of a few
hosts as fast as they can, while planners and the database are killed.  Then
calendars are whole, and what was promised is kept.
"""

from __future__ import annotations

import collections
import json
import logging
import multiprocessing
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from climate import states
from climate.db import models
from energybase.db import migration
from tests import patience
from tests.contracts import climate_database as given
from tests.servers import databases
from tests.servers import planner_worker

LOG = logging.getLogger(__name__)

PLANNERS = 8
#: Enough to be sure, however long it takes; no longer, however few.
WANTED = 3000
_SECONDS = 20.0
_KILLS = 8
_DEADLINE_SECONDS = patience.SECONDS


@pytest.fixture(params=["sqlite", *sorted(databases.SERVERS)])
def server(request: pytest.FixtureRequest) -> Iterator[databases.Server | None]:
    """A server of the test's own, or None for SQLite."""
    if request.param == "sqlite":
        yield None
        return
    with databases.running(request.param) as started:
        yield started


@pytest.fixture
def database(server: databases.Server | None, tmp_path: Path) -> Iterator[given.Database]:
    """A database of twelve hosts."""
    url = f"sqlite:///{tmp_path}/climate.sqlite" if server is None else server.url("climate")
    if server is not None:
        server._administrate("CREATE DATABASE climate")
    made = given.Database(url)
    migration.upgrade(made.engine(), schema=models.SCHEMA)
    given.learn(made.open(), planner_worker.HOSTS)
    yield made
    made.close()


class Planners:
    """The processes, and what they wrote down."""

    def __init__(self, url: str, directory: Path) -> None:
        self.journal = directory / "journal"
        self._url, self._begin = url, time.time()
        self._running: list[Any] = []
        # Forked off a process that has imported everything: imports take longer
        # than all that a planner does here before it is killed.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([planner_worker.__name__])
        seed = random.randrange(2**32)
        LOG.warning("Planners' seeds follow %d", seed)
        self._random = random.Random(seed)

    def start(self) -> None:
        """Start one more."""
        arguments = self._url, str(self.journal), self._random.randrange(2**32), self._begin
        process = self._processes.Process(target=planner_worker.main, args=arguments)
        process.start()
        self._running.append(process)

    def kill_one(self) -> None:
        """Kill one, and start another in its place."""
        victim = self._running.pop(self._random.randrange(len(self._running)))
        assert victim.is_alive(), "it ended by itself"
        victim.kill()
        victim.join()
        self.start()

    def stop(self) -> None:
        """End them in order; those that started just now may not know how yet."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.join(_DEADLINE_SECONDS)
        assert {process.exitcode for process in self._running} <= {0, -signal.SIGTERM}
        self._running.clear()

    def close(self) -> None:
        """Leave none behind."""
        for process in self._running:
            process.kill()
            process.join()

    def read(self) -> list[dict[str, Any]]:
        """Return what all of them wrote, in its order."""
        if not self.journal.exists():
            return []
        return [json.loads(line) for line in self.journal.read_text().splitlines()]


@pytest.mark.usefixtures("trial")
def test_no_host_is_reserved_twice(
    server: databases.Server | None, database: given.Database, tmp_path: Path
) -> None:
    """Nor is any promise broken, nor any event forgotten or made twice."""
    planners = Planners(database.url, tmp_path)
    try:
        for _ in range(PLANNERS):
            planners.start()
        make_trouble(planners, server)
        planners.stop()
    finally:
        planners.close()
    journal = planners.read()
    counts: collections.Counter[str] = collections.Counter()
    for line in journal:
        counts.update(line.get("counts", {}))
    LOG.warning("%d lines; of those that ended in order: %s", len(journal), dict(counts))
    assert counts["_request done"] > 0 and counts["_request NotEnoughHosts"] > 0
    assert database.audit() == []
    check_promises(database, journal)
    check_events(database)
    check_that_all_comes_back(database)


def make_trouble(planners: Planners, server: databases.Server | None) -> None:
    """Kill planners, and the database twice, until they have done enough."""
    begin, kills, moments = time.monotonic(), 0, random.Random()
    while len(planners.read()) < PLANNERS:
        assert time.monotonic() - begin < _DEADLINE_SECONDS, "planners do nothing"
        time.sleep(0.1)
    begin = time.monotonic()
    while time.monotonic() - begin < _SECONDS and (len(planners.read()) < WANTED or kills < _KILLS):
        time.sleep(moments.uniform(0.0, 3.0))
        planners.kill_one()
        kills += 1
        if server is not None and kills in (2, 5):
            server.kill()
            time.sleep(moments.uniform(0.0, 0.5))
            planners.kill_one()
            server.start()
    # One of them is to go on for a while after everything.
    enough = len(planners.read()) + 2 * PLANNERS
    begin = time.monotonic()
    while len(planners.read()) < enough:
        assert time.monotonic() - begin < _DEADLINE_SECONDS, "planners do nothing"
        time.sleep(0.1)


def check_promises(database: given.Database, journal: list[dict[str, Any]]) -> None:
    """What was confirmed is held, unless somebody was about to cancel or change it."""
    cancelled = {line["cancelling"] for line in journal if "cancelling" in line}
    changed = {line["changing"] for line in journal if "changing" in line} | cancelled
    promised = [line["promised"] for line in journal if "promised" in line]
    assert promised
    kept = database.open()
    for lease in promised:
        found = kept.get(lease["id"]).to_dict()
        if lease["id"] not in cancelled:
            assert found["status"] in (states.CONFIRMED, states.ACTIVE, states.ENDED)
            assert found["hosts"] == lease["hosts"]
            assert found["start_time"] == lease["start_time"]
        if lease["id"] not in changed:
            assert found["end_time"] == lease["end_time"]


def check_events(database: given.Database) -> None:
    """One for each start and one for each end; nobody took them out here."""
    with database.engine().connect() as connection:
        found = connection.execute(sa.select(models.EVENTS.c["event_type", "payload"])).all()
        statuses = connection.execute(sa.select(models.LEASES.c["id", "status"])).all()
    told = collections.Counter((kind, json.loads(payload)["id"]) for kind, payload in found)
    wanted = {
        (f"climate.lease.{kind}", lease_id)
        for lease_id, status in statuses
        for kind, told_in in (("start", (states.ACTIVE, states.ENDED)), ("end", (states.ENDED,)))
        if status in told_in
    }
    assert wanted
    assert told == dict.fromkeys(wanted, 1)


def check_that_all_comes_back(database: given.Database) -> None:
    """When all leases are over and forgotten, every host is free for all time."""
    kept, later = database.open(), 2**40
    while kept.expire(later) + kept.start_due(later) + kept.end_due(later):
        pass
    kept.forget(2 * later)
    assert kept.list(given.EVERYTHING, 1, None) == ([], None)
    assert list(given.list_free(kept).values()) == [given.ALL_OF_TIME] * planner_worker.HOSTS
    assert database.audit() == []
