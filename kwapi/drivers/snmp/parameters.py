# SPDX-License-Identifier: Apache-2.0
"""Checks what drivers.conf says about an SNMP device.

Owns the complaints that only SNMP knows; :mod:`kwapi.drivers.parameters` has
the others.  Using the values is :mod:`kwapi.drivers.snmp.driver`'s.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kwapi.drivers import parameters
from kwapi.drivers.snmp import client
from kwapi.drivers.snmp import profile as snmp_profile

#: A row of the device: its number, or the whole index where that is not enough.
Row = int | str

_INDEX = re.compile(r"\d+(\.\d+)*")
_ALIASES = {"SHA1": "SHA", "AES128": "AES"}
#: RFC 3414, 11.2: agents refuse shorter ones.
_SHORTEST_PASSWORD = 8


def endpoint(ip: Any, host: Any, port: Any, timeout_seconds: Any, retries: Any) -> client.Endpoint:
    """Return where the device is."""
    if (ip is None) == (host is None):
        raise parameters.invalid("ip, or host, must say where the device is; either of them")
    return client.Endpoint(
        parameters.text("ip", ip) if host is None else parameters.text("host", host),
        parameters.whole("port", port, 1, 65535),
        parameters.positive("timeout_seconds", timeout_seconds),
        parameters.whole("retries", retries, 0, 10),
    )


def credentials(
    protocol: Any,
    community: Any,
    user: Any,
    auth_protocol: Any,
    auth_password: Any,
    priv_protocol: Any,
    priv_password: Any,
) -> client.Credentials:
    """Return who we are for the device."""
    version = _version(protocol)
    if version != "3":
        if community is None:
            raise parameters.invalid(f"community is missing: SNMP version {version} needs it")
        return client.Credentials(version, community=parameters.text("community", community))
    if user is None:
        raise parameters.invalid("user is missing: SNMP version 3 needs it")
    if priv_password is not None and auth_password is None:
        raise parameters.invalid("priv_password needs an auth_password beside it")
    return client.Credentials(
        version,
        user=parameters.text("user", user),
        auth_protocol=_protocol("auth_protocol", auth_protocol, client.AUTH_PROTOCOLS),
        auth_password=_password("auth_password", auth_password),
        priv_protocol=_protocol("priv_protocol", priv_protocol, client.PRIV_PROTOCOLS),
        priv_password=_password("priv_password", priv_password),
    )


def _protocol(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return the protocol that is meant, however it is written."""
    plain = parameters.text(name, value).upper().replace("-", "")
    return parameters.one_of(name, _ALIASES.get(plain, plain), choices)


def _version(protocol: Any) -> str:
    version = str(protocol).strip().lower().removeprefix("v")
    version = "2c" if version == "2" else version
    if version not in client.VERSIONS:
        raise parameters.invalid(f"protocol {protocol!r} is not one of '1', '2c' and '3'")
    return version


def _password(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if len(parameters.text(name, value)) < _SHORTEST_PASSWORD:
        raise parameters.invalid(
            f"{name} is too short: SNMP wants {_SHORTEST_PASSWORD} characters or more"
        )
    return str(value)


def profile(
    oid: Any, scale: Any, name: Any, strapping: Any
) -> tuple[snmp_profile.Profile | None, str | None, int | None]:
    """Return the profile, the table the OID is in, and the strapping index.

    The profile is None when the device is to be asked what it is, the table
    and the index when nobody tells.
    """
    if strapping is not None:
        parameters.whole("strapping", strapping, 0, 65535)
    if oid is None:
        if scale is not None:
            raise parameters.invalid("scale is about oid, which is missing")
        return _named(name), None, strapping
    if name is not None:
        raise parameters.invalid("oid and profile both say what to read; give one of them")
    try:
        column = snmp_profile.parse_oid(oid)
    except ValueError as exc:
        raise parameters.invalid(str(exc)) from exc
    return _of_column(column, scale, strapping)


def _named(name: Any) -> snmp_profile.Profile | None:
    profiles = snmp_profile.load_profiles()
    if name is None:
        return None
    if parameters.text("profile", name) not in profiles:
        raise parameters.invalid(f"profile {name!r} is not one of {', '.join(sorted(profiles))}")
    return profiles[name]


def _of_column(
    oid: str, scale: Any, strapping: int | None
) -> tuple[snmp_profile.Profile, str | None, int | None]:
    factor = 1.0 if scale is None else parameters.positive("scale", scale)
    match = snmp_profile.find_by_column(snmp_profile.load_profiles().values(), oid)
    if match is None or scale is not None:
        # A scale of the operator's own means a column we do not know.
        return snmp_profile.generic(oid, factor), None, strapping
    if match.strapping is not None and strapping not in (None, match.strapping):
        raise parameters.invalid(f"strapping {strapping} is not the one that oid {oid} ends in")
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
            raise parameters.invalid(
                f"outlet {row} is named {times} times: its energy would be too"
            )
    return planned


def _own_rows(planned: Mapping[str, tuple[Row, ...]], outlets: Any) -> dict[str, tuple[Row, ...]]:
    if not isinstance(outlets, Mapping):
        raise parameters.invalid("outlets must be a mapping, as {'server-1': [1, 13]}")
    if strangers := sorted(str(probe) for probe in outlets.keys() - planned.keys()):
        raise parameters.invalid(f"outlets names {strangers[0]!r}, which is not in probes")
    return {probe: _row_list(probe, given) for probe, given in outlets.items()}


def _row_list(probe: str, given: Any) -> tuple[Row, ...]:
    found = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not found or not all(map(_is_row, found)):
        raise parameters.invalid(
            f"outlets of {probe!r} must be an outlet's number, an index such as '1.7', "
            "or a list of them"
        )
    return found


def _is_row(row: Any) -> bool:
    if isinstance(row, str):
        return _INDEX.fullmatch(row) is not None
    return isinstance(row, int) and not isinstance(row, bool) and row > 0
