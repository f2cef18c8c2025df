# SPDX-License-Identifier: Apache-2.0
"""The model of the rack: repeatable, plausible, and its counters are the integral of its watts."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allinone.simulator import power
from allinone.simulator import rack

START = 1_700_000_000.0
HOUR = 3_600.0


def reading(simulated: rack.Rack) -> list[tuple[int, float]]:
    """Return all that the PDU shows."""
    return [(outlet.watts, outlet.watt_hours) for outlet in simulated.outlets.values()]


@given(st.integers(), st.lists(st.floats(0, 60), min_size=1, max_size=8))
def test_how_often_it_is_looked_at_changes_nothing(seed: int, waits: list[float]) -> None:
    """Seed and time decide, not the steps in between."""
    often, once = rack.Rack(seed, START), rack.Rack(seed, START)
    now = START
    for wait in waits:
        now += wait
        often.advance(now)
    once.advance(now)
    assert reading(often) == reading(once)


def test_seeds_differ() -> None:
    """Another seed is another rack."""
    assert reading(rack.Rack(1, START)) != reading(rack.Rack(2, START))


def test_counters_integrate_the_watts() -> None:
    """Each outlet's watt-hours grow by its watts times the time they lasted."""
    simulated = rack.Rack(3, START)
    before = {n: outlet.watt_hours for n, outlet in simulated.outlets.items()}
    expected = dict.fromkeys(before, 0.0)
    for step in range(1, 721):
        for number, outlet in simulated.outlets.items():
            expected[number] += outlet.watts * rack.REFRESH_SECONDS / HOUR
        simulated.advance(START + step * rack.REFRESH_SECONDS)
    for number, outlet in simulated.outlets.items():
        assert outlet.watt_hours - before[number] == pytest.approx(expected[number])


def test_time_does_not_go_back() -> None:
    """A clock set back leaves everything as it was."""
    simulated = rack.Rack(1, START)
    simulated.advance(START + HOUR)
    before = reading(simulated)
    simulated.advance(START)
    assert reading(simulated) == before


def test_servers_stay_within_their_limits_and_do_not_stand_still() -> None:
    """Over a day every server idles, works, and changes."""
    simulated = rack.Rack(1, START)
    for server in rack.SERVERS:
        day = [simulated.server_watts(server, START + at) for at in range(0, 86_400, 300)]
        assert server.idle_watts <= min(day) and max(day) <= server.peak_watts
        assert max(day) - min(day) > 0.5 * (server.peak_watts - server.idle_watts)
        assert len({round(watts) for watts in day}) > 20


def test_two_supplies_share_a_servers_load() -> None:
    """Together they draw what the server draws, each about half."""
    simulated = rack.Rack(1, START)
    for server in rack.SERVERS:
        parts = [simulated.outlets[number].watts for number in server.outlets]
        total = simulated.server_watts(server, START // rack.REFRESH_SECONDS * rack.REFRESH_SECONDS)
        assert sum(parts) == pytest.approx(total, abs=1)
        assert max(parts) < 0.6 * total or len(parts) == 1


def test_what_is_switched_off_draws_standby() -> None:
    """From the next value on, and nobody else notices; on again it boots."""
    simulated, untouched = rack.Rack(1, START), rack.Rack(1, START)
    for server in rack.SERVERS[:1]:
        simulated.switch(server.name, power.Action.OFF, START)
        off = simulated.show(server.name, START + rack.REFRESH_SECONDS)
        assert (off.watts, off.is_on) == (rack.STANDBY_WATTS, False)
        later = simulated.show(server.name, START + HOUR)
        hours = (HOUR - rack.REFRESH_SECONDS) / HOUR
        gained = later.watt_hours - off.watt_hours
        assert gained == pytest.approx(rack.STANDBY_WATTS * hours)
        simulated.switch(server.name, power.Action.ON, START + HOUR)
        booting = simulated.show(server.name, START + HOUR + rack.REFRESH_SECONDS)
        assert server.idle_watts < booting.watts < server.peak_watts and booting.is_on
    end = START + 2 * HOUR
    untouched.advance(START + HOUR)
    for server in rack.SERVERS:
        assert simulated.show(server.name, end).watts == untouched.show(server.name, end).watts
    for server in rack.SERVERS[1:]:
        assert simulated.show(server.name, end) == untouched.show(server.name, end)


def test_all_meters_show_what_the_outlets_show() -> None:
    simulated = rack.Rack(1, START)
    for at in (0.0, 4.9, 5.0, HOUR):
        shown = {server.name: simulated.show(server.name, START + at) for server in rack.SERVERS}
        assert sum(each.watts for each in shown.values()) == simulated.watts


def test_a_long_sleep_is_made_up_for_at_once() -> None:
    """A year in no more steps than an hour has; the energy is about what it would be."""
    loads = 0

    class Counted(rack.Rack):
        def _load(self) -> None:
            nonlocal loads
            loads += 1
            super()._load()

    sleeping = Counted(1, START)
    sleeping.advance(START + 365 * 24 * HOUR)
    assert loads <= rack.MOST_STEPS + 1
    sleeping, waking = rack.Rack(1, START), rack.Rack(1, START)
    before = waking.watt_hours
    for hour in range(1, 9):
        waking.advance(START + hour * HOUR)
    sleeping.advance(START + 8 * HOUR)
    assert sleeping.watts == waking.watts
    assert sleeping.watt_hours - before == pytest.approx(waking.watt_hours - before, rel=0.05)


def test_threads_share_it() -> None:
    """Asked by many at once it ends where it does when asked by one."""
    shared, alone = rack.Rack(1, START), rack.Rack(1, START)

    def ask(name: str) -> None:
        for at in range(0, 600, 3):
            shared.show(name, START + at)

    threads = [threading.Thread(target=ask, args=(server.name,)) for server in rack.SERVERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for rack_ in (shared, alone):
        rack_.advance(START + 600)
    assert reading(shared) == reading(alone)


def test_what_is_plugged_in_where() -> None:
    """One outlet is not fitted, lies before some that are used, and shifts nobody."""
    simulated = rack.Rack(1, START)
    assert simulated.outlets.keys() == set(range(1, rack.OUTLETS + 1)) - {rack.NOT_FITTED}
    probes = simulated.probes()
    assert probes[rack.NOT_FITTED - 1] is None and probes[rack.NOT_FITTED] is not None
    for server in rack.SERVERS:
        assert tuple(n for n, name in enumerate(probes, 1) if name == server.name) == server.outlets
    unused = set(simulated.outlets) - {n for s in rack.SERVERS for n in s.outlets}
    assert unused and all(simulated.outlets[n].watts == 0 for n in unused)
    assert simulated.watts == sum(outlet.watts for outlet in simulated.outlets.values())
