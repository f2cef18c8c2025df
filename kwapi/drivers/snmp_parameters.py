# SPDX-License-Identifier: Apache-2.0
"""Checks what drivers.conf says about an SNMP device.

Owns every complaint about parameters; they name the parameter and say what
would be right, and never repeat a secret.  Using the values is
:mod:`kwapi.drivers.snmp`'s.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kwapi import exception
from kwapi.drivers import snmp_client
from kwapi.drivers import snmp_profile

#: A row of the device: its number, or the whole index where that is not enough.
Row = int | str

_INDEX = re.compile(r"\d+(\.\d+)*")
_ALIASES = {"SHA1": "SHA", "AES128": "AES"}
#: RFC 3414, 11.2: agents refuse shorter ones.
_SHORTEST_PASSWORD = 8


def invalid(reason: str) -> exception.ConfigurationInvalid:
    """Return the complaint; the manager adds which section it is about."""
    return exception.ConfigurationInvalid(where="parameters", reason=reason)


def text(name: str, value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise invalid(f"{name} must be a text that is not empty")
    return value


def one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return the choice that is meant, however its case and hyphens are."""
    wanted = text(name, value).upper().replace("-", "")
    wanted = _ALIASES.get(wanted, wanted)
    for choice in choices:
        if choice.upper() == wanted:
            return choice
    raise invalid(f"{name} {value!r} is not one of {', '.join(choices)}")


def whole(name: str, value: Any, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid(f"{name} {value!r} is no whole number from {least} to {most}")
    return value


def positive(name: str, value: Any) -> float:
    """Return a number above 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise invalid(f"{name} {value!r} is no number above 0")
    return float(value)


def endpoint(
    ip: Any, host: Any, port: Any, timeout_seconds: Any, retries: Any
) -> snmp_client.Endpoint:
    """Return where the device is."""
    if (ip is None) == (host is None):
        raise invalid("ip, or host, must say where the device is; either of them")
    return snmp_client.Endpoint(
        text("ip", ip) if host is None else text("host", host),
        whole("port", port, 1, 65535),
        positive("timeout_seconds", timeout_seconds),
        whole("retries", retries, 0, 10),
    )


def credentials(
    protocol: Any,
    community: Any,
    user: Any,
    auth_protocol: Any,
    auth_password: Any,
    priv_protocol: Any,
    priv_password: Any,
) -> snmp_client.Credentials:
    """Return who we are for the device."""
    version = _version(protocol)
    if version != "3":
        if community is None:
            raise invalid(f"community is missing: SNMP version {version} needs it")
        return snmp_client.Credentials(version, community=text("community", community))
    if user is None:
        raise invalid("user is missing: SNMP version 3 needs it")
    if priv_password is not None and auth_password is None:
        raise invalid("priv_password needs an auth_password beside it")
    return snmp_client.Credentials(
        version,
        user=text("user", user),
        auth_protocol=one_of("auth_protocol", auth_protocol, snmp_client.AUTH_PROTOCOLS),
        auth_password=_password("auth_password", auth_password),
        priv_protocol=one_of("priv_protocol", priv_protocol, snmp_client.PRIV_PROTOCOLS),
        priv_password=_password("priv_password", priv_password),
    )


def _version(protocol: Any) -> str:
    version = str(protocol).strip().lower().removeprefix("v")
    version = "2c" if version == "2" else version
    if version not in snmp_client.VERSIONS:
        raise invalid(f"protocol {protocol!r} is not one of '1', '2c' and '3'")
    return version


def _password(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if len(text(name, value)) < _SHORTEST_PASSWORD:
        raise invalid(f"{name} is too short: SNMP wants {_SHORTEST_PASSWORD} characters or more")
    return str(value)


def profile(
    oid: Any, scale: Any, name: Any, strapping: Any
) -> tuple[snmp_profile.Profile | None, str | None, int | None]:
    """Return the profile, the table the OID is in, and the strapping index.

    The profile is None when the device is to be asked what it is, the table
    and the index when nobody tells.
    """
    if strapping is not None:
        whole("strapping", strapping, 0, 65535)
    if oid is None:
        if scale is not None:
            raise invalid("scale is about oid, which is missing")
        return _named(name), None, strapping
    if name is not None:
        raise invalid("oid and profile both say what to read; give one of them")
    try:
        column = snmp_profile.parse_oid(oid)
    except ValueError as exc:
        raise invalid(str(exc)) from exc
    return _of_column(column, scale, strapping)


def _named(name: Any) -> snmp_profile.Profile | None:
    profiles = snmp_profile.load_profiles()
    if name is None:
        return None
    if text("profile", name) not in profiles:
        raise invalid(f"profile {name!r} is not one of {', '.join(sorted(profiles))}")
    return profiles[name]


def _of_column(
    oid: str, scale: Any, strapping: int | None
) -> tuple[snmp_profile.Profile, str | None, int | None]:
    factor = 1.0 if scale is None else positive("scale", scale)
    match = snmp_profile.find_by_column(snmp_profile.load_profiles().values(), oid)
    if match is None or scale is not None:
        # A scale of the operator's own means a column we do not know.
        return snmp_profile.generic(oid, factor), None, strapping
    if match.strapping is not None and strapping not in (None, match.strapping):
        raise invalid(f"strapping {strapping} is not the one that oid {oid} ends in")
    own = strapping if match.strapping is None else match.strapping
    return match.profile, match.table, own


def rows(probes: Sequence[str | None], outlets: Any) -> dict[str, tuple[Row, ...]]:
    """Return the rows of each probe: where it stands in ``probes``, or as ``outlets`` says.

    :raises ConfigurationInvalid: an outlet is named twice, or for nobody.
    """
    planned: dict[str, tuple[Row, ...]] = {}
    for number, probe in enumerate(probes, start=1):
        if probe is not None:
            planned[probe] = (*planned.get(probe, ()), number)
    planned.update(_own_rows(planned, {} if outlets is None else outlets))
    uses = collections.Counter(str(row) for own in planned.values() for row in own)
    for row, times in uses.items():
        if times > 1:
            raise invalid(f"outlet {row} is named {times} times: its energy would be too")
    return planned


def _own_rows(planned: Mapping[str, tuple[Row, ...]], outlets: Any) -> dict[str, tuple[Row, ...]]:
    if not isinstance(outlets, Mapping):
        raise invalid("outlets must be a mapping, as {'server-1': [1, 13]}")
    if strangers := sorted(str(probe) for probe in outlets.keys() - planned.keys()):
        raise invalid(f"outlets names {strangers[0]!r}, which is not in probes")
    return {probe: _row_list(probe, given) for probe, given in outlets.items()}


def _row_list(probe: str, given: Any) -> tuple[Row, ...]:
    found = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not found or not all(map(_is_row, found)):
        raise invalid(
            f"outlets of {probe!r} must be an outlet's number, an index such as '1.7', "
            "or a list of them"
        )
    return found


def _is_row(row: Any) -> bool:
    if isinstance(row, str):
        return _INDEX.fullmatch(row) is not None
    return isinstance(row, int) and not isinstance(row, bool) and row > 0
