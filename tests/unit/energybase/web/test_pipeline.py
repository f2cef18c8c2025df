# SPDX-License-Identifier: Apache-2.0
"""The way to the application: who gets how far, and as whom.

Keystone's own part is proved against a real Keystone in tests/integration.
"""

from __future__ import annotations

from typing import Any

import pytest
import webob
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_context import context
from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi

from energybase.web import pipeline


class App:
    """Remembers who asked."""

    def __init__(self) -> None:
        self.who: context.RequestContext | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.who = environ[pipeline.CONTEXT]
        return webob.Response(body=environ["REMOTE_ADDR"].encode())(environ, start_response)


def wrap(app: App, conf: cfg.ConfigOpts, strategy: str) -> Any:
    return pipeline.wrap(app, conf, service="kwapi", auth_strategy=strategy, public=("", "/open"))


def ask(app: Any, path: str = "/", address: str = "127.0.0.1", **headers: str) -> webob.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = webob.Request.blank(path, headers=names, environ={"REMOTE_ADDR": address})
    return request.get_response(app)


def parse_proxy_headers(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(http_proxy_to_wsgi.OPTS, "oslo_middleware")
    conf.set_override("enable_proxy_headers_parsing", True, "oslo_middleware")


@pytest.fixture
def keystone(conf: cfg.ConfigOpts) -> cfg.ConfigOpts:
    """A Keystone that nobody answers for: without a token it need not be asked."""
    for group, options in auth_token.list_opts():
        conf.register_opts(options, group)
    conf.set_override("www_authenticate_uri", "http://127.0.0.1:9/v3", "keystone_authtoken")
    return conf


@pytest.mark.parametrize("path", ["/closed", "/open/more", "/opener", "//x"])
def test_without_a_token_keystone_lets_nobody_pass(keystone: cfg.ConfigOpts, path: str) -> None:
    app = App()
    response = ask(wrap(app, keystone, "keystone"), path)
    assert response.status_int == 401
    assert response.headers["WWW-Authenticate"].startswith("Keystone")
    assert response.json["errors"][0]["status"] == 401
    assert app.who is None


def test_identity_headers_of_a_clients_own_making_count_for_nothing(
    keystone: cfg.ConfigOpts,
) -> None:
    app = App()
    forged = {"X_Identity_Status": "Confirmed", "X_Roles": "admin", "X_User_Id": "root"}
    assert ask(wrap(app, keystone, "keystone"), "/closed", **forged).status_int == 401
    ask(wrap(app, keystone, "keystone"), "/open", **forged)
    assert app.who is not None
    assert (app.who.roles, app.who.user_id) == ([], None)


@pytest.mark.parametrize("path", ["", "/", "/open", "/open/"])
def test_public_paths_pass_as_nobody(keystone: cfg.ConfigOpts, path: str) -> None:
    app = App()
    assert ask(wrap(app, keystone, "keystone"), path).status_int == 200
    assert app.who is not None
    assert app.who.roles == []


def test_a_place_below_another_servers_root_has_no_slash_at_its_end(conf: cfg.ConfigOpts) -> None:
    """Apache tells uWSGI /energy/, and a link made of that would have two slashes."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        url = webob.Request(environ).application_url
        return webob.Response(body=url.encode())(environ, start_response)

    app = pipeline.wrap(application, conf, service="kwapi", auth_strategy="noauth", public=())
    environ = {"REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": "/energy/"}
    answer = webob.Request.blank("/v1/", environ=environ).get_response(app)
    assert answer.text == "http://localhost/energy"


def test_noauth_makes_this_machine_admin_and_nobody_else(conf: cfg.ConfigOpts) -> None:
    app = App()
    wrapped = wrap(app, conf, "noauth")
    assert ask(wrapped, "/closed", "192.0.2.1").status_int == 403
    assert app.who is None
    assert ask(wrapped, "/closed").status_int == 200
    assert app.who is not None
    assert "admin" in app.who.roles


def test_noauth_believes_the_socket_not_a_header(conf: cfg.ConfigOpts) -> None:
    parse_proxy_headers(conf)
    wrapped = wrap(App(), conf, "noauth")
    for headers in ({"X_Forwarded_For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
        assert ask(wrapped, "/closed", "192.0.2.1", **headers).status_int == 403


def test_a_proxys_headers_count_only_if_configured(keystone: cfg.ConfigOpts) -> None:
    wrapped = wrap(App(), keystone, "keystone")
    assert ask(wrapped, "/open", X_Forwarded_For="192.0.2.7").body == b"127.0.0.1"
    parse_proxy_headers(keystone)
    wrapped = wrap(App(), keystone, "keystone")
    assert ask(wrapped, "/open", X_Forwarded_For="192.0.2.7").body == b"192.0.2.7"


def test_every_answer_has_a_request_id_and_none_is_the_clients(conf: cfg.ConfigOpts) -> None:
    wrapped = wrap(App(), conf, "noauth")
    ids = {
        ask(wrapped, path, X_OpenStack_Request_Id="mine").headers["X-OpenStack-Request-ID"]
        for path in ("/open", "/closed")
    }
    assert len(ids) == 2
    assert "mine" not in ids


def test_the_callers_own_request_id_goes_to_the_logs(conf: cfg.ConfigOpts) -> None:
    app = App()
    theirs = "req-" + "-".join(("0" * 8, "0" * 4, "0" * 4, "0" * 4, "0" * 12))
    ask(wrap(app, conf, "noauth"), "/closed", X_OpenStack_Request_Id=theirs)
    assert app.who is not None
    assert app.who.global_request_id == theirs


def test_pages_of_other_origins_read_nothing_unless_they_are_named(conf: cfg.ConfigOpts) -> None:
    wrapped = wrap(App(), conf, "noauth")
    response = ask(wrapped, "/open", Origin="http://elsewhere.example")
    assert "Access-Control-Allow-Origin" not in response.headers


def test_pages_of_an_origin_that_is_named_read_errors_too(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(cors.CORS_OPTS, "cors")
    conf.set_override("allowed_origin", ["http://elsewhere.example"], "cors")
    wrapped = wrap(App(), conf, "noauth")
    for address in ("127.0.0.1", "192.0.2.1"):
        response = ask(wrapped, "/closed", address, Origin="http://elsewhere.example")
        assert response.headers["Access-Control-Allow-Origin"] == "http://elsewhere.example"
