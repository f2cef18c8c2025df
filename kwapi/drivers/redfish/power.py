# SPDX-License-Identifier: Apache-2.0
"""Finds and reads the power of a chassis in Redfish: in one of three places.

Owns finding the place and reading its documents (DSP0266, DSP0268), given a
way to get them.  Getting them is :mod:`kwapi.drivers.redfish.client`'s.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from energybase import numbers
from kwapi import exception
from kwapi.drivers import parameters

Document = dict[str, Any]
#: Returns the document at a path, None where there is none.
Get = Callable[[str], Document | None]

_MOST_MEMBERS = 1000


class Value(NamedTuple):
    """What a document says; None for what is not known just now, as of a server that is off."""

    watts: float | None
    kwh: float | None = None


class Place(NamedTuple):
    """A document, and how to read it."""

    path: str
    parse: Callable[[Document], Value | None]


def parse_power(document: Document) -> Value | None:
    """Return the power in a Power resource; None when it is about something else.

    Its first control is the whole chassis; more of them are parts of it.
    """
    controls = document.get("PowerControl")
    for control in controls if isinstance(controls, list) else []:
        if isinstance(control, dict) and "PowerConsumedWatts" in control:
            return Value(number("PowerConsumedWatts", control["PowerConsumedWatts"]))
    return None


def parse_environment(document: Document) -> Value | None:
    """Return the power, and the energy, in an EnvironmentMetrics resource."""
    watts, kwh = document.get("PowerWatts"), document.get("EnergykWh")
    if not isinstance(watts, dict) or "Reading" not in watts:
        return None
    counter = kwh.get("Reading") if isinstance(kwh, dict) else None
    return Value(number("PowerWatts", watts["Reading"]), number("EnergykWh", counter))


def parse_sensor(document: Document) -> Value | None:
    """Return the power in a Sensor resource; None when it measures something else."""
    if document.get("ReadingUnits") != "W" or "Reading" not in document:
        return None
    return Value(number("Reading", document["Reading"]))


def number(name: str, value: object) -> float | None:
    """Return a number that is not negative; null, and what cannot be, is None.

    :raises ValueError: it is something else.
    """
    if value is None:
        return None
    if not numbers.is_number(value):
        raise ValueError(f"{name} is {value!r:.40}, which is not a number")
    return float(value) if 0 <= value < math.inf else None


def link(document: Document, name: str) -> str | None:
    """Return the path that a document's member leads to."""
    member = document.get(name)
    path = member.get("@odata.id") if isinstance(member, dict) else None
    return path if isinstance(path, str) else None


def members(get: Get, path: str) -> Iterator[str]:
    """Yield the paths of a collection's members, page by page."""
    count, page = 0, get(path)
    while page is not None:
        listed = page.get("Members")
        for member in listed if isinstance(listed, list) else []:
            found = link({"it": member}, "it")
            if found is not None and (count := count + 1) <= _MOST_MEMBERS:
                yield found
        following = page.get("Members@odata.nextLink")
        page = get(following) if isinstance(following, str) and count < _MOST_MEMBERS else None


class Chassis:
    """The power of one chassis."""

    def __init__(self, name: str, places: list[Place]) -> None:
        self.name = name
        self._places = places

    def read(self, get: Get) -> Value | None:
        """Return what it says now; None when it says nothing.

        The first place that has ever had a value is the one, from then on.
        """
        for place in self._places:
            document = get(place.path)
            value = place.parse(document) if document is not None else None
            if value is not None and value.watts is not None:
                self._places = [place]
                return value
        return None


def find(get: Get, path: str, sensor: str | None) -> Chassis | None:
    """Return the chassis at a path; None when it has no power.

    :param sensor: id of the sensor to read, if the operator has named one.
    :raises ConfigurationInvalid: it has several sensors that may be meant.
    """
    document = get(path)
    if document is None:
        return None
    name = str(document.get("Id", path))
    sensors = link(document, "Sensors")
    if sensor is not None:
        named = Place(f"{sensors}/{sensor}", parse_sensor)
        return Chassis(name, [named]) if sensors and _has_power(get, named) else None
    candidates = (
        (link(document, "Power"), parse_power),
        (link(document, "EnvironmentMetrics"), parse_environment),
    )
    places = [Place(found, parse) for found, parse in candidates if found]
    places = [place for place in places if _has_power(get, place)]
    if not places and sensors:
        places = _sensors(get, name, sensors)
    return Chassis(name, places) if places else None


def _has_power(get: Get, place: Place) -> bool:
    document = get(place.path)
    return document is not None and place.parse(document) is not None


def _sensors(get: Get, chassis: str, path: str) -> list[Place]:
    places = [Place(found, parse_sensor) for found in members(get, path)]
    places = [place for place in places if _has_power(get, place)]
    if len(places) > 1:
        names = sorted(place.path.rpartition("/")[2] for place in places)
        raise several("sensor", f"chassis {chassis!r}", names)
    return places


def several(name: str, owner: str, choices: list[str]) -> exception.ConfigurationInvalid:
    """Return the complaint that the operator has to choose."""
    listed = ", ".join(map(repr, choices))
    return parameters.invalid(
        f"{name}: {owner} has several that may be meant; name one of {listed}"
    )
