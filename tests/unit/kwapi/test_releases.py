# SPDX-License-Identifier: Apache-2.0
"""Messages of the bus between releases: a newer sender's members are passed over.

What each consumer makes of such a message: tests/unit/kwapi/bus/test_releases.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import measurement
from kwapi import signing
from tests.fakes import next_release

READING = measurement.Reading("pdu", 1.5, ("a", "b"), (1.0, 2.0), (3.0, None), 5.0, 0.5)
STATUS = measurement.DriverStatus("pdu", "snmp", "failing", 1.0, 2, ("b",), 0.5, "time-out", 3)
BODY = measurement.Body((READING, READING), (STATUS,), 7)
DOCUMENT: dict[str, Any] = json.loads(measurement.encode(BODY))
PLACES = list(next_release.list_places(DOCUMENT))

KEY, NOW = b"k" * 32, 1_700_000_000.0
VERIFIER = signing.Verifier({"2026": KEY}, 3600.0, 60.0)
#: Members that a message may do without, and what is taken instead.
DEFAULTS = {
    (("readings", 0), "kwh"): (),
    (("readings", 0), "period_seconds"): None,
    (("readings", 0), "resolution_watts"): None,
    ((), "drivers"): (),
    ((), "dropped"): 0,
    (("drivers", 0), "missing"): (),
    (("drivers", 0), "last_reading"): None,
    (("drivers", 0), "last_error"): None,
    (("drivers", 0), "restarts"): 0,
}
MEMBERS = [(place, key) for place in PLACES for key in next_release.find(DOCUMENT, place)]
REQUIRED = [member for member in MEMBERS if member not in DEFAULTS and member[0][1:] != (1,)]


def test_the_walk_finds_every_object() -> None:
    assert PLACES == [(), ("readings", 0), ("readings", 1), ("drivers", 0)]


@given(st.sets(st.sampled_from(PLACES)), next_release.VALUES)
def test_unknown_members_of_a_text_are_passed_over(
    places: set[next_release.Place], value: Any
) -> None:
    document = DOCUMENT
    for place in places:
        document = next_release.widen(document, place, value)
    assert measurement.decode(json.dumps(document)) == BODY


@pytest.mark.parametrize(("member", "default"), DEFAULTS.items(), ids=str)
def test_an_optional_member_that_is_missing_has_its_default(
    member: tuple[next_release.Place, str], default: Any
) -> None:
    place, key = member
    body = measurement.decode(json.dumps(next_release.without(DOCUMENT, place, key)))
    changed = next_release.find(body._asdict(), place[:1])
    found = changed[key] if not place else getattr(changed[0], key)
    assert found == default


@pytest.mark.parametrize(("place", "key"), REQUIRED, ids=str)
def test_a_required_member_that_is_missing_is_named(place: next_release.Place, key: str) -> None:
    text = json.dumps(next_release.without(DOCUMENT, place, key))
    with pytest.raises(exception.MalformedMessage, match=f"no member '{key}'"):
        measurement.decode(text)


@given(st.text(min_size=1), next_release.VALUES)
def test_unknown_members_of_an_envelope_are_passed_over(name: str, value: Any) -> None:
    """Nobody vouches for them: whoever is between sender and receiver may add one."""
    sealed = signing.Signer("2026", KEY, "node-1", "run").seal("text", NOW)
    assert VERIFIER.open({name: value, **sealed}, NOW) == VERIFIER.open(sealed, NOW)


@pytest.mark.parametrize("member", signing.Signer("2026", KEY, "node-1", "run").seal("", NOW))
def test_an_envelope_has_all_its_members(member: str) -> None:
    sealed = signing.Signer("2026", KEY, "node-1", "run").seal("text", NOW)
    with pytest.raises(exception.MalformedMessage):
        VERIFIER.open(next_release.without(sealed, (), member), NOW)


def test_another_version_of_the_envelope_is_refused() -> None:
    """What it signs is not known here."""
    sealed = signing.Signer("2026", KEY, "node-1", "run").seal("text", NOW)
    with pytest.raises(exception.MalformedMessage, match="version 2 is not known"):
        VERIFIER.open({**sealed, "version": 2}, NOW)
