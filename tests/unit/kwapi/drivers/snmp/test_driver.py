# SPDX-License-Identifier: Apache-2.0
"""What drivers.conf may say of an SNMP device, and what it is told."""

from __future__ import annotations

from typing import Any

import pytest

from kwapi import exception
from kwapi.drivers.snmp import driver as snmp

OID = "1.3.6.1.4.1.534.6.6.7.6.5.1.3"
OLD_FILE = {"protocol": "v1", "community": "public", "ip": "192.0.2.1", "oid": OID}


def make(probes: Any = ("a", None, "b"), **parameters: Any) -> snmp.Snmp:
    """Return a driver that was not opened."""
    return snmp.Snmp("pdu", probes, lambda _reading: None, **parameters)


def test_files_of_the_first_kwapi_load() -> None:
    """Its parameters, unchanged; a column that a profile knows brings the device's pace."""
    driver = make(**OLD_FILE)
    assert (driver.period_seconds, driver.resolution_watts) == (5, 1)
    driver = make(**{**OLD_FILE, "oid": "1.3.6.1.4.1.13742.4.1.2.2.1.7"})
    assert (driver.period_seconds, driver.resolution_watts) == (5, 1)
    driver = make(**{**OLD_FILE, "oid": "1.3.6.1.4.1.99999.7"})
    assert (driver.period_seconds, driver.resolution_watts) == (1, None)
    assert make(ip="192.0.2.1", protocol="v3", user="ann", oid=OID)


def test_a_period_of_ones_own_stays() -> None:
    """The operator knows better than the profile."""
    assert make(**OLD_FILE, period_seconds=30).period_seconds == 30


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    (
        ({"ip": None}, "host is missing"),
        ({"host": "also"}, "host and ip are names of the same parameter"),
        ({"ip": 5}, "ip must be a text"),
        ({"port": 0}, "port must be a whole number from 1 to 65535, not 0"),
        ({"port": "161"}, "port must be a whole number from 1 to 65535, not '161'"),
        ({"protocol": "4"}, "protocol must be '1', '2c' or '3', not '4'"),
        ({"community": None}, "community is missing"),
        ({"community": ["secret"]}, "community must be a text"),
        ({"protocol": 3}, "username is missing"),
        ({"protocol": 3, "user": "ann", "username": "bob"}, "username and user are names"),
        ({"protocol": "3", "user": "ann", "priv_password": "secret-secret"}, "auth_password"),
        ({"protocol": "3", "user": "ann", "auth_password": "secret"}, "8 characters"),
        (
            {"protocol": "3", "user": "ann", "auth_protocol": "SHA3"},
            "auth_protocol must be one of MD5, SHA, SHA224, SHA256, SHA384, SHA512, not 'SHA3'",
        ),
        (
            {"protocol": "3", "user": "ann", "priv_protocol": "ROT13"},
            "priv_protocol must be one of DES, AES, AES192, AES256, AES192C, AES256C, not 'ROT13'",
        ),
        ({"oid": "watts"}, "oid must be an OID in numbers"),
        ({"oid": OID, "profile": "eaton"}, "give one of them"),
        ({"oid": OID, "scale": 0}, "scale must be a number above 0, not 0"),
        ({"oid": f"{OID}.1", "strapping": 2}, "strapping 2"),
        ({"oid": None, "scale": 2}, "scale is about oid"),
        ({"oid": None, "profile": "nobody"}, "profile must be one of "),
        ({"table": "plugs"}, "not 'plugs'"),
        ({"strapping": -1}, "strapping must be a whole number from 0 to 65535, not -1"),
        ({"volts": 0}, "volts must be a number above 0, not 0"),
        ({"outlets": [1]}, "outlets must be a mapping"),
        ({"outlets": {"x": 1}}, "'x', which is not in probes"),
        ({"outlets": {"a": []}}, "outlets of 'a'"),
        ({"outlets": {"a": 0}}, "outlets of 'a'"),
        ({"outlets": {"a": True}}, "outlets of 'a'"),
        ({"outlets": {"a": "one"}}, "outlets of 'a'"),
        ({"outlets": {"a": [2, 2]}}, "outlets: 2 is named 2 times"),
        ({"outlets": {"a": 3}}, "outlets: 3 is named 2 times"),
        ({"timeout_seconds": 0}, "timeout_seconds must be a number above 0, not 0"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds must be a number above 0, not nan"),
        ({"retries": -1}, "retries must be a whole number from 0 to 10, not -1"),
        ({"client": "netsnmp"}, "client must be one of auto, gufo, pysnmp, not 'netsnmp'"),
        ({"period_seconds": 0}, "period_seconds"),
    ),
)
def test_wrong_parameters_are_told(parameters: dict[str, Any], complaint: str) -> None:
    """Each complaint names the parameter; none repeats a secret."""
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        make(**{**OLD_FILE, **parameters})
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    (
        ({"protocol": 1}, ("1", None, "SHA", "AES")),
        ({"protocol": "V2"}, ("2c", None, "SHA", "AES")),
        ({"protocol": "2c"}, ("2c", None, "SHA", "AES")),
        (
            {
                "protocol": "v3",
                "username": "ann",
                "auth_protocol": "sha-256",
                "priv_protocol": "aes128",
            },
            ("3", "ann", "SHA256", "AES"),
        ),
    ),
)
def test_protocols_by_their_usual_names(
    parameters: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    """Case, hyphens and a leading v do not matter."""
    found = make(**{**OLD_FILE, **parameters})._credentials
    assert (found.version, found.user, found.auth_protocol, found.priv_protocol) == expected


def test_reading_before_opening_is_an_error() -> None:
    """One that the driver's loop understands."""
    with pytest.raises(exception.WattmeterError, match="not open"):
        make(**OLD_FILE).read()
