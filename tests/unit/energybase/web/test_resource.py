# SPDX-License-Identifier: Apache-2.0
"""Does the URL exist, does it know the method, may this client: in that order."""

from __future__ import annotations

from typing import Any

import pytest
import webob
from oslo_config import cfg
from oslo_context import context
from oslo_policy import policy as oslo_policy

from energybase.web import conditional
from energybase.web import errors
from energybase.web import pipeline
from energybase.web import policy
from energybase.web import resource

RULES = [oslo_policy.RuleDefault("all:read", "role:reader")]


class Thing(resource.Resource):
    rules = {"GET": "all:read", "POST": None}

    def __init__(self, name: str = "top", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    def find_child(self, segment: str) -> resource.Resource | None:
        return super().find_child(segment) or Thing(segment)

    def get(self, request: webob.Request) -> webob.Response:
        return webob.Response(body=self.name.encode())

    def post(self, request: webob.Request) -> webob.Response:
        return webob.Response(body=b"made")


@pytest.fixture
def app(conf: cfg.ConfigOpts) -> Any:
    tree = resource.Resource({"things": Thing(), "closed": resource.Resource()})
    return errors.Errors(resource.Application(tree, policy.Enforcer(conf, RULES)), service="kwapi")


def ask(app: Any, path: str, method: str = "GET", role: str = "reader", **kwargs: Any) -> Any:
    who = context.RequestContext(roles=[role])
    request = webob.Request.blank(path, method=method, environ={pipeline.CONTEXT: who}, **kwargs)
    return request.get_response(app)


@pytest.mark.parametrize("path", ["/", "/nothing", "/closed", "/things//a", "//things", "/closed/"])
def test_a_url_that_is_none_is_not_found(app: Any, path: str) -> None:
    assert ask(app, path).status_int == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "GETS"])
def test_a_method_without_a_rule_is_refused_and_the_others_are_told(app: Any, method: str) -> None:
    response = ask(app, "/things/a", method)
    assert response.status_int == 405
    assert response.headers["Allow"] == "GET, HEAD, POST"


def test_a_method_is_refused_before_policy_is_asked(app: Any) -> None:
    assert ask(app, "/things/a", "PUT", role="nobody").status_int == 405


def test_who_lacks_the_role_is_forbidden(app: Any) -> None:
    assert ask(app, "/things/a", role="member").status_int == 403
    assert ask(app, "/things/a", "HEAD", role="member").status_int == 403


def test_a_method_without_a_policy_rule_is_for_everybody(app: Any) -> None:
    assert ask(app, "/things/a", "POST", role="nobody").body == b"made"


@pytest.mark.parametrize("path", ["/things/a", "/things/a/"])
def test_a_trailing_slash_changes_nothing(app: Any, path: str) -> None:
    assert ask(app, path).body == b"a"


@pytest.mark.parametrize(
    "name", ["index", "get", "answer", "_route", "_lookup", "__class__", "rack.html", "1.2.json"]
)
def test_a_resource_may_have_any_name(app: Any, name: str) -> None:
    """Pecan's own routing takes attribute names and file extensions for more than names."""
    assert ask(app, f"/things/{name}/").body == name.encode()


def test_a_name_is_percent_decoded_once(app: Any) -> None:
    assert ask(app, "/things/a%40b%2541").body == b"a@b%41"


def test_head_is_get_without_the_body(app: Any) -> None:
    response = ask(app, "/things/abc", "HEAD")
    assert (response.status_int, response.body) == (200, b"")
    assert response.headers["Content-Length"] == "3"


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json", "image/png", "?"])
def test_whatever_is_accepted_the_one_representation_is_sent(app: Any, accept: str) -> None:
    assert ask(app, "/things/a", headers={"Accept": accept}).status_int == 200


def test_parameters_cannot_reach_into_a_controller(app: Any) -> None:
    assert ask(app, "/things/a?req=1&resp=2&self=3&request=4").body == b"a"


def test_a_body_that_means_nothing_is_not_parsed(app: Any) -> None:
    body = b"[" * 100_000
    for method in ("GET", "HEAD"):
        response = ask(app, "/things/a", method, body=body, content_type="application/json")
        assert response.status_int == 200


def test_a_document_hands_out_the_newest_bytes(conf: cfg.ConfigOpts) -> None:
    latest = conditional.Latest("name", lambda: 7, lambda: (7, b"bytes"))
    tree = resource.Resource({"it": resource.Document("all:read", latest)})
    app = resource.Application(tree, policy.Enforcer(conf, RULES))
    response = ask(app, "/it")
    assert (response.body, response.headers["ETag"]) == (b"bytes", '"name-7"')
