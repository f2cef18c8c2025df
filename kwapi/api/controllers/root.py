# SPDX-License-Identifier: Apache-2.0
"""The tree of Kwapi's URLs.

Owns which resource is where; what each answers is the other controllers'.
"""

from __future__ import annotations

from energybase import clock as clocks
from energybase.web import conditional
from energybase.web import resource
from energybase.web import versions
from kwapi import policies
from kwapi.api.controllers import drivers
from kwapi.api.controllers import probes
from kwapi.store import store as stores


def build_tree(
    store: stores.Store, clock: clocks.Clock, driver_report_timeout_seconds: float
) -> resource.Resource:
    """Return the whole API."""
    state_of_drivers = drivers.Drivers(store, clock, driver_report_timeout_seconds)
    probe_ids = conditional.Latest("probe-ids", store.get_version, store.get_probe_ids)
    return versions.build_tree(
        v1={
            "probe-ids": resource.Document(policies.PROBE_IDS_LIST, probe_ids),
            "probes": probes.Probes(store),
            "drivers": state_of_drivers,
        },
        beside={"metrics": drivers.Metrics(store, state_of_drivers)},
    )
