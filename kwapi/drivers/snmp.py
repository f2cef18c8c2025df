# SPDX-License-Identifier: Apache-2.0
"""The driver for wattmeters that speak SNMP.

Owns turning a device's rows into probes.  What may be configured is
:mod:`kwapi.drivers.snmp_parameters`'s, how objects are read
:mod:`kwapi.drivers.snmp_client`'s, what they mean
:mod:`kwapi.drivers.snmp_profile`'s, pacing :mod:`kwapi.drivers.driver`'s.

A probe with several outlets, such as a server with two supplies, is their sum,
watts and kWh; when one part is missing the sum is missing, not smaller.  When
the counter of one part falls, by a reset or a wrap, so does the sum: the
collector sees it as the reset it is, and measures that interval by watts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import snmp_client
from kwapi.drivers import snmp_parameters
from kwapi.drivers import snmp_profile

LOG = logging.getLogger(__name__)

_SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
_CLIENTS = ("auto", "gufo", "pysnmp")


class Parts(NamedTuple):
    """The objects that make up one probe: an OID for each of its outlets.

    :ivar kwh: of their energy counters; empty where there are none.
    """

    watts: tuple[str, ...]
    kwh: tuple[str, ...]


class Plan(NamedTuple):
    """What to read from a device, and for whom.

    :ivar oids: every object to ask for: the watts, then the counters.
    """

    profile: snmp_profile.Profile
    layout: snmp_profile.Layout
    probes: Mapping[str, Parts]
    oids: tuple[str, ...]


def make_plan(
    profile: snmp_profile.Profile,
    layout: snmp_profile.Layout,
    rows: Mapping[str, Sequence[snmp_parameters.Row]],
    strapping: int = 0,
) -> Plan:
    """Return what to read so that each probe gets its rows."""

    def objects(
        column: snmp_profile.Column | None, own: Sequence[snmp_parameters.Row]
    ) -> tuple[str, ...]:
        if column is None:
            return ()
        return tuple(f"{column.oid}.{_index(layout, row, strapping)}" for row in own)

    probes = {
        probe: Parts(objects(layout.watts, own), objects(layout.kwh, own))
        for probe, own in rows.items()
    }
    watts = [oid for parts in probes.values() for oid in parts.watts]
    kwh = [oid for parts in probes.values() for oid in parts.kwh]
    return Plan(profile, layout, probes, (*watts, *kwh))


def _index(layout: snmp_profile.Layout, row: snmp_parameters.Row, strapping: int) -> str:
    if isinstance(row, str):
        return row
    return layout.suffix.format(strapping=strapping, outlet=row)


def measure(
    plan: Plan, values: Mapping[str, snmp_client.Value]
) -> dict[str, measurement.Measurement]:
    """Return what each probe measures; one of which a part is missing is left out."""
    profile, layout = plan.profile, plan.layout
    measured = {}
    for probe, parts in plan.probes.items():
        watts = _total(profile, layout.watts, parts.watts, values)
        if watts is not None:
            kwh = _total(profile, layout.kwh, parts.kwh, values)
            measured[probe] = measurement.Measurement(watts, kwh)
    return measured


def _total(
    profile: snmp_profile.Profile,
    column: snmp_profile.Column | None,
    oids: Iterable[str],
    values: Mapping[str, snmp_client.Value],
) -> float | None:
    if column is None:
        return None
    total = 0
    for oid in oids:
        raw = profile.number(values.get(oid))
        if raw is None:
            return None
        total += raw
    return column.convert(total)


class Snmp(driver.Driver):
    """Reads the outlets of a PDU, or its groups or inputs.

    A position in ``probes`` is an outlet: the first is outlet 1.  A probe named
    twice has two outlets.

    :param ip: name or address of the device; ``host`` means the same.
    :param port: UDP port.
    :param protocol: ``1``, ``2c`` or ``3``, with or without a ``v``.
    :param community: what SNMPv1 and v2c need.
    :param user: what SNMPv3 needs; with the passwords, as the device has them.
    :param auth_protocol: MD5, SHA, SHA224, SHA256, SHA384 or SHA512.
    :param priv_protocol: DES, AES, AES192, AES256, AES192C or AES256C.
    :param oid: the column of watts; one that a profile knows brings the rest.
    :param scale: what the values of ``oid`` are multiplied with to make W.
    :param profile: name of a profile; without it and ``oid`` the device is asked what it is.
    :param table: what to measure: ``outlets``, ``groups`` or ``inputs``.
    :param strapping: position in a daisy chain; 0 is the device we talk to.
    :param outlets: the outlets of a probe where its position does not tell:
        ``{'server-1': [1, 13], 'server-2': 7}``.  A string is a whole index, as ``'1.7'``.
    :param timeout_seconds: for one answer.
    :param retries: how often a request is sent again.
    :param client: ``pysnmp``, ``gufo``, or ``auto`` for gufo where it is installed.
    """

    def __init__(
        self,
        *args: Any,
        ip: str | None = None,
        host: str | None = None,
        port: int = 161,
        protocol: str | int = "2c",
        community: str | None = None,
        user: str | None = None,
        auth_protocol: str = "SHA",
        auth_password: str | None = None,
        priv_protocol: str = "AES",
        priv_password: str | None = None,
        oid: str | None = None,
        scale: float | None = None,
        profile: str | None = None,
        table: str | None = None,
        strapping: int | None = None,
        outlets: Mapping[str, Any] | None = None,
        timeout_seconds: float = 2.0,
        retries: int = 1,
        client: str = "auto",
        **common: Any,
    ) -> None:
        super().__init__(*args, **common)
        self._has_own_period = common.get("period_seconds") is not None
        self._endpoint = snmp_parameters.endpoint(ip, host, port, timeout_seconds, retries)
        self._credentials = snmp_parameters.credentials(
            protocol, community, user, auth_protocol, auth_password, priv_protocol, priv_password
        )
        self._choice = snmp_parameters.one_of("client", client, _CLIENTS)
        self._rows = snmp_parameters.rows(self.probes, outlets)
        self._profile, of_oid, self._strapping = snmp_parameters.profile(
            oid, scale, profile, strapping
        )
        self._table = table or of_oid or "outlets"
        if self._profile is not None:
            self._take(self._profile)
        self._client: snmp_client.SnmpClient | None = None
        self._reader: snmp_client.ObjectReader | None = None
        self._plan: Plan | None = None

    def open(self) -> None:
        """Start a session, and see what the device is and how it arranges its rows."""
        self._client = snmp_client.create_client(self._choice, self._endpoint, self._credentials)
        self._client.open()
        identity = snmp_client.ObjectReader(self._client, 1).read([_SYS_OBJECT_ID])
        profile = self._profile or self._recognise(identity.get(_SYS_OBJECT_ID))
        table = self._take(profile)
        self._reader = snmp_client.ObjectReader(self._client, profile.max_objects)
        self._plan = self._choose_plan(self._reader, profile, table)
        self._warn_of_missing_rows(self._reader, table)

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what each probe's outlets measure together."""
        if self._reader is None or self._plan is None:
            raise exception.WattmeterError(reason=f"{self._endpoint} is not open")
        values = self._reader.read(self._plan.oids)
        if not values and self._plan.probes:
            raise self._no_such_rows(self._plan.profile)
        return measure(self._plan, values)

    def close(self) -> None:
        """End the session."""
        client, self._client, self._reader = self._client, None, None
        if client is not None:
            client.close()

    def _recognise(self, sys_object_id: snmp_client.Value | None) -> snmp_profile.Profile:
        profiles = snmp_profile.load_profiles()
        oid = sys_object_id if isinstance(sys_object_id, str) else ""
        found = snmp_profile.find_by_sys_object_id(profiles.values(), oid)
        if found is None:
            raise exception.WattmeterError(
                reason=f"{self._endpoint} is no device we know, its sysObjectID is "
                f"{oid or 'missing'}: give its oid, or a profile of {', '.join(sorted(profiles))}"
            )
        LOG.info("%s: read as %s", self.wattmeter, found.name)
        return found

    def _take(self, profile: snmp_profile.Profile) -> snmp_profile.Table:
        """Go at the profile's pace; return the table to read."""
        if not self._has_own_period:
            self.period_seconds = profile.period_seconds
        self.resolution_watts = profile.resolution_watts
        if self._table not in profile.tables:
            known = ", ".join(sorted(profile.tables))
            raise snmp_parameters.invalid(
                f"table {self._table!r} is not one of {known}, which profile {profile.name} has"
            )
        return profile.tables[self._table]

    def _choose_plan(
        self,
        reader: snmp_client.ObjectReader,
        profile: snmp_profile.Profile,
        table: snmp_profile.Table,
    ) -> Plan:
        plans = [make_plan(profile, la, self._rows, self._strapping) for la in table.layouts]
        for plan in plans[:-1]:
            if reader.read([oid for parts in plan.probes.values() for oid in parts.watts]):
                return plan
        return plans[-1]

    def _warn_of_missing_rows(
        self, reader: snmp_client.ObjectReader, table: snmp_profile.Table
    ) -> None:
        if table.size is None:
            return
        oid = table.size.format(strapping=self._strapping)
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

    def _no_such_rows(self, profile: snmp_profile.Profile) -> exception.MalformedAnswer:
        return exception.MalformedAnswer(
            address=str(self._endpoint),
            reason=f"it has none of the {self._table} to be read there as {profile.name}; "
            "check oid, profile and strapping",
        )
