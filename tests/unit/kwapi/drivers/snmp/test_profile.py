# SPDX-License-Identifier: Apache-2.0
"""Profiles: those that are installed, and what a wrong one is told."""

from __future__ import annotations

import pytest

from kwapi import exception
from kwapi.drivers.snmp import profile as snmp_profile

EATON_WATTS = "1.3.6.1.4.1.534.6.6.7.6.5.1.3"

MINIMAL = """
name: some
tables: {outlets: {layouts: [{watts: {oid: "1.3.6.9"}}]}}
"""


def test_every_installed_profile_is_complete() -> None:
    """It says where it is written, how to recognise the device, and its pace."""
    profiles = snmp_profile.load_profiles()
    assert {"eaton", "eaton-revelation"} <= profiles.keys()
    for name, profile in profiles.items():
        assert profile.name == name
        assert profile.source and profile.sys_object_id and profile.period_seconds > 0
        assert "outlets" in profile.tables


def test_the_longest_prefix_wins() -> None:
    """By whole numbers: ...534.6.6.71 is not under ...534.6.6.7."""
    profiles = snmp_profile.load_profiles().values()

    def name(oid: str) -> str | None:
        found = snmp_profile.find_by_sys_object_id(profiles, oid)
        return found and found.name

    assert name("1.3.6.1.4.1.534.6.6.7") == "eaton"
    assert name("1.3.6.1.4.1.534.6.6.7.1.2") == "eaton"
    assert name("1.3.6.1.4.1.534.6.6.6") == "eaton-revelation"
    assert name("1.3.6.1.4.1.534.6.6.71") is None
    assert name("1.3.6.1.4.1.318.1.3.4.5") == "apc-rpdu"
    assert name("1.3.6.1.4.1.318.1.3.4.6") == "apc-rpdu2"
    assert name("1.3.6.1.4.1.318.1.3.27") is None  # an UPS
    assert name("1.3.6.1.4.1.13742.4.1") == "raritan-px"
    assert name("1.3.6.1.4.1.13742.6") == "raritan-px2"
    assert name("1.3.6.1.4.1.31034.11.1") == "schleifenbauer"
    assert name("1.3.6.1.4.1.1718.3") == "servertech-sentry3"
    assert name("1.3.6.1.4.1.1718.4") == "servertech-sentry4"
    assert name("") is None


def test_a_column_finds_its_profile() -> None:
    """With or without the strapping index behind it."""
    profiles = snmp_profile.load_profiles()
    match = snmp_profile.find_by_column(profiles.values(), EATON_WATTS)
    assert match == (profiles["eaton"], "outlets", None)
    match = snmp_profile.find_by_column(profiles.values(), f"{EATON_WATTS}.2")
    assert match == (profiles["eaton"], "outlets", 2)
    assert snmp_profile.find_by_column(profiles.values(), "1.3.6.1.4.1.1") is None


@pytest.mark.parametrize(
    ("raw", "number"),
    ((0, 0), (75, 75), (-1, None), (9999, None), (None, None), (b"75", None), ("75", None)),
)
def test_missing_is_not_zero(raw: object, number: int | None) -> None:
    """Negative values, those the profile names, and what is no number mean none."""
    profile = snmp_profile.parse(f"{MINIMAL}not_available: [9999]", "here")
    assert profile.tables["outlets"].layouts[0].watts.number(raw) == number


def test_a_column_may_have_values_of_its_own_that_mean_none() -> None:
    """Beside the profile's."""
    text = MINIMAL.replace('"1.3.6.9"', '"1.3.6.9", not_available: [0]') + "not_available: [9999]"
    column = snmp_profile.parse(text, "here").tables["outlets"].layouts[0].watts
    assert [column.number(raw) for raw in (0, 1, 9999)] == [None, 1, None]


def test_scales_do_not_leave_crumbs() -> None:
    """12345 Wh are 12.345 kWh."""
    assert snmp_profile.Column("1.3", 0.001).convert(12345) == 12.345
    assert snmp_profile.Column("1.3", 10).convert(7) == 70


@pytest.mark.parametrize(
    "text",
    (
        "name: [",
        "just a text",
        "name: x",
        MINIMAL.replace("1.3.6.9", "watts"),
        MINIMAL.replace('"1.3.6.9"', "1.3"),
        MINIMAL + "unheard: of",
        MINIMAL.replace("layouts: [", "layouts: [{watts: {oid: '1.3', skale: 1}}, "),
        MINIMAL.replace("{watts:", "{suffix: '{chain}', watts:"),
        MINIMAL.replace('"1.3.6.9"', '"1.3.6.9", unit: mA'),
        MINIMAL.replace('"1.3.6.9"', '"1.3.6.9", tail: ".5"'),
        MINIMAL.replace('"1.3.6.9"', '"1.3.6.9", tail: 5'),
        MINIMAL.replace('"1.3.6.9"', '"1.3.6.9", times: [volts]'),
        MINIMAL.replace('"1.3.6.9"', '"1.3.6.9", digits: decimals'),
    ),
)
def test_a_wrong_profile_is_told_where(text: str) -> None:
    """The file is named, whatever is wrong in it."""
    with pytest.raises(exception.ConfigurationInvalid, match=r"SNMP profile some\.yaml"):
        snmp_profile.parse(text, "some.yaml")


@pytest.mark.parametrize("text", ("", "1", "1.3.6.1.4.x", "iso.3.6", None, 1.3))
def test_what_is_no_oid(text: object) -> None:
    """Names and single numbers are none."""
    with pytest.raises(ValueError, match="must be an OID in numbers"):
        snmp_profile.parse_oid(text)


def test_oids_as_tools_print_them() -> None:
    """A leading dot does not matter."""
    assert snmp_profile.parse_oid(" .1.3.6.1 ") == "1.3.6.1"
