# SPDX-License-Identifier: Apache-2.0
"""The patience of the object reader, with a device that refuses in every way SNMP has."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi.drivers.snmp import client


class Device(client.SnmpClient):
    """A device in memory.

    :param has: the numbers of the objects it has; the value is ten times the number.
    :param all_or_nothing: one absent object fails the request, as in SNMPv1.
    :param tells: a failing request names the absent object.
    :param most: a request for more objects is too big.
    :param says_too_big: it says so, else the request just fails.
    """

    def __init__(
        self,
        has: set[int],
        *,
        all_or_nothing: bool = False,
        tells: bool = True,
        most: int = 1000,
        says_too_big: bool = True,
    ) -> None:
        self.has, self.requests = has, list[int]()
        self._all_or_nothing, self._tells = all_or_nothing, tells
        self._most, self._says_too_big = most, says_too_big

    def open(self) -> None:
        """Nothing to open."""

    def get(self, oids: Sequence[str]) -> dict[str, client.Value]:
        self.requests.append(len(oids))
        if len(oids) > self._most:
            if self._says_too_big:
                raise client.AnswerTooBig(address="device", reason="tooBig")
            raise client.ObjectsAbsent("device", None)
        absent = [oid for oid in oids if int(oid) not in self.has]
        if absent and (self._all_or_nothing or len(absent) == len(oids)):
            raise client.ObjectsAbsent("device", absent[0] if self._tells else None)
        return {oid: 10 * int(oid) for oid in oids if oid not in absent}

    def close(self) -> None:
        """Nothing to free."""


numbers = st.sets(st.integers(1, 60), max_size=60)


@given(
    asked=numbers,
    has=numbers,
    all_or_nothing=st.booleans(),
    tells=st.booleans(),
    says_too_big=st.booleans(),
    most=st.integers(1, 60),
    max_objects=st.integers(1, 60),
)
def test_finds_what_is_there_and_nothing_else(
    asked: set[int],
    has: set[int],
    all_or_nothing: bool,
    tells: bool,
    says_too_big: bool,
    most: int,
    max_objects: int,
) -> None:
    """However the device refuses, every object it has is returned with its own value."""
    device = Device(
        has, all_or_nothing=all_or_nothing, tells=tells, most=most, says_too_big=says_too_big
    )
    reader = client.ObjectReader(device, max_objects)
    for _ in range(3):
        found = reader.read([str(number) for number in sorted(asked)])
        assert found == {str(number): 10 * number for number in asked & has}


def test_one_exchange_when_nothing_is_wrong() -> None:
    """The usual reading costs one round trip."""
    device = Device(set(range(48)))
    client.ObjectReader(device, 48).read([str(n) for n in range(48)])
    assert device.requests == [48]


@pytest.mark.parametrize("tells", (True, False))
def test_absent_objects_are_asked_for_again_later(tells: bool) -> None:
    """Left out from the second reading on; found when an outlet is fitted afterwards."""
    device = Device({1, 2, 4}, all_or_nothing=True, tells=tells)
    reader = client.ObjectReader(device, 10, forget_after=4)
    wanted = ["1", "2", "3", "4"]
    reader.read(wanted)
    device.requests.clear()
    reader.read(wanted)
    assert device.requests == [3]
    device.has.add(3)
    assert "3" not in reader.read(wanted)
    assert "3" in reader.read(wanted)


@pytest.mark.parametrize("says_too_big", (True, False))
def test_the_size_that_works_is_kept(says_too_big: bool) -> None:
    """A small device is tried once, then asked for what it can answer."""
    device = Device(set(range(48)), most=15, says_too_big=says_too_big)
    reader = client.ObjectReader(device, 48)
    wanted = [str(n) for n in range(48)]
    reader.read(wanted)
    device.requests.clear()
    assert len(reader.read(wanted)) == 48
    assert device.requests == [12, 12, 12, 12]


def test_an_object_too_big_by_itself_is_an_error() -> None:
    """Nothing smaller can be asked for."""
    with pytest.raises(exception.MalformedAnswer):
        client.ObjectReader(Device({1}, most=0), 10).read(["1"])


def test_secrets_do_not_show() -> None:
    """Neither in the repr of credentials nor in a log of it."""
    shown = repr(client.Credentials("3", "comm", "ann", "SHA", "auth-secret", "AES", "priv-secret"))
    assert "ann" in shown
    assert not any(secret in shown for secret in ("comm", "auth-secret", "priv-secret"))


def test_a_library_that_is_not_installed() -> None:
    """The message says how to have it."""
    with pytest.raises(exception.ConfigurationInvalid, match="pip install"):
        client.create_client("missing", client.Endpoint("127.0.0.1"), client.Credentials())


@pytest.mark.parametrize(
    ("host", "shown"), (("pdu.example", "pdu.example:161"), ("2001:db8::1", "[2001:db8::1]:161"))
)
def test_addresses_read_as_usual(host: str, shown: str) -> None:
    """IPv6 addresses in brackets."""
    assert str(client.Endpoint(host)) == shown
