# SPDX-License-Identifier: Apache-2.0
"""Every option of Climate's services, collected from those who read them.

Nothing is registered at import: :func:`register_opts` takes the ConfigOpts to
register on, and whoever needs a value is given it.  Elsewhere are those of one
source of hosts, Nova (:mod:`climate.inventory.sources.nova`), and keystoneauth's in
[ranking].  No group but DEFAULT, and those of libraries, has a name that Kwapi
uses: one file may configure both.
"""

from __future__ import annotations

from climate.api import options as api
from climate.inventory import options as inventory
from climate.planning import options as planning
from climate.ranking import options as ranking
from energybase import product

PRODUCT = product.Product(
    "climate",
    title="Climate",
    # In the order of the generated sample.
    options=(
        (api.GROUP, api.OPTS),
        (inventory.GROUP, inventory.OPTS),
        (planning.GROUP, planning.OPTS),
        (planning.QUOTA_GROUP, planning.QUOTA_OPTS),
        (ranking.GROUP, ranking.OPTS),
    ),
    log_levels=("novaclient=WARN", "keystoneauth=WARN"),
    cors_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
)

list_opts = PRODUCT.list_opts
load = PRODUCT.load
register_opts = PRODUCT.register_opts
set_defaults = PRODUCT.set_defaults
