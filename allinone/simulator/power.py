# SPDX-License-Identifier: Apache-2.0
"""When a simulated server is on, off, or booting.

Pure: what was asked for, and when, decides; a :class:`Power` never changes, a
request makes another one.  What the server draws meanwhile is
:mod:`allinone.simulator.rack`'s.
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

#: How long a server that is cycled stays off.
CYCLE_SECONDS = 5.0


class State(enum.Enum):
    """What a server does; the power is on in all of them but the first."""

    OFF = "off"
    BOOTING = "booting"
    RUNNING = "running"


class Action(enum.Enum):
    """What a BMC can do to a server."""

    ON = "on"
    OFF = "off"
    #: Ask the operating system to shut down; it takes its time.
    SOFT_OFF = "soft"
    CYCLE = "cycle"
    RESET = "reset"


class Pace(NamedTuple):
    """How long a server takes."""

    boot_seconds: float = 60.0
    shutdown_seconds: float = 10.0


PACE = Pace()


class Power(NamedTuple):
    """Off from the one time until the other, booting since the third, epoch seconds."""

    off_from: float = math.inf
    on_from: float = math.inf
    boots_from: float = -math.inf

    def state(self, now: float, pace: Pace) -> State:
        """Return what the server does at a time."""
        if self.off_from <= now < self.on_from:
            return State.OFF
        booting = self.boots_from <= now < self.boots_from + pace.boot_seconds
        return State.BOOTING if booting else State.RUNNING

    def after(self, action: Action, now: float, pace: Pace) -> Power:
        """Return what comes of an action; on switches nothing that is on, off nothing off."""
        if self.state(now, pace) is State.OFF:
            # Whoever pulls the plug while it is off for a moment wants it to stay off.
            ends = {Action.ON: now, Action.OFF: math.inf, Action.SOFT_OFF: math.inf}
            on_from = ends.get(action, self.on_from)
            return Power(self.off_from, on_from, on_from)
        return {
            Action.ON: self,
            Action.OFF: Power(now),
            Action.SOFT_OFF: self._shut_down(now + pace.shutdown_seconds),
            Action.CYCLE: Power(now, now + CYCLE_SECONDS, now + CYCLE_SECONDS),
            Action.RESET: Power(boots_from=now),
        }[action]

    def _shut_down(self, off_from: float) -> Power:
        # Asked twice, it goes off when first asked.
        pending = self.on_from == math.inf
        return Power(
            min(off_from, self.off_from) if pending else off_from, boots_from=self.boots_from
        )
