# SPDX-License-Identifier: Apache-2.0
"""Rules of Kwapi's policy: who may read what by default; policy.yaml overrides them.

Power tells what a machine does, and one probe may feed the servers of several
projects; so reading is for administrators and services (Ceilometer's user,
Prometheus), and for readers of the whole system.
"""

from __future__ import annotations

from oslo_policy import policy

from energybase.web import rules

_READERS = "role:admin or role:service or (role:reader and system_scope:all)"

PROBES_LIST = "kwapi:probes:list"
PROBES_GET = "kwapi:probes:get"
PROBE_IDS_LIST = "kwapi:probe_ids:list"
DRIVERS_LIST = "kwapi:drivers:list"
METRICS_GET = "kwapi:metrics:get"
PAGES_GET = "kwapi:pages:get"


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """Return every rule, for the enforcer and for ``oslopolicy-sample-generator``."""
    return [
        _rule(PROBES_LIST, "Read the last measurement and energy of all probes.", "/v1/probes/"),
        _rule(
            PROBES_GET,
            "Read the last measurement and energy of one probe.",
            "/v1/probes/{probe_id}/",
            "/v1/probes/{probe_id}/{meter}/",
        ),
        _rule(PROBE_IDS_LIST, "List the ids of all probes.", "/v1/probe-ids/"),
        _rule(DRIVERS_LIST, "See how every wattmeter's driver fares.", "/v1/drivers/"),
        _rule(METRICS_GET, "Read everything in Prometheus's format.", "/metrics"),
        _rule(
            PAGES_GET,
            "Look at the web pages of `kwapi-rrd`, their graphs and numbers.",
            "/last/{period}/",
            "/probe/{probe_id}/",
            "/graph/{period}/",
            "/graph/{period}/{probe_id}/",
            "/series/{period}/",
            "/series/{period}/{probe_id}/",
            "/list/{period}/",
            "/totals/",
        ),
    ]


def _rule(name: str, description: str, *paths: str) -> policy.DocumentedRuleDefault:
    operations = [("GET", path) for path in paths]
    return rules.make_rule(name, _READERS, description, operations, ["system", "project"])
