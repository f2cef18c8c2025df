# SPDX-License-Identifier: Apache-2.0
"""A real Gnocchi, which keeps what was measured: files for measures, MariaDB for the rest.

Owns its configuration, its database and its processes, and how tests look into it.
"""

from __future__ import annotations

import datetime
from typing import Any
from typing import NamedTuple

from keystoneauth1 import adapter

from tests.integration import daemon
from tests.integration import ground as grounds


class Measure(NamedTuple):
    """What all that was measured in a span of time adds up to.

    :ivar timestamp: when the span begins, epoch seconds.
    """

    timestamp: float
    granularity_seconds: float
    value: float


_CONFIGURATION = """\
[DEFAULT]
coordination_url = file://{folder}/coordination
[indexer]
url = {connection}
[incoming]
driver = file
file_basepath = {folder}/measures
[storage]
driver = file
file_basepath = {folder}/measures
[metricd]
workers = 1
metric_processing_delay = 1
[api]
auth_mode = keystone
{authtoken}
"""


class Gnocchi:
    """Its API, and the one that aggregates in the background."""

    def __init__(self, ground: grounds.Ground) -> None:
        self._ground = ground
        self._folder = ground.folder / "gnocchi"
        # Gnocchi and its middleware each look for a configuration; both look here.
        self._etc = self._folder / ".gnocchi"
        home = {"HOME": str(self._folder)}
        self.api = ground.api("gnocchi-api", "gnocchi.wsgi.api", home)
        program = ground.venv / "bin" / "gnocchi-metricd"
        self.metricd = daemon.Daemon("gnocchi-metricd", [program], ground.folder, home)

    def create(self) -> None:
        """Make configuration, account and database."""
        for folder in (self._etc, self._folder / "coordination", self._folder / "measures"):
            folder.mkdir(parents=True)
        path = self._etc / "gnocchi.conf"
        path.write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                connection=self._ground.make_database("gnocchi"),
                authtoken=self._ground.keystone.configure("gnocchi"),
            )
        )
        self._ground.add_account("gnocchi")
        self._ground.add_endpoint("gnocchi", "metric", self.api.url)
        self._ground.run("gnocchi-upgrade", "--config-file", path)

    def start(self) -> None:
        """Start both; return when the API answers."""
        self.metricd.spawn()
        self.api.start()

    def kill(self) -> None:
        """End both at once."""
        self.metricd.kill()
        self.api.kill()


class Measures:
    """What somebody finds in Gnocchi."""

    def __init__(self, metric: adapter.Adapter) -> None:
        """Look with a session's adapter of the service type ``metric``."""
        self._metric = metric

    def find(self, resource_id: str, kind: str = "generic") -> dict[str, Any] | None:
        """Return the resource that is called so in Ceilometer."""
        query = {"=": {"original_resource_id": resource_id}}
        answer = self._metric.post(f"/v1/search/resource/{kind}", json=query, raise_exc=False)
        # A type that is not there yet is as good as none of it.
        found: list[dict[str, Any]] = answer.json() if answer.ok else []
        assert len(found) < 2, found
        return found[0] if found else None

    def describe(self, resource_id: str, meter: str) -> dict[str, Any]:
        """Return what Gnocchi says of a resource's metric."""
        resource = self.find(resource_id) or {"metrics": {}}
        metric_id = resource["metrics"].get(meter)
        return dict(self._metric.get(f"/v1/metric/{metric_id}").json()) if metric_id else {}

    def get(
        self, resource_id: str, meter: str, aggregation: str, granularity: float
    ) -> list[Measure]:
        """Return a metric's measures, all that were posted so far among them."""
        resource = self.find(resource_id) or {"metrics": {}}
        metric_id = resource["metrics"].get(meter)
        if metric_id is None:
            return []
        asked = {"aggregation": aggregation, "granularity": granularity, "refresh": "true"}
        answer = self._metric.get(f"/v1/metric/{metric_id}/measures", params=asked)
        return [
            Measure(datetime.datetime.fromisoformat(time).timestamp(), span, value)
            for time, span, value in answer.json()
        ]
