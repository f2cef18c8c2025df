# SPDX-License-Identifier: Apache-2.0
"""The driver for BMCs that speak IPMI over LAN.

Owns what may be configured, and turning watts into probes.  How they are read
from a BMC is :mod:`kwapi.drivers.ipmi.source`'s, pacing
:mod:`kwapi.drivers.driver`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set
from typing import Any

from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.ipmi import session
from kwapi.drivers.ipmi import source

_INTERFACES = ("lanplus", "lan")
#: What IPMI 2.0 has room for.
_MOST_USERNAME, _MOST_PASSWORD = 16, 20


class Ipmi(driver.Driver):
    """Reads what a BMC says of its machine's power.

    One probe is the machine, unless ``sensors`` says what each of them is.

    :param host: name or address of the BMC.
    :param username: of an account that may read sensors; no more is needed.
    :param interface: ``lanplus`` or ``lan``; only ipmitool heeds it.
    :param cipher_suite: of IPMI 2.0, as 3 or 17; only ipmitool heeds it.
    :param sensor: name of the sensor to read, where the BMC has several of watts.
    :param sensors: the sensors of each probe, where one is not all:
        ``{'server-1': ['PS1 Input', 'PS2 Input']}`` is a sum.
    :param method: ``dcmi``, ``sensor``, ``ipmitool``, or ``auto``: the first
        of DCMI and a sensor that answers.
    :param privilege: ``user``, ``operator`` or ``administrator``.
    :param timeout_seconds: for one answer.
    :param retries: how often a request is sent again.
    """

    period_seconds = 5.0

    def __init__(
        self,
        *args: Any,
        host: str,
        username: str,
        password: str,
        port: int = 623,
        interface: str = "lanplus",
        sensor: str | None = None,
        sensors: Mapping[str, Any] | None = None,
        method: str = "auto",
        privilege: str = "user",
        cipher_suite: int | None = None,
        timeout_seconds: float = 2.0,
        retries: int = 1,
        **common: Any,
    ) -> None:
        super().__init__(*args, **common)
        account = session.Account(
            parameters.text("host", host),
            parameters.whole("port", port, 1, 65535),
            _credential("username", username, _MOST_USERNAME),
            _credential("password", password, _MOST_PASSWORD),
            parameters.one_of("privilege", privilege, tuple(session.PRIVILEGES)),
        )
        patience = session.Patience(
            parameters.positive("timeout_seconds", timeout_seconds),
            parameters.whole("retries", retries, 0, 10),
        )
        names = _sensors(self._expected, sensor, sensors)
        method = parameters.one_of("method", method, source.METHODS)
        if method == "dcmi" and any(names.values()):
            raise parameters.invalid("sensor is of no use with method 'dcmi'")
        interface = parameters.one_of("interface", interface, _INTERFACES)
        if cipher_suite is not None:
            parameters.whole("cipher_suite", cipher_suite, 0, 17)
        self._source: source.Source
        if method == "ipmitool":
            self._source = source.ToolSource(account, patience, interface, cipher_suite, names)
        else:
            self._source = source.SessionSource(self.wattmeter, account, patience, method, names)

    def open(self) -> None:
        """Start a session, and see how the power can be read."""
        self._source.open()
        self.resolution_watts = self._source.resolution_watts
        self.device = self._source.device

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what the BMC says now."""
        return {p: measurement.Measurement(watts) for p, watts in self._source.read().items()}

    def close(self) -> None:
        """End the session."""
        self._source.close()


def _credential(name: str, value: Any, most: int) -> str:
    """Return a name or password that IPMI can carry; it is not repeated in a complaint."""
    if len(parameters.text(name, value).encode()) > most:
        raise parameters.invalid(f"{name} is longer than the {most} bytes that IPMI takes")
    return str(value)


def _sensors(probes: Set[str], sensor: Any, sensors: Any) -> source.Sensors:
    """Return the sensors of each probe; none where the BMC is to tell which."""
    if sensor is not None and sensors is not None:
        raise parameters.invalid("sensor and sensors both say what to read; give one of them")
    named = parameters.mapping("sensors", sensors)
    rest = sorted(probes - named.keys())
    if len(rest) > 1:
        raise parameters.invalid(
            f"sensors must say what {', '.join(map(repr, rest))} are: a BMC measures one machine"
        )
    whole = () if sensor is None else (parameters.text("sensor", sensor),)
    planned = parameters.parts("sensors", sorted(named), named, _sensor, lambda _, probe: probe)
    if strangers := sorted(named.keys() - probes):
        raise parameters.invalid(f"sensors names {strangers[0]!r}, which is not in probes")
    return {**dict.fromkeys(rest, whole), **planned}


def _sensor(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is no name of a sensor")
    return value.strip()
