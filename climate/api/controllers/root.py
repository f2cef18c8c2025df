# SPDX-License-Identifier: Apache-2.0
"""The tree of Climate's URLs.

Owns which resource is where; what each answers is the other controllers'.
"""

from __future__ import annotations

from climate.api import backend as backends
from climate.api import queries
from climate.api.controllers import allowed_hosts
from climate.api.controllers import hosts
from climate.api.controllers import leases
from climate.api.controllers import ranking
from energybase.web import resource
from energybase.web import versions


def build_tree(
    backend: backends.Backend,
    sizes: queries.PageSizes,
    allowed_hosts_max_age_seconds: float,
    ranking_max_age_seconds: int,
) -> resource.Resource:
    """Return the whole API."""
    return versions.build_tree(
        v1={
            "leases": leases.Leases(backend, sizes),
            "hosts": hosts.Hosts(backend),
            "allowed-hosts": allowed_hosts.AllowedHosts(backend, allowed_hosts_max_age_seconds),
            "ranking": ranking.Ranking(backend, ranking_max_age_seconds),
        }
    )
