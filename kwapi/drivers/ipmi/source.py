# SPDX-License-Identifier: Apache-2.0
"""Reads a machine's power from its BMC: by DCMI, by sensors, or by ipmitool.

Owns choosing between them and remembering the choice.  What is asked of a BMC
and what it answers is :mod:`kwapi.drivers.ipmi.bmc`'s.
"""

from __future__ import annotations

import abc
import logging
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from kwapi import exception
from kwapi.drivers import parameters
from kwapi.drivers.ipmi import bmc
from kwapi.drivers.ipmi import sdr
from kwapi.drivers.ipmi import session
from kwapi.drivers.ipmi import tool

LOG = logging.getLogger(__name__)

METHODS = ("auto", "dcmi", "sensor", "ipmitool")
#: Names of the sensors whose sum each probe is; none for the machine's power, whatever tells it.
Sensors = Mapping[str, tuple[str, ...]]

#: Some BMCs refuse their first request by DCMI after they have started.
_DCMI_TRIES = 3
_DCMI_WATTS = 1.0


class Source(abc.ABC):
    """A way to read the probes of one BMC.

    :ivar resolution_watts: the smallest step it can tell, once it is open.
    :ivar device: what the BMC says it is, once it is open.
    """

    resolution_watts: float | None = None
    device: str | None = None

    @abc.abstractmethod
    def open(self) -> None:
        """Start a session and see what there is to read.

        :raises WattmeterError: it cannot be had.
        :raises ConfigurationInvalid: the operator has to choose.
        """

    @abc.abstractmethod
    def read(self) -> dict[str, float]:
        """Return the watts of each probe that has any just now."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the session."""


class Plan(NamedTuple):
    """The sensors whose sum each probe is, and the records they were found in."""

    repository: bmc.Repository
    probes: Mapping[str, tuple[sdr.Sensor, ...]]


class SessionSource(Source):
    """Reads over a lasting session, by DCMI or by sensors."""

    def __init__(
        self,
        wattmeter: str,
        account: session.Account,
        patience: session.Patience,
        method: str,
        sensors: Sensors,
    ) -> None:
        self._wattmeter, self._address = wattmeter, str(account)
        self._sensors = sensors
        # A sensor that is named is the one that is meant.
        self._method = "sensor" if any(sensors.values()) else method
        self._session = session.Session(account, patience)
        self._bmc = bmc.Bmc(self._address, self._session.ask)
        self._plan: Plan | None = None
        self._by_dcmi = False
        # Once it told watts, 0 W mean a machine that is off, not a BMC that never measures.
        self._dcmi_measures = False
        self._was_inactive = False

    def open(self) -> None:
        """Log in, and choose how to read until the session ends."""
        self._session.open()
        self.device = self._bmc.describe()
        self._by_dcmi = self._choose()
        if self._by_dcmi:
            self.resolution_watts = _DCMI_WATTS
        elif self._plan is not None:
            used = [sensor for own in self._plan.probes.values() for sensor in own]
            self.resolution_watts = max((s.resolution_watts for s in used), default=None)
        LOG.debug(
            "%s: %s, read by %s",
            self._wattmeter,
            self.device,
            "DCMI" if self._by_dcmi else "sensors",
        )

    def read(self) -> dict[str, float]:
        """Return the watts, by DCMI or by sensors."""
        return self._read_dcmi() if self._by_dcmi else self._read_sensors()

    def close(self) -> None:
        """Log out."""
        self._session.close()

    def _choose(self) -> bool:
        """Return whether to read by DCMI; if not, there is a plan."""
        if self._method == "sensor":
            self._load_plan()
            return False
        power = self._try_dcmi()
        if isinstance(power, bmc.Power):
            self._dcmi_measures |= power.watts > 0
            return self._dcmi_measures or self._method == "dcmi" or not self._has_plan()
        if self._method == "dcmi":
            raise exception.WattmeterError(
                reason=f"{self._address} cannot be read by DCMI: {bmc.explain(power)}"
            )
        self._load_plan()
        return False

    def _try_dcmi(self) -> bmc.Power | int:
        for _ in range(_DCMI_TRIES):
            power = self._bmc.read_power()
            if isinstance(power, bmc.Power) or power == bmc.NO_SUCH_COMMAND:
                break
        return power

    def _has_plan(self) -> bool:
        """Tell whether sensors tell what DCMI does not: 0 W may mean that it never measures."""
        try:
            self._load_plan()
        except exception.WattmeterError:
            return False
        return True

    def _load_plan(self) -> None:
        """Read what sensors there are, if they are others than before."""
        repository = self._bmc.read_repository()
        if self._plan is None or self._plan.repository != repository:
            found = self._bmc.read_sensors()
            self._plan = Plan(
                repository,
                {probe: self._pick(found, names) for probe, names in self._sensors.items()},
            )

    def _pick(self, found: Sequence[sdr.Sensor], names: tuple[str, ...]) -> tuple[sdr.Sensor, ...]:
        if names:
            return tuple(self._named(found, name) for name in names)
        best = sdr.choose(found)
        only = require_one(self._address, [sensor.name for sensor in best])
        return tuple(sensor for sensor in best if sensor.name == only)

    def _named(self, found: Sequence[sdr.Sensor], name: str) -> sdr.Sensor:
        sensor = sdr.find(found, name)
        if sensor is None:
            raise unknown_sensor(self._address, name, [sensor.name for sensor in found])
        return sensor

    def _read_dcmi(self) -> dict[str, float]:
        power = self._bmc.read_power()
        if isinstance(power, int):
            raise exception.WattmeterError(
                reason=f"{self._address}, power by DCMI: {bmc.explain(power)}"
            )
        inactive = not power.active and power.watts > 0
        if inactive and not self._was_inactive:
            LOG.info(
                "%s: says that it does not measure, and measures %d W; they are taken",
                self._wattmeter,
                power.watts,
            )
        self._was_inactive = inactive
        if not power.active and not power.watts:
            return {}
        return {probe: float(power.watts) for probe in self._sensors}

    def _read_sensors(self) -> dict[str, float]:
        probes = self._plan.probes if self._plan is not None else {}
        return sums(
            {p: [self._bmc.read_sensor(sensor) for sensor in own] for p, own in probes.items()}
        )


class ToolSource(Source):
    """Runs ipmitool for each reading, as the first Kwapi did."""

    def __init__(
        self,
        account: session.Account,
        patience: session.Patience,
        interface: str,
        cipher_suite: int | None,
        sensors: Sensors,
    ) -> None:
        self._address, self._sensors = str(account), sensors
        self._tool = tool.Tool(account, patience, interface, cipher_suite)
        self._names: Sensors = {}

    def open(self) -> None:
        """See what sensors there are."""
        self._tool.open()
        found = self._tool.list_sensors() if not all(self._sensors.values()) else []
        self._names = {
            probe: names or (self._only(found),) for probe, names in self._sensors.items()
        }
        self.device = "BMC, read by ipmitool"

    def read(self) -> dict[str, float]:
        """Return the watts; one run of the program reads all."""
        names = list(dict.fromkeys(name for own in self._names.values() for name in own))
        readings = self._tool.read(names) if names else {}
        return sums({p: [readings.get(name) for name in own] for p, own in self._names.items()})

    def close(self) -> None:
        """Remove what was kept for the program."""
        self._tool.close()

    def _only(self, found: Sequence[tool.Row]) -> str:
        return require_one(self._address, tool.choose(found))


def require_one(address: str, names: Sequence[str]) -> str:
    """Return the only name.

    :raises WattmeterError: there is none.
    :raises ConfigurationInvalid: there are several.
    """
    if not names:
        raise exception.WattmeterError(
            reason=f"{address} has no sensor of watts, and its power cannot be read by DCMI"
        )
    if len(names) > 1:
        raise parameters.invalid(
            f"sensor: {address} has several that may be meant; name one of "
            f"{', '.join(map(repr, sorted(names)))}"
        )
    return names[0]


def unknown_sensor(address: str, name: str, known: Sequence[str]) -> exception.ConfigurationInvalid:
    """Return the complaint about a sensor that is not there."""
    listed = ", ".join(map(repr, sorted(known))) or "none"
    return parameters.invalid(
        f"sensor {name!r} is not one that {address} has in watts, linear and its own: {listed}"
    )


def sums(parts: Mapping[str, Sequence[float | None]]) -> dict[str, float]:
    """Return the sum of each probe's parts; where one is missing, so is the sum."""
    whole: dict[str, float] = {}
    for probe, watts in parts.items():
        known = [w for w in watts if w is not None]
        if known and len(known) == len(watts):
            whole[probe] = sum(known)
    return whole
