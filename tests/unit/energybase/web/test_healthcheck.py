# SPDX-License-Identifier: Apache-2.0
"""A service's own check comes first, and only at its URL.

What oslo's checks answer is tried with the services that have them.
"""

from __future__ import annotations

from typing import Any

import pytest
import webob
from oslo_config import cfg

from energybase.web import errors
from energybase.web import healthcheck


class Service:
    """An application with a check that passes until it is told otherwise."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.checked: list[str] = []
        self.failing: Exception | None = None
        behind = webob.Response(body=b"behind")
        self._app = healthcheck.Healthcheck(behind, conf, self._require)

    def ask(self, path: str, method: str = "GET") -> webob.Response:
        return webob.Request.blank(path, method=method).get_response(self._app)

    def _require(self, environ: dict[str, Any]) -> None:
        self.checked.append(environ["REQUEST_METHOD"])
        if self.failing:
            raise self.failing


@pytest.fixture
def service(conf: cfg.ConfigOpts) -> Service:
    return Service(conf)


@pytest.mark.parametrize("path", ["/healthcheck", "/healthcheck/"])
@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 204)])
def test_the_service_is_asked(service: Service, path: str, method: str, status: int) -> None:
    assert service.ask(path, method).status_int == status
    assert service.checked == [method]


@pytest.mark.parametrize("path", ["/", "/healthcheck/more", "/v1/healthcheck"])
def test_other_urls_are_the_applications(service: Service, path: str) -> None:
    assert service.ask(path, "POST").body == b"behind"
    assert service.checked == []


def test_a_failing_check_is_raised(service: Service) -> None:
    service.failing = ConnectionError("away")
    with pytest.raises(ConnectionError):
        service.ask("/healthcheck")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused_before_the_service_is_asked(
    service: Service, method: str
) -> None:
    with pytest.raises(errors.RequestRefused) as refused:
        service.ask("/healthcheck", method)
    assert (refused.value.code, refused.value.headers) == (405, {"Allow": "GET, HEAD"})
    assert service.checked == []
