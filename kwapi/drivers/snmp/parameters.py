# SPDX-License-Identifier: Apache-2.0
"""The parameters of an SNMP device in drivers.conf.

Owns which there are, and the complaints that only SNMP knows;
:mod:`kwapi.drivers.parameters` has the others.  Using the values is
:mod:`kwapi.drivers.snmp.driver`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from energybase import numbers
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.snmp import client
from kwapi.drivers.snmp import profile

Row = int | str

_INDEX = re.compile(r"\d+(\.\d+)*")
#: Other names of protocols.
_SYNONYMS = {"SHA1": "SHA", "AES128": "AES"}
_SHORTEST_PASSWORD = 8
_CLIENTS = ("auto", "gufo", "pysnmp")


def _protocol(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return the protocol that is meant, however it is written."""
    plain = parameters.text(name, value).upper().replace("-", "")
    return parameters.one_of(name, _SYNONYMS.get(plain, plain), choices)


def _version(name: str, protocol: Any) -> str:
    version = str(protocol).strip().lower().removeprefix("v")
    version = "2c" if version == "2" else version
    if version not in client.VERSIONS:
        raise parameters.invalid(f"{name} must be '1', '2c' or '3', not {protocol!r}")
    return version


def _oid(_name: str, value: Any) -> str:
    try:
        return profile.parse_oid(value)
    except ValueError as exc:
        raise parameters.invalid(str(exc)) from exc


# What a version of the protocol does not use is not looked at.
_CREDENTIALS = (
    Parameter("community", parameters.anything, "for v1 and v2c", secret=True),
    Parameter(
        "username", parameters.anything, "for v3; with the passwords that the device has for it",
        aliases=("user",),
    ),
    Parameter(
        "auth_protocol", parameters.anything,
        "for v3: MD5, SHA, SHA224, SHA256, SHA384 or SHA512", "SHA",
    ),
    Parameter("auth_password", parameters.anything, "for v3", secret=True),
    Parameter(
        "priv_protocol", parameters.anything,
        "for v3: DES, AES, AES192 or AES256 (net-snmp's), AES192C or AES256C (Cisco's)", "AES",
    ),
    Parameter("priv_password", parameters.anything, "for v3", secret=True),
)  # fmt: skip

TAKES = (
    Parameter(
        "host", parameters.text, "name or address of the device", parameters.REQUIRED,
        aliases=("ip",),
    ),
    Parameter("port", parameters.port, "its UDP port", 161),
    Parameter("protocol", _version, "version of SNMP: ``'1'``, ``'2c'`` or ``'3'``", "2c"),
    *_CREDENTIALS,
    Parameter(
        "profile", parameters.anything,
        "name of a profile, see below; without it and ``oid`` the device is asked what it is",
    ),
    Parameter(
        "oid", _oid,
        "the column of watts of a device without a profile; an OID that a profile has, as in "
        "files of the first Kwapi, means that profile",
    ),
    Parameter(
        "scale", parameters.positive, "what the values of ``oid`` are multiplied with to make W"
    ),
    Parameter(
        "table", parameters.anything,
        "what to measure: ``outlets``, if nothing else is said, ``groups`` or ``inputs``",
    ),
    Parameter(
        "strapping", parameters.between(0, 65535),
        "number in a chain of devices, see below; without it the device that is talked to",
    ),
    Parameter(
        "volts", parameters.positive, "the supply's voltage, for devices that measure currents only"
    ),
    Parameter(
        "outlets", parameters.mapping,
        "the outlets of a probe where its position does not say: ``{'node-1': [1, 13], "
        "'node-2': 7}``; a text is a whole index, such as ``'1.2.7'``",
    ),
    Parameter("timeout_seconds", parameters.positive, "for one answer", 2.0),
    Parameter("retries", parameters.between(0, 10), "how often a request is sent again", 1),
    Parameter(
        "client", parameters.among(_CLIENTS),
        "``'pysnmp'``, ``'gufo'``, or ``'auto'``: gufo where it is installed", "auto",
    ),
)  # fmt: skip


def credentials(own: Mapping[str, Any]) -> client.Credentials:
    """Return who we are for the device."""
    version = own["protocol"]
    if version != "3":
        if own["community"] is None:
            raise parameters.invalid(f"community is missing: SNMP version {version} needs it")
        return client.Credentials(version, community=parameters.text("community", own["community"]))
    if own["username"] is None:
        raise parameters.invalid("username is missing: SNMP version 3 needs it")
    if own["priv_password"] is not None and own["auth_password"] is None:
        raise parameters.invalid("priv_password needs an auth_password beside it")
    return client.Credentials(
        version,
        user=parameters.text("username", own["username"]),
        auth_protocol=_protocol("auth_protocol", own["auth_protocol"], client.AUTH_PROTOCOLS),
        auth_password=_password("auth_password", own["auth_password"]),
        priv_protocol=_protocol("priv_protocol", own["priv_protocol"], client.PRIV_PROTOCOLS),
        priv_password=_password("priv_password", own["priv_password"]),
    )


def _password(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if len(parameters.text(name, value)) < _SHORTEST_PASSWORD:
        raise parameters.invalid(
            f"{name} is too short: SNMP wants {_SHORTEST_PASSWORD} characters or more"
        )
    return str(value)


def choose_profile(
    own: Mapping[str, Any],
) -> tuple[profile.Profile | None, str | None, int | None]:
    """Return the profile, the table the OID is in, and the strapping index.

    The profile is None when the device is to be asked what it is, the table
    and the index when nothing says which.
    """
    if own["oid"] is None:
        if own["scale"] is not None:
            raise parameters.invalid("scale is about oid, which is missing")
        return _named(own["profile"]), None, own["strapping"]
    if own["profile"] is not None:
        raise parameters.invalid("oid and profile both say what to read; give one of them")
    return _of_column(own["oid"], own["scale"], own["strapping"])


def _named(name: Any) -> profile.Profile | None:
    profiles = profile.load_profiles()
    return None if name is None else profiles[parameters.one_of("profile", name, sorted(profiles))]


def _of_column(
    oid: str, scale: float | None, strapping: int | None
) -> tuple[profile.Profile, str | None, int | None]:
    match = profile.find_by_column(profile.load_profiles().values(), oid)
    if match is None or scale is not None:
        # A scale of the operator's own means a column we do not know.
        return profile.generic(oid, 1.0 if scale is None else scale), None, strapping
    if match.strapping is not None and strapping not in (None, match.strapping):
        raise parameters.invalid(f"strapping {strapping} is not the one that oid {oid} ends in")
    own = strapping if match.strapping is None else match.strapping
    return match.profile, match.table, own


def rows(probes: Sequence[str | None], outlets: Any) -> dict[str, tuple[Row, ...]]:
    """Return the rows of each probe: where it stands in ``probes``, or as ``outlets`` says."""
    return parameters.parts("outlets", probes, outlets, _row, lambda position, _probe: position)


def _row(value: Any) -> Row:
    if isinstance(value, str) and _INDEX.fullmatch(value):
        return value
    if numbers.is_whole(value) and value > 0:
        return value
    raise ValueError(f"{value!r} is neither an outlet's number nor an index such as '1.7'")
