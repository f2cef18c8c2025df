# SPDX-License-Identifier: Apache-2.0
"""Keywords of a program, and what they become in a request."""

from __future__ import annotations

from typing import Any

import pytest

from climate import lease as leases
from climate.api import queries
from climate.api import wishes as api
from energyclient import wishes


def test_what_is_not_given_is_not_sent() -> None:
    nothing = dict.fromkeys(wishes.Wish.__annotations__)
    del nothing["quantity"]
    assert wishes.make_body(nothing) == {"quantity": 1}  # type: ignore[arg-type]
    assert wishes.make_parameters({"status": None, "all_projects": False}) == {}


def test_every_keyword_of_a_wish_is_a_member_that_the_api_knows() -> None:
    sent = wishes.make_body(dict.fromkeys(wishes.Wish.__annotations__, 7))  # type: ignore[arg-type]
    assert {*sent, "confirm"} == set(api._WISH_MEMBERS)
    assert sent.keys() == set(leases.Wish._fields)


def test_every_filter_is_a_parameter_that_the_api_knows() -> None:
    wanted: Any = dict.fromkeys(wishes.Filters.__annotations__, True)
    sent = wishes.make_parameters(wanted)
    assert {*sent, "limit", "marker"} == set(queries._LISTING)
    assert sent.keys() - {"all_projects"} == set(leases.Filters._fields)
    assert sent["all_projects"] == "true"


@pytest.mark.parametrize("make", [wishes.make_body, wishes.make_parameters])
def test_an_unknown_keyword_is_the_programs_mistake(make: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keywords: colour"):
        make({"colour": "green"})
