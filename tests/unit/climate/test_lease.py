# SPDX-License-Identifier: Apache-2.0
"""A lease as all parts know it, also those that stand alone and have copies."""

from __future__ import annotations

import pathlib
import re
import uuid
from typing import Any

import pytest
import yaml

import nova_ext.reservations
from climate import kinds
from climate import lease as leases
from climate import states
from climate.db import models
from climate.planning import objectives
from climate.ranking import options
from energyclient import client
from energyclient import records
from energyclient import times
from tests.unit.climate.api import standins

DOC = pathlib.Path(__file__).parents[3] / "doc/source"
LEASE = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


@pytest.mark.parametrize(
    "text", ["", "7", f"{LEASE}\n", LEASE.replace("-", ""), LEASE.replace("7", "G"), "../x"]
)
def test_no_id_of_a_lease(text: str) -> None:
    assert leases.is_id(LEASE)
    assert not leases.is_id(text)


def test_what_a_planner_makes_is_an_id() -> None:
    assert leases.is_id(str(uuid.uuid4()))


def test_those_who_stand_alone_know_the_same_ids() -> None:
    for copy in (client._LEASE_ID, nova_ext.reservations._LEASE_ID):
        assert (copy.pattern, copy.flags) == (leases._ID.pattern, leases._ID.flags)


def test_the_client_knows_the_end_of_time() -> None:
    assert times.FOREVER == leases.FOREVER


def test_every_objective_fits_into_its_column() -> None:
    assert max(map(len, leases.OBJECTIVES)) <= models.LEASES.c.objective.type.length


def test_a_document_and_back() -> None:
    """Members of a later release are passed over, in the lease and in its hosts."""
    document: dict[str, Any] = standins.make_lease().to_dict()
    lease = leases.Lease.of(document)
    assert lease.to_dict() == document
    later = [host | {"rack": 7} for host in document["hosts"]]
    assert leases.Lease.of(document | {"hosts": later, "colour": "green"}) == lease


def test_the_client_has_the_same_words() -> None:
    """It stands alone, so it has copies."""
    assert records.OBJECTIVES == leases.OBJECTIVES
    assert records.STATUSES == states.ALL
    assert set(client.OVER) == set(states.ALL) - set(states.HOLDING)
    assert records.KINDS == kinds.KINDS
    fields = set(records.Lease._fields) - {"degraded"}
    assert fields == set(leases.Lease._fields)


def test_there_is_a_search_for_each_objective() -> None:
    assert tuple(objectives.SEARCHES) == leases.OBJECTIVES


def test_operators_choose_among_the_kinds_of_ranking() -> None:
    (by,) = (option for option in options.OPTS if option.name == "by")
    assert (tuple(by.type.choices), by.default) == (kinds.KINDS, kinds.KINDS[0])


def test_the_openapi_document_lists_exactly_these() -> None:
    document = yaml.safe_load((DOC / "reference/climate-openapi.yaml").read_text())
    schemas = document["components"]["schemas"]
    named = [schema.get("properties", {}).get("objective") for schema in schemas.values()]
    enums = [tuple(objective["enum"]) for objective in named if objective]
    # Of a request, and of a lease.
    assert enums == [leases.OBJECTIVES] * 2
    assert tuple(schemas["Kind"]["enum"]) == kinds.KINDS
    assert tuple(schemas["Status"]["enum"]) == states.ALL


def test_the_guide_lists_exactly_these_objectives() -> None:
    """In the table of a request's members."""
    text = (DOC / "user/leases.rst").read_text()
    row = re.search(r"^``objective``.*?(?=^``|^=)", text, re.M | re.S)
    assert row is not None
    assert tuple(re.findall(r"``(\w+)``", row[0])) == ("objective", *leases.OBJECTIVES)
