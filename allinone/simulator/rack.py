# SPDX-License-Identifier: Apache-2.0
"""A rack that is not there: eight servers behind a PDU of 24 outlets.

The only source of watts: seed, time and what was switched decide, and the same
seed and times give the same values.  Speaking about them is others': SNMP
:mod:`allinone.simulator.agent`'s, IPMI :mod:`~allinone.simulator.bmc`'s, Redfish
:mod:`~allinone.simulator.redfish`'s, serial :mod:`~allinone.simulator.serial_meter`'s.
They run in threads of their own; the rack has a lock.

There is a new value every five seconds, as with Eaton's.  In between all watts
stand still, so the counters are exactly the integral of the watts, and every
meter shows the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
import threading
from collections.abc import Iterator
from collections.abc import Mapping
from typing import NamedTuple

from allinone.simulator import power

OUTLETS = 24
REFRESH_SECONDS = 5
#: An outlet that this model does not have, so that whoever counts positions
#: instead of reading indexes gives servers 7 and 8 each other's watts.
NOT_FITTED = 7

#: What a BMC draws, and supplies that have nothing to supply.
STANDBY_WATTS = 6.0
#: Past an hour that nobody looked, a step stands for as many more as there are
#: hours: whoever asks first after a long sleep does not wait for all of it.
MOST_STEPS = 720

#: Fans at full speed, one core busy.
_BOOT_LOAD = 0.35
_DAY_SECONDS = 86_400
_JOB_SLOT_SECONDS = 1_200
_STEP_HOURS = REFRESH_SECONDS / 3_600


class Server(NamedTuple):
    """A machine and where it is plugged in; two supplies share its load."""

    name: str
    outlets: tuple[int, ...]
    idle_watts: float
    peak_watts: float


SERVERS = (
    Server("server-1", (1, 13), 110, 420),
    Server("server-2", (2, 14), 105, 410),
    Server("server-3", (3, 15), 150, 690),
    Server("server-4", (4,), 85, 260),
    Server("server-5", (5,), 85, 255),
    Server("server-6", (6,), 70, 180),
    Server("server-7", (8,), 60, 150),
    Server("server-8", (9,), 190, 350),
)


@dataclasses.dataclass(slots=True)
class Outlet:
    """What the PDU knows of an outlet.

    :ivar watts: active power as the PDU shows it, in whole watts.
    :ivar watt_hours: energy since the counter was last reset.
    """

    name: str
    watts: int = 0
    watt_hours: float = 0.0


class Shown(NamedTuple):
    """What every meter of a server shows; whole watts, as its outlets have them."""

    watts: int
    watt_hours: float
    is_on: bool


class Rack:
    """The outlets' state, which moves on when it is told the time."""

    def __init__(
        self,
        seed: int,
        start: float,
        servers: tuple[Server, ...] = SERVERS,
        pace: power.Pace = power.PACE,
    ) -> None:
        """Prepare.

        :param start: epoch seconds from which the counters count.
        :param pace: how long servers take to boot and to shut down.
        """
        self.servers = servers
        self._seed, self._pace = seed, pace
        self._lock = threading.RLock()
        self._step = _step(start)
        self._powers = {s.name: power.Power() for s in servers}
        self._phases = {s.name: 0.2 * self._chance("phase", s.name) for s in servers}
        self._shares = {s.name: self._share_out(s) for s in servers}
        numbers = (n for n in range(1, OUTLETS + 1) if n != NOT_FITTED)
        self._outlets = {number: Outlet(f"Outlet {number}") for number in numbers}
        for server in servers:
            for number in server.outlets:
                self._outlets[number].name = server.name
                self._outlets[number].watt_hours = self._chance("past", number) * 1e6
        self._load()

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """The outlets that are fitted, by number."""
        return self._outlets

    @property
    def watts(self) -> int:
        """Power of the whole PDU."""
        return sum(outlet.watts for outlet in self._outlets.values())

    @property
    def watt_hours(self) -> float:
        """Energy of the whole PDU."""
        return sum(outlet.watt_hours for outlet in self._outlets.values())

    @contextlib.contextmanager
    def at(self, now: float) -> Iterator[Rack]:
        """Hold the rack still at a time, epoch seconds, while it is looked at."""
        with self._lock:
            self.advance(now)
            yield self

    def advance(self, now: float) -> None:
        """Go on to a time, epoch seconds; going back is not possible and changes nothing."""
        with self._lock:
            end = _step(now)
            stride = max(1, math.ceil((end - self._step) / MOST_STEPS))
            while self._step < end:
                steps = min(stride, end - self._step)
                for outlet in self._outlets.values():
                    outlet.watt_hours += outlet.watts * steps * _STEP_HOURS
                self._step += steps
                self._load()

    def show(self, name: str, now: float) -> Shown:
        """Return what the meters of a server show at a time, epoch seconds."""
        with self.at(now):
            own = [self._outlets[number] for number in self._server(name).outlets]
            return Shown(
                sum(outlet.watts for outlet in own),
                sum(outlet.watt_hours for outlet in own),
                self._powers[name].state(now, self._pace) is not power.State.OFF,
            )

    def switch(self, name: str, action: power.Action, now: float) -> None:
        """Do something to a server's power; its watts follow with their next value."""
        with self.at(now):
            self._powers[name] = self._powers[name].after(action, now, self._pace)

    def probes(self) -> list[str | None]:
        """Return who is plugged in where, as drivers.conf wants it."""
        owners = {number: s.name for s in self.servers for number in s.outlets}
        return [owners.get(number) for number in range(1, max(owners) + 1)]

    def _load(self) -> None:
        """Set the watts of this step."""
        for server in self.servers:
            watts = self._drawn(server, self._step * REFRESH_SECONDS)
            for number, share in self._shares[server.name]:
                self._outlets[number].watts = round(watts * share)

    def _server(self, name: str) -> Server:
        return next(server for server in self.servers if server.name == name)

    def _drawn(self, server: Server, now: float) -> float:
        state = self._powers[server.name].state(now, self._pace)
        if state is power.State.OFF:
            return STANDBY_WATTS
        if state is power.State.BOOTING:
            return server.idle_watts + _BOOT_LOAD * (server.peak_watts - server.idle_watts)
        return self.server_watts(server, now)

    def server_watts(self, server: Server, now: float) -> float:
        """Return what a server draws at a time when it runs."""
        noise = 0.02 * (self._chance("noise", server.name, _step(now)) - 0.5)
        load = 0.25 * self._wave(server, now) + 0.75 * self._jobs(server, now) + noise
        span = server.peak_watts - server.idle_watts
        return server.idle_watts + span * min(1.0, max(0.0, load))

    def _wave(self, server: Server, now: float) -> float:
        """Return the day's ebb and flow, 0 to 1; each server has its own hour."""
        phase = now / _DAY_SECONDS + self._phases[server.name]
        return 0.5 - 0.5 * math.cos(2 * math.pi * phase)

    def _jobs(self, server: Server, now: float) -> float:
        """Return how busy jobs keep a server, 0 to 1: half of the slots have one."""
        slot, into = divmod(now, _JOB_SLOT_SECONDS)
        luck = self._generator("job", server.name, int(slot))
        runs, begins, lasts, size = (luck.random() for _ in range(4))
        begins *= _JOB_SLOT_SECONDS / 2
        ends = begins + _JOB_SLOT_SECONDS * (0.1 + 0.4 * lasts)
        return 0.4 + 0.6 * size if runs < 0.5 and begins <= into < ends else 0.0

    def _share_out(self, server: Server) -> list[tuple[int, float]]:
        """Return which supply, by its outlet, takes how much of the load: never quite half."""
        first = 0.5 + 0.06 * (self._chance("share", server.name) - 0.5)
        shares = (1.0,) if len(server.outlets) == 1 else (first, 1.0 - first)
        return list(zip(server.outlets, shares, strict=True))

    def _chance(self, *about: object) -> float:
        return self._generator(*about).random()

    def _generator(self, *about: object) -> random.Random:
        return random.Random(repr((self._seed, *about)))  # noqa: S311 - no secret is made of it


def _step(now: float) -> int:
    return math.floor(now / REFRESH_SECONDS)
