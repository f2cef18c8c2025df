# SPDX-License-Identifier: Apache-2.0
"""Who may read energy, by a real Keystone's word."""

from __future__ import annotations

import time

import pytest
import requests

from tests.integration import keystone as keystones
from tests.servers import processes

ALICE = {"project_name": "alice", "project_domain_id": "default"}
SERVICE = {"project_name": "service", "project_domain_id": "default"}
ADMIN = {"project_name": "admin", "project_domain_id": "default"}
SYSTEM = {"system_scope": "all"}
PROTECTED = (
    "v1/probes/",
    "v1/probe-ids/",
    "v1/probes/A/",
    "v1/probes/A/w/",
    "v1/drivers/",
    "metrics",
)


def ask(
    api: processes.ApiProcess, path: str = "v1/probes/", token: str | None = None
) -> requests.Response:
    headers = {"X-Auth-Token": token} if token else {}
    return requests.get(api.url + path, headers=headers, timeout=60)


def require_error(answer: requests.Response, status: int) -> None:
    """It is this error, in the shape of all our errors."""
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert error["status"] == status
    assert error["request_id"] == answer.headers["X-OpenStack-Request-ID"]


@pytest.mark.parametrize("path", PROTECTED)
def test_without_a_token(
    api: processes.ApiProcess, keystone: keystones.Keystone, path: str
) -> None:
    answer = ask(api, path)
    require_error(answer, 401)
    assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'


@pytest.mark.parametrize("token", ["garbage", "gAAAAABhcHBsZXMgYW5kIHBlYXJz", "x" * 8000])
def test_with_a_token_keystone_never_gave(api: processes.ApiProcess, token: str) -> None:
    require_error(ask(api, token=token), 401)


def test_with_a_revoked_token(api: processes.ApiProcess, keystone: keystones.Keystone) -> None:
    token = keystone.get_token("ceilometer", **SERVICE)
    keystone.revoke(token)
    require_error(ask(api, token=token), 401)


def test_with_an_expired_token(
    api: processes.ApiProcess, hasty_keystone: keystones.Keystone
) -> None:
    """Also one that was good when it was first seen."""
    token = hasty_keystone.get_token("ceilometer", **SERVICE)
    deadline = time.monotonic() + 60
    while (answer := ask(api, token=token)).status_code == 200:
        assert time.monotonic() < deadline, "it never expires"
        time.sleep(0.2)
    require_error(answer, 401)


def test_with_a_token_for_nothing_in_particular(
    api: processes.ApiProcess, keystone: keystones.Keystone
) -> None:
    require_error(ask(api, token=keystone.get_token("alice", unscoped="true")), 403)


@pytest.mark.parametrize("path", PROTECTED)
def test_a_member_may_not(
    api: processes.ApiProcess, keystone: keystones.Keystone, path: str
) -> None:
    require_error(ask(api, path, keystone.get_token("alice", **ALICE)), 403)


def test_a_reader_of_a_project_may_not(
    api: processes.ApiProcess, keystone: keystones.Keystone
) -> None:
    require_error(ask(api, token=keystone.get_token("bob", **ALICE)), 403)


@pytest.mark.parametrize(
    ("user", "scope"), [("ceilometer", SERVICE), ("admin", ADMIN), ("auditor", SYSTEM)]
)
@pytest.mark.parametrize("path", PROTECTED)
def test_a_service_an_administrator_and_a_reader_of_the_system_may(
    api: processes.ApiProcess,
    keystone: keystones.Keystone,
    path: str,
    user: str,
    scope: dict[str, str],
) -> None:
    answer = ask(api, path, keystone.get_token(user, **scope))
    assert answer.status_code == 200, answer.text


def test_the_energy_is_that_of_the_store(
    api: processes.ApiProcess, keystone: keystones.Keystone
) -> None:
    answer = ask(api, "v1/probes/A/kwh/", keystone.get_token("ceilometer", **SERVICE))
    assert answer.json() == {"A": {"kwh": 0.001058}}


@pytest.mark.parametrize("path", ["", "v1/", "healthcheck"])
def test_the_way_in_is_open(api: processes.ApiProcess, path: str) -> None:
    assert ask(api, path).status_code == 200


def test_with_keystone_away_nobody_is_at_fault(
    api: processes.ApiProcess, keystone: keystones.Keystone
) -> None:
    token = keystone.get_token("ceilometer", **SERVICE)
    keystone.stop()
    try:
        answer = ask(api, token=token)
        require_error(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
        assert ask(api, "healthcheck").status_code == 200
    finally:
        keystone.start()
    assert ask(api, token=token).status_code == 200


def test_no_token_and_no_password_is_in_the_log(
    api: processes.ApiProcess, keystone: keystones.Keystone
) -> None:
    token = keystone.get_token("ceilometer", **SERVICE)
    ask(api, token=token)
    ask(api, token="garbage-" + token)
    told = api.log.read_text()
    assert token not in told
    assert keystones.PASSWORD not in told
