# SPDX-License-Identifier: Apache-2.0
"""A driver declares its parameters once; from that they are checked, named and masked."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

import pytest

from energybase import numbers
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers import plugin

POINTS = [
    point
    for point in importlib.metadata.entry_points(group="kwapi.drivers")
    if point.value.startswith("kwapi.")
]


class Declared(driver.Driver):
    """A driver that declares what it takes."""

    takes = (
        parameters.Parameter(
            "host", parameters.text, "where", parameters.REQUIRED, aliases=("ip", "address")
        ),
        parameters.Parameter("port", parameters.port, "its port", 161),
        parameters.Parameter("pin", parameters.text, "a secret by another name", secret=True),
        parameters.Parameter("keys", parameters.mapping, "no secrets, whatever they are called"),
    )

    def open(self) -> None:
        """Nothing to open."""

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Nothing to read."""
        return {}


class Keyword(Declared):
    """A descendant that takes keyword arguments, as drivers outside the tree do."""

    def __init__(self, *args: Any, unit: int, volts: float = 230.0, **common: Any) -> None:
        super().__init__(*args, **common)
        self.unit, self.volts = unit, volts


def make(kind: type[driver.Driver] = Declared, **given: Any) -> Any:
    return kind("pdu", ["a"], print, **given)


def section(driver_name: str = "pdu", **given: Any) -> configuration.Wattmeter:
    return configuration.Wattmeter("pdu", driver_name, ("a",), given, "drivers.conf:7")


def test_a_driver_finds_its_values_checked_and_complete() -> None:
    """What is not given has its default; a period is every driver's."""
    made = make(host="192.0.2.1", keys={"a": "1"}, period_seconds=7)
    assert made.given == {
        "host": "192.0.2.1",
        "port": 161,
        "pin": None,
        "keys": {"a": "1"},
        "period_seconds": 7,
    }
    assert made.period_seconds == 7
    assert make(host="192.0.2.1", port=None).given["port"] == 161


@pytest.mark.parametrize("name", ["host", "ip", "address"])
def test_earlier_names_are_accepted(name: str) -> None:
    """And None is as good as nothing, whatever the name."""
    assert make(**{"host": None, "ip": None, name: "192.0.2.1"}).given["host"] == "192.0.2.1"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "host is missing"),
        ({"ip": "192.0.2.1", "address": "192.0.2.2"}, "ip and address are names of the same"),
        ({"ip": "192.0.2.1", "host": "192.0.2.1"}, "host and ip are names of the same parameter"),
        ({"ip": 5}, "ip must be a text"),
        ({"host": "x", "port": "161"}, "port must be a whole number from 1 to 65535, not '161'"),
        ({"host": "x", "port": True}, "port must be a whole number"),
        ({"host": "x", "hots": 1}, "unknown parameter 'hots'"),
        ({"host": "x", "period_seconds": float("inf")}, "period_seconds must be a number above 0"),
    ],
)
def test_what_is_wrong_is_named_as_it_was_written(given: Any, complaint: str) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match=complaint):
        make(**given)


def test_keyword_arguments_are_parameters_too() -> None:
    """Beside those that are declared; what has no default is needed."""
    known = plugin.takes(Keyword)
    assert sorted(known) == ["host", "keys", "period_seconds", "pin", "port", "unit", "volts"]
    assert known["unit"].default is parameters.REQUIRED
    assert known["volts"].default == 230.0
    made = make(Keyword, ip="192.0.2.1", unit=3)
    assert (made.given["host"], made.unit, made.volts) == ("192.0.2.1", 3, 230.0)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"ip": "x", "untis": 3}, "unknown parameter 'untis', did you mean 'unit'?; pdu takes"),
        ({"ip": "x", "zzz": 3}, "unknown parameter 'zzz'; pdu takes host, keys, period"),
        ({"unit": 3}, "missing parameter 'host'; pdu takes host"),
        ({"address": "x"}, "missing parameter 'unit'; pdu takes host"),
    ],
)
def test_a_section_is_told_what_its_driver_takes(given: Any, complaint: str) -> None:
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        plugin.require_known(section(**given), plugin.takes(Keyword))
    assert str(caught.value).startswith(f"drivers.conf:7: {complaint}")


def test_a_section_with_earlier_names_is_known() -> None:
    plugin.require_known(section(address="x", unit=1), plugin.takes(Keyword))


def test_what_is_declared_secret_is_masked() -> None:
    """And only that, whatever a parameter is called; at any depth."""
    declared = parameters.declared(Declared)
    assert [name for name, parameter in declared.items() if parameter.secret] == ["pin"]
    found = plugin.find_secrets(
        section("sql", keys={"a": ["1"], "password": "two"}, password="three")
    )
    assert found == ["three", "two"]
    assert plugin.find_secrets(section("snmp", community="public", username="ann")) == ["public"]
    assert plugin.find_secrets(section("command", environment={"TOKEN": "one", "TZ": "UTC"})) == [
        "one"
    ]


@pytest.mark.parametrize("name", sorted(point.name for point in POINTS))
def test_what_sounds_secret_is_declared_so(name: str) -> None:
    """No driver of ours forgets one; each parameter says what it is for."""
    [point] = [point for point in POINTS if point.name == name]
    for parameter in plugin.takes(point.load()).values():
        sounds = any(word in parameter.name for word in ("password", "community", "token"))
        assert parameter.secret == sounds, parameter.name
        assert parameter.help
        assert parameter.name in {"period_seconds", *parameters.declared(point.load())}


def test_of_what_is_not_declared_the_name_decides() -> None:
    """Of a driver that is not installed, and of parameters that it does not know."""
    found = plugin.find_secrets(
        section("nosuch", my_token="one", more=[{"api-key": ("four",)}], x="y")
    )
    assert found == ["four", "one"]
    assert plugin.find_secrets(section("dummy", passwords="seven")) == ["seven"]


@pytest.mark.parametrize("value", [True, False, "1", None])
def test_a_bool_or_a_text_is_no_number(value: Any) -> None:
    assert not numbers.is_whole(value)
    assert not numbers.is_number(value)


@pytest.mark.parametrize(("text", "number"), [("1e3", 1000.0), ("nan", None), ("inf", None)])
def test_a_number_is_finite(text: str, number: float | None) -> None:
    assert numbers.finite(text) == number
    assert numbers.finite("watts") is None


@pytest.mark.parametrize(
    ("name", "earlier"),
    [
        ("snmp", {"ip": "host", "user": "username"}),
        ("modbus", {"ip": "host", "baudrate": "baud", "stopbits": "stop_bits"}),
        ("mqtt", {"ip": "host", "user": "username"}),
        ("prometheus", {"user": "username"}),
        ("sql", {"user": "username"}),
        ("eaton_serial", {"user": "username"}),
    ],
)
def test_the_names_of_earlier_releases_stay(name: str, earlier: dict[str, str]) -> None:
    """Operators' files load for ever: never take a line out of this list."""
    [point] = [point for point in POINTS if point.name == name]
    known = plugin.takes(point.load())
    assert {old: new for new, p in known.items() for old in p.aliases if old in earlier} == earlier
