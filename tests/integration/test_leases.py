# SPDX-License-Identifier: Apache-2.0
"""Whose leases are whose, by a real Keystone's word: isolation, roles, quotas."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.integration import keystone as keystones
from tests.servers import ports
from tests.servers import scripts

#: By user: alice and bob share a project.
PROJECTS = {"alice": "alice", "bob": "alice", "carol": "carol", "nova": "service"}
HOSTS = "".join(f"- {{name: node-{number}, vcpus: 8}}\n" for number in range(6))
HOUR = {"duration": 3600}


class Leases:
    """The lease API, for several users."""

    def __init__(self, url: str, keystone: keystones.Keystone) -> None:
        self._url, self._keystone = url, keystone
        self._tokens: dict[str, str] = {}

    def ask(
        self, user: str | None, method: str, path: str = "leases/", **kwargs: Any
    ) -> requests.Response:
        """Return the answer to a user; None has no token."""
        headers = {"X-Auth-Token": self._get_token(user)} if user else {}
        url = f"{self._url}v1/{path}"
        return requests.request(method, url, headers=headers, timeout=60, **kwargs)

    def make(self, user: str, **wish: Any) -> dict[str, Any]:
        """Return a lease that a user made."""
        answer = self.ask(user, "POST", json=HOUR | wish)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def list_ids(self, user: str, **query: str) -> set[str]:
        """Return the ids of the leases that a user sees."""
        answer = self.ask(user, "GET", params=query)
        assert answer.status_code == 200, answer.text
        return {lease["id"] for lease in answer.json()["leases"]}

    def _get_token(self, user: str) -> str:
        if user not in self._tokens:
            scope = {"project_name": PROJECTS.get(user, user), "project_domain_id": "default"}
            self._tokens[user] = self._keystone.get_token(user, **scope)
        return self._tokens[user]


@pytest.fixture(scope="module")
def leases(
    keystone: keystones.Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Leases]:
    """All services in one process; nobody may hold more than three hosts at a time."""
    accounts = keystones.Accounts(keystone)
    accounts.add("carol", "member", "carol")
    accounts.add("nova", "service", "service")
    folder = tmp_path_factory.mktemp("leases")
    process = scripts.Script("kwapi-climate", configure(folder, keystone), folder / "log")
    process.start()
    try:
        url = process.wait_for_log(r"leases +(http://\S+/)v1/leases/")[1]
        yield Leases(url, keystone)
    finally:
        process.kill()


def configure(folder: pathlib.Path, keystone: keystones.Keystone) -> list[str]:
    """Return the arguments of the process, its files written."""
    energy_port, lease_port, pages_port = ports.find_tcp(3)
    (folder / "hosts.yaml").write_text(HOSTS)
    (folder / "climate.conf").write_text(
        f"[api]\nport = {energy_port}\n[simulator]\nport = 0\n[rrd]\nport = {pages_port}\n"
        f"[lease_api]\nport = {lease_port}\nauth_strategy = keystone\n"
        f"[inventory]\nfile = {folder}/hosts.yaml\n[quota]\nhosts = 3\n{keystone.configure()}"
    )
    return ["--config-file", f"{folder}/climate.conf", "--state-path", f"{folder}/state"]


@pytest.fixture
def lease(leases: Leases) -> Iterator[dict[str, Any]]:
    """A lease of alice's."""
    made = leases.make("alice")
    yield made
    leases.ask("alice", "DELETE", f"leases/{made['id']}/")


def test_nobody_without_a_token(leases: Leases) -> None:
    for method, path in (("GET", "leases/"), ("POST", "leases/"), ("GET", "allowed-hosts/")):
        assert leases.ask(None, method, path).status_code == 401


def test_another_projects_lease_does_not_exist(leases: Leases, lease: dict[str, Any]) -> None:
    """Neither to be seen nor to be touched, nor to be told from one that never was."""
    path = f"leases/{lease['id']}/"
    for method, body in (("GET", None), ("PUT", {"name": "mine"}), ("DELETE", None)):
        answer = leases.ask("carol", method, path, json=body)
        assert answer.status_code == 404
        never = leases.ask("carol", method, "leases/never-was/", json=body)
        assert never.status_code == 404
    assert lease["id"] not in leases.list_ids("carol")
    assert leases.ask("alice", "GET", path).json()["name"] is None


def test_members_and_readers_of_the_project(leases: Leases, lease: dict[str, Any]) -> None:
    """A reader sees what a member made, and changes nothing."""
    path = f"leases/{lease['id']}/"
    assert leases.ask("bob", "GET", path).json()["user_id"] == lease["user_id"]
    assert lease["id"] in leases.list_ids("bob")
    assert leases.ask("bob", "POST", json=HOUR).status_code == 403
    assert leases.ask("bob", "PUT", path, json={"name": "x"}).status_code == 403
    assert leases.ask("bob", "DELETE", path).status_code == 403
    assert leases.ask("alice", "PUT", path, json={"name": "x"}).json()["name"] == "x"


def test_an_administrator_sees_and_ends_any(leases: Leases, lease: dict[str, Any]) -> None:
    assert lease["id"] not in leases.list_ids("admin")
    assert lease["id"] in leases.list_ids("admin", all_projects="true")
    assert lease["id"] in leases.list_ids("admin", project_id=lease["project_id"])
    assert leases.ask("alice", "GET", params={"all_projects": "true"}).status_code == 403
    assert leases.ask("admin", "DELETE", f"leases/{lease['id']}/").status_code == 204


def test_only_services_ask_for_allowed_hosts(leases: Leases, lease: dict[str, Any]) -> None:
    """As Nova does, for a request of the lease's project or of another."""
    assert leases.ask("alice", "GET", "allowed-hosts/").status_code == 403

    def ask(**query: str) -> set[str]:
        answer = leases.ask("nova", "GET", "allowed-hosts/", params=query)
        assert answer.status_code == 200, answer.text
        return set(answer.json()["hosts"])

    held = {host["name"] for host in lease["hosts"]}
    assert not ask() & held
    scripts.wait_until(
        lambda: ask(lease_id=lease["id"], project_id=lease["project_id"]) == held, "active lease"
    )
    assert ask(lease_id=lease["id"], project_id="another") == set()


def test_a_project_holds_no_more_than_its_quota(leases: Leases) -> None:
    """Three hosts at a time here; another project has its own three."""
    made = leases.make("alice", quantity=2)
    refused = leases.ask("alice", "POST", json=HOUR | {"quantity": 2})
    assert refused.status_code == 403
    (error,) = refused.json()["errors"]
    assert error["meta"] == {"resource": "hosts", "limit": 3, "wanted": 4}
    others = leases.make("carol", quantity=3)
    later = leases.make("alice", quantity=3, start_time=7200, end_time=10_800)
    for user, each in (("alice", made), ("carol", others), ("alice", later)):
        assert leases.ask(user, "DELETE", f"leases/{each['id']}/").status_code == 204
