# SPDX-License-Identifier: Apache-2.0
"""The driver for BMCs that speak Redfish.

Owns what may be configured, and turning the power of chassis into probes.
Where that power is, is :mod:`kwapi.drivers.redfish.power`'s, the session
:mod:`kwapi.drivers.redfish.client`'s, pacing :mod:`kwapi.drivers.driver`'s.
"""

from __future__ import annotations

import logging
import os
import urllib.parse
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.redfish import client
from kwapi.drivers.redfish import power

LOG = logging.getLogger(__name__)


def _url(name: str, value: Any) -> str:
    """Return the address of a service, without anything after it."""
    text = parameters.text(name, value)
    try:
        parsed = urllib.parse.urlsplit(text)
        usable = parsed.scheme in ("http", "https") and parsed.hostname and (parsed.port or 1)
    except ValueError:
        usable = False
    if not usable or parsed.username or parsed.password or parsed.query:
        # Not repeated: it may hold a password.
        raise parameters.invalid("url must be such as 'https://192.0.2.7', without a user in it")
    return f"{parsed.scheme}://{parsed.netloc}"


def _file(name: str, value: Any) -> str:
    if not os.path.exists(parameters.text(name, value)):
        raise parameters.invalid(f"{name} {value!r} is not there")
    return str(value)


class Redfish(driver.Driver):
    """Reads the power of a chassis.

    One probe is the only chassis that has any, unless ``chassis`` says what
    each of them is.
    """

    takes = (
        Parameter(
            "url", _url, "of the BMC, such as ``https://192.0.2.7``, without a path",
            parameters.REQUIRED,
        ),
        Parameter(
            "username", parameters.text,
            "of an account that may read; the role *ReadOnly* is enough", parameters.REQUIRED,
            aliases=("user",),
        ),
        Parameter("password", parameters.text, "of the same", parameters.REQUIRED, secret=True),
        Parameter(
            "ca_file", _file,
            "certificates to trust, where this host does not know who signed the BMC's",
        ),
        Parameter(
            "verify", parameters.truth,
            "``False`` trusts whatever answers at that address, and gives it the password; it is "
            "logged at each start", True,
        ),
        Parameter(
            "chassis", parameters.anything,
            "the chassis' id where several have power, or, where there are several probes, "
            "``{'blade-1': '1', 'blade-2': ['2', '3']}``; a list is a sum",
        ),
        Parameter(
            "sensor", parameters.text,
            "the sensor's id, where a chassis has nothing but several sensors in watts",
        ),
        Parameter(
            "timeout_seconds", parameters.positive, "for an answer to begin, and to go on", 10.0
        ),
    )  # fmt: skip
    period_seconds = 5.0

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        if own["ca_file"] is not None and not own["verify"]:
            raise parameters.invalid("ca_file is of no use when verify is False")
        service = client.Service(
            own["url"],
            own["username"],
            own["password"],
            own["ca_file"] or own["verify"],
            own["timeout_seconds"],
        )
        self._names = _names(sorted(self._expected), own["chassis"])
        self._url = service.url
        self._client = client.Client(service)
        self._chassis: Mapping[str, Sequence[power.Chassis]] = {}
        if service.verify is False:
            LOG.warning(
                "%s: the certificate of %s is not checked, as configured; "
                "its password goes to whoever answers there",
                self.wattmeter,
                service.url,
            )

    def open(self) -> None:
        """Start a session, and see where the power of each probe is."""
        self._client.open()
        self.device = _describe(self._client.root)
        path = power.link(self._client.root, "Chassis")
        if path is None:
            raise self._malformed("its service root names no Chassis")
        try:
            found = [self._find(member) for member in power.members(self._client.get, path)]
        except ValueError as exc:
            raise self._malformed(str(exc)) from exc
        powered = {chassis.name: chassis for chassis in found if chassis is not None}
        self._chassis = {probe: self._pick(powered, own) for probe, own in self._names.items()}

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what each probe's chassis say now."""
        try:
            values = {
                probe: [chassis.read(self._client.get) for chassis in own]
                for probe, own in self._chassis.items()
            }
        except ValueError as exc:
            raise self._malformed(str(exc)) from exc
        measured = {probe: _total(own) for probe, own in values.items()}
        return {probe: total for probe, total in measured.items() if total is not None}

    def close(self) -> None:
        """End the session."""
        self._client.close()

    def _find(self, path: str) -> power.Chassis | None:
        wanted = {name for own in self._names.values() for name in own}
        if wanted and path.rstrip("/").rpartition("/")[2] not in wanted:
            return None
        return power.find(self._client.get, path, self.given["sensor"])

    def _pick(
        self, powered: Mapping[str, power.Chassis], names: Sequence[str]
    ) -> list[power.Chassis]:
        if unknown := [name for name in names if name not in powered]:
            raise parameters.invalid(f"chassis {unknown[0]!r} of {self._url} has no power to read")
        if names:
            return [powered[name] for name in names]
        if not powered:
            raise exception.WattmeterError(
                reason=f"{self._url} has no power to read in any chassis"
            )
        if len(powered) > 1:
            raise power.several("chassis", self._url, sorted(powered))
        return list(powered.values())

    def _malformed(self, reason: str) -> exception.MalformedAnswer:
        return exception.MalformedAnswer(address=self._url, reason=reason)


def _total(values: Sequence[power.Value | None]) -> measurement.Measurement | None:
    """Return the sum; None when a part is missing."""
    watts = [value.watts for value in values if value is not None and value.watts is not None]
    if len(watts) < len(values):
        return None
    kwh = [value.kwh for value in values if value is not None and value.kwh is not None]
    return measurement.Measurement(sum(watts), sum(kwh) if len(kwh) == len(values) else None)


def _describe(root: power.Document) -> str:
    said = [root.get(name) for name in ("Vendor", "Product")]
    known = [text for text in said if isinstance(text, str) and text]
    return f"{' '.join(known) or 'BMC'}, Redfish {root.get('RedfishVersion', 'of unknown version')}"


def _names(probes: Sequence[str], chassis: Any) -> dict[str, tuple[str, ...]]:
    """Return the ids of each probe's chassis; none for the only one that has power."""
    named: Any = chassis
    if isinstance(chassis, str):
        named = dict.fromkeys(probes[:1], chassis)
    named = parameters.mapping("chassis", named)
    rest = [probe for probe in probes if probe not in named]
    if rest and len(probes) > 1:
        raise parameters.invalid(
            f"chassis must say which are those of {', '.join(map(repr, rest))}, "
            "as {'server-1': '1'}"
        )
    own = parameters.parts("chassis", sorted(named), named, _name, lambda _, probe: probe)
    if strangers := sorted(named.keys() - set(probes)):
        raise parameters.invalid(f"chassis names {strangers[0]!r}, which is not in probes")
    return {probe: own.get(probe, ()) for probe in probes}


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not the id of a chassis")
    return value
