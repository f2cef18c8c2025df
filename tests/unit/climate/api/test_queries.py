# SPDX-License-Identifier: Apache-2.0
"""What the parameters of a URL may ask for; each mistake names its parameter."""

from __future__ import annotations

import uuid

import hypothesis
import pytest
import webob
from hypothesis import strategies

from climate import exception
from climate import lease as leases
from climate.api import queries

NOW = 1_700_000_000
SIZES = queries.PageSizes(default=100, most=1000)
LEASE = str(uuid.UUID(int=7))


def parse_listing(query: str) -> queries.Listing:
    return queries.parse_listing(webob.Request.blank(f"/v1/leases/?{query}"), SIZES, NOW)


def test_nothing_is_asked_for() -> None:
    nothing = queries.Listing(leases.Filters(), 100, None, False)
    assert parse_listing("") == nothing


def test_everything_is() -> None:
    query = (
        f"limit=7&marker={LEASE}&status=active&name=a%20b&host=node-1&starts_before=now"
        "&ends_after=2026-03-01T08:00:00Z&all_projects=true&project_id=q"
    )
    assert parse_listing(query) == queries.Listing(
        leases.Filters("q", "active", "a b", "node-1", NOW, 1_772_352_000), 7, LEASE, True
    )


@pytest.mark.parametrize(("limit", "size"), [("1", 1), ("1000", 1000), ("999999999", 1000)])
def test_a_page_has_at_most_so_many(limit: str, size: int) -> None:
    assert parse_listing(f"limit={limit}").limit == size


@pytest.mark.parametrize(("flag", "asked"), [("true", True), ("1", True), ("false", False)])
def test_flags(flag: str, asked: bool) -> None:
    assert parse_listing(f"all_projects={flag}").all_projects is asked


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=9999999999", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=1", "limit"),
        ("marker=7", "marker"),
        (f"marker={LEASE.upper()[:-1]}G", "marker"),
        ("status=lost", "status"),
        ("name=", "name"),
        (f"name={'n' * 256}", "name"),
        ("name=a%0Ab", "name"),
        ("host=a%00b", "host"),
        ("starts_before=soon", "starts_before"),
        ("ends_after=-1", "ends_after"),
        ("all_projects=maybe", "all_projects"),
        ("all_projects", "all_projects"),
        ("project_id=", "project_id"),
        ("sort=name", "sort"),
        ("a%0Ab=1", "a\\nb"),
    ],
)
def test_a_mistake_names_its_parameter(query: str, where: str) -> None:
    with pytest.raises(exception.RequestInvalid) as caught:
        parse_listing(query)
    assert caught.value.meta == {"member": where}


def parse_placement(query: str) -> queries.Placement:
    return queries.parse_placement(webob.Request.blank(f"/v1/allowed-hosts/?{query}"))


def test_a_placement() -> None:
    assert parse_placement("") == queries.Placement((), None)
    assert parse_placement("lease_id=x&project_id=p") == queries.Placement(("x",), "p")
    several = "lease_id=y&lease_id=x&lease_id=y&project_id=p"
    assert parse_placement(several) == queries.Placement(("y", "x"), "p")


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("lease_id=x", "project_id"),
        ("project_id=p", "lease_id"),
        ("host=x", "host"),
        ("project_id=p&project_id=q&lease_id=x", "project_id"),
        ("project_id=p" + "".join(f"&lease_id={number}" for number in range(9)), "lease_id"),
    ],
)
def test_a_placement_that_is_none(query: str, where: str) -> None:
    with pytest.raises(exception.RequestInvalid) as caught:
        parse_placement(query)
    assert caught.value.meta == {"member": where}


def test_where_nothing_can_be_asked_nothing_is_taken() -> None:
    queries.require_none(webob.Request.blank("/"))
    with pytest.raises(exception.RequestInvalid, match="there are none"):
        queries.require_none(webob.Request.blank("/?a=1"))


def test_the_next_page_is_asked_for_likewise() -> None:
    request = webob.Request.blank(
        "/v1/leases?name=a%26b&limit=2&marker=old", base_url="http://cloud.example/lease"
    )
    url = queries.make_next_url(request, LEASE)
    assert url == f"http://cloud.example/lease/v1/leases?name=a%26b&limit=2&marker={LEASE}"


_NAMES = strategies.sampled_from([*leases.Filters._fields, "limit", "marker", "all_projects"])


@hypothesis.given(strategies.lists(strategies.tuples(_NAMES, strategies.text(max_size=20))))
def test_whatever_is_asked_makes_sense_or_is_refused(pairs: list[tuple[str, str]]) -> None:
    request = webob.Request.blank("/")
    request.GET.extend(pairs)
    try:
        listing = queries.parse_listing(request, SIZES, NOW)
    except exception.RequestInvalid:
        return
    assert 1 <= listing.limit <= 1000
