# SPDX-License-Identifier: Apache-2.0
"""The driver for wattmeters that speak Modbus: TCP, RTU on a serial line, RTU over TCP.

Owns its parameters, and what becomes of units that fail.  Which registers are
asked for is :mod:`kwapi.drivers.modbus.plan`'s, how an exchange is made
:mod:`kwapi.drivers.modbus.session`'s, where a device keeps its watts
:mod:`kwapi.drivers.modbus.profile`'s, pacing :mod:`kwapi.drivers.driver`'s.

A probe with several outlets is their sum; when one part is missing the sum is
missing, not smaller.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from energybase import clock as clocks
from energybase import numbers
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.modbus import plan
from kwapi.drivers.modbus import profile
from kwapi.drivers.modbus import session
from kwapi.drivers.parameters import Parameter

LOG = logging.getLogger(__name__)

#: A unit that fails while others answer is left alone for so long: doubling, from and to.
_REST_SECONDS = (10.0, 300.0)
#: How far watts may be from what A, V and power factor make, before we say so.
_TOLERANCE = 0.1


class Modbus(driver.Driver):
    """Reads the rows of one or several Modbus units.

    A position in ``probes`` is a row: the first is row 1.  A probe named twice
    is the sum of two.
    """

    takes = (
        Parameter(
            "host", parameters.text, "name or address of the device or gateway", aliases=("ip",)
        ),
        Parameter("port", parameters.port, "its TCP port", 502),
        Parameter(
            "framing", parameters.among(session.FRAMINGS),
            "``'tcp'``, or ``'rtu'`` for RTU frames in TCP", "tcp",
        ),
        Parameter(
            "device", parameters.text,
            "instead of ``host`` the serial line, such as ``/dev/ttyUSB0``: Modbus RTU",
        ),
        Parameter(
            "baud", parameters.between(50, 4_000_000), "speed of the serial line", 9600,
            aliases=("baudrate",),
        ),
        Parameter("parity", parameters.among("NEO"), "``'N'``, ``'E'`` or ``'O'``", "N"),
        Parameter("stop_bits", parameters.between(1, 2), "1 or 2", 1, aliases=("stopbits",)),
        Parameter("unit", parameters.between(0, 255), "the unit to ask", 1),
        Parameter(
            "profile", parameters.anything,
            "name of a register map: ``schleifenbauer-spdm-1to1``, ``eastron-sdm``",
        ),
        Parameter("table", parameters.anything, "which of its tables; the first if not given"),
        Parameter(
            "watts", parameters.anything,
            "instead of a profile, the column of watts in a register map of your own: see below",
        ),
        Parameter("kwh", parameters.anything, "the column of the energy counter beside it"),
        Parameter(
            "outlets", parameters.mapping,
            "the rows of a probe where its position does not say: ``{'node-1': [1, 13], "
            "'node-2': 7}``; a text names the unit too: ``'2.7'`` is row 7 of unit 2",
        ),
        Parameter("timeout_seconds", parameters.positive, "for one answer", 2.0),
    )  # fmt: skip

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        self._line = session.find_line(own)
        self._profile = _choose_profile(own["profile"], own["watts"], own["kwh"])
        self._table = _choose_table(self._profile, own["table"])
        if own["period_seconds"] is None:
            self.period_seconds = self._profile.period_seconds
        self.resolution_watts = self._table.resolution_watts or self._profile.resolution_watts
        self._parts = _parts(self.probes, own["outlets"], own["unit"])
        _require_rows(self._profile, self._table, self._parts)
        self._plan = plan.make_plan(
            self._table.watts, self._table.kwh, self._parts, self._profile.max_registers
        )
        self._session: session.Session | None = None
        self._resting: dict[int, tuple[float, clocks.Backoff]] = {}
        self._introduced = False

    def open(self) -> None:
        """Connect; the first time also say what is doubtful about the map, and check it."""
        self._resting.clear()
        self._session = session.Session(self._line)
        self._session.open()
        if not self._introduced:
            if self._profile.unproved:
                LOG.warning(
                    "%s: profile %s is not proved on a real device: %s",
                    self.wattmeter,
                    self._profile.name,
                    self._profile.unproved,
                )
            self._check(self._session)
            self._introduced = True

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what each probe's rows measure together."""
        if self._session is None:
            raise exception.WattmeterError(reason=f"{self._line.address} is not open")
        return plan.measure(self._plan, self._ask(self._session, self._plan))

    def close(self) -> None:
        """Disconnect."""
        held, self._session = self._session, None
        if held is not None:
            held.close()

    def _ask(self, opened: session.Session, wanted: plan.Plan) -> plan.Answers:
        """Return what the units answer; one that fails does not take the others along."""
        answers: dict[plan.Block, Sequence[int]] = {}
        failure: exception.WattmeterError | None = None
        units = [unit for unit in wanted.blocks if not self._rests(unit)] or list(wanted.blocks)
        for unit in units:
            try:
                answers.update({block: opened.read(*block) for block in wanted.blocks[unit]})
            except session.ConnectionLost:
                raise
            except exception.WattmeterError as exc:
                failure = failure or exc
                self._rest(unit, exc)
            else:
                self._wake(unit)
        if not answers and failure is not None:
            raise failure
        return answers

    def _rests(self, unit: int) -> bool:
        return unit in self._resting and self._clock.monotonic() < self._resting[unit][0]

    def _rest(self, unit: int, exc: exception.WattmeterError) -> None:
        """Leave a unit alone for a while: on a serial line each silence delays all others."""
        backoff = self._resting.get(unit, (0.0, None))[1]
        if backoff is None:
            backoff = clocks.Backoff(*_REST_SECONDS)
            if len(self._plan.blocks) > 1:
                LOG.warning("%s: %s; the other units are read on", self.wattmeter, exc)
        self._resting[unit] = (self._clock.monotonic() + backoff.next(), backoff)

    def _wake(self, unit: int) -> None:
        if self._resting.pop(unit, None):
            LOG.info("%s: unit %d answers again", self.wattmeter, unit)

    def _check(self, opened: session.Session) -> None:
        """Compare the watts with what they should be by other registers, and log it."""
        if not self._table.check:
            return
        columns = (self._table.watts, self._table.check)
        rows = {str(part): (part,) for own in self._parts.values() for part in own}
        wanted = plan.make_plan(*columns, rows, self._profile.max_registers)
        try:
            both = plan.compare(wanted, self._ask(opened, wanted))
        except session.ConnectionLost:
            raise
        except exception.WattmeterError as exc:
            LOG.warning("%s: its watts cannot be checked: %s", self.wattmeter, exc)
            return
        finally:
            self._resting.clear()
        # Half a step of each is rounding.
        slack = 2 * (self._profile.resolution_watts or 1.0)
        odd = {
            row: pair
            for row, pair in both.items()
            if not math.isclose(*pair, rel_tol=_TOLERANCE, abs_tol=slack)
        }
        self._report(both, odd)

    def _report(
        self, both: Mapping[str, tuple[float, float]], odd: Mapping[str, tuple[float, float]]
    ) -> None:
        if not odd:
            LOG.info(
                "%s: the watts of %d rows agree with their volts, amperes and power factors",
                self.wattmeter,
                len(both),
            )
            return
        row, (watts, other) = next(iter(odd.items()))
        LOG.warning(
            "%s: the registers of %d of %d rows contradict each other, as %s with %.1f W by one "
            "and %.1f W by volts, amperes and power factor: the map may be another device's",
            self.wattmeter,
            len(odd),
            len(both),
            row,
            watts,
            other,
        )


def _choose_profile(name: Any, watts: Any, kwh: Any) -> profile.Profile:
    profiles = profile.load_profiles()
    if (name is None) == (watts is None):
        raise parameters.invalid(
            "profile or watts must say where the watts are; give one of them. "
            f"Profiles are {', '.join(sorted(profiles))}"
        )
    if name is not None:
        if kwh is not None:
            raise parameters.invalid("kwh goes with watts, not with a profile")
        return profiles[parameters.one_of("profile", name, sorted(profiles))]
    try:
        return profile.generic(watts, kwh)
    except (AttributeError, TypeError, ValueError) as exc:
        raise parameters.invalid(f"watts or kwh: {exc}") from exc


def _choose_table(known: profile.Profile, name: Any) -> profile.Table:
    names = tuple(known.tables)
    return known.tables[names[0] if name is None else parameters.one_of("table", name, names)]


def _parts(
    probes: Sequence[str | None], outlets: Any, unit: int
) -> dict[str, tuple[plan.Part, ...]]:
    def parse(value: Any) -> plan.Part:
        if isinstance(value, str):
            other, _, row = value.partition(".")
            if other.isdecimal() and row.isdecimal() and int(other) <= 255 and int(row):
                return plan.Part(int(other), int(row))
        elif numbers.is_whole(value) and value > 0:
            return plan.Part(unit, value)
        raise ValueError(f"{value!r} is neither a row's number nor unit and row, such as '2.7'")

    return parameters.parts("outlets", probes, outlets, parse, lambda row, _: plan.Part(unit, row))


def _require_rows(
    known: profile.Profile,
    table: profile.Table,
    parts: Mapping[str, Sequence[plan.Part]],
) -> None:
    last = max((part.row for own in parts.values() for part in own), default=1)
    if table.size is not None and last > table.size:
        raise parameters.invalid(
            f"row {last} is beyond the {table.size} that profile {known.name} knows of"
        )
    for column in (*table.watts, *table.kwh, *table.check):
        if column.at(last) + column.width > 1 << 16:
            raise parameters.invalid(f"row {last} is beyond the last register")
