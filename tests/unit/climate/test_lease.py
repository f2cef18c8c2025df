# SPDX-License-Identifier: Apache-2.0
"""A lease as all parts know it, also those that stand alone and have copies."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

import nova_ext.reservations
from climate import lease as leases
from climate.db import models
from energyclient import client
from energyclient import times
from tests.unit.climate.api import standins

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
