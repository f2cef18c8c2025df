# SPDX-License-Identifier: Apache-2.0
"""What a body may ask for; each mistake names its member."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from climate import exception
from climate import lease as leases
from climate.api import wishes

NOW = 1_700_000_000
HOUR = 3600


def test_the_example_of_the_workshop() -> None:
    body = {
        "start_time": 10,
        "end_time": 100,
        "duration": 5,
        "quantity": 1,
        "host_properties": '["=", "$id", 1]',
    }
    wish = wishes.parse_wish(body, NOW)
    wanted = leases.Wish(NOW + 10, NOW + 100, 5, 1, host_properties='["=", "$id", 1]')
    assert wish == wishes.LeaseRequest(wanted, confirm=True)


def test_a_duration_is_enough() -> None:
    assert wishes.parse_wish({"duration": "PT1H"}, NOW) == wishes.LeaseRequest(
        leases.Wish(
            start_time=NOW,
            end_time=NOW + HOUR,
            duration=HOUR,
            quantity=1,
            host_properties="[]",
            name=None,
            hosts_max=None,
            objective="earliest",
        ),
        confirm=True,
    )


def test_a_window_without_duration_is_wanted_whole() -> None:
    wish = wishes.parse_wish({"start_time": HOUR, "end_time": 3 * HOUR}, NOW).wish
    assert (wish.start_time, wish.end_time) == (NOW + HOUR, NOW + 3 * HOUR)
    assert wish.duration == 2 * HOUR


def test_a_window_that_began_is_what_is_left_of_it() -> None:
    wish = wishes.parse_wish({"start_time": NOW - HOUR, "end_time": NOW + HOUR}, NOW).wish
    assert (wish.start_time, wish.duration) == (NOW, HOUR)


def test_everything_else() -> None:
    body = {
        "duration": 60,
        "quantity": 2,
        "hosts_max": 5,
        "host_properties": ["in", "$name", ["ä", "b"]],
        "name": "für Tests",
        "confirm": False,
        "objective": "greenest",
    }
    wish, confirm = wishes.parse_wish(body, NOW)
    assert wish.host_properties == '["in", "$name", ["ä", "b"]]'
    assert wish[3:7] == (2, 5, "greenest", "für Tests")
    assert not confirm


def test_null_is_not_given() -> None:
    names = ("start_time", "end_time", "quantity", "host_properties", "name", "hosts_max")
    body = {"duration": 60, **dict.fromkeys((*names, "confirm", "objective"))}
    assert wishes.parse_wish(body, NOW) == wishes.parse_wish({"duration": 60}, NOW)


@pytest.mark.parametrize("empty", ["", "  ", "[]", []])
def test_an_empty_expression_is_every_host(empty: Any) -> None:
    wish, _confirm = wishes.parse_wish({"duration": 1, "host_properties": empty}, NOW)
    assert wish.host_properties == "[]"


@pytest.mark.parametrize(
    ("body", "where", "reason"),
    [
        ({}, "duration", "required"),
        ({"start_time": 10}, "duration", "required"),
        ({"duration": 0}, "duration", "one second"),
        ({"duration": "1h"}, "duration", "ISO 8601"),
        ({"duration": True}, "duration", "must be seconds"),
        ({"duration": 60, "start_time": "soon"}, "start_time", "ISO 8601"),
        ({"duration": 60, "end_time": float("inf")}, "end_time", "year 9999"),
        ({"duration": 60, "start_time": 100, "end_time": 100}, "end_time", "after start_time"),
        ({"duration": 60, "start_time": 100, "end_time": 99}, "end_time", "after start_time"),
        ({"end_time": NOW - 1}, "end_time", "not past"),
        ({"duration": 91, "start_time": 10, "end_time": 100}, "duration", "90 seconds"),
        ({"duration": leases.FOREVER - 1}, "duration", "year 9999"),
        ({"duration": 60, "quantity": 0}, "quantity", "whole number"),
        ({"duration": 60, "quantity": 1.0}, "quantity", "whole number"),
        ({"duration": 60, "quantity": "1"}, "quantity", "whole number"),
        ({"duration": 60, "quantity": True}, "quantity", "whole number"),
        ({"duration": 60, "quantity": 10**30}, "quantity", "whole number"),
        ({"duration": 60, "quantity": 3, "hosts_max": 2}, "hosts_max", "which is 3"),
        ({"duration": 60, "hosts_max": 0}, "hosts_max", "whole number"),
        ({"duration": 60, "host_properties": {}}, "host_properties", "JSON array"),
        ({"duration": 60, "host_properties": 1}, "host_properties", "JSON array"),
        ({"duration": 60, "name": ""}, "name", "1 to 255"),
        ({"duration": 60, "name": "n" * 256}, "name", "1 to 255"),
        ({"duration": 60, "name": "a\nb"}, "name", "one line"),
        ({"duration": 60, "name": "a\0b"}, "name", "one line"),
        ({"duration": 60, "name": 1}, "name", "text"),
        ({"duration": 60, "confirm": "false"}, "confirm", "true or false"),
        ({"duration": 60, "confirm": 0}, "confirm", "true or false"),
        ({"duration": 60, "objective": "cheapest"}, "objective", "earliest or greenest"),
        ({"duration": 60, "objective": []}, "objective", "earliest or greenest"),
        ({"duration": 60, "project_id": "p", "hosts": 1}, "hosts, project_id", "not known"),
        ({"a\nb": 1}, "a\\nb", "not known"),
    ],
)
def test_a_mistake_names_its_member(body: dict[str, Any], where: str, reason: str) -> None:
    with pytest.raises(exception.RequestInvalid, match=reason) as caught:
        wishes.parse_wish(body, NOW)
    assert caught.value.meta == {"member": where}


def test_many_unknown_members_are_told_in_short() -> None:
    body = {f"{number}{'x' * 1000}": 1 for number in range(100)}
    with pytest.raises(exception.RequestInvalid) as caught:
        wishes.parse_wish(body, NOW)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("body", "change"),
    [
        ({"status": "confirmed"}, wishes.Change(confirm=True)),
        ({"end_time": 10}, wishes.Change(end_time=NOW + 10)),
        ({"end_time": "now"}, wishes.Change(end_time=NOW)),
        ({"name": "x"}, wishes.Change(name="x")),
        ({"name": "x", "end_time": 10}, wishes.Change(name="x", end_time=NOW + 10)),
    ],
)
def test_a_change(body: dict[str, Any], change: wishes.Change) -> None:
    assert wishes.parse_change(body, NOW) == change


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body"),
        ({"name": None}, "body"),
        ({"status": "cancelled"}, "status"),
        ({"status": ["confirmed"]}, "status"),
        ({"status": "confirmed", "name": "x"}, "status"),
        ({"end_time": "never"}, "end_time"),
        ({"name": ""}, "name"),
        ({"start_time": 10}, "start_time"),
    ],
)
def test_a_change_that_is_none(body: dict[str, Any], where: str) -> None:
    with pytest.raises(exception.RequestInvalid) as caught:
        wishes.parse_change(body, NOW)
    assert caught.value.meta == {"member": where}


_VALUES = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=5,
)
_NAMES = strategies.sampled_from([*leases.Wish._fields, "confirm", "status"])


@hypothesis.given(strategies.dictionaries(_NAMES, _VALUES))
def test_whatever_is_sent_makes_sense_or_is_refused(body: dict[str, Any]) -> None:
    try:
        wish, _confirm = wishes.parse_wish(body, NOW)
    except exception.RequestInvalid:
        return
    assert NOW <= wish.start_time < wish.end_time < leases.FOREVER
    assert 1 <= wish.duration <= wish.end_time - wish.start_time
    assert 1 <= wish.quantity <= (wish.hosts_max or wish.quantity)
