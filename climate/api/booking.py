# SPDX-License-Identifier: Apache-2.0
"""Books a lease: finds the matching hosts, proposes them, confirms.

Owns the order of the calls.  A failure between them leaves nothing behind: a
proposal that is not confirmed expires by itself.
"""

from __future__ import annotations

import json

from oslo_context import context

from climate import exception
from climate import lease as leases
from climate.api import backend as backends
from climate.api import wishes
from climate.rpc import inventory as inventories
from climate.rpc import planning as plannings


def book(
    backend: backends.Backend, who: context.RequestContext, wanted: wishes.LeaseRequest
) -> leases.Lease:
    """Return a lease, or the proposal of one if it is not to be confirmed.

    :raises PropertiesInvalid: the expression is wrong, and where.
    :raises NoHostMatches: which clause excluded how many.
    :raises NotEnoughHosts: too few are free together; what would work.
    :raises QuotaExceeded: the project would hold too much.
    :raises Conflict: others were faster, every time.
    :raises ServiceUnavailable: a service does not answer.
    """
    wish = wanted.wish
    matching = backend.services.inventory.match_hosts(who, wish.host_properties)
    if not matching["ids"]:
        raise exception.NoHostMatches(
            known=matching["known"], excluded=matching["excluded"], reason=_explain(matching)
        )
    wish = wish._replace(host_properties=_normalize(wish.host_properties))
    lease = backend.services.planning.make_proposal(who, _pick_candidates(matching), wish)
    return backend.services.planning.confirm_proposal(who, lease.id) if wanted.confirm else lease


def _pick_candidates(matching: inventories.Matching) -> plannings.Candidates:
    return {
        "ids": matching["ids"],
        "names": matching["names"],
        "tiers": matching["tiers"],
        "watts": matching["watts"],
    }


def _explain(matching: inventories.Matching) -> str:
    if not matching["known"]:
        return "the inventory is empty."
    told = [f"{clause['clause']} excludes {clause['hosts']}" for clause in matching["excluded"]]
    return f"{', '.join(told) or 'all are missing'}."


def _normalize(host_properties: str) -> str:
    """Return the expression as it is kept: without the client's white space."""
    try:
        return json.dumps(json.loads(host_properties), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        # The inventory took it, but leases are shown as JSON.
        raise exception.PropertiesInvalid(reason="is not JSON", position=0) from None
