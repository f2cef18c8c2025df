# SPDX-License-Identifier: Apache-2.0
"""A real Keystone: its own database and keys, on a free port of this machine.

Owns its configuration, its accounts and its process.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
from typing import Any

import requests
from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3

from tests.integration import daemon
from tests.servers import ports

PASSWORD = "integration"
REGION = "RegionOne"
_CONFIGURATION = """
[database]
connection = sqlite:///{folder}/keystone.sqlite
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[token]
provider = fernet
expiration = {expiration_seconds}
[identity]
# The least that bcrypt takes: the tests log in often.
password_hash_rounds = 4
"""


class Keystone:
    """One process; several may share a folder, and so know each other's tokens."""

    def __init__(
        self, venv: pathlib.Path, folder: pathlib.Path, expiration_seconds: int = 3600
    ) -> None:
        self._bin = venv / "bin"
        self.folder = folder
        self._etc = folder / f"etc-{expiration_seconds}"
        self._etc.mkdir()
        (port,) = ports.find_tcp(1)
        environ = {"OS_KEYSTONE_CONFIG_DIR": str(self._etc)}
        self._api = daemon.Api("keystone", venv, "keystone.wsgi.api", port, folder, environ)
        self.url = f"{self._api.url}/v3"
        text = _CONFIGURATION.format(folder=folder, expiration_seconds=expiration_seconds)
        (self._etc / "keystone.conf").write_text(text)

    def bootstrap(self) -> None:
        """Make database, keys and administrator."""
        self._manage("db_sync")
        for keys in ("fernet_setup", "credential_setup"):
            self._manage(keys, f"--keystone-user={os.getuid()}", f"--keystone-group={os.getgid()}")
        self._manage(
            "bootstrap",
            f"--bootstrap-password={PASSWORD}",
            f"--bootstrap-public-url={self.url}",
            f"--bootstrap-internal-url={self.url}",
            f"--bootstrap-admin-url={self.url}",
            f"--bootstrap-region-id={REGION}",
        )

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._api.start()

    def stop(self) -> None:
        """End it; its database stays."""
        self._api.stop()

    def session(self, user: str, project: str) -> sessions.Session:
        """Return a session of a user in a project."""
        return self._log_in(user, project_name=project, project_domain_id="default")

    def get_token(self, user: str, **scope: str) -> str:
        """Return a token of a user; without a scope it has no roles."""
        return str(self._log_in(user, **scope).get_token())

    def revoke(self, token: str) -> None:
        """Make a token count for nothing from now on."""
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        answer = requests.delete(f"{self.url}/auth/tokens", headers=headers, timeout=30)
        answer.raise_for_status()

    def credentials(self, user: str, project: str = "service") -> str:
        """Return the lines by which a service logs in here."""
        return f"""\
auth_type = password
auth_url = {self.url}
username = {user}
password = {PASSWORD}
project_name = {project}
user_domain_id = default
project_domain_id = default
region_name = {REGION}
"""

    def configure(self, user: str = "kwapi") -> str:
        """Return the section for a service that asks here whose a token is."""
        return f"""
[keystone_authtoken]
www_authenticate_uri = {self.url}
service_token_roles_required = true
{self.credentials(user)}"""

    def _log_in(self, user: str, **scope: Any) -> sessions.Session:
        auth = v3.Password(
            self.url, username=user, password=PASSWORD, user_domain_id="default", **scope
        )
        return sessions.Session(auth)

    def _manage(self, *arguments: str) -> None:
        config = f"--config-file={self._etc}/keystone.conf"
        subprocess.run(
            [self._bin / "keystone-manage", config, *arguments],
            check=True,
            cwd=self.folder,
            capture_output=True,
        )


class Accounts:
    """Makes projects, users and roles, as the administrator."""

    def __init__(self, keystone: Keystone) -> None:
        token = keystone.get_token("admin", project_name="admin", project_domain_id="default")
        self._url = keystone.url
        self._session = requests.Session()
        self._session.headers["X-Auth-Token"] = token

    def add(self, user: str, role: str, project: str | None) -> None:
        """Make a user with a role in a project, or without one in the whole system."""
        body = {"name": user, "password": PASSWORD, "domain_id": "default"}
        user_id = self._find("user", user) or self._make("user", body)
        role_id = self._find("role", role) or self._make("role", {"name": role})
        if project is None:
            where = "system"
        else:
            made = {"name": project, "domain_id": "default"}
            where = f"projects/{self._find('project', project) or self._make('project', made)}"
        self._call("PUT", f"{where}/users/{user_id}/roles/{role_id}")

    def add_endpoint(self, name: str, kind: str, url: str) -> None:
        """Have the catalog tell where a service is."""
        service_id = self._make("service", {"name": name, "type": kind})
        where = {"service_id": service_id, "region_id": REGION, "url": url}
        for interface in ("public", "internal"):
            self._make("endpoint", where | {"interface": interface})

    def _find(self, kind: str, name: str) -> str | None:
        found = self._call("GET", f"{kind}s", params={"name": name}).json()[f"{kind}s"]
        return str(found[0]["id"]) if found else None

    def _make(self, kind: str, body: dict[str, str]) -> str:
        return str(self._call("POST", f"{kind}s", json={kind: body}).json()[kind]["id"])

    def _call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        answer = self._session.request(method, f"{self._url}/{path}", timeout=30, **kwargs)
        answer.raise_for_status()
        return answer
