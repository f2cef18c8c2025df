# SPDX-License-Identifier: Apache-2.0
"""The ``openstack`` command with a real Keystone: log-in, catalog, roles."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.integration import keystone as keystones
from tests.servers import openstack_shell
from tests.servers import ports
from tests.servers import scripts

#: Of its own, since other tests have a lease service of theirs in the catalog.
REGION = "command-line"
HOSTS = "".join(f"- {{name: node-{number}, vcpus: 8}}\n" for number in range(4))

Run = Callable[[str, str], openstack_shell.Result]


class Region:
    """What the catalog says of our services, as long as it is there."""

    def __init__(self, keystone: keystones.Keystone) -> None:
        token = keystone.get_token("admin", project_name="admin", project_domain_id="default")
        self._url, self._headers = keystone.url, {"X-Auth-Token": token}
        self._services: list[str] = []
        self._post("region", {"id": REGION})

    def add(self, kind: str, url: str) -> None:
        """Have a service there."""
        service = self._post("service", {"name": f"{kind}-there", "type": kind})
        self._services.append(service["id"])
        where = {"service_id": service["id"], "region_id": REGION, "interface": "public"}
        self._post("endpoint", where | {"url": url})

    def remove(self) -> None:
        """Have none there; their endpoints go with them."""
        for path in (*(f"services/{each}" for each in self._services), f"regions/{REGION}"):
            url = f"{self._url}/{path}"
            requests.delete(url, headers=self._headers, timeout=30).raise_for_status()

    def _post(self, kind: str, body: dict[str, str]) -> dict[str, Any]:
        url = f"{self._url}/{kind}s"
        answer = requests.post(url, headers=self._headers, json={kind: body}, timeout=30)
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()[kind]
        return made


@pytest.fixture(scope="module")
def region(
    keystone: keystones.Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Kwapi and Climate in one process, which ask Keystone, in the catalog."""
    folder = tmp_path_factory.mktemp("cli")
    energy_port, lease_port = ports.find_tcp(2)
    (folder / "hosts.yaml").write_text(HOSTS)
    (folder / "climate.conf").write_text(
        f"[api]\nport = {energy_port}\nauth_strategy = keystone\n[simulator]\nport = 0\n"
        f"[lease_api]\nport = {lease_port}\nauth_strategy = keystone\n[rrd]\nworkers = 0\n"
        f"[inventory]\nfile = {folder}/hosts.yaml\n{keystone.configure()}"
    )
    arguments = ["--config-file", f"{folder}/climate.conf", "--state-path", f"{folder}/state"]
    process = scripts.Script("kwapi-climate", arguments, folder / "log")
    made = Region(keystone)
    made.add("energy", f"http://127.0.0.1:{energy_port}/v1")
    made.add("lease", f"http://127.0.0.1:{lease_port}/v1")
    try:
        process.start()
        process.wait_for_log(r"Ctrl-C stops\.")
        yield
    finally:
        process.clear()
        made.remove()


@pytest.fixture(scope="module")
def run(
    region: None, keystone: keystones.Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """Runs a command line after ``openstack`` as somebody who logs in with a password."""
    environ = openstack_shell.make_environ(
        OS_AUTH_URL=keystone.url,
        OS_PASSWORD=keystones.PASSWORD,
        OS_REGION_NAME=REGION,
        OS_USER_DOMAIN_ID="default",
        OS_PROJECT_DOMAIN_ID="default",
    )
    shell = openstack_shell.Shell(tmp_path_factory.mktemp("shell"), environ)
    projects = {"admin": "admin", "alice": "alice", "bob": "alice"}

    def run_as(user: str, command: str) -> openstack_shell.Result:
        who = ("--os-username", user, "--os-project-name", projects[user])
        return shell.run(*who, *shlex.split(command))

    yield run_as
    shell.close()


def require_refused(result: openstack_shell.Result, told: str) -> None:
    """It failed, and said why in one line without the password."""
    assert result.status == 1, result
    (line,) = result.err.splitlines()
    assert told in line and keystones.PASSWORD not in line


def test_a_lease_of_a_members(run: Run) -> None:
    """From its making to its end; a reader of the project sees it and changes nothing."""
    made = run("alice", "lease create --duration 1h --quantity 2 --name mine --wait -f json")
    assert made.document["status"] == "active"
    assert run("bob", "lease show mine -f json").document["hosts"] == made.document["hosts"]
    require_refused(run("bob", "lease extend mine --by 1h"), "Policy does not allow")
    require_refused(run("bob", "lease create --duration 1h"), "Policy does not allow")
    require_refused(run("admin", "lease show mine"), "No lease of yours has the id or name mine.")
    listed = run("admin", "lease list --all-projects --status active -f json").document
    assert made.document["id"] in {lease["ID"] for lease in listed}
    require_refused(run("alice", "lease list --all-projects"), "Policy does not allow")
    longer = run("alice", "lease extend mine --by 1h -f json").document
    assert longer["duration"] == 7200
    assert run("alice", "lease delete mine").status == 0


def test_a_proposal_is_taken(run: Run) -> None:
    """Its hosts are among those that can be leased, and are free again after it."""
    proposed = run("alice", "lease create --propose --duration 1h --name maybe -f json").document
    assert proposed["status"] == "proposed"
    assert run("alice", "lease confirm maybe --wait -f json").document["status"] == "active"
    names = {host["Name"] for host in run("admin", "lease host list -f json").document}
    assert names == {f"node-{number}" for number in range(4)}
    assert run("alice", "lease delete maybe").status == 0


def test_energy_is_for_administrators(run: Run) -> None:
    def is_measured() -> bool:
        return bool(json.loads(run("admin", "energy probe list -f json").out))

    scripts.wait_until(is_measured, "a probe")
    assert run("admin", "energy driver list -f json").document[0]["State"] == "running"
    assert run("admin", "energy probe show server-1 -f json").document["kwh"] >= 0
    assert run("admin", "energy top --count 1").out.count("server-") >= 1
    ranked = run("admin", "energy ranking list -f json").document
    assert {host["Host"] for host in ranked} == {f"node-{number}" for number in range(4)}
    require_refused(run("alice", "energy probe list"), "Policy does not allow kwapi:probes:list")


def test_a_wrong_password(run: Run) -> None:
    """As OpenStackClient says it."""
    result = run("alice", "--os-password wrong lease list")
    assert result.status == 1 and "401" in result.err
    assert "Traceback" not in result.err


def test_a_service_that_the_catalog_does_not_have(run: Run) -> None:
    """For this interface, that is."""
    result = run("alice", "--os-interface admin lease list")
    require_refused(result, "The lease service is not in the catalog")
