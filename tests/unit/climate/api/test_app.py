# SPDX-License-Identifier: Apache-2.0
"""How the application is put together: versions, health, who gets in at all."""

from __future__ import annotations

import pytest
import webob
from oslo_config import cfg
from oslo_middleware.healthcheck import opts

from climate import exception
from climate.api import app
from climate.api import backend
from tests.unit.climate.api import conftest
from tests.unit.climate.api import standins


@pytest.mark.parametrize("path", ["/", "/v1/", "/v1"])
def test_versions_need_no_service(api: conftest.Api, path: str) -> None:
    answer = api.ask("GET", path, REMOTE_ADDR="127.0.0.1")
    (version,) = answer.json.get("versions") or [answer.json["version"]]
    assert version == {
        "id": "v1",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": "http://localhost/v1/"}],
    }
    assert api.planning.calls == []


def test_healthcheck_asks_planning(api: conftest.Api) -> None:
    assert api.ask("GET", "/healthcheck").status_int == 200
    ((method, arguments),) = api.planning.calls
    assert (method, arguments["limit"]) == ("list_leases", 1)
    assert api.inventory.calls == []


def test_healthcheck_while_planning_is_away(api: conftest.Api) -> None:
    away = exception.ServiceUnavailable(service="climate-planning", reason="secret")
    api.planning.failing["list_leases"] = away
    error = api.refused("GET", "/healthcheck")
    assert error["status"] == 503
    assert "secret" not in error["detail"]


def test_healthcheck_may_ask_by_a_client_of_its_own(lease_conf: cfg.ConfigOpts) -> None:
    """One with a shorter timeout than those of requests."""
    behind, health = standins.Planning(), standins.Planning()
    away = exception.ServiceUnavailable(service="climate-planning", reason="test")
    health.failing["list_leases"] = away
    services = backend.Services(standins.Inventory(), behind, standins.Ranking(), health)
    built = app.build_app(lease_conf, services)
    request = webob.Request.blank("/healthcheck", environ={"REMOTE_ADDR": "127.0.0.1"})
    assert request.get_response(built).status_int == 503
    assert behind.calls == []


def test_healthcheck_knows_its_methods(api: conftest.Api) -> None:
    assert api.refused("POST", "/healthcheck")["status"] == 405
    assert api.planning.calls == []


def test_healthcheck_is_nothing_to_addresses_not_allowed(lease_conf: cfg.ConfigOpts) -> None:
    lease_conf.register_opts(opts.HEALTHCHECK_OPTS, "healthcheck")
    lease_conf.set_override("allowed_source_ranges", ["192.0.2.0/24"], "healthcheck")
    assert conftest.Api(lease_conf).ask("GET", "/healthcheck").status_int == 404


def test_without_authentication_only_this_machine_may_ask(api: conftest.Api) -> None:
    for path in ("/v1/leases/", "/v1/hosts/", "/healthcheck"):
        assert api.refused("GET", path, REMOTE_ADDR="192.0.2.1")["status"] == 403
    assert (api.planning.calls, api.inventory.calls) == ([], [])


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/leases/", "GET, HEAD, POST"),
        ("/v1/leases/x/", "DELETE, GET, HEAD, PUT"),
        ("/v1/hosts/", "GET, HEAD"),
        ("/v1/hosts/x/", "GET, HEAD"),
        ("/v1/allowed-hosts/", "GET, HEAD"),
        ("/v1/", "GET, HEAD"),
    ],
)
def test_methods(api: conftest.Api, path: str, allowed: str) -> None:
    answer = api.ask("PATCH", path)
    assert (answer.status_int, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path", ["/v2/", "/v1/lease/", "/v1/leases/x/y/", "/v1//leases/", "/v1/allowed-hosts/x/"]
)
def test_there_is_nothing_else(api: conftest.Api, path: str) -> None:
    assert api.refused("GET", path)["status"] == 404


def test_what_breaks_is_told_to_nobody(api: conftest.Api) -> None:
    api.planning.failing["list_leases"] = RuntimeError("secret")
    error = api.refused("GET", "/v1/leases/")
    assert (error["status"], error["detail"]) == (500, "Internal Server Error")
