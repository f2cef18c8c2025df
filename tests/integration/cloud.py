# SPDX-License-Identifier: Apache-2.0
"""A small but whole OpenStack, on this machine alone.

Owns the order in which services are made, started and stopped, a flavor, an
image, and the account of our own services.  Keystone, broker and database are
there before it and after it.
"""

from __future__ import annotations

from concurrent import futures

from keystoneauth1 import adapter
from keystoneauth1 import session as sessions

from tests.integration import daemon
from tests.integration import glance as glances
from tests.integration import ground as grounds
from tests.integration import network as networks
from tests.integration import nova as novas
from tests.integration import placement as placements
from tests.integration import servers

_FLAVOR = {"name": "small", "vcpus": 1, "ram": 512, "disk": 1}
# No make-believe hypervisor ever looks into it.
_IMAGE = {
    "name": "nothing",
    "disk_format": "raw",
    "container_format": "bare",
    "visibility": "public",
}


class Cloud:
    """Keystone, Placement, Glance and Nova; another service is one more attribute here."""

    def __init__(self, ground: grounds.Ground, hosts: tuple[novas.Host, ...] = novas.HOSTS) -> None:
        self._ground, self.keystone = ground, ground.keystone
        self.placement = placements.Placement(ground)
        self.glance = glances.Glance(ground)
        self.network = networks.Network(ground)
        self.nova = novas.Nova(ground, hosts)
        self._flavor_id = self._image_id = ""

    def start(self) -> None:
        """Make and start everything; return when servers can be booted."""
        self.network.start()
        self._ground.add_account("climate")
        with futures.ThreadPoolExecutor() as pool:
            others = pool.map(_make_and_start, (self.placement, self.glance))
            self.nova.create()
            list(others)
        # Nova's processes want Placement, and those of its hosts want the others.
        daemon.start_all(self.nova.controls)
        daemon.start_all(list(self.nova.computes.values()))
        self.nova.map_hosts()
        self._fill()

    def stop(self) -> None:
        """End every process at once: nothing that they wrote is read again."""
        processes = [*self.nova.computes.values(), *self.nova.controls]
        for process in (*processes, self.glance.api, self.placement.api):
            process.kill()
        self.network.stop()

    def session(self, user: str = "admin", project: str = "admin") -> sessions.Session:
        """Return somebody's session, for any client library."""
        return self.keystone.session(user, project)

    def servers(self, user: str = "admin", project: str = "admin") -> servers.Servers:
        """Return what somebody has of servers."""
        return servers.Servers(self.session(user, project), self._flavor_id, self._image_id)

    def adapter(self, service_type: str, microversion: str | None = None) -> adapter.Adapter:
        """Return the administrator's way to a service's REST API."""
        return adapter.Adapter(
            self.session(), service_type=service_type, default_microversion=microversion
        )

    def _fill(self) -> None:
        made = self.adapter("compute").post("/flavors", json={"flavor": _FLAVOR}).json()
        self._flavor_id = made["flavor"]["id"]
        glance = self.adapter("image")
        self._image_id = glance.post("/v2/images", json=_IMAGE).json()["id"]
        kind = {"Content-Type": "application/octet-stream"}
        glance.put(f"/v2/images/{self._image_id}/file", data=b"nothing", headers=kind)


def _make_and_start(service: glances.Glance | placements.Placement) -> None:
    service.create()
    service.api.start()
