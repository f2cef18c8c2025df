# SPDX-License-Identifier: Apache-2.0
"""What is signed arrives; whatever is altered, too old or malformed is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwapi import exception
from kwapi import signing

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = 1_700_000_000.0
TEXT = st.text(st.characters(), max_size=50)


def signer(key_id: str = "2026", key: bytes = KEY) -> signing.Signer:
    return signing.Signer(key_id, key, "node-1", "run")


VERIFIER = signing.Verifier({"2026": KEY, "2027": OTHER}, 3600.0, 60.0)


@given(TEXT)
def test_what_is_sealed_can_be_opened(body: str) -> None:
    sealed = json.loads(json.dumps(signer().seal(body, NOW)))
    assert VERIFIER.open(sealed, NOW) == signing.Envelope("node-1", "run", 1, NOW, body)


@given(TEXT, st.data())
def test_any_altered_member_is_refused(body: str, data: st.DataObject) -> None:
    sealed = signer().seal(body, NOW)
    member = data.draw(st.sampled_from(sorted(sealed)))
    kind = type(sealed[member])
    value = data.draw({str: TEXT, int: st.integers(), float: st.floats()}[kind])
    if value == sealed[member]:
        return
    with pytest.raises(exception.MessageRefused):
        VERIFIER.open({**sealed, member: value}, NOW)


def test_members_cannot_run_into_each_other() -> None:
    """The first Kwapi signed names and values without separators: {a: bc} as {ab: c}."""
    sealed = signing.Signer("2026", KEY, "ab", "c").seal("", NOW)
    with pytest.raises(exception.BadSignature):
        VERIFIER.open({**sealed, "sender": "a", "instance": "bc"}, NOW)


def test_a_sender_changes_its_key_and_counts_on() -> None:
    made = signer()
    made.seal("", NOW)
    made.use("2027", OTHER)
    sealed = made.seal("", NOW)
    assert (sealed["key_id"], sealed["sequence"]) == ("2027", 2)
    VERIFIER.open(sealed, NOW)


def test_an_unknown_key_is_refused_by_name() -> None:
    with pytest.raises(exception.BadSignature, match="'2025' is not known"):
        VERIFIER.open(signer("2025").seal("", NOW), NOW)


def test_keys_rotate_without_an_outage() -> None:
    """Receivers first, then senders, then the old key goes."""
    old, new = signer("2026", KEY), signer("2027", OTHER)
    for keys in ({"2026": KEY}, {"2026": KEY, "2027": OTHER}):
        signing.Verifier(keys, 60, 60).open(old.seal("", NOW), NOW)
    for keys in ({"2026": KEY, "2027": OTHER}, {"2027": OTHER}):
        signing.Verifier(keys, 60, 60).open(new.seal("", NOW), NOW)
    with pytest.raises(exception.BadSignature):
        signing.Verifier({"2027": OTHER}, 60, 60).open(old.seal("", NOW), NOW)


@pytest.mark.parametrize("signed_at", [NOW - 3601, NOW + 61, -math.inf])
def test_stale_and_future_messages_are_refused(signed_at: float) -> None:
    with pytest.raises(exception.MessageRefused):
        VERIFIER.open(signer().seal("", signed_at), NOW)


@pytest.mark.parametrize(
    "message",
    [None, [], "x", 7, {}, {"version": 1}],
)
def test_what_is_no_message_is_malformed(message: Any) -> None:
    with pytest.raises(exception.MalformedMessage):
        VERIFIER.open(message, NOW)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=9),
    )
)
def test_nothing_but_a_refusal_comes_of_garbage(message: Any) -> None:
    with pytest.raises(exception.MessageRefused):
        VERIFIER.open(message, NOW)


def test_sequences_count_from_one() -> None:
    made = signer()
    assert [made.seal("", NOW)["sequence"] for _ in range(3)] == [1, 2, 3]


def test_a_short_key_is_refused_without_showing_it() -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="shorter than 32 bytes") as caught:
        signing.Verifier({"2026": b"secret"}, 60, 60)
    assert "secret" not in str(caught.value)
