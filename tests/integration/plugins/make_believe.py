# SPDX-License-Identifier: Apache-2.0
"""A virt driver of Nova whose hosts differ, and whose servers are in memory only.

Nova's own fakes are all the same host, and most forget at each start of
nova-compute which node they were, so that it refuses to start again.
"""

from __future__ import annotations

import pathlib
from typing import Any

import nova.conf
from nova.virt import fake
from oslo_config import cfg

_OPTS = [
    cfg.IntOpt("vcpus", default=4),
    cfg.IntOpt("memory_mb", default=8192),
    cfg.IntOpt("local_gb", default=100),
    cfg.StrOpt("cpu_info", default="{}", help="JSON, as the hypervisors API shows it."),
]


class MakeBelieve(fake.FakeDriverWithoutFakeNodes):
    """The host that [make_believe] describes."""

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        nova.conf.CONF.register_opts(_OPTS, group="make_believe")
        self._options = nova.conf.CONF.make_believe
        # Where the fake looks for them.
        self.vcpus = self._options.vcpus
        self.memory_mb = self._options.memory_mb
        self.local_gb = self._options.local_gb
        super().__init__(virtapi, read_only)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        resources: dict[str, Any] = super().get_available_resource(nodename)
        return resources | {"cpu_info": self._options.cpu_info}

    def get_host_uptime(self) -> str:
        minutes = float(pathlib.Path("/proc/uptime").read_text().split()[0]) // 60
        return f" 00:00:00 up {minutes:.0f} min,  0 users,  load average: 0.00, 0.00, 0.00"
