# SPDX-License-Identifier: Apache-2.0
"""A planner process that executes random operations until it is killed.

Run in a process of its own.  It writes what it promised, and what it was about to
change, into its journal, a line of JSON each; SIGTERM ends it in order.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import time
from typing import Any

import numpy as np

from climate import exception
from climate import lease as leases
from climate.planning import manager
from climate.planning import options
from climate.planning import store
from energybase import clock as clocks
from energybase import exception as floor
from tests.contracts import climate_database as given

HOSTS = 12
#: Time goes by faster, so that leases start and end while we watch.
SPEED = 120
_OPTIONS = options.Options(proposal_seconds=300, max_attempts=5)


class FastClock(clocks.Clock):
    """Epoch seconds that go by faster from a moment on."""

    def __init__(self, begin: float) -> None:
        self._begin = begin

    def time(self) -> float:
        return self._begin + (time.time() - self._begin) * SPEED


class Worker:
    """Asks its planner at random."""

    def __init__(self, database: given.Database, journal: str, seed: int, begin: float):
        self._random = random.Random(seed)
        self._clock = FastClock(begin)
        self._store = store.Store(database.build())
        self._planner = manager.Planner(
            self._store, self._clock, _OPTIONS, np.random.default_rng(seed)
        )
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._counts: collections.Counter[str] = collections.Counter()
        self._stopped = False

    def stop(self, *_: object) -> None:
        """End after what is being done."""
        self._stopped = True

    def run(self) -> None:
        """Ask until stopped; then tell what came of it."""
        kinds = [self._request] * 6 + [self._cancel] * 2 + [self._change] * 3 + [self._tick]
        while not self._stopped:
            kind = self._random.choice(kinds)
            try:
                kind()
                result = "done"
            except floor.StoreUnavailable:
                time.sleep(0.1)
                result = "StoreUnavailable"
            except exception.ClimateException as exc:
                result = type(exc).__name__
            self._counts[f"{kind.__name__} {result}"] += 1
        self._write(counts=self._counts)

    def _request(self) -> None:
        now, some = int(self._clock.time()), self._random
        start = now + some.randrange(-600, 7200)
        duration = some.randrange(60, 3600)
        lease = self._planner.make_proposal(
            f"project-{some.randrange(3)}",
            "user",
            sorted(some.sample(range(1, HOSTS + 1), some.randrange(3, HOSTS + 1))),
            leases.Wish(
                start,
                max(start, now) + duration + some.randrange(7200),
                duration,
                some.randrange(1, 4),
                hosts_max=some.choice([None, 4]),
                objective=some.choice(["earliest", "earliest", "greenest"]),
            ),
        )
        if some.random() < 0.8:
            lease = self._planner.confirm_proposal(lease.id)
            self._write(promised=lease.to_dict())

    def _cancel(self) -> None:
        lease_id = self._choose()
        self._write(cancelling=lease_id)
        self._planner.cancel_proposal(lease_id)

    def _change(self) -> None:
        lease_id = self._choose()
        lease = self._planner.get_proposal_details(lease_id)
        self._write(changing=lease_id)
        end = lease.end_time + self._random.randrange(-1200, 2400)
        self._planner.change_lease(lease_id, end_time=end)

    def _tick(self) -> None:
        now = int(self._clock.time())
        self._store.expire(now)
        self._store.start_due(now)
        self._store.end_due(now)

    def _choose(self) -> str:
        page, _ = self._planner.list_leases(limit=100)
        page = [lease for lease in page if lease.status != "ended"]
        if not page:
            raise exception.LeaseNotFound(lease_id="any")
        return self._random.choice(page).id

    def _write(self, **members: Any) -> None:
        # At once and in one piece, whatever kills us next.
        os.write(self._journal, (json.dumps(members) + "\n").encode())


def main(url: str, journal: str, seed: int, begin: float) -> None:
    """Be the process."""
    worker = Worker(given.Database(url), journal, seed, begin)
    signal.signal(signal.SIGTERM, worker.stop)
    worker.run()
