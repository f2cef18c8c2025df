# SPDX-License-Identifier: Apache-2.0
"""A real Placement, which knows what every host has and what is used of it.

Owns its configuration, its database and its process.
"""

from __future__ import annotations

from tests.integration import ground as grounds

_CONFIGURATION = """\
[api]
auth_strategy = keystone
[placement_database]
connection = {connection}
{authtoken}
"""


class Placement:
    """One process."""

    def __init__(self, ground: grounds.Ground) -> None:
        self._ground = ground
        self._folder = ground.folder / "placement"
        self.api = ground.api(
            "placement", "placement.wsgi.api", {"OS_PLACEMENT_CONFIG_DIR": str(self._folder)}
        )

    def create(self) -> None:
        """Make configuration, account and database."""
        self._folder.mkdir()
        configuration = self._folder / "placement.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                connection=self._ground.make_database("placement"),
                authtoken=self._ground.keystone.configure("placement"),
            )
        )
        self._ground.add_account("placement")
        self._ground.add_endpoint("placement", "placement", self.api.url)
        self._ground.run("placement-manage", "--config-file", configuration, "db", "sync")
