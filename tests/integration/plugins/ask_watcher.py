# SPDX-License-Identifier: Apache-2.0
"""Asks Watcher's own data source for a host's power, as its strategies do.

Runs in Watcher's environment: CONFIGURATION FILE, HOST; prints JSON.
"""

from __future__ import annotations

import json
import sys
import uuid

from watcher import conf
from watcher.decision_engine.datasources import gnocchi
from watcher.decision_engine.model import element

_PERIOD_SECONDS = 300


def main() -> None:
    """Print whether there is such a data source, and what it says."""
    path, host = sys.argv[1:]
    conf.CONF(["--config-file", path], project="watcher")
    source = gnocchi.GnocchiHelper()
    node = element.ComputeNode(uuid=str(uuid.uuid4()), hostname=host)
    answer = {
        "availability": source.check_availability(),
        "is_listed": source.METRIC_MAP["host_power"] in source.list_metrics(),
        # As watcher.decision_engine.strategy.strategies.uniform_airflow asks.
        "watts": source.statistic_aggregation(
            resource=node,
            resource_type="compute_node",
            meter_name="host_power",
            period=_PERIOD_SECONDS,
            granularity=_PERIOD_SECONDS,
        ),
    }
    sys.stdout.write(json.dumps(answer))


main()
