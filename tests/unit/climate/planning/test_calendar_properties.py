# SPDX-License-Identifier: Apache-2.0
"""Whatever is asked of the store, in whatever order: calendars are whole, answers are right.

The oracle is a model that knows nothing of free periods: it looks at every
second of every host.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import stateful
from hypothesis import strategies
from hypothesis.stateful import rule

from climate import exception
from climate import states
from climate.db import models
from climate.planning import availability
from climate.planning import calendars
from climate.planning import changes
from climate.planning import outbox
from climate.planning import quotas
from energybase.db import migration
from tests import depth
from tests.contracts import climate_database as given

HOSTS = range(1, 6)
#: All that the model looks at; the world goes on behind it.
HORIZON = 60
STARTS = strategies.integers(0, HORIZON - 1)
LENGTHS = strategies.integers(1, 12)
HOST_SETS = strategies.sets(strategies.sampled_from(HOSTS), min_size=1)
_PROPOSAL_SECONDS = 10


@dataclasses.dataclass
class Known:
    """A lease, as the model knows it."""

    status: str
    start: int
    end: int
    hosts: frozenset[int]
    expires: int
    over_at: int | None = None

    @property
    def kept(self) -> bool:
        """Whether its reservations are there."""
        return self.status not in states.HIDDEN

    @property
    def holding(self) -> bool:
        return self.status in states.HOLDING


class Model:
    """Who holds each second of each host."""

    def __init__(self) -> None:
        self.hosts: set[int] = set()
        self.leases: dict[str, Known] = {}
        self.events: list[tuple[str, str]] = []

    def is_free(self, host: int, start: int, end: int) -> bool:
        return not any(
            known.kept and host in known.hosts and known.start < end and start < known.end
            for known in self.leases.values()
        )

    def find_free(self, hosts: Iterable[int], start: int, end: int) -> set[int]:
        return {host for host in hosts if host in self.hosts and self.is_free(host, start, end)}

    def is_free_period(self, period: availability.FreePeriod) -> bool:
        """Whether it is free, and as long as can be."""
        host, start, end = period
        if host not in self.hosts or not self.is_free(host, start, end):
            return False
        before = start == 0 or not self.is_free(host, start - 1, start)
        return before and (end == given.FOREVER or not self.is_free(host, end, end + 1))

    def count_held(self, moment: int, now: int) -> int:
        """Return how many hosts leases hold that moment which may still do so."""
        return sum(
            len(known.hosts)
            for known in self.leases.values()
            if known.holding
            and known.start <= moment < known.end
            and not (known.status == states.PROPOSED and known.expires <= now)
        )


class Calendars(stateful.RuleBasedStateMachine):
    """The store on SQLite, beside the model."""

    database: given.Database
    made = stateful.Bundle("made")
    choices = stateful.Bundle("choices")

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.database.engine()
        with self.engine.begin() as connection:
            given.clear(connection)
        self.kept = self.database.open()
        self.model, self.now = Model(), 5
        self.version, self.free = -1, availability.FreePeriods.of(())
        self.random = np.random.default_rng(0)

    def teardown(self) -> None:
        self.database.close()

    # ------------------------------------------------------------ rules

    @stateful.initialize(hosts=HOST_SETS)
    def begin(self, hosts: set[int]) -> None:
        self.learn(hosts)

    @rule(hosts=HOST_SETS)
    def learn(self, hosts: set[int]) -> None:
        self.kept.learn({host: f"host-{host}" for host in hosts})
        self.model.hosts |= hosts

    @rule(
        target=made, hosts=HOST_SETS, start=STARTS, room=LENGTHS, duration=LENGTHS,
        quantity=strategies.integers(1, 3), more=strategies.integers(0, 2),
        quota=strategies.sampled_from([-1, -1, 3, 5]),
    )  # fmt: skip
    def plan_and_book(
        self, hosts: set[int], start: int, room: int, duration: int, quantity: int, more: int,
        quota: int,
    ) -> Any:  # fmt: skip
        """The earliest moment there is; never refused if there is one, and nobody else."""
        wish = availability.Wish(
            start, start + duration + room, duration, quantity, quantity + more
        )
        choice = self._search(hosts, wish)
        starts = range(start, start + room + 1)
        counts = {s: len(self.model.find_free(hosts, s, s + duration)) for s in starts}
        earliest = next((s for s in starts if counts[s] >= quantity), None)
        assert (choice.start_time if choice else None) == earliest
        if choice is None:
            return stateful.multiple()
        assert len(choice.periods) == min(quantity + more, counts[choice.start_time])
        return self._book(choice, wish, quota)

    @rule(target=choices, hosts=HOST_SETS, start=STARTS, duration=LENGTHS)
    def plan(self, hosts: set[int], start: int, duration: int) -> Any:
        choice = self._search(
            hosts, availability.Wish(start, start + 20 + duration, duration, 1, 2)
        )
        return stateful.multiple() if choice is None else choice

    @rule(target=made, choice=choices)
    def book_later(self, choice: availability.Choice) -> Any:
        """As a planner that was slow: Taken if, and only if, what it planned on is gone."""
        wish = availability.Wish(choice.start_time, choice.end_time, 1, 1, 2)
        if all(self.model.is_free_period(period) for period in choice.periods):
            return self._book(choice, wish, -1)
        with np.testing.assert_raises(calendars.Taken):
            self._book(choice, wish, -1)
        return stateful.multiple()

    @rule(lease_id=made)
    def confirm(self, lease_id: str) -> None:
        known = self.model.leases.get(lease_id)
        try:
            answer = self.kept.change(changes.confirm, lease_id, self.now)
        except exception.LeaseNotFound:
            assert known is None
        except exception.LeaseNotChangeable:
            assert known is not None
            late = known.status == states.PROPOSED and min(known.expires, known.end) <= self.now
            assert late or known.status in states.HIDDEN
        else:
            assert known is not None and known.kept
            if known.status == states.PROPOSED:
                assert self.now < min(known.expires, known.end)
                known.status = states.CONFIRMED
            assert answer.status == known.status

    @rule(lease_id=made)
    def cancel(self, lease_id: str) -> None:
        known = self.model.leases.get(lease_id)
        try:
            answer = self.kept.change(changes.cancel, lease_id, self.now)
        except exception.LeaseNotFound:
            assert known is None
            return
        except exception.LeaseNotChangeable:
            assert known is not None and not known.holding
            return
        assert known is not None and known.holding
        if known.status == states.ACTIVE:
            known.end = min(known.end, max(self.now, known.start + 1))
            self._end(lease_id)
        else:
            known.status, known.over_at = states.CANCELLED, self.now
        assert (answer.status, answer.end_time) == (known.status, known.end)

    @rule(lease_id=made, end=strategies.integers(1, HORIZON + 20))
    def change(self, lease_id: str, end: int) -> None:
        known = self.model.leases.get(lease_id)
        try:
            answer = self.kept.change(
                changes.change, lease_id, self.now, quotas.Quota(), end_time=end
            )
        except exception.LeaseNotFound:
            assert known is None
        except exception.RequestInvalid:
            assert known is not None and (end <= known.start or end < self.now)
        except exception.LeaseNotChangeable as exc:
            assert known is not None
            self._check_not_changeable(known, end, exc)
        else:
            assert known is not None and known.holding
            assert known.start < end and self.now <= end and self.now < known.end
            free = self.model.find_free(known.hosts, known.end, end)
            assert end <= known.end or free == known.hosts
            known.end = end
            assert answer.end_time == end

    @rule(seconds=LENGTHS)
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(seconds=strategies.integers(10, 40))
    def let_time_go_by(self, seconds: int) -> None:
        """What the workers do every second."""
        self.now += seconds
        for step in (self.expire, self.start, self.end):
            step()

    @rule()
    def expire(self) -> None:
        due = [
            known
            for known in self.model.leases.values()
            if known.status == states.PROPOSED and known.expires <= self.now
        ]
        assert self.kept.expire(self.now) == len(due)
        for known in due:
            known.status, known.over_at = states.EXPIRED, self.now

    @rule()
    def start(self) -> None:
        due = self._find(states.CONFIRMED, "start")
        assert self.kept.start_due(self.now) == len(due)
        for lease_id in due:
            self.model.leases[lease_id].status = states.ACTIVE
            self.model.events.append((lease_id, outbox.STARTED))

    @rule()
    def end(self) -> None:
        due = self._find(states.ACTIVE, "end")
        assert self.kept.end_due(self.now) == len(due)
        for lease_id in due:
            self._end(lease_id)

    @rule(back=strategies.integers(0, 20))
    def forget(self, back: int) -> None:
        before = self.now - back
        over = [
            lease_id
            for lease_id, known in self.model.leases.items()
            if (known.status == states.ENDED and known.end < before)
            or (known.over_at is not None and known.over_at < before)
        ]
        assert self.kept.forget(before) == len(over)
        for lease_id in over:
            del self.model.leases[lease_id]

    @rule()
    def tell(self) -> None:
        """Each event once, in the order in which it all happened."""
        events = given.list_events(self.kept, self.now)
        told = [(event.payload["id"], event.event_type) for event in events]
        assert sorted(told) == sorted(self.model.events)
        for lease_id, event_type in self.model.events:
            if (lease_id, outbox.STARTED) in told and event_type == outbox.ENDED:
                assert told.index((lease_id, outbox.STARTED)) < told.index((lease_id, event_type))
        self.model.events.clear()

    @rule(lead=strategies.integers(0, 20))
    def list_reserved(self, lead: int) -> None:
        """Right now, and until the moment it says."""
        hosts, valid_until = self.kept.list_reserved(self.now, self.now + lead)
        assert {host.id for host in hosts} == self._reserved(self.now, lead)
        end = HORIZON + 50 if valid_until is None else valid_until
        for moment in range(self.now, end):
            assert self._reserved(moment, lead) == {host.id for host in hosts}

    # ------------------------------------------------------------ what always holds

    @stateful.invariant()
    def all_is_as_it_should_be(self) -> None:
        """Calendars are whole, and hold what the model says; so does a planner's memory."""
        with self.engine.connect() as connection:
            assert given.audit(connection) == []
            free = connection.execute(sa.select(models.FREE_PERIODS)).all()
            found = connection.execute(sa.select(models.LEASES)).all()
            reserved = connection.execute(sa.select(models.RESERVATIONS)).all()
        self._refresh()
        columns = self.free.host, self.free.starts_at, self.free.ends_at
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        assert rows == sorted(map(tuple, free))
        assert {(row.id, row.status, row.start_time, row.end_time) for row in found} == {
            (lease_id, known.status, known.start, known.end)
            for lease_id, known in self.model.leases.items()
        }
        assert {(row.lease_id, row.host_id) for row in reserved} == {
            (lease_id, host)
            for lease_id, known in self.model.leases.items()
            if known.kept
            for host in known.hosts
        }

    # ------------------------------------------------------------ how

    def _refresh(self) -> None:
        loaded = self.kept.read(calendars.load, self.version)
        self.free = self.free.replace(loaded.host_ids, loaded.rows)
        self.version = loaded.version

    def _search(self, hosts: set[int], wish: availability.Wish) -> availability.Choice | None:
        self._refresh()
        ids = np.array(sorted(hosts), dtype=np.int64)
        candidates = availability.Hosts(ids, np.zeros(len(ids), np.int64), np.ones(len(ids)))
        return availability.find_earliest(self.free, candidates, wish, self.random)

    def _book(self, choice: availability.Choice, wish: availability.Wish, quota: int) -> Any:
        start, end = choice.start_time, choice.end_time
        ids = [period.host_id for period in choice.periods]
        lease = given.make(
            ids, start, end, quantity=1, hosts_max=5, window_start=wish.window_start,
            window_end=wish.window_end, expires_at=self.now + _PROPOSAL_SECONDS,
        )  # fmt: skip
        moments = range(max(start, self.now), end)
        held = (self.model.count_held(moment, self.now) for moment in moments)
        peak = max((hosts + len(ids) for hosts in held), default=0)
        others = max(
            (self.model.count_held(moment, self.now) for moment in range(self.now, HORIZON + 90)),
            default=0,
        )
        try:
            self.kept.change(changes.book, lease, choice, quotas.Quota(quota, -1), self.now)
        except exception.QuotaExceeded as exc:
            assert exc.details["wanted"] == max(peak, others) > quota >= 0
            return stateful.multiple()
        assert quota < 0 or max(peak, others) <= quota
        self.model.leases[lease.id] = Known(
            states.PROPOSED, start, end, frozenset(ids), self.now + _PROPOSAL_SECONDS
        )
        return lease.id

    def _check_not_changeable(
        self, known: Known, end: int, exc: exception.LeaseNotChangeable
    ) -> None:
        overdue = known.status == states.PROPOSED and known.expires <= self.now
        if not known.holding or overdue or known.end <= self.now:
            return
        latest = exc.details["latest_end_time"]
        assert known.end <= latest < end
        assert self.model.find_free(known.hosts, known.end, latest) == known.hosts
        assert self.model.find_free(known.hosts, known.end, latest + 1) != known.hosts

    def _end(self, lease_id: str) -> None:
        self.model.leases[lease_id].status = states.ENDED
        self.model.events.append((lease_id, outbox.ENDED))

    def _find(self, status: str, moment: str) -> list[str]:
        return [
            lease_id
            for lease_id, known in self.model.leases.items()
            if known.status == status and getattr(known, moment) <= self.now
        ]

    def _reserved(self, moment: int, lead: int) -> set[int]:
        """Return the hosts that leases hold then or soon; proposals that are overdue do not."""
        held: set[int] = set()
        for known in self.model.leases.values():
            if known.kept and known.start <= moment + lead and known.end > moment:
                held |= known.hosts
        return held


class TestCalendars(Calendars.TestCase):  # type: ignore[misc]  # made by hypothesis
    """Runs the machine."""

    # An example is many: a profile's number counts for a quarter.
    settings = settings(max_examples=depth.examples(0.25), stateful_step_count=25)

    @classmethod
    def setUpClass(cls) -> None:
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        url = f"sqlite:///{directory.name}/climate.sqlite"
        Calendars.database = given.Database(url, careful=False)
        migration.upgrade(Calendars.database.engine(), schema=models.SCHEMA)
