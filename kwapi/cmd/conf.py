# SPDX-License-Identifier: Apache-2.0
"""Every option of Kwapi's services, collected from those who read them.

Nothing is registered at import: :func:`register_opts` takes the ConfigOpts to
register on, and whoever needs a value is given it.  Elsewhere are only those of
other programs: Ceilometer's pollsters (:mod:`kwapi.ceilometer.options`) and the
simulated rack (:mod:`allinone.conf`).
"""

from __future__ import annotations

from energybase import product
from kwapi.api import options as api
from kwapi.bus import options as bus
from kwapi.ceilometer import publisher_options as ceilometer
from kwapi.collector import options as collector
from kwapi.drivers import options as drivers
from kwapi.history import options as history
from kwapi.pages import options as pages

PRODUCT = product.Product(
    "kwapi",
    title="Kwapi",
    # In the order of the generated sample.
    options=(
        (bus.GROUP, bus.OPTS),
        (drivers.GROUP, drivers.OPTS),
        (collector.GROUP, collector.OPTS),
        (api.GROUP, api.OPTS),
        (pages.GROUP, pages.SERVER_OPTS),
        (history.GROUP, history.OPTS),
        (pages.GROUP, pages.OPTS),
        (ceilometer.GROUP, ceilometer.OPTS),
    ),
    log_levels=("pymodbus=CRITICAL", "sushy=CRITICAL"),
    cors_methods=("GET", "HEAD"),
)

list_opts = PRODUCT.list_opts
load = PRODUCT.load
register_opts = PRODUCT.register_opts
set_defaults = PRODUCT.set_defaults
