# SPDX-License-Identifier: Apache-2.0
"""What holds of leases, on every database: their life, pages of them, and time going by.

Owns the tests; see :mod:`tests.contracts.calendar`.
"""

from __future__ import annotations

import collections
import functools
import uuid
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa

from climate import exception
from climate import lease as leases
from climate import states
from climate.db import models
from climate.planning import calendars
from climate.planning import changes
from climate.planning import outbox
from climate.planning import store
from tests import depth
from tests.contracts import climate_database as given
from tests.contracts import store as store_contract

NOW = given.NOW

#: A test's database is made once for all examples: they live with each other's rows.
_EXAMPLES = hypothesis.settings(
    max_examples=depth.examples(0.2),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


class LeaseContract:
    """What holds of leases."""

    def test_everything_booked_is_found(self, kept: store.Store) -> None:
        lease = given.make(
            [1, 3], NOW + 5, NOW + 25, name="a name", project_id="p", user_id="u",
            window_start=NOW, window_end=NOW + 100, quantity=1, hosts_max=7,
            host_properties='["=", "$a", "ä"]' + " " * 70_000, objective="greenest",
            created_at=NOW - 3, updated_at=NOW - 2, expires_at=NOW + 7,
        )  # fmt: skip
        kept.change(
            changes.book,
            lease,
            given.choose(kept, [1, 3], NOW + 5, NOW + 25),
            given.UNLIMITED,
            NOW,
        )
        assert kept.get(lease.id) == lease
        assert kept.list(given.EVERYTHING, 10, None) == ([lease], None)

    @pytest.mark.parametrize(
        "lease_id", ["", "a\0", "\ud83d", "a" * 5000, "%", str(uuid.UUID(int=1))]
    )
    def test_unknown(self, kept: store.Store, lease_id: str) -> None:
        given.book(kept, [1], 0, 10)
        for method in (
            kept.get,
            lambda unknown: kept.change(changes.confirm, unknown, NOW),
            lambda unknown: kept.change(changes.cancel, unknown, NOW),
            lambda unknown: kept.change(changes.change, unknown, NOW, given.UNLIMITED, name="x"),
        ):
            with pytest.raises(exception.LeaseNotFound):
                method(lease_id)
        assert kept.list(leases.Filters(project_id=lease_id), 10, None) == ([], None)
        assert kept.list(leases.Filters(host=lease_id), 10, None) == ([], None)

    @_EXAMPLES
    @hypothesis.given(name=store_contract.TEXTS)
    def test_any_text_comes_back(self, kept: store.Store, name: str) -> None:
        lease = given.book(kept, [1], 0, 1, name=name, project_id=name, user_id=name)
        assert kept.get(lease.id) == lease
        assert kept.list(leases.Filters(project_id=name, name=name), 10, None)[0] == [lease]
        kept.change(changes.cancel, lease.id, NOW)

    def test_confirm(self, kept: store.Store) -> None:
        lease = given.book(kept, [1], 0, 10)
        confirmed = kept.change(changes.confirm, lease.id, NOW + 1)
        assert confirmed == lease._replace(
            status=states.CONFIRMED, updated_at=NOW + 1, expires_at=None
        )
        assert kept.get(lease.id) == confirmed

    def test_confirm_may_be_repeated(self, kept: store.Store) -> None:
        """Whatever came of it meanwhile."""
        lease = given.lease_out(kept, [1], 0, 10)
        assert kept.change(changes.confirm, lease.id, NOW + 1000) == lease
        kept.start_due(NOW)
        assert kept.change(changes.confirm, lease.id, NOW).status == states.ACTIVE
        kept.end_due(NOW + 10)
        assert kept.change(changes.confirm, lease.id, NOW).status == states.ENDED

    def test_too_late_to_confirm(self, kept: store.Store) -> None:
        overdue = given.book(kept, [1], 1000, 1010)
        past = given.book(kept, [2], 0, 10)
        cancelled = given.book(kept, [3], 0, 10)
        kept.change(changes.cancel, cancelled.id, NOW)
        for lease, now, reason in (
            (overdue, NOW + 300, "in time"), (past, NOW + 10, "over"), (cancelled, NOW, "cancelled")
        ):  # fmt: skip
            with pytest.raises(exception.LeaseNotChangeable, match=reason):
                kept.change(changes.confirm, lease.id, now)
        assert kept.expire(NOW + 300) == 2
        with pytest.raises(exception.LeaseNotChangeable, match="expired"):
            kept.change(changes.confirm, overdue.id, NOW)

    @pytest.mark.parametrize("confirmed", [False, True])
    def test_cancel(self, kept: store.Store, confirmed: bool) -> None:
        """All is given back, with what is beside it, as if it had never been."""
        neighbours = [given.book(kept, [1], -10, 0), given.book(kept, [1], 20, 30)]
        lease = given.book(kept, [1, 2], 0, 10)
        if confirmed:
            kept.change(changes.confirm, lease.id, NOW)
        cancelled = kept.change(changes.cancel, lease.id, NOW + 5)
        assert cancelled == kept.get(lease.id)
        assert (cancelled.status, cancelled.updated_at) == (states.CANCELLED, NOW + 5)
        assert (cancelled.expires_at, cancelled.hosts) == (None, ())
        assert given.list_free(kept)[1] == [
            (0, NOW - 10),
            (NOW, NOW + 20),
            (NOW + 30, given.FOREVER),
        ]
        assert given.list_free(kept)[2] == given.ALL_OF_TIME
        for neighbour in neighbours:
            kept.change(changes.cancel, neighbour.id, NOW)
        assert given.list_free(kept)[1] == given.ALL_OF_TIME
        assert given.list_events(kept) == []

    def test_cancel_an_active_lease(self, kept: store.Store) -> None:
        """It ends now; what it had stays on record."""
        lease = given.lease_out(kept, [1, 2], 0, 100)
        kept.start_due(NOW)
        ended = kept.change(changes.cancel, lease.id, NOW + 30)
        assert ended == kept.get(lease.id)
        assert (ended.status, ended.end_time) == (states.ENDED, NOW + 30)
        assert ended.hosts == lease.hosts
        assert given.list_free(kept)[2] == given.around(0, 30)
        assert [event.event_type for event in given.list_events(kept)] == [
            outbox.STARTED,
            outbox.ENDED,
        ]

    @pytest.mark.parametrize("now", [NOW - 5, NOW])
    def test_cancel_an_active_lease_at_its_start(self, kept: store.Store, now: int) -> None:
        """Even by a clock that is behind: it was active, if only for a second."""
        lease = given.lease_out(kept, [1], 0, 100)
        kept.start_due(NOW)
        assert kept.change(changes.cancel, lease.id, now).end_time == NOW + 1
        assert given.list_free(kept)[1] == given.around(0, 1)

    def test_cancel_an_active_lease_after_its_end(self, kept: store.Store) -> None:
        """Nobody came to end it yet."""
        lease = given.lease_out(kept, [1], 0, 100)
        kept.start_due(NOW)
        assert kept.change(changes.cancel, lease.id, NOW + 200).end_time == NOW + 100
        assert kept.end_due(NOW + 200) == 0

    def test_cancel_what_is_over(self, kept: store.Store) -> None:
        lease = given.lease_out(kept, [1], 0, 100)
        kept.start_due(NOW)
        kept.end_due(NOW + 100)
        cancelled = given.book(kept, [2], 0, 100)
        kept.change(changes.cancel, cancelled.id, NOW)
        for over, status in ((lease, "ended"), (cancelled, "cancelled")):
            with pytest.raises(exception.LeaseNotChangeable, match=status):
                kept.change(changes.cancel, over.id, NOW)

    def test_extend(self, kept: store.Store) -> None:
        lease = given.lease_out(kept, [1, 2], 0, 10)
        changed = kept.change(changes.change, lease.id, NOW + 5, given.UNLIMITED, end_time=NOW + 30)
        assert changed == kept.get(lease.id)
        assert changed == lease._replace(
            end_time=NOW + 30,
            duration=30,
            window_end=NOW + 30,
            updated_at=NOW + 5,
        )
        assert given.list_free(kept)[1] == given.list_free(kept)[2] == given.around(0, 30)

    def test_extend_until_others_hold_a_host(self, kept: store.Store) -> None:
        """It says until when it could be; that long it can."""
        lease = given.lease_out(kept, [1, 2], 0, 10)
        given.book(kept, [1], 40, 50)
        given.book(kept, [2], 30, 50)
        version = kept.read(calendars.load, -1).version
        with pytest.raises(exception.LeaseNotChangeable) as caught:
            kept.change(changes.change, lease.id, NOW, given.UNLIMITED, end_time=NOW + 31)
        assert caught.value.meta == {"latest_end_time": NOW + 30}
        assert kept.read(calendars.load, version).rows == []
        kept.change(changes.change, lease.id, NOW, given.UNLIMITED, end_time=NOW + 30)
        with pytest.raises(exception.LeaseNotChangeable) as caught:
            kept.change(changes.change, lease.id, NOW, given.UNLIMITED, end_time=NOW + 31)
        assert caught.value.meta == {"latest_end_time": NOW + 30}
        assert given.list_free(kept) == {
            1: [(0, NOW), (NOW + 30, NOW + 40), (NOW + 50, given.FOREVER)],
            2: given.around(0, 50),
            3: given.ALL_OF_TIME,
        }

    def test_shorten(self, kept: store.Store) -> None:
        """What is given back is one with the free time behind it, or is alone."""
        lease = given.lease_out(kept, [1, 2], 0, 50)
        given.book(kept, [2], 50, 60)
        changed = kept.change(changes.change, lease.id, NOW + 5, given.UNLIMITED, end_time=NOW + 20)
        assert (changed.end_time, changed.duration, changed.window_end) == (
            NOW + 20, 20, NOW + 50
        )  # fmt: skip
        assert changed == kept.get(lease.id)
        assert given.list_free(kept)[1] == given.around(0, 20)
        assert given.list_free(kept)[2] == [
            (0, NOW),
            (NOW + 20, NOW + 50),
            (NOW + 60, given.FOREVER),
        ]

    def test_rename(self, kept: store.Store) -> None:
        lease = given.lease_out(kept, [1], 0, 50)
        assert kept.change(
            changes.change, lease.id, NOW, given.UNLIMITED, name="other"
        ) == lease._replace(name="other")
        assert kept.get(lease.id).name == "other"
        assert (
            kept.change(changes.change, lease.id, NOW, given.UNLIMITED, end_time=NOW + 50).name
            == "other"
        )

    @pytest.mark.parametrize("end", [-1, 0, 4, given.FOREVER])
    def test_an_end_that_makes_no_sense(self, kept: store.Store, end: int) -> None:
        lease = given.lease_out(kept, [1], 0, 50)
        with pytest.raises(exception.RequestInvalid) as caught:
            kept.change(changes.change, lease.id, NOW + 5, given.UNLIMITED, end_time=NOW + end)
        assert caught.value.meta == {"member": "end_time"}

    def test_what_is_over_cannot_be_changed(self, kept: store.Store) -> None:
        overdue = given.book(kept, [1], 1000, 1010)
        lease = given.lease_out(kept, [2], 0, 10)
        for over, now, reason in (
            (overdue, NOW + 300, "in time"),
            (lease, NOW + 10, "over"),
        ):
            with pytest.raises(exception.LeaseNotChangeable, match=reason):
                kept.change(changes.change, over.id, now, given.UNLIMITED, end_time=NOW + 2000)
        kept.change(changes.cancel, lease.id, NOW)
        with pytest.raises(exception.LeaseNotChangeable, match="cancelled"):
            kept.change(changes.change, lease.id, NOW, given.UNLIMITED, name="x")

    def test_extensions_race_with_bookings(self, audited: given.Database) -> None:
        """One of them has the hour behind the lease."""
        one, other = audited.open(), audited.open()
        given.learn(one, 1)
        for turn in range(10):
            start = 100 * turn
            lease = given.lease_out(one, [1], start, start + 10)
            choice = given.choose(other, [1], NOW + start + 10, NOW + start + 20)
            rival = given.make([1], NOW + start + 10, NOW + start + 20)
            extend = functools.partial(
                one.change,
                changes.change,
                lease.id,
                NOW,
                given.UNLIMITED,
                end_time=NOW + start + 20,
            )
            results = given.run_together(
                [
                    extend,
                    functools.partial(
                        other.change, changes.book, rival, choice, given.UNLIMITED, NOW
                    ),
                ]
            )
            lost = [result for result in results if isinstance(result, Exception)]
            assert len(lost) == 1, results
            assert isinstance(lost[0], exception.LeaseNotChangeable | calendars.Taken)

    def test_no_lease_is_without_its_hosts(
        self, kept: store.Store, audited: given.Database
    ) -> None:
        """One that is cancelled while it is read has either all of them, or is cancelled."""
        transactions = audited.build()
        reading, lease, cancelled = store.Store(transactions), given.lease_out(kept, [1], 0, 10), []

        def cancel(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if "FROM reservations" in statement and not cancelled:
                cancelled.append(kept.change(changes.cancel, lease.id, NOW))

        sa.event.listen(transactions.writer.get_engine(), "before_cursor_execute", cancel)
        assert reading.get(lease.id) in (lease, *cancelled)
        assert cancelled


class ListContract:
    """What holds of pages."""

    def test_pages(self, kept: store.Store) -> None:
        """Newest first, each lease once, also while leases come and go."""
        booked = [given.book(kept, [1 + i % 3], 10 * i, 10 * i + 10).id for i in range(10)]
        listed, marker = [], None
        for length in (4, 4, 2):
            page, marker = kept.list(given.EVERYTHING, 4, marker)
            assert len(page) == length
            listed += [lease.id for lease in page]
            given.book(
                kept, [2], 1000 + length + len(listed) * 10, 1001 + length + len(listed) * 10
            )
        assert marker is None
        assert listed == booked[::-1]
        assert kept.list(given.EVERYTHING, 13, None)[1] is None
        page, marker = kept.list(given.EVERYTHING, 12, None)
        assert marker == page[-1].id == booked[1]

    def test_the_marker_may_be_of_a_lease_that_is_not_listed(self, kept: store.Store) -> None:
        booked = [given.book(kept, [1], 10 * i, 10 * i + 10).id for i in range(3)]
        kept.change(changes.cancel, booked[1], NOW)
        assert [lease.id for lease in kept.list(given.EVERYTHING, 4, booked[1])[0]] == [booked[0]]

    @pytest.mark.parametrize("marker", ["", "unknown", "a\0", "\ud83d"])
    def test_an_unknown_marker(self, kept: store.Store, marker: str) -> None:
        with pytest.raises(exception.RequestInvalid) as caught:
            kept.list(given.EVERYTHING, 4, marker)
        assert caught.value.meta == {"member": "marker"}

    def test_filters(self, kept: store.Store) -> None:
        one = given.book(kept, [1, 2], 0, 10, name="one").id
        two = given.book(kept, [2, 3], 20, 30, name="two", project_id="other").id
        active = given.lease_out(kept, [1], 100, 110).id
        kept.start_due(NOW + 100)
        gone = given.book(kept, [1], 200, 210, name="one").id
        kept.change(changes.cancel, gone, NOW)
        kept.learn({1: "first", 2: "3"})

        def found(**filters: Any) -> set[str]:
            page, marker = kept.list(leases.Filters(**filters), 10, None)
            assert marker is None
            return {lease.id for lease in page}

        assert found() == {one, two, active}
        assert found(project_id="other") == {two}
        assert found(status="active") == {active}
        assert found(status="cancelled") == {gone}
        assert found(status="unheard of") == set()
        assert found(name="one") == {one}
        assert found(host="first") == found(host="1") == {one, active}
        assert found(host="3") == {one, two}
        assert found(host="9" * 30) == found(host="²") == set()
        assert found(starts_before=NOW + 20) == {one}
        assert found(starts_before=NOW + 21) == {one, two}
        assert found(ends_after=NOW + 30) == {active}
        assert found(ends_after=NOW + 29) == {two, active}
        assert found(host="3", name="one", project_id="project", starts_before=NOW + 1) == {one}


class TimeContract:
    """What happens to leases as time goes by."""

    def test_proposals_expire(self, kept: store.Store) -> None:
        overdue = given.book(kept, [1, 2], 0, 10, expires_at=NOW + 5)
        later = given.book(kept, [3], 0, 10, expires_at=NOW + 6)
        confirmed = given.lease_out(kept, [1], 10, 20)
        assert kept.expire(NOW + 4) == 0
        assert kept.expire(NOW + 5) == 1
        assert kept.expire(NOW + 5) == 0
        assert kept.get(overdue.id) == overdue._replace(
            status=states.EXPIRED, updated_at=NOW + 5, expires_at=None, hosts=()
        )
        assert kept.get(later.id) == later
        assert kept.get(confirmed.id) == confirmed
        assert given.list_free(kept) == {
            1: given.around(10, 20),
            2: given.ALL_OF_TIME,
            3: given.around(0, 10),
        }
        assert given.list_events(kept) == []

    def test_leases_start_and_end(self, kept: store.Store) -> None:
        """Each at its time, told once; nobody's else."""
        lease = given.lease_out(kept, [1, 2], 10, 20)
        given.book(kept, [3], 10, 20)
        assert (kept.start_due(NOW + 9), kept.end_due(NOW + 30)) == (0, 0)
        assert (kept.start_due(NOW + 10), kept.start_due(NOW + 10)) == (1, 0)
        active = kept.get(lease.id)
        assert active == lease._replace(status=states.ACTIVE, updated_at=NOW + 10)
        assert (
            kept.end_due(NOW + 19),
            kept.end_due(NOW + 20),
            kept.end_due(NOW + 20),
        ) == (0, 1, 0)
        ended = kept.get(lease.id)
        assert ended == lease._replace(status=states.ENDED, updated_at=NOW + 20)
        start, end = given.list_events(kept, NOW + 20)
        assert start == (
            outbox.event_id(lease.id, outbox.STARTED), "climate.lease.start",
            active.to_dict(), NOW + 10,
        )  # fmt: skip
        assert end == (
            outbox.event_id(lease.id, outbox.ENDED), "climate.lease.end", ended.to_dict(), NOW + 20
        )  # fmt: skip
        assert given.list_free(kept)[1] == given.around(10, 20)

    def test_a_lease_that_was_missed_is_told_of(self, kept: store.Store) -> None:
        """As after a day without climate-planning."""
        lease = given.lease_out(kept, [1], 10, 20)
        assert (kept.start_due(NOW + 10**5), kept.end_due(NOW + 10**5)) == (1, 1)
        assert kept.get(lease.id).status == states.ENDED
        told = [(event.event_type, event.payload["status"]) for event in given.list_events(kept)]
        assert told == [("climate.lease.start", "active"), ("climate.lease.end", "ended")]

    def test_several_workers_do_each_thing_once(self, audited: given.Database) -> None:
        stores = [audited.open() for _ in range(3)]
        given.learn(stores[0], 3)
        for turn in range(8):
            given.lease_out(stores[0], [1], 100 * turn, 100 * turn + 10)
            given.book(stores[0], [2], 100 * turn, 100 * turn + 10)

        def tick(kept: store.Store) -> tuple[int, int, int]:
            now = NOW + 10**5
            return kept.expire(now), kept.start_due(now), kept.end_due(now) + kept.end_due(now)

        done = given.run_together([lambda kept=kept: tick(kept) for kept in stores])
        while (more := tick(stores[0])) != (0, 0, 0):
            done.append(more)
        assert [sum(counts) for counts in zip(*done)] == [8, 8, 8]
        told = collections.Counter(event.id for event in given.list_events(stores[0]))
        assert (len(told), set(told.values())) == (16, {1})

    def test_what_is_over_is_forgotten(self, kept: store.Store) -> None:
        """As if it had never been; what is not over stays."""
        ended = given.lease_out(kept, [1, 2], 0, 10)
        adjacent = given.lease_out(kept, [1], 10, 20)
        active = given.lease_out(kept, [1], 20, 50)
        cancelled = kept.change(changes.cancel, given.book(kept, [3], 100, 110).id, NOW + 15)
        kept.start_due(NOW + 20)
        kept.end_due(NOW + 20)
        assert kept.forget(NOW + 10) == 0
        version = kept.read(calendars.load, -1).version
        assert kept.forget(NOW + 16) == 2
        assert kept.read(calendars.load, version).host_ids == {1, 2}
        for lease in (ended, cancelled):
            with pytest.raises(exception.LeaseNotFound):
                kept.get(lease.id)
        assert given.list_free(kept)[1] == [(0, NOW + 10), (NOW + 50, given.FOREVER)]
        assert given.list_free(kept)[2] == given.ALL_OF_TIME
        assert kept.forget(NOW + 10**6) == 1
        assert kept.get(active.id).status == states.ACTIVE
        with pytest.raises(exception.LeaseNotFound):
            kept.get(adjacent.id)
        assert given.list_free(kept)[1] == given.around(20, 50)
        assert len(given.list_events(kept)) == 5

    def test_many_are_forgotten(self, kept: store.Store, audited: given.Database) -> None:
        """More than one transaction takes."""
        lease = given.make([1], NOW, NOW + 10, status=states.EXPIRED, expires_at=None)._asdict()
        del lease["hosts"]
        rows = [lease | {"id": str(uuid.uuid4())} for _ in range(450)]
        with audited.engine().begin() as connection:
            connection.execute(sa.insert(models.LEASES), rows)
        kept.change(changes.cancel, given.book(kept, [1], 0, 10).id, NOW)
        assert kept.forget(NOW + 1) == 451
        assert kept.forget(NOW + 1) == 0

    def test_reserved_hosts(self, kept: store.Store) -> None:
        """Those held now or soon, until the next of them comes or goes."""
        given.lease_out(kept, [1], 0, 10)
        given.lease_out(kept, [1, 2], 15, 30)
        given.book(kept, [3], 40, 50)

        def reserved(now: int, until: int) -> tuple[str, int | None]:
            hosts, valid = kept.list_reserved(NOW + now, NOW + until)
            assert all(host.name == f"host-{host.id}" for host in hosts)
            ids = "".join(str(host.id) for host in hosts)
            return ids, None if valid is None else valid - NOW

        assert reserved(-20, -10) == ("", -10)
        assert reserved(-20, -1) == ("", -19)
        assert reserved(-20, 0) == ("1", -5)
        assert reserved(0, 5) == ("1", 10)
        assert reserved(9, 14) == ("1", 10)
        assert reserved(10, 14) == ("", 11)
        assert reserved(10, 15) == ("12", 30)
        assert reserved(0, 100) == ("123", 10)
        assert reserved(29, 45) == ("123", 30)
        assert reserved(30, 45) == ("3", 50)
        assert reserved(50, 100) == ("", None)

    def test_reserved_until_a_proposal_expires(self, kept: store.Store) -> None:
        given.book(kept, [1], 0, 1000)
        assert kept.list_reserved(NOW, NOW) == ([(1, "host-1")], NOW + 300)
        assert kept.list_reserved(NOW + 400, NOW + 400) == (
            [(1, "host-1")],
            NOW + 400,
        )

    def test_cancelled_leases_reserve_nothing(self, kept: store.Store) -> None:
        kept.change(changes.cancel, given.book(kept, [1], 0, 10).id, NOW)
        active = given.lease_out(kept, [2], 0, 10)
        kept.start_due(NOW)
        kept.change(changes.cancel, active.id, NOW + 5)
        assert kept.list_reserved(NOW + 5, NOW + 5) == ([], None)
