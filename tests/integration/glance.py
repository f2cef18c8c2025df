# SPDX-License-Identifier: Apache-2.0
"""A real Glance, which keeps images in files.

Owns its configuration, its database, its files and its process.
"""

from __future__ import annotations

import shutil

from tests.integration import ground as grounds

_CONFIGURATION = """\
[DEFAULT]
enabled_backends = files:file
enabled_import_methods = []
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = {folder}/images
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[paste_deploy]
flavor = keystone
config_file = {folder}/glance-api-paste.ini
[oslo_concurrency]
lock_path = {folder}/locks
[database]
connection = {connection}
{authtoken}
"""


class Glance:
    """One process."""

    def __init__(self, ground: grounds.Ground) -> None:
        self._ground = ground
        self._folder = ground.folder / "glance"
        self.api = ground.api(
            "glance", "glance.wsgi.api", {"OS_GLANCE_CONFIG_DIR": str(self._folder)}
        )

    def create(self) -> None:
        """Make configuration, account and database."""
        self._folder.mkdir()
        shutil.copy(self._ground.venv / "etc" / "glance" / "glance-api-paste.ini", self._folder)
        configuration = self._folder / "glance-api.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                connection=self._ground.make_database("glance"),
                authtoken=self._ground.keystone.configure("glance"),
            )
        )
        self._ground.add_account("glance")
        self._ground.add_endpoint("glance", "image", self.api.url)
        self._ground.run("glance-manage", "--config-file", configuration, "db_sync")
