# SPDX-License-Identifier: Apache-2.0
"""The driver for wattmeters that speak SNMP.

Owns the session: finding out what the device is and how it arranges its rows,
then reading them.  What may be configured is
:mod:`kwapi.drivers.snmp.parameters`'s, how objects are read
:mod:`kwapi.drivers.snmp.client`'s, what devices call their watts
:mod:`kwapi.drivers.snmp.profile`'s, which of it makes a probe
:mod:`kwapi.drivers.snmp.plan`'s, pacing :mod:`kwapi.drivers.driver`'s.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.snmp import client
from kwapi.drivers.snmp import parameters as snmp_parameters
from kwapi.drivers.snmp import plan
from kwapi.drivers.snmp import profile

LOG = logging.getLogger(__name__)

_SYS_DESCR, _SYS_OBJECT_ID = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0"
_LONGEST_DEVICE = 120


class Snmp(driver.Driver):
    """Reads the outlets of a PDU, or its groups or inputs.

    A position in ``probes`` is an outlet: the first is outlet 1.  A probe named
    twice has two outlets.
    """

    takes = snmp_parameters.TAKES

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        self._endpoint = client.Endpoint(
            own["host"], own["port"], own["timeout_seconds"], own["retries"]
        )
        self._credentials = snmp_parameters.credentials(own)
        self._rows = snmp_parameters.rows(self.probes, own["outlets"])
        self._profile, of_oid, self._strapping = snmp_parameters.choose_profile(own)
        self._table = own["table"] or of_oid or "outlets"
        # Of many wattmeters that start together not all have the same turn.
        self._turn, self._turns = zlib.crc32(self.wattmeter.encode()), 1
        if self._profile is not None:
            self._take(self._profile)
        self._client: client.SnmpClient | None = None
        self._reader: client.ObjectReader | None = None
        self._plan: plan.Plan | None = None
        self._constants: dict[str, client.Value] = {}
        self._counters: dict[str, client.Value] = {}
        self._noted = ""

    def open(self) -> None:
        """Start a session, and see what the device is and how it arranges its rows."""
        self._client = client.create_client(self.given["client"], self._endpoint, self._credentials)
        self._client.open()
        identity = client.ObjectReader(self._client, 2).read([_SYS_DESCR, _SYS_OBJECT_ID])
        self.device = _text(identity.get(_SYS_DESCR))
        known = self._profile or self._recognise(identity.get(_SYS_OBJECT_ID))
        table = self._take(known)
        self._reader = client.ObjectReader(self._client, known.max_objects)
        strapping = self._find_strapping(known, self._reader)
        plans = [plan.make_plan(la, self._rows, strapping) for la in table.layouts]
        self._plan = _choose_plan(self._reader, plans)
        self._require_watts(self._plan.layout)
        self._constants, self._counters = self._reader.read(self._plan.constants), {}
        self.resolution_watts = plan.resolution_watts(
            self._plan, self._constants, known.resolution_watts
        )
        self._note(self._plan.layout.note)
        self._warn_of_missing_rows(self._reader, table, strapping)

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what each probe's outlets measure together."""
        reader, wanted = self._reader, self._plan
        if reader is None or wanted is None:
            raise exception.WattmeterError(reason=f"{self._endpoint} is not open")
        values = self._read_values(reader, wanted)
        if not values and wanted.probes:
            raise self._no_such_rows()
        if len(self._constants) < len(wanted.constants):
            # An outlet that was not fitted at start may be by now.
            absent = [oid for oid in wanted.constants if oid not in self._constants]
            self._constants.update(reader.read(absent))
        return plan.measure(wanted, values, self._constants)

    def _read_values(
        self, reader: client.ObjectReader, wanted: plan.Plan
    ) -> dict[str, client.Value]:
        """Return watts and counters; those as they were when it is not their turn."""
        self._turn += 1
        if self._counters and self._turn % self._turns:
            values = reader.read(wanted.watts)
            return {**values, **self._counters} if values else {}
        values = reader.read((*wanted.watts, *wanted.counters))
        self._counters = {oid: values[oid] for oid in wanted.counters if oid in values}
        return values

    def stop(self) -> None:
        """Ask the loop to end, without waiting for an answer that is on its way."""
        super().stop()
        held = self._client
        if held is not None:
            held.abort()

    def close(self) -> None:
        """End the session."""
        held, self._client, self._reader = self._client, None, None
        if held is not None:
            held.close()

    def _recognise(self, sys_object_id: client.Value | None) -> profile.Profile:
        profiles = profile.load_profiles()
        oid = sys_object_id if isinstance(sys_object_id, str) else ""
        found = profile.find_by_sys_object_id(profiles.values(), oid)
        if found is None:
            raise exception.WattmeterError(
                reason=f"{self._endpoint} is not a known device, its sysObjectID is "
                f"{oid or 'missing'}: give oid, or a profile of {', '.join(sorted(profiles))}"
            )
        LOG.info("%s: read as %s", self.wattmeter, found.name)
        return found

    def _take(self, known: profile.Profile) -> profile.Table:
        """Go at the profile's pace; return the table to read, at our voltage."""
        if self.given["period_seconds"] is None:
            self.period_seconds = known.period_seconds
        # Read more often than the device has new values, its counters only repeat.
        self._turns = max(1, int(known.period_seconds / self.period_seconds))
        self.resolution_watts = known.resolution_watts
        if self._table not in known.tables:
            names = ", ".join(sorted(known.tables))
            raise parameters.invalid(
                f"table must be one of {names}, which profile {known.name} has, not {self._table!r}"
            )
        table = known.tables[self._table]
        volts = self.given["volts"]
        return table if volts is None else table.at_volts(volts)

    def _find_strapping(self, known: profile.Profile, reader: client.ObjectReader) -> int:
        if self._strapping is not None:
            return self._strapping
        oid = known.strapping_oid
        found = reader.read([oid]).get(oid) if oid else None
        return found if isinstance(found, int) else known.strapping

    def _require_watts(self, layout: profile.Layout) -> None:
        """Refuse a device that does not tell, and cannot be made to tell, any watts."""
        reason = layout.refuse
        if layout.watts.unit == "A":
            reason = (
                "it tells currents only: give volts, the voltage of its supply, to have "
                "the apparent power computed; with switching supplies that is a little too much"
            )
        if reason:
            raise exception.WattmeterError(reason=f"{self._endpoint} cannot be read: {reason}")

    def _note(self, note: str) -> None:
        """Say what an operator should know, once and not with each session."""
        if note and note != self._noted:
            LOG.warning("%s: %s", self.wattmeter, note)
        self._noted = note

    def _warn_of_missing_rows(
        self, reader: client.ObjectReader, table: profile.Table, strapping: int
    ) -> None:
        if table.size is None:
            return
        oid = table.size.format(strapping=strapping)
        size = reader.read([oid]).get(oid)
        last = max((r for own in self._rows.values() for r in own if isinstance(r, int)), default=0)
        if isinstance(size, int) and last > size:
            LOG.warning(
                "%s: has %d %s, but number %d is configured",
                self.wattmeter,
                size,
                self._table,
                last,
            )

    def _no_such_rows(self) -> exception.MalformedAnswer:
        return exception.MalformedAnswer(
            address=str(self._endpoint),
            reason=f"it has none of the {self._table} to be read there; "
            "check oid, profile and strapping",
        )


def _choose_plan(reader: client.ObjectReader, plans: Sequence[plan.Plan]) -> plan.Plan:
    """Return the first plan that the device has values for.

    Else the first whose objects are there at least, else the first of all.
    """
    there = []
    for candidate in plans if len(plans) > 1 else ():
        values = reader.read(candidate.watts)
        if plan.has_watts(candidate, values):
            return candidate
        if values:
            there.append(candidate)
    return (*there, *plans)[0]


def _text(value: client.Value | None) -> str | None:
    """Return what a device says of itself, fit to be shown."""
    if not isinstance(value, bytes):
        return None
    words = "".join(c if c.isprintable() else " " for c in value.decode("utf-8", "replace"))
    return " ".join(words.split())[:_LONGEST_DEVICE] or None
