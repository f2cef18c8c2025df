# SPDX-License-Identifier: Apache-2.0
"""The API without authentication over stand-ins."""

from __future__ import annotations

import json
from typing import Any

import pytest
import webob
from oslo_config import cfg

from climate.api import app
from climate.api import backend
from tests import conftest
from tests.unit.climate.api import standins


@pytest.fixture
def lease_conf(conf: cfg.ConfigOpts) -> cfg.ConfigOpts:
    """Climate's options at their defaults, but that everybody may ask."""
    conf.set_override("auth_strategy", "noauth", "lease_api")
    return conf


class Api:
    """The application, asked from this machine; and what is behind it."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf
        self.inventory = standins.Inventory()
        self.planning = standins.Planning()
        self.clock = conftest.FakeClock(standins.NOW + 0.75)
        self.ranking = standins.Ranking()
        services = backend.Services(self.inventory, self.planning, self.ranking, self.planning)
        self.app = app.build_app(conf, services, self.clock)

    def ask(self, method: str, path: str, body: Any = None, **environ: Any) -> webob.Response:
        """Return the answer; a body that is no bytes is sent as JSON."""
        request = webob.Request.blank(path, environ={"REMOTE_ADDR": "127.0.0.1"})
        request.method = method
        if body is not None:
            request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.content_type = "application/json"
        request.environ.update(environ)
        return request.get_response(self.app)

    def refused(self, method: str, path: str, body: Any = None, **environ: Any) -> dict[str, Any]:
        """Return the only error of an answer that is one."""
        answer = self.ask(method, path, body, **environ)
        assert answer.content_type == "application/json", answer
        (error,) = answer.json["errors"]
        assert error["status"] == answer.status_int
        told: dict[str, Any] = error
        return told


@pytest.fixture
def api(lease_conf: cfg.ConfigOpts) -> Api:
    """The whole API."""
    return Api(lease_conf)
