# SPDX-License-Identifier: Apache-2.0
"""Servers as a user of the cloud has them, by Nova's REST API.

Owns nothing: who boots a server deletes it.
"""

from __future__ import annotations

import time
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import session as sessions

#: The first in which a server shows the hints it was booted with.
_MICROVERSION = "2.100"
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.3


class Servers:
    """All servers of a project; an administrator's also show their host."""

    def __init__(self, session: sessions.Session, flavor_id: str, image_id: str) -> None:
        self._flavor_id, self._image_id = flavor_id, image_id
        self._nova = adapter.Adapter(
            session, service_type="compute", default_microversion=_MICROVERSION
        )

    def boot(
        self, name: str, *, host: str | None = None, hints: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Boot a server; return it when it is ACTIVE or in ERROR.

        :param host: where it must be; only an administrator may say so.
        """
        server = {
            "name": name,
            "flavorRef": self._flavor_id,
            "imageRef": self._image_id,
            "networks": "none",
        }
        body: dict[str, Any] = {"server": server | ({"host": host} if host else {})}
        if hints:
            body["os:scheduler_hints"] = hints
        made = self._nova.post("/servers", json=body).json()["server"]
        return self.wait(made["id"], "ACTIVE", "ERROR")

    def show(self, server_id: str) -> dict[str, Any]:
        """Return a server as Nova shows it."""
        server: dict[str, Any] = self._nova.get(f"/servers/{server_id}").json()["server"]
        return server

    def wait(self, server_id: str, *statuses: str) -> dict[str, Any]:
        """Return a server when it has one of these statuses."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (server := self.show(server_id))["status"] not in statuses:
            assert time.monotonic() < deadline, f"waited in vain for {statuses}: {server}"
            time.sleep(_POLL_SECONDS)
        return server

    def migrate(self, server_id: str) -> dict[str, Any]:
        """Move a server to another host, cold, as an administrator may; return it there."""
        self._act(server_id, {"migrate": None})
        moved = self.wait(server_id, "VERIFY_RESIZE", "ERROR", "ACTIVE")
        assert moved["status"] == "VERIFY_RESIZE", moved
        self._act(server_id, {"confirmResize": None})
        return self.wait(server_id, "ACTIVE", "ERROR")

    def delete(self, server_id: str) -> None:
        """Delete a server, and return when it is gone."""
        self._nova.delete(f"/servers/{server_id}")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (answer := self._nova.get(f"/servers/{server_id}", raise_exc=False)).ok:
            assert time.monotonic() < deadline, f"it stays: {answer.text}"
            time.sleep(_POLL_SECONDS)
        assert answer.status_code == 404, answer.text

    def _act(self, server_id: str, action: dict[str, Any]) -> None:
        self._nova.post(f"/servers/{server_id}/action", json=action)
