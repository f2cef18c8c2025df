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
from kwapi.drivers.parameters import Parameter

_INTERFACES = ("lanplus", "lan")
#: What IPMI 2.0 has room for.


def _credential(name: str, value: Any, most: int) -> str:
    """Return a name or password that IPMI can carry; it is not repeated in a complaint."""
    if len(parameters.text(name, value).encode()) > most:
        raise parameters.invalid(f"{name} is longer than the {most} bytes that IPMI takes")
    return str(value)


def _username(name: str, value: Any) -> str:
    return _credential(name, value, 16)


def _password(name: str, value: Any) -> str:
    return _credential(name, value, 20)


class Ipmi(driver.Driver):
    """Reads what a BMC says of its machine's power.

    One probe is the machine, unless ``sensors`` says what each of them is.
    """

    takes = (
        Parameter(
            "host", parameters.text, "name or address of the BMC", parameters.REQUIRED,
            aliases=("ip",),
        ),
        Parameter("port", parameters.port, "its UDP port", 623),
        Parameter(
            "username", _username,
            "of an account that may read sensors; IPMI takes 16 bytes of it", parameters.REQUIRED,
            aliases=("user",),
        ),
        Parameter(
            "password", _password, "of the same; IPMI takes 20 bytes of it", parameters.REQUIRED,
            secret=True,
        ),
        Parameter(
            "method", parameters.among(source.METHODS),
            "``'dcmi'``, ``'sensor'``, ``'ipmitool'``, or ``'auto'``, see below", "auto",
        ),
        Parameter(
            "sensor", parameters.text, "the sensor's name, where the BMC has several in watts"
        ),
        Parameter(
            "sensors", parameters.mapping,
            "the sensors of each probe, where there are several probes, or a probe is a sum: "
            "``{'node-1': ['PS1 Input', 'PS2 Input']}``",
        ),
        Parameter(
            "privilege", parameters.among(session.PRIVILEGES),
            "``'user'``, ``'operator'`` or ``'administrator'``", "user",
        ),
        Parameter("timeout_seconds", parameters.positive, "for one answer", 2.0),
        Parameter("retries", parameters.between(0, 10), "how often a request is sent again", 1),
        Parameter(
            "interface", parameters.among(_INTERFACES),
            "``'lanplus'`` or ``'lan'``; only ipmitool heeds it", "lanplus",
        ),
        Parameter(
            "cipher_suite", parameters.between(0, 17),
            "of IPMI 2.0, such as 3 or 17; only ipmitool heeds it",
        ),
    )  # fmt: skip
    period_seconds = 5.0

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        account = session.Account(
            own["host"], own["port"], own["username"], own["password"], own["privilege"]
        )
        patience = session.Patience(own["timeout_seconds"], own["retries"])
        names = _sensors(self._expected, own["sensor"], own["sensors"])
        if own["method"] == "dcmi" and any(names.values()):
            raise parameters.invalid("sensor is of no use with method 'dcmi'")
        self._source: source.Source
        if own["method"] == "ipmitool":
            self._source = source.ToolSource(
                account, patience, own["interface"], own["cipher_suite"], names
            )
        else:
            self._source = source.SessionSource(
                self.wattmeter, account, patience, own["method"], names
            )

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
    whole = () if sensor is None else (sensor,)
    planned = parameters.parts("sensors", sorted(named), named, _sensor, lambda _, probe: probe)
    if strangers := sorted(named.keys() - probes):
        raise parameters.invalid(f"sensors names {strangers[0]!r}, which is not in probes")
    return {**dict.fromkeys(rest, whole), **planned}


def _sensor(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not the name of a sensor")
    return value.strip()
